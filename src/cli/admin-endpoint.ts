/** Where the master of a configuration file can be asked. Reads, and makes no file. */

import { loadConfiguration } from '../config/load.ts';
import { AdminError } from '../top/admin-client.ts';
import { configSystem } from './config-system.ts';
import { decodeText } from './configuration.ts';

export interface Endpoint {
  /** Path of a Unix socket, or `host:port`. */
  readonly address: string;
  readonly token: string | undefined;
}

/** @throws AdminError when the file cannot be read or sets no `admin.listen` */
export function findEndpoint(file: string, prefix: string | undefined, env: NodeJS.ProcessEnv): Endpoint {
  const system = configSystem({ allowRoot: true, env, ini: new Map() });
  // The logs are the master's: who only asks may not be allowed to write them, and must not make them.
  const reading = { ...system, openForAppend: () => undefined };
  const { configuration, messages } = loadConfiguration(
    prefix === undefined ? { file } : { file, prefix },
    reading,
  );
  if (configuration === undefined) {
    const why = messages.find(({ level }) => level === 'error' || level === 'alert')?.text;
    throw new AdminError(`Cannot find the master: ${why ?? 'the configuration is not valid'}`);
  }
  const { 'admin.listen': address, 'admin.token': token } = decodeText(configuration.global);
  if (address === undefined) {
    throw new AdminError(
      `Cannot find the master: "${file}" sets no admin.listen; add "admin.listen = run/hathi-admin.sock" to its section [global] and reload, or give --connect`,
    );
  }
  return { address, token };
}
