/** The structure that PHP's fpm_get_status() returns. */

import { dashed, poolFields, processFields } from './fields.ts';
import type { ProcessStatus, StatusSnapshot } from './snapshot.ts';

/** Insertion order is the order of the PHP array. Strings are binary strings, not escaped: PHP gets the bytes. */
export type StatusArray = { [key: string]: string | number | StatusArray[] };

/** Keys of a process whose number is a float in PHP, even when it is whole. */
export const floatKeys: readonly string[] = ['last-request-cpu'];

/**
 * Pool fields with `-` for blanks, then `procs`.
 *
 * @param now milliseconds since 1970.
 */
export function fpmGetStatus(snapshot: StatusSnapshot, now: number): StatusArray {
  const nowSeconds = Math.floor(now / 1000);
  const status: StatusArray = {};
  for (const { label, value } of poolFields) status[dashed(label)] = value(snapshot, nowSeconds);
  status['procs'] = snapshot.processes.map((process) => processArray(process, nowSeconds));
  return status;
}

/** Here the URI comes without its query, which has a key of its own. */
function processArray(process: ProcessStatus, nowSeconds: number): StatusArray {
  const entry: StatusArray = {};
  for (const { label, lowerLabel, key, value } of processFields) {
    const name = key ?? dashed(lowerLabel ?? label);
    if (name === 'request-uri') {
      entry[name] = process.uri;
      entry['query-string'] = process.query;
    } else {
      entry[name] = value(process, nowSeconds);
    }
  }
  return entry;
}
