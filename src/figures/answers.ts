/**
 * The JSON of the admin endpoint (docs/api.md): json.ts makes it, the dashboard reads it. Undefined fields
 * are absent there. Types only, and none of Node's: the dashboard's program includes them.
 */

import type { DurationCounts } from '../scoreboard/durations.ts';
import type { OpcacheFigures } from '../scoreboard/opcache-figures.ts';
import type { StackFrame } from '../trace/frame.ts';
import type { DoctorAnswer } from './findings.ts';
import type { HistorySamples } from './history.ts';
import type { MemoryLimitFigures, WorkerMemory } from './memory.ts';

/** States of the master in which its pools should serve. */
export const servingStates: readonly string[] = ['normal', 'reloading', 'upgrading'];

/** Worker mode: a worker's facts about its application. */
export interface ApplicationAnswer {
  /** Number of boots in this worker. */
  readonly boots: number;
  /** Duration of the last boot. */
  readonly bootMicros: number;
  /** Since the last boot. */
  readonly requests: number;
  /** Growth of PHP's memory in use per request since then, from the 20th on; undefined until 20 more have ended. */
  readonly growthBytesPerRequest?: number;
}

export interface WorkerAnswer {
  readonly pid: number;
  /** Stage as on the status page. */
  readonly state: string;
  /** Belongs to a generation that a reload replaced, and finishes its request. */
  readonly draining: boolean;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly requests: number;
  readonly method: string;
  /** Requested path, without query. */
  readonly uri: string;
  /** Only on request. */
  readonly query?: string;
  readonly script: string;
  readonly requestId?: string;
  /** Of the running request so far, or of an idle worker's last one. */
  readonly durationMicros: number;
  /** Undefined for a worker that runs scripts. */
  readonly application?: ApplicationAnswer;
  /** Of an idle worker's last request. */
  readonly cpuPercent?: number;
  readonly memoryBytes?: number;
  /** Of its process; undefined for a thread. */
  readonly residentBytes: number | undefined;
  /** Memory that would be free without the worker; undefined until measured. At most half a minute old. */
  readonly privateBytes: number | undefined;
  readonly processCpuPercent: number | undefined;
}

/** Why a worker was replaced; `host` counts hosts that died. */
export type RestartCause = 'exit' | 'signal' | 'timeout' | 'memory' | 'host';

/** Counters since the master's start, across reloads. */
export interface TotalsAnswer {
  /** Answers by class: 1xx, 2xx, 3xx, 4xx, 5xx. */
  readonly responses: readonly number[];
  /** Ended requests by duration. */
  readonly durations: Omit<DurationCounts, 'peaks'>;
  /** Requests begun. */
  readonly accepted: number;
  readonly maxChildrenReached: number;
  readonly slowRequests: number;
  readonly terminatedRequests: number;
  readonly restarts: Readonly<Record<RestartCause, number>>;
  /**
   * Number of times its host was ended because it broke the contract with the master, did not answer, or an error
   * occurred while something of the pool was handled.
   */
  readonly faults: number;
  /** The integral of busy workers over time, sampled once a second. */
  readonly busySeconds: number;
  /** Connections answered with 503 because too many waited (queue.max_wait, queue.max_length). */
  readonly refused: number;
  /** Requests that the lane served before those that waited (queue.priority, ping and status pages). */
  readonly priority: number;
}

/** The adaptive limit of a pool. */
export interface AdaptiveAnswer {
  /** Requests, served and waiting. */
  readonly limit: number;
  /** Their time in the last second and usually, waiting included. */
  readonly shortMicros: number | undefined;
  readonly longMicros: number | undefined;
}

/** A decision of `pm = auto`. */
export interface SizingAnswer {
  readonly target: number;
  /** Without limits. */
  readonly wanted: number;
  /** Busy workers and waiting connections, on average. */
  readonly load: number;
  /** The bound that limits it. */
  readonly limit: string;
  readonly reason: string;
}

