/** A worker's request in the log's words. */

import type { SlotSnapshot } from '../scoreboard/decode.ts';
import { logText, logWord } from '../text/log-line.ts';

/**
 * The start of a line.
 *
 * @param pid from the host; the one in the slot is the worker's own claim
 * @param withQuery whether to show the query string, which may contain secrets
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

/** Undefined without an id. */
export function requestIdOf({ requestId }: SlotSnapshot): string | undefined {
  return requestId === '' ? undefined : logText(requestId);
}
