/** The configuration of a command that has a master of its own, such as `hathi serve`: a text instead of a file. */

import { checkStart } from '../config/check.ts';
import type { Configuration } from '../config/directives.ts';
import { loadConfiguration } from '../config/load.ts';
import type { ConfigMessage } from '../config/messages.ts';
import { decodeText, encodeText } from './binary-text.ts';
import { configSystem } from './config-system.ts';

/**
 * Reads the text as a configuration file of that name and checks what a start needs. The default error log is not
 * opened: such a command has a log of its own.
 *
 * @throws Error with all faults, for the user
 */
export function readConfigurationText(text: string, name: string, allowRoot: boolean): Configuration {
  const real = configSystem({ allowRoot, env: process.env, ini: new Map() });
  const system = {
    ...real,
    readFile: (path: string) => (path === name ? encodeText(text) : real.readFile(path)),
    openForAppend: () => undefined,
  };
  const { configuration, messages } = loadConfiguration({ file: name, daemonize: false }, system);
  if (configuration === undefined) throw new Error(textOf(messages));
  const refused = checkStart(configuration, system, 'start');
  if (refused.length > 0) throw new Error(textOf(refused));
  return decodeText(configuration);
}

function textOf(messages: readonly ConfigMessage[]): string {
  return messages.map(({ text, detail }) => [text, ...(detail ?? [])].join('\n  ')).join('\n');
}
