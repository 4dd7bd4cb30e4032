/** States of the master. Outside `normal` a stopping pool gets no replacements for dead workers. */

import { transitions } from '../runtime/transitions.ts';

export const masterStates = {
  /** Until every pool of the first start serves or was given up. */
  starting: 'starting',
  normal: 'normal',
  /** A new configuration is being applied; requests are served all the while. */
  reloading: 'reloading',
  /** Another program starts, to which this one gives way. */
  upgrading: 'upgrading',
  /** Stops gracefully. */
  finishing: 'finishing',
  /** Stops at once. */
  terminating: 'terminating',
} as const;
export type MasterState = (typeof masterStates)[keyof typeof masterStates];

/** Legal next states of the master. A stop cannot be undone, only hastened. */
export const masterTransitions = transitions<MasterState>('the master', {
  starting: ['normal', 'finishing', 'terminating'],
  normal: ['reloading', 'upgrading', 'finishing', 'terminating'],
  reloading: ['normal', 'finishing', 'terminating'],
  upgrading: ['normal', 'finishing', 'terminating'],
  finishing: ['terminating'],
  terminating: [],
});
