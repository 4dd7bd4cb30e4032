/** States of an embedded host and the moves that the master may cause. */

import { transitions } from '../../../runtime/transitions.ts';
import { ContractError } from '../../contract.ts';

export const hostPhases = {
  /** Before the first message. */
  greeting: 'greeting',
  /** Settings arrive. */
  configuring: 'configuring',
  /** PHP is being started. */
  starting: 'starting',
  /** Workers can be made, nothing is accepted. */
  ready: 'ready',
  serving: 'serving',
  /** No new connection is accepted; accepted ones are finished. */
  draining: 'draining',
} as const;
export type HostPhase = (typeof hostPhases)[keyof typeof hostPhases];

/** The master asked for something that the host's state forbids. The channel is unusable afterwards. */
export class HostFault extends ContractError {}

/** A generation that never served may be drained as well: its reload was aborted. */
export const phaseTransitions = transitions<HostPhase>(
  'the host',
  {
    greeting: ['configuring'],
    configuring: ['starting'],
    starting: ['ready'],
    ready: ['serving', 'draining'],
    serving: ['draining'],
    draining: [],
  },
  HostFault,
);
