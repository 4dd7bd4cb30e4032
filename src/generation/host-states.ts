/**
 * The states of an engine host in the master. A host only moves forward; an illegal move is a fault of the master and
 * throws.
 */

import { transitions } from '../runtime/transitions.ts';

export const hostStates = {
  /** The process has started and reads its settings; PHP is not up yet. */
  starting: 'starting',
  /** PHP is up, rights are given up; workers are being made, nothing is accepted. */
  ready: 'ready',
  /** Accepts connections. */
  serving: 'serving',
  /** Accepts no more; finishes its requests. */
  draining: 'draining',
  /** Told to end at once, or no longer trusted. */
  ending: 'ending',
  /** The process has ended. */
  gone: 'gone',
} as const;
export type HostState = (typeof hostStates)[keyof typeof hostStates];

/** Legal next states of a host. */
export const hostTransitions = transitions<HostState>('a host', {
  // Draining: one that accepts from its `ready` on, and is not wanted any more.
  starting: ['ready', 'draining', 'ending', 'gone'],
  ready: ['serving', 'draining', 'ending', 'gone'],
  serving: ['draining', 'ending', 'gone'],
  draining: ['ending', 'gone'],
  ending: ['gone'],
  gone: [],
});
