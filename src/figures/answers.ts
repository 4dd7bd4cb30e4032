/**
 * The JSON of the admin endpoint (docs/observability.md): json.ts makes it, the dashboard reads it. What is undefined
 * is absent there. Types only, and none of Node's: they are part of the page's program as well.
 */

import type { DurationCounts } from '../scoreboard/durations.ts';
import type { OpcacheFigures } from '../scoreboard/opcache-figures.ts';
import type { StackFrame } from '../trace/frame.ts';
import type { HistorySamples } from './history.ts';
import type { MemoryLimitFigures, WorkerMemory } from './memory.ts';

export interface WorkerAnswer {
  readonly pid: number;
  /** Stage as on the status page. */
  readonly state: string;
  /** It belongs to a generation that a reload replaced and finishes its request. */
  readonly draining: boolean;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly requests: number;
  readonly method: string;
  /** What the client asked for, without query. */
  readonly uri: string;
  /** Only where it was asked for. */
  readonly query?: string;
  readonly script: string;
  readonly requestId?: string;
  /** Of the running request so far, of the last one while idle. */
  readonly durationMicros: number;
  /** Of the last request, while idle. */
  readonly cpuPercent?: number;
  readonly memoryBytes?: number;
  /** Of its process; undefined of a thread. */
  readonly residentBytes: number | undefined;
  /** What would be free without the worker; undefined until it has been looked at. At most half a minute old. */
  readonly privateBytes: number | undefined;
  readonly processCpuPercent: number | undefined;
}

/** Why a worker was replaced; `host` counts hosts that died. */
export type RestartCause = 'exit' | 'signal' | 'timeout' | 'host';

/** Counts since the master's start, over reloads. */
export interface TotalsAnswer {
  /** Answers by class: 1xx, 2xx, 3xx, 4xx, 5xx. */
  readonly responses: readonly number[];
  /** Requests that ended, by duration. */
  readonly durations: Omit<DurationCounts, 'peaks'>;
  /** Requests begun. */
  readonly accepted: number;
  readonly maxChildrenReached: number;
  readonly slowRequests: number;
  readonly terminatedRequests: number;
  readonly restarts: Readonly<Record<RestartCause, number>>;
  /**
   * Times that its host was ended because it broke the contract with the master, did not answer, or something of the
   * pool could not be handled.
   */
  readonly faults: number;
  /** The integral of busy workers over time: as looked at once a second. */
  readonly busySeconds: number;
}

/** What happened in the last seconds. Quantiles are estimates, undefined when no request ended. */
export interface RecentFigures {
  /** How long the time is that is looked at. */
  readonly seconds: number;
  readonly requestsPerSecond: number;
  /** Answers with a status 5xx. */
  readonly errorsPerSecond: number;
  /** Workers that were busy, on average. */
  readonly busyWorkers: number;
  /** What a request took on average; undefined when none ended. */
  readonly meanMicros: number | undefined;
  readonly p50Micros: number | undefined;
  readonly p95Micros: number | undefined;
  readonly p99Micros: number | undefined;
}

export interface PoolAnswer {
  readonly name: string;
  /**
   * `asleep`: it has no host, and starts one for the first connection. `starting`: no host serves the pool (yet, or since the last one died). `silent`: its host does not answer, and is
   * replaced unless it does soon.
   */
  readonly state: 'serving' | 'asleep' | 'starting' | 'silent';
  /** Why no host serves it, in the words of the log; undefined while one does, and before one has failed. */
  readonly failure: string | undefined;
  /** Of the host that serves; undefined before there is one. */
  readonly engine: string | undefined;
  readonly phpVersion: string | undefined;
  readonly listen: string;
  readonly processManager: string;
  readonly maxChildren: number;
  readonly idle: number;
  readonly active: number;
  /** Highest `active` of the generation that serves. */
  readonly maxActive: number;
  readonly queue: number;
  readonly maxQueue: number;
  /** 0 when unknown. */
  readonly queueLimit: number;
  /** An operator has taken it out of the balancing. It serves what comes all the same. */
  readonly isDrained: boolean;
  /** (active + queue) / maxChildren: 1 is full. */
  readonly saturation: number;
  /** It has been full for 3 seconds, and has not been below 80 % of its limit since. */
  readonly isSaturated: boolean;
  /** Requests begun by the generation that serves. */
  readonly accepted: number;
  /** Of the generation that serves. */
  readonly maxChildrenReached: number;
  readonly slowRequests: number;
  readonly memoryPeakBytes: number;
  /** Of all its processes, what they share counted once; undefined when unknown. At most half a minute old. */
  readonly memoryBytes: number | undefined;
  /** Of that what does not belong to a single worker: host, OPcache, pages that workers have in common. */
  readonly sharedBytes: number | undefined;
  /** What its workers have for themselves; undefined until they have been looked at. */
  readonly workerMemory: WorkerMemory | undefined;
  readonly totals: TotalsAnswer;
  readonly recent: RecentFigures;
  /** Resident memory of its hosts, bytes. With the embedded engine workers are threads of the host. */
  readonly hostResidentBytes: number | undefined;
  /** CPU time of hosts and workers since the master's start. */
  readonly cpuSeconds: number | undefined;
  /** Percent of one CPU lately, all its processes together. */
  readonly cpuPercent: number | undefined;
  /** Undefined where OPcache is off or has not been asked yet. With the embedded engine the sum of its threads, which have one each. */
  readonly opcache: OpcacheFigures | undefined;
  readonly generation: number | undefined;
  /** Milliseconds since 1970; undefined before there is a host. */
  readonly startedAt: number | undefined;
  readonly workers: readonly WorkerAnswer[];
}

