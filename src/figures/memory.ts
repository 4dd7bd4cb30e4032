/** Memory of pools, and the limit above them. */

import type { WorkerMemory } from '../pool/memory-growth.ts';

export type { WorkerMemory };

/** Memory of one pool; at most half a minute old, older with over 150 processes. */
export interface PoolMemoryFigures {
  /** All its processes, shared memory counted once. */
  readonly bytes: number;
  /** Part of that which belongs to no single worker: the host, OPcache, pages that workers share. */
  readonly sharedBytes: number;
  /** Undefined without workers. */
  readonly workers: WorkerMemory | undefined;
  /** Memory that would be free without the worker, by pid. */
  readonly privateBytes: ReadonlyMap<number, number>;
}

/** The memory limit above the master and its pools: the one with the least room. */
export interface MemoryLimitFigures {
  /** A cgroup of the master or one of its parents, or the machine. */
  readonly source: 'cgroup v2' | 'cgroup v1' | 'machine';
  readonly limitBytes: number;
  /** Memory used by everything below the limit, without file pages that the kernel reclaims first. */
  readonly usedBytes: number;
  /** Part of the master and its pools; undefined when a pool's memory is unknown. */
  readonly ownBytes: number | undefined;
  /** The rest. */
  readonly othersBytes: number | undefined;
}
