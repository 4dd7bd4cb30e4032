/** The only list of metrics: `GET /metrics` and docs/observability.md are made from it. */

import type { AdminSnapshot, PoolSnapshot } from '../figures/snapshot.ts';
import { durationClass } from '../scoreboard/durations.ts';
import type { OpcacheFigures } from '../scoreboard/opcache-figures.ts';

export type Labels = Readonly<Record<string, string>>;
/** `suffix` is the end of the sample's name, where a metric has samples of several names. */
export type Sample = readonly [labels: Labels, value: number, suffix?: string];

export interface Metric {
  /** Without the `_total` of a counter or the `_info` of an info. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'info';
  /** The end of the name, where the value has a unit. */
  readonly unit?: 'bytes' | 'seconds';
  readonly help: string;
  readonly labels: readonly string[];
  readonly samples: (snapshot: AdminSnapshot) => readonly Sample[];
}

const responseClasses = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;

/** One sample a pool. */
function eachPool(value: (pool: PoolSnapshot) => number): Metric['samples'] {
  return ({ pools }) => pools.map((pool) => [{ pool: pool.name }, value(pool)]);
}

/** One sample a pool that has the figure. */
function eachKnown(value: (pool: PoolSnapshot) => number | undefined): Metric['samples'] {
  return ({ pools }) =>
    pools.flatMap((pool): Sample[] => {
      const known = value(pool);
      return known === undefined ? [] : [[{ pool: pool.name }, known]];
    });
}

/** Memory of the workers that have one of their own. */
function workerBytes({ processes }: PoolSnapshot): number[] {
  return [...(processes?.workers.values() ?? [])].flatMap(({ residentBytes }) => residentBytes ?? []);
}

/** One sample a pool and value of another label. */
function eachPart(
  label: string,
  parts: (pool: PoolSnapshot) => readonly (readonly [string, number])[],
): Metric['samples'] {
  return ({ pools }) =>
    pools.flatMap((pool) =>
      parts(pool).map(([part, value]): Sample => [{ pool: pool.name, [label]: part }, value]),
    );
}

/** One sample a pool with OPcache's figures and part of one of them. */
function eachOpcache(
  label: string,
  parts: (figures: OpcacheFigures) => Readonly<Record<string, number>>,
): Metric['samples'] {
  return eachPart(label, ({ opcache }) => (opcache === undefined ? [] : Object.entries(parts(opcache))));
}

/** Upper ends of the buckets, microseconds: some of those of the classes, since each bucket is a series for ever. */
export const bucketBounds = [
  1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000,
  10_000_000, 30_000_000, 60_000_000,
] as const;

/** Classes become buckets, which count everything up to their end. */
function durationSamples({ name, totals }: PoolSnapshot): Sample[] {
  const { counts, sumMicros } = totals.durations;
  const sumOf = (end?: number) => counts.slice(0, end).reduce((sum, count) => sum + count, 0);
  const buckets = bucketBounds.map((bound): Sample => {
    return [{ pool: name, le: bucketLabel(bound) }, sumOf(durationClass(bound) + 1), '_bucket'];
  });
  const all = sumOf();
  return [
    ...buckets,
    [{ pool: name, le: '+Inf' }, all, '_bucket'],
    [{ pool: name }, sumMicros / 1e6, '_sum'],
    [{ pool: name }, all, '_count'],
  ];
}

/** Seconds as OpenMetrics writes them: with a fraction. */
function bucketLabel(micros: number): string {
  const seconds = micros / 1e6;
  return Number.isInteger(seconds) ? seconds.toFixed(1) : String(seconds);
}

