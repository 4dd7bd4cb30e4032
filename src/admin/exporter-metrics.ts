/**
 * The metrics of the well-known PHP-FPM exporter (hipages/php-fpm_exporter), for dashboards, autoscalers and alerts
 * written for it: `metrics.aliases = phpfpm`. All are gauges here, since OpenMetrics requires `_total` for counters.
 * `scrape_uri` is the pool's address.
 */

import type { PoolSnapshot } from '../figures/admin-snapshot.ts';
import { workerStages } from '../scoreboard/states.ts';
import type { Metric, Sample } from './metrics-table.ts';

type PoolFigure = readonly [name: string, help: string, value: (pool: PoolSnapshot) => number];

const poolFigures: readonly PoolFigure[] = [
  ['up', 'Whether the pool is served.', ({ state }) => Number(state === 'serving' || state === 'asleep')],
  ['scrape_failures', 'Always 0: nothing is scraped.', () => 0],
  ['start_since', 'Seconds since the start of the pool.', secondsSinceStart],
  ['accepted_connections', 'Requests that were begun.', ({ accepted }) => accepted],
  ['listen_queue', 'Connections that wait for a worker.', ({ queue }) => queue],
  ['max_listen_queue', 'Most connections that waited at once.', ({ maxQueue }) => maxQueue],
  ['listen_queue_length', 'Connections that may wait.', ({ queueLimit }) => queueLimit],
  ['idle_processes', 'Workers that wait for a request.', ({ idle }) => idle],
  ['active_processes', 'Workers that serve a request.', ({ active }) => active],
  ['total_processes', 'All workers.', ({ idle, active }) => idle + active],
  ['max_active_processes', 'Most workers that were busy at once.', ({ maxActive }) => maxActive],
  [
    'max_children_reached',
    'How often pm.max_children was reached.',
    ({ maxChildrenReached }) => maxChildrenReached,
  ],
  ['slow_requests', 'Requests over request_slowlog_timeout.', ({ slowRequests }) => slowRequests],
];

type Worker = PoolSnapshot['workers'][number];
type WorkerFigure = readonly [name: string, help: string, value: (worker: Worker) => number];

const workerFigures: readonly WorkerFigure[] = [
  ['process_requests', 'Requests that the worker has served.', ({ requests }) => requests],
  [
    'process_last_request_memory',
    'Most memory that its last request took, bytes.',
    ({ lastRequestMemory }) => lastRequestMemory,
  ],
  ['process_last_request_cpu', 'CPU share of its last request.', ({ lastRequestCpu }) => lastRequestCpu],
  [
    'process_request_duration',
    'Microseconds that its request takes, or took.',
    ({ requestDuration }) => requestDuration,
  ],
];

export const exporterMetrics: readonly Metric[] = [
  ...poolFigures.map(
    ([name, help, value]): Metric => ({
      name: `phpfpm_${name}`,
      type: 'gauge',
      help,
      labels: ['pool', 'scrape_uri'],
      samples: ({ pools }) => pools.map((pool): Sample => [poolLabels(pool), value(pool)]),
    }),
  ),
  ...workerFigures.map(
    ([name, help, value]): Metric => ({
      name: `phpfpm_${name}`,
      type: 'gauge',
      help,
      labels: ['pool', 'child', 'scrape_uri'],
      samples: ({ pools }) =>
        pools.flatMap((pool) =>
          served(pool).map((worker, child): Sample => [workerLabels(pool, child), value(worker)]),
        ),
    }),
  ),
  {
    name: 'phpfpm_process_state',
    type: 'gauge',
    help: 'The state of each worker: 1 for the one that it is in.',
    labels: ['pool', 'child', 'state', 'scrape_uri'],
    samples: ({ pools }) =>
      pools.flatMap((pool) => served(pool).flatMap((worker, child) => stateSamples(pool, child, worker))),
  },
];

function stateSamples(pool: PoolSnapshot, child: number, worker: Worker): Sample[] {
  return Object.values(workerStages).map(({ label: state }) => [
    { ...workerLabels(pool, child), state },
    Number(worker.state === state),
  ]);
}

function poolLabels({ name, listen }: PoolSnapshot): Record<string, string> {
  return { pool: name, scrape_uri: listen };
}

function workerLabels(pool: PoolSnapshot, child: number): Record<string, string> {
  return { ...poolLabels(pool), child: String(child) };
}

/** The workers of the serving generation: the exporter numbers those of the status page. */
function served({ workers }: PoolSnapshot): readonly Worker[] {
  return workers.filter(({ draining }) => !draining);
}

function secondsSinceStart({ startedAt }: PoolSnapshot): number {
  return startedAt === undefined ? 0 : Math.floor((Date.now() - startedAt) / 1000);
}
