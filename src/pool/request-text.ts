/** A worker's request in the words of the log. */

import type { SlotSnapshot } from '../scoreboard/decode.ts';
import { logText, logWord } from '../text/log-line.ts';

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
  const shownQuery = withQuery && query !== '' ? `?${logText(query)}` : '';
  const request = `${logText(method)} ${logText(uri)}${shownQuery}`;
  return `[pool ${pool}] child ${pid}, script '${logWord(script)}' (request: "${request}")`;
}

/** Undefined where it has none. */
export function requestIdOf({ requestId }: SlotSnapshot): string | undefined {
  return requestId === '' ? undefined : logText(requestId);
}
