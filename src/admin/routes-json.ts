/** The routes of pools as JSON. */

import type { PoolRoutes } from '../figures/admin-snapshot.ts';
import type { RouteAnswer, RoutesAnswer } from '../figures/answers.ts';
import { durationQuantile } from '../scoreboard/durations.ts';
import type { RouteCounts } from '../scoreboard/routes.ts';
import type { BinaryString } from '../text/binary.ts';
import { shownText } from '../text/unsafe.ts';

/** Maximum of routes in an answer, for all pools together. */
const routesMost = 100;

/** The answer of `GET /api/routes`, longest total time first. @param since milliseconds since 1970 */
export function routesJson(pools: readonly PoolRoutes[], since: number): RoutesAnswer {
  const all = pools
    .flatMap(({ pool, table }) => [...table.routes].map(([name, counts]) => ({ pool, name, counts })))
    .sort((a, b) => b.counts.sumMicros - a.counts.sumMicros);
  const rest = [
    ...all.slice(routesMost).map(({ counts }) => counts),
    ...pools.map(({ table }) => table.others),
  ];
  const sum = (of: (counts: RouteCounts) => number) => rest.reduce((total, counts) => total + of(counts), 0);
  return {
    since,
    routes: all.slice(0, routesMost).map(({ pool, name, counts }) => routeJson(pool, name, counts)),
    others: {
      requests: sum(({ requests }) => requests),
      errors: sum(({ errors }) => errors),
      sumMicros: sum(({ sumMicros }) => sumMicros),
    },
    uncounted: pools.reduce((total, { table }) => total + table.uncounted, 0),
  };
}

function routeJson(pool: string, name: BinaryString, counts: RouteCounts): RouteAnswer {
  const { requests, errors, sumMicros, maxMicros } = counts;
  return {
    pool,
    route: shownText(name),
    requests,
    errors,
    sumMicros,
    p50Micros: durationQuantile(counts, 0.5, maxMicros),
    p95Micros: durationQuantile(counts, 0.95, maxMicros),
    maxMicros,
  };
}
