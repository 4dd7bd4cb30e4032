/** `metrics.listen` and related directives: an address for probes and scrapers of other machines. */

import { isUnixAddress } from './paths.ts';

/** Names of metrics in addition to Hathi's own. */
export const metricsAliases = ['phpfpm'] as const;
export type MetricsAlias = (typeof metricsAliases)[number];

/** Checks the value alone: the forms of `listen`. */
export function checkMetricsListen(value: string): string | undefined {
  if (isUnixAddress(value)) return undefined;
  const port = Number(/^(?:(?:\[[0-9a-fA-F:.]+\]|[^:[\]\s]+):)?(\d{1,5})$/.exec(value)?.[1] ?? Number.NaN);
  if (port >= 1 && port <= 65_535) return undefined;
  return `metrics.listen '${value}' must be 'address:port', 'port' or the path of a Unix socket`;
}

/** Checks the value alone. */
export function checkMetricsAliases(value: string): string | undefined {
  if ((metricsAliases as readonly string[]).includes(value)) return undefined;
  return `metrics.aliases '${value}' is unknown; known are: ${metricsAliases.join(', ')}`;
}
