/** Where the master of a configuration file can be asked. Reads, and makes no file. */

import { lstatSync } from 'node:fs';
import { decodeText, encodeText } from '../../boot/binary-text.ts';
import { configSystem } from '../../boot/config-system.ts';
import { adminOff, checkAdminListen } from '../../config/admin.ts';
import { defaultAdminSocket, type MasterName } from '../../config/admin-place.ts';
import { type LoadResult, loadConfiguration } from '../../config/load.ts';
import { expandPath, isUnixAddress, STATE_DIRECTORY } from '../../config/paths.ts';
import { AdminError, deniedTo } from '../../top/admin-client.ts';

export interface Endpoint {
  /** Path of a Unix socket, or `host:port`. */
  readonly address: string;
  readonly token: string | undefined;
}

/**
 * A file that is not valid, or cannot be read, is no obstacle: the master runs on what it read before. What its section
 * [global] says up to the mistake counts; the default socket depends on the path and the prefix alone.
 *
 * @throws AdminError where nothing is to be found, or there is no endpoint by the file's word
 */
export function findEndpoint(file: string, prefix: string | undefined, env: NodeJS.ProcessEnv): Endpoint {
  const system = configSystem({ allowRoot: true, env, ini: new Map() });
  // The logs are the master's: who only asks may not be allowed to write them, and must not make them.
  const reading = { ...system, openForAppend: () => undefined };
  const result = loadConfiguration(
    { file: encodeText(file), ...(prefix === undefined ? {} : { prefix: encodeText(prefix) }) },
    reading,
  );
  const { 'admin.listen': listen, 'admin.token': token } = decodeText(result.global);
  const name = { file, prefix };
  const address = usable(listen, prefix);
  if (address !== undefined && (!address.includes('/') || isThere(address))) return { address, token };
  // The file on disk may have changed since it was put in force.
  const byDefault = places(name, env).find(isThere) ?? address;
  if (byDefault !== undefined) return { address: byDefault, token };
  if (listen === adminOff) {
    throw new AdminError(`Cannot ask the master: "${file}" says admin.listen = off`);
  }
  throw notFound(name, env, problemOf(result));
}

/** `admin.listen` as the master completes it; undefined for one that it would refuse. */
function usable(listen: string | undefined, prefix: string | undefined): string | undefined {
  if (listen === undefined || listen === adminOff || checkAdminListen(listen) !== undefined) return undefined;
  return isUnixAddress(listen) ? expandPath(listen, { global: prefix, fallback: STATE_DIRECTORY }) : listen;
}

function problemOf({ ok, messages }: LoadResult): string | undefined {
  if (ok) return undefined;
  return decodeText(
    messages.find(({ level }) => level === 'error' || level === 'alert')?.text ?? 'it is not valid',
  );
}

/** The default sockets of this user's master, and of the master of a service, which is root's. */
function places(name: MasterName, env: NodeJS.ProcessEnv): string[] {
  const uids = [process.getuid?.() ?? 0, 0];
  return uids.map((uid) => defaultAdminSocket(name, env, uid)).filter((place) => place !== undefined);
}

function notFound(name: MasterName, env: NodeJS.ProcessEnv, problem: string | undefined): AdminError {
  const because = problem === undefined ? '' : ` The file cannot tell another place: ${problem}.`;
  return new AdminError(
    `Cannot find the master of "${name.file}": there is no socket ${places(name, env)[0]}.${because} Ask as the user of the master and with its -y and -p, or give --connect`,
  );
}

/** @throws AdminError where only others may look */
function isThere(place: string): boolean {
  try {
    return lstatSync(place, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    throw deniedTo(place, error);
  }
}