/** Memory that each request of a script leaks in its worker. */
export interface LeakAnswer {
  readonly script: string;
  readonly bytesPerRequest: number;
  /** Number of measurements. */
  readonly looks: number;
}

/** Figures of the last seconds. Quantiles are estimates, undefined if no request ended. */
export interface RecentAnswer {
  /** Length of the period in seconds. */
  readonly seconds: number;
  readonly requestsPerSecond: number;
  /** Answers with status 5xx. */
  readonly errorsPerSecond: number;
  /** Average number of busy workers. */
  readonly busyWorkers: number;
  /** Average duration of a request; undefined if none ended. */
  readonly meanMicros: number | undefined;
  readonly p50Micros: number | undefined;
  readonly p95Micros: number | undefined;
  readonly p99Micros: number | undefined;
}

/** Counts of a generation during a trial. */
export interface TrialCountsAnswer {
  readonly requests: number;
  /** Answers with status 5xx, and crashes. */
  readonly errors: number;
  /** Undefined without requests. */
  readonly p95Micros: number | undefined;
}

/** A new generation that takes a share of connections beside the serving one (reload.canary). */
export interface TrialAnswer {
  readonly generation: number;
  /** From 0 to 1. */
  readonly share: number;
  readonly secondsLeft: number;
  readonly fresh: TrialCountsAnswer;
  readonly serving: TrialCountsAnswer;
}

export interface PoolAnswer {
  readonly name: string;
  /**
   * `asleep`: without a host, which the first connection starts. `starting`: no host serves the pool (yet, or since the
   * last one died). `silent`: its host does not answer and is about to be replaced.
   */
  readonly state: 'serving' | 'asleep' | 'starting' | 'silent';
  /** Why no host serves it, in the log's words; undefined while one does, and before the first failure. */
  readonly failure: string | undefined;
  /** Of the serving host; undefined before the first one. */
  readonly engine: string | undefined;
  readonly phpVersion: string | undefined;
  readonly listen: string;
  readonly processManager: string;
  readonly maxChildren: number;
  readonly idle: number;
  readonly active: number;
  /** Highest `active` of the serving generation. */
  readonly maxActive: number;
  readonly queue: number;
  readonly maxQueue: number;
  /** 0 when unknown. */
  readonly queueLimit: number;
  /** An operator has removed it from load balancing. Requests that still arrive are served. */
  readonly isDrained: boolean;
  /** (active + queue) / maxChildren: 1 is full. */
  readonly saturation: number;
  /** It has been full for 3 seconds, and has not been below 80 % of its limit since. */
  readonly isSaturated: boolean;
  /** Requests begun by the serving generation. */
  readonly accepted: number;
  /** Of the serving generation. */
  readonly maxChildrenReached: number;
  readonly slowRequests: number;
  readonly memoryPeakBytes: number;
  /** All its processes, shared memory counted once; undefined when unknown. At most half a minute old. */
  readonly memoryBytes: number | undefined;
  /** Part of that which belongs to no single worker: host, OPcache, pages that workers share. */
  readonly sharedBytes: number | undefined;
  /** Private memory of its workers; undefined until measured. */
  readonly workerMemory: WorkerMemory | undefined;
  /** With `queue.adaptive`: the present limit; undefined otherwise. */
  readonly adaptive: AdaptiveAnswer | undefined;
  /** With `pm = auto`: the number of workers and why; undefined otherwise. */
  readonly sizing: SizingAnswer | undefined;
  /** With `reload.canary`, while a new generation is on trial; undefined otherwise. */
  readonly trial: TrialAnswer | undefined;
  /** Scripts whose requests leak memory, worst first; only tracked with a memory limit or automatic request limit. */
  readonly leaks: readonly LeakAnswer[];
  readonly totals: TotalsAnswer;
  readonly recent: RecentAnswer;
  /** Resident memory of its hosts in bytes. In the embedded engine workers are threads of the host. */
  readonly hostResidentBytes: number | undefined;
  /** CPU time of hosts and workers since the master's start. */
  readonly cpuSeconds: number | undefined;
  /** Recent percentage of one CPU, all processes together. */
  readonly cpuPercent: number | undefined;
  /**
   * Undefined where OPcache is off or not asked yet. In the embedded engine the sum over its threads, which have one
   * each.
   */
  readonly opcache: OpcacheFigures | undefined;
  readonly generation: number | undefined;
  /** Milliseconds since 1970; undefined before the first host. */
  readonly startedAt: number | undefined;
  readonly workers: readonly WorkerAnswer[];
}

