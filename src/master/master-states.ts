/** What the master is up to. Outside `normal` no dead worker is replaced in a pool that stops. */

import { transitions } from '../runtime/transitions.ts';

export const masterStates = {
  /** Until every pool of the first start serves or has been given up. */
  starting: 'starting',
  normal: 'normal',
  /** A new configuration is being put in force; requests are served all the while. */
  reloading: 'reloading',
  /** Stops gracefully. */
  finishing: 'finishing',
  /** Stops at once. */
  terminating: 'terminating',
} as const;
export type MasterState = (typeof masterStates)[keyof typeof masterStates];

/** From each state, where the master may go next. A stop cannot be taken back, only hastened. */
export const masterTransitions = transitions<MasterState>('the master', {
  starting: ['normal', 'finishing', 'terminating'],
  normal: ['reloading', 'finishing', 'terminating'],
  reloading: ['normal', 'finishing', 'terminating'],
  finishing: ['terminating'],
  terminating: [],
});
