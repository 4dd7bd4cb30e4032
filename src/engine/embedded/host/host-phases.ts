/** Where an embedded host is in its life, and which moves the master may make it do. */

import { transitions } from '../../../runtime/transitions.ts';
import { ContractError } from '../../contract.ts';

export const hostPhases = {
  /** Nothing was said yet. */
  greeting: 'greeting',
  /** Settings arrive. */
  configuring: 'configuring',
  /** PHP is being started. */
  starting: 'starting',
  /** Workers can be made, nothing is accepted. */
  ready: 'ready',
  serving: 'serving',
  /** No new connection is accepted; what was accepted is finished. */
  draining: 'draining',
} as const;
export type HostPhase = (typeof hostPhases)[keyof typeof hostPhases];

/** The master asked for something that the host's state does not allow. The channel is not usable afterwards. */
export class HostFault extends ContractError {}

/** A generation that never served may be drained as well: its reload was given up. */
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
