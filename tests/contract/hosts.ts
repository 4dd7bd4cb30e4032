/** The engine hosts that the contract suite is run against. */

import { after } from 'node:test';
import { TemplateProcess } from '../../src/generation/template-process.ts';
import type { FieldEngine } from '../../src/scoreboard/layout.ts';
import { embeddedHost } from '../embedded/fake-master.ts';
import { nativeBuild } from '../native/built-engine.ts';

export interface ContractHost {
  readonly name: FieldEngine;
  /** Name of the engine, and how the host comes to be. */
  readonly title: string;
  /** Makes the hosts by fork; undefined where they are executed. To be called once they are wanted. */
  readonly template?: () => TemplateProcess;
  readonly command: readonly string[];
  /** Reason to skip, or false. */
  readonly skip: string | false;
}

const native = nativeBuild();

let template: TemplateProcess | undefined;

/** One for all tests of a file. */
function sharedTemplate(): TemplateProcess {
  template ??= new TemplateProcess({
    command: native.template,
    settings: [],
    env: process.env,
    onEvent: () => {},
  });
  return template;
}

after(() => template?.close());

export const contractHosts: readonly ContractHost[] = [
  { name: 'embedded', title: 'embedded', command: embeddedHost, skip: false },
  { name: 'native', title: 'native, executed', command: native.command, skip: native.skip },
  {
    name: 'native',
    title: 'native, forked',
    command: native.command,
    skip: native.skip,
    template: sharedTemplate,
  },
];
