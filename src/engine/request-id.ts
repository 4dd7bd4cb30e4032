/** The id of a request, which ties together what several logs say of it. The native engine's is in request_id.c. */

import { randomFillSync } from 'node:crypto';
import type { ParamTable } from './params.ts';

/** The variable that carries the header X-Request-Id. */
const variable = 'HTTP_X_REQUEST_ID';
/** Of a client's id: what no log and no tool has to quote, as UUIDs, ULIDs and trace ids are made of. */
const valid = /^[A-Za-z0-9._:=+/@-]{1,64}$/;
const idBytes = 16;

/** Whether it has the form of an id. */
export function isRequestId(text: string): boolean {
  return valid.test(text);
}

/** Random bytes are fetched for many requests at once. */
const pool = Buffer.alloc(idBytes * 64);
let used = pool.length;

/**
 * The id of a request: the header's, where it is a valid one; else, where ids are wanted, a new one, which the script
 * sees as the header when there was none. A client's own header is never replaced.
 *
 * @returns '' where there is none
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
