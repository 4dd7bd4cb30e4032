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
  starting: ['ready', 'ending', 'gone'],
  ready: ['serving', 'draining', 'ending', 'gone'],
  serving: ['draining', 'ending', 'gone'],
  draining: ['ending', 'gone'],
  ending: ['gone'],
  gone: [],
});
