/** What `-t` finds out about a listening socket without keeping one. */
import { accessSync, closeSync, constants, statSync } from 'node:fs';
import { constants as os } from 'node:os';
import { dirname } from 'node:path';
import { errorNumber } from '../posix/libc.ts';
import { listeningProcesses } from '../posix/socket-holders.ts';
import { bind, openSocket, type SocketAddress, setReuseAddress } from '../posix/sockets.ts';
import { checkPathLength, type ListenSettings, lookAtPlace } from './listener.ts';
import { resolveListenAddress } from './listener-address.ts';
import { AddressInUse, ListenerError } from './listener-error.ts';

/**
 * Problems that would make {@link Listener.open} fail: path, folder, somebody else on the address. Names of users and
 * groups are checked with the configuration. A port is bound for a moment, without listening; a path is only looked at.
 *
 * @param isOurs says of a process that it is the running instance of this configuration, whose sockets a
 * reload keeps; a test of the configuration of a running service must not fail for them.
 */
export async function preflight(
  settings: ListenSettings,
  isOurs: (pid: number) => boolean = () => false,
): Promise<ListenerError[]> {
  const problems: ListenerError[] = [];
  const { address } = settings;
  if (address.kind === 'unix') collect(problems, () => checkUnix(settings.pool, address.path, isOurs));
  else collect(problems, await tcpCheck(settings, isOurs));
  return problems;
}

function collect(problems: ListenerError[], check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof ListenerError)) throw error;
    problems.push(error);
  }
}

function checkUnix(pool: string, path: string, isOurs: (pid: number) => boolean): void {
  checkPathLength(pool, path);
  checkFolder(pool, path);
  const holders = listeningProcesses({ family: 'unix', path });
  if (holders.some(({ pid }) => isOurs(pid))) return;
  if (holders.length > 0) throw inUse({ family: 'unix', path }, path);
  lookAtPlace(path, () => {});
}

function checkFolder(pool: string, path: string): void {
  const folder = dirname(path);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new ListenerError(
      `[pool ${pool}] cannot make the socket '${path}': the folder '${folder}' does not exist, create it or choose another path`,
    );
  }
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new ListenerError(`[pool ${pool}] cannot make the socket '${path}' in the folder '${folder}'`, {
      cause,
    });
  }
}

/** Resolves first, so that what is left cannot wait. One address that can be bound is enough. */
async function tcpCheck(settings: ListenSettings, isOurs: (pid: number) => boolean): Promise<() => void> {
  let addresses: SocketAddress[];
  try {
    addresses = await resolveListenAddress(settings.address);
  } catch (error) {
    return () => {
      throw error;
    };
  }
  return () => {
    const failures = addresses.map((address) => tryBind(address, settings.address.text, isOurs));
    const first = failures[0];
    if (failures.every((failure) => failure !== undefined) && first !== undefined) throw first;
  };
}

function tryBind(
  address: SocketAddress,
  name: string,
  isOurs: (pid: number) => boolean,
): ListenerError | undefined {
  let fd: number | undefined;
  try {
    fd = openSocket(address.family);
    setReuseAddress(fd);
    bind(fd, address);
    return undefined;
  } catch (cause) {
    const isTaken = errorNumber(cause)?.errno === os.errno.EADDRINUSE;
    if (!isTaken) {
      return new ListenerError(`unable to bind listening socket for address '${name}'`, {
        cause,
      });
    }
    return listeningProcesses(address).some(({ pid }) => isOurs(pid)) ? undefined : inUse(address, name);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** @param name of the address in the configuration */
function inUse(address: SocketAddress, name: string): AddressInUse {
  const holders = listeningProcesses(address).map(({ name, pid }) => `${name} (pid ${pid})`);
  const who = holders.length === 0 ? 'another process' : holders.join(', ');
  return new AddressInUse(`the address '${name}' is in use by ${who}: stop it or choose another address`);
}
