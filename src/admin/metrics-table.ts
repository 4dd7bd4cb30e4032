/** The only list of metrics: `GET /metrics` and docs/api.md derive from it. */

import type { AdminSnapshot, PoolSnapshot } from '../figures/admin-snapshot.ts';
import type { ApplicationAnswer } from '../figures/answers.ts';
import { type DoctorAnswer, type Severity, severities } from '../figures/findings.ts';
import { durationClass } from '../scoreboard/durations.ts';
import type { OpcacheFigures } from '../scoreboard/opcache-figures.ts';
import { stageLabel } from '../scoreboard/states.ts';

export type Labels = Readonly<Record<string, string>>;
/** `suffix` is the end of the sample's name, for metrics with several sample names. */
export type Sample = readonly [labels: Labels, value: number, suffix?: string];

export interface Metric {
  /** Without the `_total` of a counter or the `_info` of an info. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'info';
  /** The end of the name, for values with a unit. */
  readonly unit?: 'bytes' | 'seconds';
  readonly help: string;
  readonly labels: readonly string[];
  readonly samples: (snapshot: AdminSnapshot) => readonly Sample[];
}

function findingsOf({ findings }: DoctorAnswer, severity: Severity): number {
  return findings.reduce((sum, each) => sum + (each.severity === severity ? each.count : 0), 0);
}

const responseClasses = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;

/** One sample a pool. */
function eachPool(value: (pool: PoolSnapshot) => number): Metric['samples'] {
  return ({ pools }) => pools.map((pool) => [{ pool: pool.name }, value(pool)]);
}

/** One sample for each pool that has the figure. */
function eachKnown(value: (pool: PoolSnapshot) => number | undefined): Metric['samples'] {
  return ({ pools }) =>
    pools.flatMap((pool): Sample[] => {
      const known = value(pool);
      return known === undefined ? [] : [[{ pool: pool.name }, known]];
    });
}

/** Memory of the workers that are processes. */
function workerBytes({ processes }: PoolSnapshot): number[] {
  return [...(processes?.workers.values() ?? [])].flatMap(({ residentBytes }) => residentBytes ?? []);
}

/** Worker mode: average and largest of a figure of the applications; empty without a known one. */
function applicationParts(
  { workers }: PoolSnapshot,
  figure: (application: ApplicationAnswer) => number | undefined,
): (readonly [string, number])[] {
  const known = bootedWorkers(workers).flatMap(({ application }) => figure(application) ?? []);
  if (known.length === 0) return [];
  return [
    ['average', known.reduce((sum, each) => sum + each, 0) / known.length],
    ['largest', Math.max(...known)],
  ];
}

/** Worker mode: workers whose application waits for requests, or serves one. */
function bootedWorkers(workers: PoolSnapshot['workers']): { readonly application: ApplicationAnswer }[] {
  return workers.flatMap(({ application, state, draining }) =>
    application === undefined || draining || state === stageLabel('booting') ? [] : [{ application }],
  );
}

/** One sample for each pool and value of another label. */
function eachPart(
  label: string,
  parts: (pool: PoolSnapshot) => readonly (readonly [string, number])[],
): Metric['samples'] {
  return ({ pools }) =>
    pools.flatMap((pool) =>
      parts(pool).map(([part, value]): Sample => [{ pool: pool.name, [label]: part }, value]),
    );
}

/** One sample for each pool with OPcache figures and part of one figure. */
function eachOpcache(
  label: string,
  parts: (figures: OpcacheFigures) => Readonly<Record<string, number>>,
): Metric['samples'] {
  return eachPart(label, ({ opcache }) => (opcache === undefined ? [] : Object.entries(parts(opcache))));
}

/**
 * Upper bounds of the buckets in microseconds: a selection of the class bounds, since each bucket is a permanent
 * series.
 */
export const bucketBounds = [
  1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000,
  10_000_000, 30_000_000, 60_000_000,
] as const;

/** Converts classes to cumulative buckets. */
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

