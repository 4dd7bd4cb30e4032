/** Where the master of a configuration file can be asked. Reads, and makes no file. */

import { existsSync } from 'node:fs';
import { adminOff } from '../config/admin.ts';
import { defaultAdminSocket, type MasterName } from '../config/admin-place.ts';
import { loadConfiguration } from '../config/load.ts';
import { AdminError } from '../top/admin-client.ts';
import { decodeText, encodeText } from './binary-text.ts';
import { configSystem } from './config-system.ts';

export interface Endpoint {
  /** Path of a Unix socket, or `host:port`. */
  readonly address: string;
  readonly token: string | undefined;
}

/** @throws AdminError when the file cannot be read, or there is no endpoint by its word */
export function findEndpoint(file: string, prefix: string | undefined, env: NodeJS.ProcessEnv): Endpoint {
  const system = configSystem({ allowRoot: true, env, ini: new Map() });
  // The logs are the master's: who only asks may not be allowed to write them, and must not make them.
  const reading = { ...system, openForAppend: () => undefined };
  const { configuration, messages } = loadConfiguration(
    { file: encodeText(file), ...(prefix === undefined ? {} : { prefix: encodeText(prefix) }) },
    reading,
  );
  if (configuration === undefined) {
    const why = messages.find(({ level }) => level === 'error' || level === 'alert')?.text;
    throw new AdminError(
      `Cannot find the master: ${why === undefined ? 'the configuration is not valid' : decodeText(why)}`,
    );
  }
  const { 'admin.listen': address, 'admin.token': token } = decodeText(configuration.global);
  if (address === adminOff) {
    throw new AdminError(`Cannot ask the master: "${file}" says admin.listen = off`);
  }
  return { address: address ?? defaultPlace({ file, prefix }, env), token };
}

function defaultPlace(name: MasterName, env: NodeJS.ProcessEnv): string {
  const uid = process.getuid?.() ?? 0;
  const place = defaultAdminSocket(name, env, uid);
  if (place !== undefined && existsSync(place)) return place;
  // The master of a service is root's; its socket tells others more clearly than we could that it is not for them.
  const ofRoot = defaultAdminSocket(name, env, 0);
  if (ofRoot !== undefined && existsSync(ofRoot)) return ofRoot;
  throw new AdminError(
    `Cannot find the master of "${name.file}": there is no socket ${place ?? ofRoot}. Ask as the user of the master and with its -y and -p, or give --connect`,
  );
}
