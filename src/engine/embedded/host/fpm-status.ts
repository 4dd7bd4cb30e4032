/** The result of fpm_get_status() for scripts, made from the master's status page in JSON. */

import { dashed, processFieldsOf } from '../../../status/fields.ts';

/** Keys of a process by the names of the page. */
const processKeys: ReadonlyMap<string, string> = new Map(
  processFieldsOf({ isBooted: true }).map(({ label, lowerLabel = label, key = dashed(lowerLabel) }) => [
    lowerLabel,
    key,
  ]),
);

/**
 * @param page body of the status page for `json&full`
 * @returns JSON text with PHP-FPM's keys
 * @throws SyntaxError when the page is not a JSON object
 */
export function fpmStatus(page: string): string {
  const { processes, ...pool } = JSON.parse(page) as Record<string, unknown>;
  const status: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(pool)) status[dashed(name)] = value;
  const list = Array.isArray(processes) ? (processes as Record<string, unknown>[]) : [];
  status['procs'] = list.map(processStatus);
  return JSON.stringify(status);
}

/** The page joins URI and query, the function separates them. */
function processStatus(process: Record<string, unknown>): Record<string, unknown> {
  const status: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(process)) {
    if (name === 'request uri') {
      const [uri = '', ...query] = String(value).split('?');
      // The page has a dash for an empty value.
      status['request-uri'] = uri === '-' ? '' : uri;
      status['query-string'] = query.join('?');
    } else {
      status[processKeys.get(name) ?? dashed(name)] = value;
    }
  }
  return status;
}