/** Seconds in OpenMetrics' form: with a fraction. */
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
    help: 'Start of the master, in seconds since 1970.',
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
    name: 'hathi_doctor_findings',
    type: 'gauge',
    help: 'Findings by severity (critical, warning, advice) of the last `hathi doctor --live --publish` since the start.',
    labels: ['severity'],
    samples: ({ doctor }) =>
      doctor === undefined ? [] : severities.map((severity) => [{ severity }, findingsOf(doctor, severity)]),
  },
  {
    name: 'hathi_doctor_told_timestamp_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'Time of that report, seconds since 1970.',
    labels: [],
    samples: ({ doctor }) => (doctor === undefined ? [] : [[{}, doctor.at / 1000]]),
  },
  {
    name: 'hathi_pool',
    type: 'info',
    help: 'Engine, PHP version and process manager of a served pool.',
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
    help: 'Whether connections to the pool are served: 1 or 0. A sleeping pool serves by starting its host.',
    labels: ['pool'],
    samples: eachPool(({ state }) => (state === 'serving' || state === 'asleep' ? 1 : 0)),
  },
  {
    name: 'hathi_pool_saturation',
    type: 'gauge',
    help: 'Busy workers and waiting connections relative to pm.max_children: 1 is full, more is a queue. The number to scale by.',
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
    help: 'Whether the pool sleeps, without a host until the next connection: 1 or 0.',
    labels: ['pool'],
    samples: eachPool(({ state }) => (state === 'asleep' ? 1 : 0)),
  },
  {
    name: 'hathi_requests',
    type: 'counter',
    help: 'Requests begun by workers.',
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
    help: 'Workers of the serving generation: idle, or active (all others); and those of replaced generations (draining).',
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
    name: 'hathi_workers_booted',
    type: 'gauge',
    help: 'Worker mode: workers of the serving generation with a booted application; 0 in other pools.',
    labels: ['pool'],
    samples: eachPool(({ workers }) => bootedWorkers(workers).length),
  },
  {
    name: 'hathi_worker_boot_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'Worker mode: duration of the last boot of these workers: average and largest.',
    labels: ['pool', 'of'],
    samples: eachPart('of', (pool) => applicationParts(pool, ({ bootMicros }) => bootMicros / 1e6)),
  },
  {
    name: 'hathi_application_growth_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: "Worker mode: growth of PHP's memory in use per request, from the 20th after a boot on: average and largest of these workers; absent until one has served 40.",
    labels: ['pool', 'of'],
    samples: eachPart('of', (pool) =>
      applicationParts(pool, ({ growthBytesPerRequest }) => growthBytesPerRequest),
    ),
  },
  {
    name: 'hathi_workers_busy_seconds',
    type: 'counter',
    unit: 'seconds',
    help: 'The integral of active workers over time, sampled once a second: its rate is the average number of busy workers.',
    labels: ['pool'],
    samples: eachPool(({ totals }) => totals.busySeconds),
  },
  {
    name: 'hathi_workers_active_peak',
    type: 'gauge',
    help: 'Maximum of active workers since the last reload.',
    labels: ['pool'],
    samples: eachPool(({ maxActive }) => maxActive),
  },
  {
    name: 'hathi_max_children_reached',
    type: 'counter',
    help: 'Times that pm.max_children prevented another worker.',
    labels: ['pool'],
    samples: eachPool(({ totals }) => totals.maxChildrenReached),
  },
  {
    name: 'hathi_queue_connections',
    type: 'gauge',
    help: 'Connections that wait for a worker, the "listen queue" of the status page.',
    labels: ['pool'],
    samples: eachPool(({ queue }) => queue),
  },
  {
    name: 'hathi_queue_connections_peak',
    type: 'gauge',
    help: 'Maximum of waiting connections since the last reload.',
    labels: ['pool'],
    samples: eachPool(({ maxQueue }) => maxQueue),
  },
  {
    name: 'hathi_adaptive_limit',
    type: 'gauge',
    help: 'Requests, served and waiting, that queue.adaptive allows.',
    labels: ['pool'],
    samples: eachKnown(({ adaptive }) => adaptive?.limit),
  },
  {
    name: 'hathi_refused_requests',
    type: 'counter',
    help: 'Connections answered with 503 because too many waited (queue.max_wait, queue.max_length).',
    labels: ['pool'],
    samples: eachPool(({ totals }) => totals.refused),
  },
  {
    name: 'hathi_priority_requests',
    type: 'counter',
    help: 'Requests served before those that waited, while every worker was busy (queue.priority, ping.path, pm.status_path).',
    labels: ['pool'],
    samples: eachPool(({ totals }) => totals.priority),
  },
  {
    name: 'hathi_slow_requests',
    type: 'counter',
    help: 'Requests in the slow log (request_slowlog_timeout).',
    labels: ['pool'],
    samples: eachPool(({ totals }) => totals.slowRequests),
  },
  {
    name: 'hathi_terminated_requests',
    type: 'counter',
    help: 'Requests ended by request_terminate_timeout.',
    labels: ['pool'],
    samples: eachPool(({ totals }) => totals.terminatedRequests),
  },
  {
    name: 'hathi_restarts',
    type: 'counter',
    help: 'Workers that ended and were replaced, by cause: exit (by themselves, including pm.max_requests), signal (killed, crashed), timeout (request_terminate_timeout), memory (pm.max_memory, pm.max_memory_hard, pm.max_requests = auto); and hosts that died (host).',
    labels: ['pool', 'cause'],
    samples: eachPart('cause', ({ totals }) => Object.entries(totals.restarts)),
  },
  {
    name: 'hathi_pool_faults',
    type: 'counter',
    help: 'Times that the host of a pool was ended because it broke its contract with the master, did not answer, or an error occurred while something of the pool was handled. The log has a line at ALERT for each.',
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
    help: 'Memory of all processes of the pool, shared memory counted once (proportional set size); at most 30 seconds old, with over 150 processes 0.2 seconds a process.',
    labels: ['pool'],
    samples: eachKnown(({ memoryBytes }) => memoryBytes),
  },
  {
    name: 'hathi_memory_shared_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'The part of hathi_memory_bytes that belongs to no single worker: host, OPcache, pages that workers share.',
    labels: ['pool'],
    samples: eachKnown(({ sharedBytes }) => sharedBytes),
  },
  {
    name: 'hathi_worker_memory_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Private memory of a worker, which would be free without it: average (of workers with at least 20 requests, if there are any), largest, and peak, the largest ever seen. In the embedded engine, the size of its PHP instance.',
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
    help: 'Growth of a worker per request, from its 20th request on; absent until 100 requests were measured.',
    labels: ['pool'],
    samples: eachKnown(({ workerMemory }) => workerMemory?.growthBytesPerRequest),
  },
  {
    name: 'hathi_memory_limit_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'The memory limit of the master and its pools: that of the cgroup, its parents or the machine with the least room.',
    labels: ['source'],
    samples: ({ memory }) => (memory === undefined ? [] : [[{ source: memory.source }, memory.limitBytes]]),
  },
  {
    name: 'hathi_memory_used_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Memory in use below that limit, without file pages that the kernel reclaims first: by the master and its pools (own), and by others.',
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
    help: "Sum of the workers' resident memory; a shared page counts for each. Native engine only.",
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
    help: "Resident memory of the pool's host; in the embedded engine its workers are threads of it.",
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
    help: 'Look-ups of scripts in OPcache, by result: hit or miss. This and the following OPcache figures count since the last reload; in the embedded engine they are sums over its threads, which have one OPcache each.',
    labels: ['pool', 'result'],
    samples: eachOpcache('result', ({ hits, misses }) => ({ hit: hits, miss: misses })),
  },
  {
    name: 'hathi_opcache_memory_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: "OPcache's memory by state: used, free, wasted (outdated scripts).",
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
    help: 'Capacity of OPcache in names of scripts (opcache.max_accelerated_files, rounded up by PHP).',
    labels: ['pool'],
    samples: eachKnown(({ opcache }) => opcache?.keysLimit),
  },
  {
    name: 'hathi_opcache_restarts',
    type: 'counter',
    help: 'Restarts of OPcache, by cause: memory (used up), keys (too many names), manual (a script asked for it).',
    labels: ['pool', 'cause'],
    samples: eachOpcache('cause', ({ restarts }) => restarts),
  },
];

/** The names of samples, as used in queries. */
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
