/** Answers of a running master. */

/** Sizes are bytes. */
export interface LiveOpcache {
  readonly keys: number;
  readonly keysLimit: number;
  readonly memoryUsed: number;
  readonly memoryFree: number;
  readonly memoryWasted: number;
  readonly stringsUsed: number;
  readonly stringsFree: number;
  /** Caused by lack of memory or keys, since its start. */
  readonly restarts: number;
}

export interface LivePool {
  readonly name: string;
  /** `serving`, `asleep`, `starting`, `silent`. */
  readonly state: string;
  /** Why no host serves it; '' without a reason. */
  readonly failure: string;
  readonly phpVersion: string | undefined;
  readonly processManager: string;
  readonly maxChildren: number;
  /** Of the serving generation. */
  readonly maxActive: number;
  readonly maxQueue: number;
  /** Since the master's start. */
  readonly maxChildrenReached: number;
  /** Recent. */
  readonly requestsPerSecond: number;
  /** Of the serving generation, milliseconds since 1970. */
  readonly startedAt: number | undefined;
  /** Undefined where OPcache is off or not asked yet. */
  readonly opcache: LiveOpcache | undefined;
  /** Workers with a request, and those of them whose client has its answer. */
  readonly busy: number;
  readonly answered: number;
  /** Busy workers with a sampled stack, and those of them that waited for a session. */
  readonly stacks: number;
  readonly waitingForSession: number;
}

export interface LiveFacts {
  /** Of the master, milliseconds since 1970; 0 when unknown. */
  readonly startedAt: number;
  readonly pools: readonly LivePool[];
}
