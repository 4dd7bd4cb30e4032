/** States of a worker thread, as the main thread sees them, and the legal moves. */

import { transitions } from '../../../runtime/transitions.ts';

export const threadStates = {
  /** The thread and PHP are starting, or the application of worker mode. */
  booting: 'booting',
  /** Clean and without a request. */
  idle: 'idle',
  running: 'running',
  /** The answer is complete, PHP ended by a fatal error: the instance is being restored, `up` follows. */
  restoring: 'restoring',
  /** Asked to leave in order. */
  leaving: 'leaving',
  /** Being ended, even if busy. */
  ending: 'ending',
  /** The thread has ended. */
  gone: 'gone',
} as const;
export type ThreadState = (typeof threadStates)[keyof typeof threadStates];

/** A thread may die in every state, and may be ended in every state except the last. */
export const threadTransitions = transitions<ThreadState>('a worker thread', {
  booting: ['idle', 'ending', 'gone'],
  idle: ['booting', 'running', 'leaving', 'ending', 'gone'],
  running: ['idle', 'restoring', 'ending', 'gone'],
  restoring: ['idle', 'ending', 'gone'],
  leaving: ['ending', 'gone'],
  ending: ['gone'],
  gone: [],
});
