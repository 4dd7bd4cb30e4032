/** What a worker thread is doing, as the main thread knows it, and which moves there are. */

import { transitions } from '../../../runtime/transitions.ts';

export const threadStates = {
  /** The thread starts, PHP with it. */
  booting: 'booting',
  /** Clean and without a request. */
  idle: 'idle',
  running: 'running',
  /** The answer is complete, PHP ended by a fatal error: the instance is being restored, `up` follows. */
  restoring: 'restoring',
  /** Was asked to leave in order. */
  leaving: 'leaving',
  /** Is being ended whatever it does. */
  ending: 'ending',
  /** The thread is gone. */
  gone: 'gone',
} as const;
export type ThreadState = (typeof threadStates)[keyof typeof threadStates];

/** A thread may fall dead in every state, and may be ended in every state but the last. */
export const threadTransitions = transitions<ThreadState>('a worker thread', {
  booting: ['idle', 'ending', 'gone'],
  idle: ['running', 'leaving', 'ending', 'gone'],
  running: ['idle', 'restoring', 'ending', 'gone'],
  restoring: ['idle', 'ending', 'gone'],
  leaving: ['ending', 'gone'],
  ending: ['gone'],
  gone: [],
});