/**
 * How a reload ended. `partial`: the new configuration is in force, but a pool could not be started with it and goes
 * on as it was, or tries again, or a socket could not be given its new owner or mode. `refused`: it was not valid, or something that it names could not be had, and
 * nothing has changed.
 */
export type ReloadOutcome = 'succeeded' | 'partial' | 'refused';

/** Reloads since the master's start. */
export type ReloadCounts = Readonly<Record<ReloadOutcome, number>>;

export interface ReloadResult {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly outcome: ReloadOutcome;
  /** Why it was not a full success, one reason an element, in the words of the log. */
  readonly reasons: readonly string[];
  /** Pools that it left alone: only of a reload of what has changed. */
  readonly unchanged?: readonly string[];
}

/** `GET /api/history` */
export type HistoryAnswer = HistorySamples & {
  /** Those of the last hour, the latest one last. */
  readonly reloads: readonly Pick<ReloadResult, 'at' | 'outcome'>[];
};

/** `GET /api/pools` */
export interface PoolsAnswer {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly version: string;
  readonly pid: number;
  /** State of the master, master/master-states.ts. */
  readonly state: string;
  readonly startedAt: number;
  readonly reloads: ReloadCounts;
  readonly lastReload: ReloadResult | undefined;
  /** The master's own process. */
  readonly master: { readonly residentBytes: number; readonly cpuSeconds: number };
  /** Undefined where /proc does not tell. */
  readonly memory: MemoryLimitFigures | undefined;
  /** Upper ends of the classes of `durations`; what is longer has a class of its own. */
  readonly durationBoundsMicros: readonly number[];
  readonly pools: readonly PoolAnswer[];
}

/** Innermost call first; or why there is none. */
export interface StackAnswer {
  readonly frames?: readonly StackFrame[];
  readonly reason?: string;
}

/** A request that was looked at: a slow one, or the one that a worker runs now. */
export interface RequestAnswer extends StackAnswer {
  readonly at: number;
  readonly pool: string;
  readonly pid: number;
  readonly script: string;
  readonly method: string;
  readonly uri: string;
  /** Only where it was asked for. */
  readonly query?: string;
  readonly requestId?: string;
  readonly durationMicros: number;
  readonly memoryBytes: number | undefined;
}

/** Requests of a route since the master's start, over reloads. */
export interface RouteAnswer {
  readonly pool: string;
  /** Method and path, with what are ids in it folded. */
  readonly route: string;
  readonly requests: number;
  /** Answers with a status 5xx. */
  readonly errors: number;
  /** What they took together. */
  readonly sumMicros: number;
  /** Estimates. */
  readonly p50Micros: number | undefined;
  readonly p95Micros: number | undefined;
  readonly maxMicros: number;
}

/** `GET /api/routes`, the one that took most time first. */
export interface RoutesAnswer {
  /** When counting began, milliseconds since 1970. */
  readonly since: number;
  readonly routes: readonly RouteAnswer[];
  /** All others together. */
  readonly others: Pick<RouteAnswer, 'requests' | 'errors' | 'sumMicros'>;
  /** Requests that are in none of them: native workers whose turn to count did not come. */
  readonly uncounted: number;
}

/** What a pool needs by the last hour; what is not known is absent. */
export interface PoolCapacityAnswer {
  readonly pool: string;
  readonly maxChildren: number;
  /** Workers for the busiest minute, and how that comes. */
  readonly needed: number;
  readonly why: string;
  /** Busy workers wanted in the busiest minute and on average, and when the minute ended, milliseconds since 1970. */
  readonly peakLoad: number | undefined;
  readonly meanLoad: number | undefined;
  readonly peakAt: number | undefined;
  /** What one worker has for itself. */
  readonly workerBytes: number | undefined;
  /** Of the needed workers with what they share, and of all that pm.max_children allows. */
  readonly costBytes: number | undefined;
  readonly worstBytes: number | undefined;
  /** Workers that fit beside those that the other pools need. */
  readonly fits: number | undefined;
  /** What it should have. */
  readonly recommended: number;
  readonly advice: readonly { readonly directive: string; readonly value: string; readonly reason: string }[];
}

/** `GET /api/plan` */
export interface CapacityAnswer {
  /** The share of the memory limit that stays free. */
  readonly reserve: number;
  /** For all pools together; absent where the limit is not known. */
  readonly availableBytes: number | undefined;
  readonly costBytes: number | undefined;
  readonly pools: readonly PoolCapacityAnswer[];
}

/** `GET /api/slow`, the latest one first. */
export interface SlowAnswer {
  readonly requests: readonly RequestAnswer[];
}

/** `GET /api/stack` */
export interface WorkerStackAnswer extends RequestAnswer {
  readonly state: string;
}