/**
 * Outcome of a reload. `partial`: the new configuration is in effect, but a pool failed to start with it and continues
 * as it was, or tries again, or a socket could not get its new owner or mode. `refused`: the configuration was invalid,
 * or something that it names was unavailable, and nothing has changed.
 */
export type ReloadOutcome = 'succeeded' | 'partial' | 'refused';

/** Reloads since the master's start. */
export type ReloadCounts = Readonly<Record<ReloadOutcome, number>>;

export interface ReloadResult {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly outcome: ReloadOutcome;
  /** Reasons against full success, in the log's words. */
  readonly reasons: readonly string[];
  /** Pools left alone; only for a reload of changed pools. */
  readonly unchanged?: readonly string[];
  /** Nothing was decided: another master takes over meanwhile and is to be asked, at the same place. */
  readonly again?: true;
}

/** `POST /api/upgrade` */
export interface UpgradeResult {
  readonly outcome: 'succeeded' | 'refused';
  readonly reasons: readonly string[];
  /** Of the new master. */
  readonly pid?: number;
  readonly version?: string;
}

/** An earlier configuration whose files are kept for `hathi rollback`. */
export interface KeptConfiguration {
  /** Numbers are ascending. */
  readonly id: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Signal, or client of the admin endpoint. */
  readonly by: string;
  /** In words: a start, a reload, a rollback. */
  readonly why: string;
  /** Number of the configuration that a rollback applied again. */
  readonly rollbackTo?: number;
}

/** `GET /api/configurations` */
export interface ConfigurationsAnswer {
  /** Undefined when it is not kept. */
  readonly inForce: number | undefined;
  /** Latest first. */
  readonly kept: readonly KeptConfiguration[];
}

/** `GET /api/history` */
export type HistoryAnswer = HistorySamples & {
  /** Reloads of the last hour, latest last. */
  readonly reloads: readonly Pick<ReloadResult, 'at' | 'outcome'>[];
};

/** Of all pools, whether they are shown or not. */
export interface PoolCounts {
  readonly pools: number;
  /** Number of pools whose name matches the request. */
  readonly matching: number;
  readonly asleep: number;
  /** Pools without a serving host that should have one, or whose host does not answer. */
  readonly down: number;
  readonly active: number;
  readonly maxChildren: number;
  readonly queue: number;
  readonly requestsPerSecond: number;
  readonly faults: number;
}

/** `GET /api/pools` */
export interface PoolsAnswer {
  /** Undefined before the first report of `hathi doctor --publish` since the start. */
  readonly doctor?: DoctorAnswer | undefined;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly version: string;
  readonly pid: number;
  /** State of the master, see master/master-states.ts. */
  readonly state: string;
  readonly startedAt: number;
  readonly reloads: ReloadCounts;
  readonly lastReload: ReloadResult | undefined;
  /** The configuration in effect; undefined when it is not kept. */
  readonly configuration: KeptConfiguration | undefined;
  /** The master's own process. */
  readonly master: { readonly residentBytes: number; readonly cpuSeconds: number };
  /** Undefined where /proc hides it. */
  readonly memory: MemoryLimitFigures | undefined;
  /** Upper bounds of the classes of `durations`; longer ones have a class of their own. */
  readonly durationBoundsMicros: readonly number[];
  readonly counts: PoolCounts;
  /** Those that the question chose. */
  readonly pools: readonly PoolAnswer[];
}

