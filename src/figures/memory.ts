/** Memory of pools and of what they run in. */

import type { WorkerMemory } from '../pool/memory-growth.ts';

export type { WorkerMemory };

/** Of one pool; at most half a minute old, older with over 150 processes. */
export interface PoolMemoryFigures {
  /** All its processes, what they share counted once. */
  readonly bytes: number;
  /** Of that what does not belong to a single worker: the host, OPcache, pages that workers have in common. */
  readonly sharedBytes: number;
  /** Undefined where no worker runs. */
  readonly workers: WorkerMemory | undefined;
  /** What would be free without the worker, by pid. */
  readonly privateBytes: ReadonlyMap<number, number>;
}

/** The limit under which the master and its pools run: that of the least room. */
export interface MemoryLimitFigures {
  /** A cgroup of the master or one of its parents, or the machine. */
  readonly source: 'cgroup v2' | 'cgroup v1' | 'machine';
  readonly limitBytes: number;
  /** By everything under the limit, without file pages that the kernel gives back first. */
  readonly usedBytes: number;
  /** Of that the master and its pools; undefined where that of a pool is not known. */
  readonly ownBytes: number | undefined;
  /** The rest. */
  readonly othersBytes: number | undefined;
}
