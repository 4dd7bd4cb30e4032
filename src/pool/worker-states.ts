/**
 * The life of a worker as the master sees it. `idle` and `busy` come from the scoreboard, the rest from the
 * control channel and from what the master asked for.
 */

import { transitions } from '../runtime/transitions.ts';
import type { WorkerStage } from '../scoreboard/states.ts';

export const workerStates = {
  /** The host was asked for it; there is no pid yet. */
  starting: 'starting',
  /** Up, waits for a request. */
  idle: 'idle',
  /** Up, has a request. */
  busy: 'busy',
  /** Was asked to end: it is not spare any more, whatever its slot says. */
  stopping: 'stopping',
  /** Gone; its slot is free. */
  ended: 'ended',
} as const;
export type WorkerState = (typeof workerStates)[keyof typeof workerStates];

/** From each state, where a worker may go next. A worker may die in every state. */
export const workerTransitions = transitions<WorkerState>('a worker', {
  starting: ['idle', 'busy', 'stopping', 'ended'],
  idle: ['busy', 'stopping', 'ended'],
  busy: ['idle', 'stopping', 'ended'],
  stopping: ['ended'],
  ended: [],
});

/**
 * The state of a worker after a look at its slot. Only a worker that is up follows its slot: what the slot says
 * of a worker that is not up, was asked to go, or is gone does not count.
 */
export function observeWorker(state: WorkerState, stage: WorkerStage): WorkerState {
  switch (state) {
    case 'idle':
    case 'busy': {
      const seen = stage === 'idle' ? workerStates.idle : workerStates.busy;
      return seen === state ? state : workerTransitions.move(state, seen);
    }
    case 'starting':
    case 'stopping':
    case 'ended':
      return state;
    default:
      throw new Error(`cannot observe a worker in the state ${JSON.stringify(state)}`);
  }
}
