/** Finds the admin endpoint of a configuration file's master. Reads only, and creates no file. */

import { lstatSync } from 'node:fs';
import { decodeText, encodeText } from '../../boot/binary-text.ts';
import { configSystem } from '../../boot/config-system.ts';
import { adminOff, checkAdminListen } from '../../config/admin.ts';
import { defaultAdminSocket, type MasterName } from '../../config/admin-place.ts';
import { type LoadResult, loadConfiguration, loadGlobal } from '../../config/load.ts';
import { expandPath, isUnixAddress, STATE_DIRECTORY } from '../../config/paths.ts';
import { AdminError, deniedTo } from '../../top/admin-client.ts';

export interface Endpoint {
  /** Path of a Unix socket, or `host:port`. */
  readonly address: string;
  readonly token: string | undefined;
}

/**
 * An invalid or unreadable file is no obstacle: the master runs on an earlier one. Its section [global] counts up to
 * the error; the default socket depends only on path and prefix.
 *
 * @throws AdminError when nothing is found, or the file disables the endpoint
 */
export function findEndpoint(file: string, prefix: string | undefined, env: NodeJS.ProcessEnv): Endpoint {
  const system = configSystem({ allowRoot: true, env, ini: new Map() });
  // The logs belong to the master: a client may lack the right to write them, and must not create them.
  const reading = { ...system, openForAppend: () => undefined };
  const options = { file: encodeText(file), ...(prefix === undefined ? {} : { prefix: encodeText(prefix) }) };
  const { 'admin.listen': listen, 'admin.token': token } = decodeText(loadGlobal(options, reading));
  const name = { file, prefix };
  const address = usable(listen, prefix);
  if (address !== undefined && (!address.includes('/') || isThere(address))) return { address, token };
  // The file on disk may have changed since the master read it.
  const byDefault = places(name, env).find(isThere) ?? address;
  if (byDefault !== undefined) return { address: byDefault, token };
  if (listen === adminOff) {
    throw new AdminError(`Cannot ask the master: "${file}" says admin.listen = off`);
  }
  throw notFound(name, env, problemOf(loadConfiguration(options, reading)));
}

/** `admin.listen` as completed by the master; undefined for an invalid one. */
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

/** The default sockets of this user's master, and of a service's master, which is root's. */
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

/** @throws AdminError when only others may look */
function isThere(place: string): boolean {
  try {
    return lstatSync(place, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    throw deniedTo(place, error);
  }
}
