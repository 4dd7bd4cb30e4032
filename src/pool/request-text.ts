/** A worker's request in the words of the log. */

import type { SlotSnapshot } from '../scoreboard/reader.ts';

/**
 * The beginning of a line.
 *
 * @param pid as the host told it; the one in the slot is the worker's own word
 * @param withQuery whether it shows the query string, which may hold secrets
 */
export function requestOfChild(
  pool: string,
  pid: number,
  { method, uri, query, script }: SlotSnapshot,
  withQuery: boolean,
): string {
  const shownQuery = withQuery && query !== '' ? `?${printable(query)}` : '';
  const request = `${printable(method)} ${printable(uri)}${shownQuery}`;
  return `[pool ${pool}] child ${pid}, script '${plain(script)}' (request: "${request}")`;
}

/** Undefined where it has none. */
export function requestIdOf({ requestId }: SlotSnapshot): string | undefined {
  return requestId === '' ? undefined : printable(requestId);
}

/** The reference's rule for the script: one point for every byte that is not plain ASCII. */
function plain(binary: string): string {
  return binary.replace(/[^\x20-\x7e]/g, '.');
}

/**
 * A binary string as text. Control characters, and those that turn the direction of what stands around them or end a
 * line for some readers, become points, so that a request cannot write a line of its own into the log (the reference
 * lets it).
 */
function printable(binary: string): string {
  return Buffer.from(binary, 'latin1')
    .toString('utf8')
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '.');
}
