/** Reports of one pool to the master, which handles all of them in its queue. */

import type { Generation } from './generation.ts';
import type { HostEvent } from './host-process.ts';

export interface PoolReports {
  /** The first connection of a sleeping pool. */
  readonly wake: () => void;
  readonly hostEvent: (generation: Generation, event: HostEvent) => void;
  /**
   * An action for the master's queue, inside the pool's wall.
   *
   * @param generation the host's generation if it concerns one
   * @param doing the action, for the log, where it follows "while"
   */
  readonly enqueue: (generation: Generation | undefined, doing: string, act: () => void) => void;
  readonly outcome: (outcome: PoolOutcome) => void;
}

export type PoolOutcome =
  /** A generation took over the pool's socket. */
  | { readonly type: 'serving'; readonly generation: Generation }
  /** It serves without a host until the next connection. */
  | { readonly type: 'asleep' }
  /** The first or a new generation failed to start; the old one, if there is one, continues to serve. */
  | { readonly type: 'gaveUp'; readonly reason: string }
  /** A worker died by a signal that counts for emergency_restart. */
  | { readonly type: 'crash' }
  /** No host of the pool is left. */
  | { readonly type: 'gone' };
