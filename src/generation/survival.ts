/** Lets hosts outlive their master, and gives a master the hosts of the last one. */

import type { EarlierFigures } from './earlier-figures.ts';
import type { Generation } from './generation.ts';
import type { Leftover } from './leftover.ts';
import type { SavedCounters } from './pool-counters.ts';
import type { PreparedPool } from './prepared-pool.ts';
import type { Survivor } from './survivor.ts';

/** Hosts of a pool that have outlived the last master, and what it had counted. */
export interface Survivors {
  /** The latest generation first, those on trial last; not empty. */
  readonly hosts: readonly [Survivor, ...Survivor[]];
  readonly saved: SavedPool | undefined;
}

/** Figures of a pool that a master saves beside its hosts. */
export interface SavedPool {
  readonly counters: SavedCounters;
  /** Figures that its status page continues, while it sleeps. */
  readonly earlier: EarlierFigures | undefined;
  /** With the counts of its hosts: for a master that cannot adopt them. */
  readonly whole?: SavedCounters;
}

/** Lets hosts outlive this master. */
export interface Survival {
  /** The pool's hosts of before; each is given once. */
  take(pool: string): Survivors | undefined;
  /**
   * The generation serves from now on: its host may outlive the master.
   *
   * @param isOnTrial beside another one, which the next master prefers
   */
  cover(generation: Generation, pool: PreparedPool, isOnTrial: boolean): void;
  /** Its host is gone. */
  forget(generation: Generation): void;
  /** No host holds its socket that could outlive the master: the pool sleeps, or its first host starts. */
  keepSocket(pool: PreparedPool): void;
  /** Counts beside the scoreboards have changed. */
  counted(pool: string, read: () => SavedPool): void;
  /** Saved figures of a pool whose hosts cannot be taken; undefined if no master has left any. */
  saved(pool: string): SavedPool | undefined;
  /**
   * Hosts of the pool that nobody can take, and that finish what they run; undefined where what one of them counts cannot
   * be read.
   *
   * @param saved what was written down
   */
  leftovers(pool: string, saved: SavedPool | undefined): readonly Leftover[] | undefined;
}