/** Innermost call first; or the reason why it is missing. */
export interface StackAnswer {
  readonly frames?: readonly StackFrame[];
  readonly reason?: string;
}

/** An inspected request: a slow one, or a worker's current one. */
export interface RequestAnswer extends StackAnswer {
  readonly at: number;
  readonly pool: string;
  readonly pid: number;
  readonly script: string;
  readonly method: string;
  readonly uri: string;
  /** Only on request. */
  readonly query?: string;
  readonly requestId?: string;
  readonly durationMicros: number;
  readonly memoryBytes: number | undefined;
}

/** Requests of a route since the master's start, across reloads. */
export interface RouteAnswer {
  readonly pool: string;
  /** Method and path with folded ids. */
  readonly route: string;
  readonly requests: number;
  /** Answers with status 5xx. */
  readonly errors: number;
  /** Sum of durations. */
  readonly sumMicros: number;
  /** Estimates. */
  readonly p50Micros: number | undefined;
  readonly p95Micros: number | undefined;
  readonly maxMicros: number;
}

/** `GET /api/routes`, longest total time first. */
export interface RoutesAnswer {
  /** Start of counting, milliseconds since 1970. */
  readonly since: number;
  readonly routes: readonly RouteAnswer[];
  /** All other routes together. */
  readonly others: Pick<RouteAnswer, 'requests' | 'errors' | 'sumMicros'>;
  /** Requests counted in none of them: the native worker did not get the table's lock. */
  readonly uncounted: number;
}

/** Predicted waiting for a worker in the busiest minute. */
export interface WaitAnswer {
  /** Share of connections that find no free worker. */
  readonly waited: number;
  readonly p95Seconds: number;
  readonly p99Seconds: number;
}

/** A pool's needs by the last hour; unknown figures are absent. */
export interface PoolCapacityAnswer {
  readonly pool: string;
  readonly maxChildren: number;
  /** Workers for the busiest minute, and how that comes. */
  readonly needed: number;
  readonly why: string;
  /**
   * Busy workers in demand in the busiest minute and on average, and the end of that minute, milliseconds since 1970.
   */
  readonly peakLoad: number | undefined;
  readonly meanLoad: number | undefined;
  readonly peakAt: number | undefined;
  /** Private memory of one worker. */
  readonly workerBytes: number | undefined;
  /** Memory of the needed workers including shared memory, and of all that pm.max_children allows. */
  readonly costBytes: number | undefined;
  readonly worstBytes: number | undefined;
  /** Workers that fit beside those that other pools need. */
  readonly fits: number | undefined;
  /** Recommended number. */
  readonly recommended: number;
  /** With `maxChildren` workers, and with the recommended number: of the first six pools. */
  readonly waitsNow?: WaitAnswer | undefined;
  readonly waitsThen?: WaitAnswer | undefined;
  readonly advice: readonly { readonly directive: string; readonly value: string; readonly reason: string }[];
}

/** `GET /api/plan` */
export interface CapacityAnswer {
  /** The share of the memory limit that stays free. */
  readonly reserve: number;
  /** For all pools together; absent when the limit is unknown. */
  readonly availableBytes: number | undefined;
  readonly costBytes: number | undefined;
  /** The most important ones, 50 at most. */
  readonly pools: readonly PoolCapacityAnswer[];
  /** Number of pools that are not among them. */
  readonly left: number;
}

/** `GET /api/slow`, latest first. */
export interface SlowAnswer {
  readonly requests: readonly RequestAnswer[];
}

/** `GET /api/stack` */
export interface WorkerStackAnswer extends RequestAnswer {
  readonly state: string;
}
