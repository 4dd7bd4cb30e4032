/** Whether a line about a request shows its query. */

import type { ErrorLog } from '../log/error-log.ts';
import type { Generation } from './generation.ts';

/** Machine-readable lines follow the access log; php-fpm's lines include the query. */
export function showsQuery(
  { pool }: Pick<Generation, 'pool'>,
  { format }: Pick<ErrorLog, 'format'>,
): boolean {
  return format !== 'json' || pool['access.log_query'];
}
