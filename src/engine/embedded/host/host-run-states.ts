/** Where an embedded host is in its life, and which moves the master may make it do. */

import { ContractError } from '../../contract.ts';

export const hostStates = {
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
export type HostState = (typeof hostStates)[keyof typeof hostStates];

/** A generation that never served may be drained as well: its reload was given up. */
const moves: Readonly<Record<HostState, readonly HostState[]>> = {
  greeting: ['configuring'],
  configuring: ['starting'],
  starting: ['ready'],
  ready: ['serving', 'draining'],
  serving: ['draining'],
  draining: [],
};

/** The master asked for something that the host's state does not allow. The channel is not usable afterwards. */
export class HostFault extends ContractError {}

/** @throws HostFault for a move that the table does not have, naming both states. */
export function assertHostMove(from: HostState, to: HostState): void {
  if (!moves[from].includes(to)) throw new HostFault(`the host cannot go from "${from}" to "${to}"`);
}
