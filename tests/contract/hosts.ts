/** The engine hosts that the contract suite is run against. */
import type { FieldEngine } from '../../src/scoreboard/layout.ts';
import { embeddedHost } from '../embedded/fake-master.ts';
import { nativeBuild } from '../native/built-engine.ts';

export interface ContractHost {
  readonly name: FieldEngine;
  readonly command: readonly string[];
  /** Reason to skip, or false. */
  readonly skip: string | false;
}

export const contractHosts: readonly ContractHost[] = [
  { name: 'embedded', command: embeddedHost, skip: false },
  { name: 'native', ...nativeBuild() },
];
