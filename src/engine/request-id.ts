/** The id of a request, which connects its entries in several logs. The native engine's version is in request_id.c. */

import { randomFillSync } from 'node:crypto';
import type { ParamTable } from './params.ts';

/** The variable of the header X-Request-Id. */
const variable = 'HTTP_X_REQUEST_ID';
/** For a client's id: characters of UUIDs, ULIDs and trace ids, which no log or tool has to quote. */
const valid = /^[A-Za-z0-9._:=+/@-]{1,64}$/;
const idBytes = 16;

/** Whether a text is a valid id. */
export function isRequestId(text: string): boolean {
  return valid.test(text);
}

/** Random bytes are generated for many requests at once. */
const pool = Buffer.alloc(idBytes * 64);
let used = pool.length;

/**
 * The id of a request: a valid id from the header; otherwise, if ids are wanted, a new one, which the script sees as
 * the header if the client sent none. A client's own header is never replaced.
 *
 * @returns '' without an id
 */
export function requestId(params: ParamTable, makes: boolean): string {
  const given = params.get(variable);
  if (given !== undefined && isRequestId(given)) return given;
  if (!makes) return '';
  const made = newId();
  if (given === undefined) params.set(variable, made);
  return made;
}

function newId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += idBytes;
  return pool.toString('hex', used - idBytes, used);
}