export const metrics: readonly Metric[] = [
  {
    name: 'hathi_build',
    type: 'info',
    help: 'Version of the master.',
    labels: ['version'],
    samples: ({ version }) => [[{ version }, 1]],
  },
  {
    name: 'hathi_start_time_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'When the master was started, in seconds since 1970.',
    labels: [],
    samples: ({ startedAt }) => [[{}, startedAt / 1000]],
  },
  {
    name: 'hathi_reloads',
    type: 'counter',
    help: 'Reloads by outcome: succeeded, partial (a pool could not be started with the new configuration), refused (nothing changed).',
    labels: ['outcome'],
    samples: ({ reloads }) => Object.entries(reloads).map(([outcome, count]) => [{ outcome }, count]),
  },
  {
    name: 'hathi_pool',
    type: 'info',
    help: 'Engine, PHP version and process manager of a pool that is served.',
    labels: ['pool', 'engine', 'php_version', 'pm'],
    samples: ({ pools }) =>
      pools
        .filter(({ state }) => state === 'serving')
        .map(({ name, engine = '', phpVersion = '', processManager }) => [
          { pool: name, engine, php_version: phpVersion, pm: processManager },
          1,
        ]),
  },
  {
    name: 'hathi_pool_serving',
    type: 'gauge',
    help: 'Whether connections to the pool are served, which a pool that sleeps does by starting its host: 1 or 0.',
    labels: ['pool'],
    samples: eachPool(({ state }) => (state === 'serving' || state === 'asleep' ? 1 : 0)),
  },
  {
    name: 'hathi_pool_saturation',
    type: 'gauge',
    help: 'Busy workers and waiting connections against pm.max_children: 1 is full, more is a queue. The number to scale by.',
    labels: ['pool'],
    samples: eachPool(({ saturation }) => saturation),
  },
  {
    name: 'hathi_pool_saturated',
    type: 'gauge',
    help: 'Whether the pool has been full for 3 seconds, and not been below 80 % of its limit since: 1 or 0.',
    labels: ['pool'],
    samples: eachPool(({ isSaturated }) => Number(isSaturated)),
  },
  {
    name: 'hathi_pool_asleep',
    type: 'gauge',
    help: 'Whether the pool sleeps, that is has no host until a connection comes: 1 or 0.',
    labels: ['pool'],
    samples: eachPool(({ state }) => (state === 'asleep' ? 1 : 0)),
  },
  {
    name: 'hathi_requests',
    type: 'counter',
    help: 'Requests that a worker has begun.',
    labels: ['pool'],
    samples: eachPool(({ totals }) => totals.accepted),
  },
  {
    name: 'hathi_responses',
    type: 'counter',
    help: 'Answers of workers by class of the HTTP status.',
    labels: ['pool', 'class'],
    samples: eachPart('class', ({ totals }) =>
      responseClasses.map((name, index) => [name, totals.responses[index] ?? 0]),
    ),
  },
  {
    name: 'hathi_request_duration_seconds',
    type: 'histogram',
    unit: 'seconds',
    help: 'Requests that ended, by the time from accepting the connection to the end of the script.',
    labels: ['pool', 'le'],
    samples: ({ pools }) => pools.flatMap(durationSamples),
  },
  {
    name: 'hathi_workers',
    type: 'gauge',
    help: 'Workers of the generation that serves: idle, or active, which is everything else; and those of replaced generations that finish (draining).',
    labels: ['pool', 'state'],
    samples: eachPart('state', ({ idle, active, workers }) => [
      ['idle', idle],
      ['active', active],
      ['draining', workers.filter(({ draining }) => draining).length],
    ]),
  },
  {
    name: 'hathi_workers_limit',
    type: 'gauge',
    help: 'pm.max_children.',
    labels: ['pool'],
    samples: eachPool(({ maxChildren }) => maxChildren),
  },
  {
    name: 'hathi_workers_busy_seconds',
    type: 'counter',
    unit: 'seconds',
    help: 'The integral of active workers over time, looked at once a second: its rate is how many were busy on average.',
    labels: ['pool'],
    samples: eachPool(({ totals }) => totals.busySeconds),
  },
  {
    name: 'hathi_workers_active_peak',
    type: 'gauge',
    help: 'Most active workers at once since the last reload.',
    labels: ['pool'],
    samples: eachPool(({ maxActive }) => maxActive),
  },
  {
    name: 'hathi_max_children_reached',
    type: 'counter',
    help: 'Times that another worker was wanted and pm.max_children forbade it.',
    labels: ['pool'],
    samples: eachPool(({ totals }) => totals.maxChildrenReached),
  },
  {
    name: 'hathi_queue_connections',
    type: 'gauge',
    help: 'Connections that wait for a worker, as "listen queue" of the status page.',
    labels: ['pool'],
    samples: eachPool(({ queue }) => queue),
  },
  {
    name: 'hathi_queue_connections_peak',
    type: 'gauge',
    help: 'Most connections that waited at once since the last reload.',
    labels: ['pool'],
    samples: eachPool(({ maxQueue }) => maxQueue),
  },
  {
    name: 'hathi_slow_requests',
    type: 'counter',
    help: 'Requests that went into the slow log (request_slowlog_timeout).',
    labels: ['pool'],
    samples: eachPool(({ totals }) => totals.slowRequests),
  },
  {
    name: 'hathi_terminated_requests',
    type: 'counter',
    help: 'Requests that were ended by request_terminate_timeout.',
    labels: ['pool'],
    samples: eachPool(({ totals }) => totals.terminatedRequests),
  },
  {
    name: 'hathi_restarts',
    type: 'counter',
    help: 'Workers that ended and are replaced, by cause: exit (by themselves, pm.max_requests included), signal (killed, crashed), timeout (request_terminate_timeout); and hosts that died (host).',
    labels: ['pool', 'cause'],
    samples: eachPart('cause', ({ totals }) => Object.entries(totals.restarts)),
  },
  {
    name: 'hathi_pool_faults',
    type: 'counter',
    help: 'Times that the host of a pool was ended because it broke its contract with the master, did not answer, or something of the pool could not be handled. The log has a line at ALERT for each.',
    labels: ['pool'],
    samples: eachPool(({ totals }) => totals.faults),
  },
  {
    name: 'hathi_request_memory_peak_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: "Highest peak of PHP's memory in a request since the last reload.",
    labels: ['pool'],
    samples: eachPool(({ memoryPeakBytes }) => memoryPeakBytes),
  },
  {
    name: 'hathi_memory_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Memory of all processes of the pool, what they share counted once (proportional set size); at most 30 seconds old, with over 150 processes 0.2 seconds a process.',
    labels: ['pool'],
    samples: eachKnown(({ memoryBytes }) => memoryBytes),
  },
  {
    name: 'hathi_memory_shared_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Of hathi_memory_bytes what does not belong to a single worker: host, OPcache, pages that workers have in common.',
    labels: ['pool'],
    samples: eachKnown(({ sharedBytes }) => sharedBytes),
  },
  {
    name: 'hathi_worker_memory_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'What a worker has for itself, that is what would be free without it: average (of those that have served 20 requests, where there is one), largest, and peak, the largest ever seen. With the embedded engine the size of its PHP instance.',
    labels: ['pool', 'of'],
    samples: eachPart('of', ({ workerMemory }) =>
      workerMemory === undefined
        ? []
        : [
            ['average', workerMemory.averageBytes],
            ['largest', workerMemory.largestBytes],
            ['peak', workerMemory.peakBytes],
          ],
    ),
  },
  {
    name: 'hathi_worker_growth_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'By how much a request leaves its worker larger, from its 20th request on; absent until a hundred were seen.',
    labels: ['pool'],
    samples: eachKnown(({ workerMemory }) => workerMemory?.growthBytesPerRequest),
  },
  {
    name: 'hathi_memory_limit_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'The memory limit that the master and its pools run under: of the cgroup, of its parents or of the machine that with the least room.',
    labels: ['source'],
    samples: ({ memory }) => (memory === undefined ? [] : [[{ source: memory.source }, memory.limitBytes]]),
  },
  {
    name: 'hathi_memory_used_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Memory in use under that limit, without file pages that the kernel gives back first: by the master and its pools (own), and by others.',
    labels: ['by'],
    samples: ({ memory }) =>
      memory?.ownBytes === undefined || memory.othersBytes === undefined
        ? []
        : [
            [{ by: 'own' }, memory.ownBytes],
            [{ by: 'others' }, memory.othersBytes],
          ],
  },
  {
    name: 'hathi_workers_resident_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Resident memory of the workers together; a page that several share counts for each. Native engine only.',
    labels: ['pool'],
    samples: eachKnown((pool) => {
      const sizes = workerBytes(pool);
      return sizes.length === 0 ? undefined : sizes.reduce((sum, size) => sum + size, 0);
    }),
  },
  {
    name: 'hathi_worker_resident_largest_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Resident memory of the largest worker. Native engine only.',
    labels: ['pool'],
    samples: eachKnown((pool) => {
      const sizes = workerBytes(pool);
      return sizes.length === 0 ? undefined : Math.max(...sizes);
    }),
  },
  {
    name: 'hathi_host_resident_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: "Resident memory of the pool's host; with the embedded engine its workers are threads in it.",
    labels: ['pool'],
    samples: eachKnown(({ processes }) => processes?.hostBytes),
  },
  {
    name: 'hathi_cpu_seconds',
    type: 'counter',
    unit: 'seconds',
    help: 'CPU time of hosts and workers, user and system.',
    labels: ['pool'],
    samples: eachKnown(({ processes }) => processes?.cpuSeconds),
  },
  {
    name: 'hathi_master_resident_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Resident memory of the master.',
    labels: [],
    samples: ({ master }) => [[{}, master.residentBytes]],
  },
  {
    name: 'hathi_master_cpu_seconds',
    type: 'counter',
    unit: 'seconds',
    help: 'CPU time of the master, user and system.',
    labels: [],
    samples: ({ master }) => [[{}, master.cpuSeconds]],
  },
  {
    name: 'hathi_opcache_lookups',
    type: 'counter',
    help: 'Scripts that were looked up in OPcache, by result: hit or miss. This and what follows of OPcache: since the last reload; with the embedded engine the sum of its threads, which have one each.',
    labels: ['pool', 'result'],
    samples: eachOpcache('result', ({ hits, misses }) => ({ hit: hits, miss: misses })),
  },
  {
    name: 'hathi_opcache_memory_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: "OPcache's memory by state: used, free, wasted (scripts that have changed).",
    labels: ['pool', 'state'],
    samples: eachOpcache('state', ({ memory }) => memory),
  },
  {
    name: 'hathi_opcache_strings_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: "OPcache's buffer for interned strings by state: used, free.",
    labels: ['pool', 'state'],
    samples: eachOpcache('state', ({ strings }) => strings),
  },
  {
    name: 'hathi_opcache_scripts',
    type: 'gauge',
    help: 'Scripts in OPcache.',
    labels: ['pool'],
    samples: eachKnown(({ opcache }) => opcache?.scripts),
  },
  {
    name: 'hathi_opcache_keys',
    type: 'gauge',
    help: 'Names of scripts in OPcache.',
    labels: ['pool'],
    samples: eachKnown(({ opcache }) => opcache?.keys),
  },
  {
    name: 'hathi_opcache_keys_limit',
    type: 'gauge',
    help: 'Names of scripts that OPcache can hold (opcache.max_accelerated_files, rounded up by PHP).',
    labels: ['pool'],
    samples: eachKnown(({ opcache }) => opcache?.keysLimit),
  },
  {
    name: 'hathi_opcache_restarts',
    type: 'counter',
    help: 'Times that OPcache was emptied, by cause: memory (used up), keys (too many names), manual (a script asked for it).',
    labels: ['pool', 'cause'],
    samples: eachOpcache('cause', ({ restarts }) => restarts),
  },
];

/** The names that samples carry: those to ask for in a query. */
export function sampleNames({ name, type }: Pick<Metric, 'name' | 'type'>): readonly string[] {
  switch (type) {
    case 'gauge':
      return [name];
    case 'counter':
      return [`${name}_total`];
    case 'info':
      return [`${name}_info`];
    case 'histogram':
      return ['_bucket', '_sum', '_count'].map((suffix) => name + suffix);
    default:
      throw new Error(`no names for a metric of the type ${JSON.stringify(type satisfies never)}`);
  }
}

/** The table as Markdown. */
export function metricsMarkdown(): string {
  const rows = metrics.map((metric) => {
    const labels = metric.labels.map((label) => `\`${label}\``).join(', ');
    const names = sampleNames(metric).map((name) => `\`${name}\``);
    return `| ${names.join(', ')} | ${metric.type} | ${metric.unit ?? ''} | ${labels} | ${metric.help} |\n`;
  });
  return `\n| metric | type | unit | labels | meaning |\n|---|---|---|---|---|\n${rows.join('')}\n`;
}
