/** What one pool reports to the master, which handles all of it in its queue. */

import type { Generation } from './generation.ts';
import type { HostEvent } from './host-process.ts';

export interface PoolReports {
  /** The first connection of a pool that sleeps. */
  readonly wake: () => void;
  readonly hostEvent: (generation: Generation, event: HostEvent) => void;
  /**
   * Something to be done from the master's queue, inside the pool's wall.
   *
   * @param generation whose host it is about, where it is about one
   * @param doing what, for the log: it stands behind "while"
   */
  readonly enqueue: (generation: Generation | undefined, doing: string, act: () => void) => void;
  readonly outcome: (outcome: PoolOutcome) => void;
}

export type PoolOutcome =
  /** A generation took over the pool's socket. */
  | { readonly type: 'serving'; readonly generation: Generation }
  /** It serves without a host until a connection comes. */
  | { readonly type: 'asleep' }
  /** The first or a new generation could not be started; the old one, if there is one, serves on. */
  | { readonly type: 'gaveUp'; readonly reason: string }
  /** A worker died by a signal that counts for emergency_restart. */
  | { readonly type: 'crash' }
  /** No host of the pool is left. */
  | { readonly type: 'gone' };
