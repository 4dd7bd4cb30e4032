/**
 * The life of an engine host as the master sees it. A host only moves forward; a move that is not in the table
 * is a fault of the master and throws.
 */

import { transitions } from '../runtime/transitions.ts';

export const hostStates = {
  /** The process was started and reads its settings; PHP is not up yet. */
  starting: 'starting',
  /** PHP is up, rights are given up; workers are being made, nothing is accepted. */
  ready: 'ready',
  /** Accepts connections. */
  serving: 'serving',
  /** Accepts no more; finishes what it has. */
  draining: 'draining',
  /** Was told to go at once, or cannot be trusted any more. */
  ending: 'ending',
  /** The process is gone. */
  gone: 'gone',
} as const;
export type HostState = (typeof hostStates)[keyof typeof hostStates];

/** From each state, where a host may go next. */
export const hostTransitions = transitions<HostState>('a host', {
  starting: ['ready', 'ending', 'gone'],
  ready: ['serving', 'draining', 'ending', 'gone'],
  serving: ['draining', 'ending', 'gone'],
  draining: ['ending', 'gone'],
  ending: ['gone'],
  gone: [],
});
