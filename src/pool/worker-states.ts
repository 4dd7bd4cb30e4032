/**
 * The states of a worker in the master. `idle` and `busy` come from the scoreboard, the others from the control channel
 * and the master's own orders.
 */

import { transitions } from '../runtime/transitions.ts';
import type { WorkerStage } from '../scoreboard/states.ts';

export const workerStates = {
  /** Ordered from the host; no pid yet. */
  starting: 'starting',
  /** Up, waits for a request. */
  idle: 'idle',
  /** Up, has a request. */
  busy: 'busy',
  /** Asked to end: no longer spare, whatever its slot says. */
  stopping: 'stopping',
  /** Ended; its slot is free. */
  ended: 'ended',
} as const;
export type WorkerState = (typeof workerStates)[keyof typeof workerStates];

/** Legal next states of a worker. It may die in every state. */
export const workerTransitions = transitions<WorkerState>('a worker', {
  starting: ['idle', 'busy', 'stopping', 'ended'],
  idle: ['busy', 'stopping', 'ended'],
  busy: ['idle', 'stopping', 'ended'],
  stopping: ['ended'],
  ended: [],
});

/**
 * The state of a worker after a read of its slot. Only a worker that is up follows its slot: before it is up, after an
 * order to end, or after its end the slot does not count.
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
