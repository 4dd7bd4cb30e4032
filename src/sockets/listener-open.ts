/**
 * Binds the socket of a `listen` value, or, for `-t`, only tests it: the same steps, checks and words.
 */
import { accessSync, closeSync, constants, type Stats, statSync } from 'node:fs';
import { constants as os } from 'node:os';
import { dirname } from 'node:path';
import { errorNumber } from '../posix/libc.ts';
import { withUmask } from '../posix/session.ts';
import { type OpenFile, withFile } from '../posix/socket-file.ts';
import { listeningProcesses } from '../posix/socket-holders.ts';
import {
  bind,
  maxUnixPathBytes,
  openSocket,
  type SocketAddress,
  setReuseAddress,
  somebodyListens,
} from '../posix/sockets.ts';
import { type ListenAddress, resolveListenAddress } from './listener-address.ts';
import { AddressInUse, attempt, ListenerError } from './listener-error.ts';
import type { ListenerLog, SocketAccess } from './listener-ownership.ts';

/** A pool's settings of its socket. */
export interface ListenSettings extends SocketAccess {
  readonly pool: string;
  readonly address: ListenAddress;
  /** `listen.backlog`; -1 means the system's limit. */
  readonly backlog: number;
}

/**
 * Opens and binds the first available address of the settings; the other addresses of a host name are only mentioned.
 *
 * @throws ListenerError
 */
export async function openBoundSocket(
  settings: ListenSettings,
  log: ListenerLog,
): Promise<[fd: number, address: SocketAddress]> {
  return openFirst(settings, await resolveListenAddress(settings.address), log);
}

/**
 * Tests whether {@link openBoundSocket} would succeed. A port is bound for a moment, without listening; a path is only
 * inspected. Names of users and groups are checked with the configuration.
 *
 * @param isOurs whether a process is the running instance of this configuration, whose sockets a reload keeps; testing
 *   the configuration of a running service must not fail for them.
 * @throws ListenerError; {@link AddressInUse} when another process uses the address
 */
export async function tryToOpen(
  settings: ListenSettings,
  isOurs: (pid: number) => boolean = () => false,
): Promise<void> {
  let failure: unknown;
  // One bindable address is enough.
  for (const address of await resolveListenAddress(settings.address)) {
    try {
      if (address.family === 'unix') checkUnix(settings.pool, address, isOurs);
      else tryTcp(address, settings.address.text, isOurs);
      return;
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

function checkUnix(pool: string, address: { path: string }, isOurs: (pid: number) => boolean): void {
  const { path } = address;
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
  attempt(`[pool ${pool}] cannot make the socket '${path}' in the folder '${folder}'`, () =>
    accessSync(folder, constants.W_OK | constants.X_OK),
  );
}

function tryTcp(address: SocketAddress, name: string, isOurs: (pid: number) => boolean): void {
  try {
    closeSync(openTcp(address, name));
  } catch (error) {
    const isTaken = errorNumber((error as Error).cause)?.errno === os.errno.EADDRINUSE;
    if (!isTaken) throw error;
    if (!listeningProcesses(address).some(({ pid }) => isOurs(pid))) throw inUse(address, name);
  }
}

/** @param name the address in the configuration */
function inUse(address: SocketAddress, name: string): AddressInUse {
  const holders = listeningProcesses(address).map(({ name, pid }) => `${name} (pid ${pid})`);
  const who = holders.length === 0 ? 'another process' : holders.join(', ');
  return new AddressInUse(`the address '${name}' is in use by ${who}: stop it or choose another address`);
}

function openFirst(
  settings: ListenSettings,
  addresses: readonly SocketAddress[],
  log: ListenerLog,
): [fd: number, address: SocketAddress] {
  const { address: wanted } = settings;
  const isAnyAddress = wanted.kind === 'tcp' && wanted.host === undefined;
  let failure: unknown;
  for (const [index, address] of addresses.entries()) {
    if (isAnyAddress && index > 0) {
      log.notice('Failed implicitly binding to ::, retrying with 0.0.0.0');
    }
    try {
      const fd = address.family === 'unix' ? openUnix(settings, address.path) : openTcp(address, wanted.text);
      if (wanted.kind === 'tcp' && !isAnyAddress) mentionAddresses(wanted.text, addresses, index, log);
      return [fd, address];
    } catch (error) {
      failure = error;
    }
  }
  throw failure ?? new ListenerError(`getaddrinfo: no address for '${wanted.text}'`);
}

function mentionAddresses(
  text: string,
  addresses: readonly SocketAddress[],
  used: number,
  log: ListenerLog,
): void {
  const name = text.slice(0, text.lastIndexOf(':'));
  for (const [index, address] of addresses.entries()) {
    const text = address.family === 'unix' ? address.path : address.host;
    if (index === used) log.debug(`Found address for ${name}, socket opened on ${text}`);
    else if (index > used) log.warning(`Found multiple addresses for ${name}, ${text} ignored`);
  }
}

/** @param name the address in the log: as in PHP-FPM the configuration's name, whatever it resolves to */
function openTcp(address: SocketAddress, name: string): number {
  return openBound({ family: address.family, name }, (fd) => {
    setReuseAddress(fd);
    bind(fd, address);
  });
}

function openUnix(settings: ListenSettings, path: string): number {
  checkPathLength(settings.pool, path);
  removeStaleSocket(path);
  const address: SocketAddress = { family: 'unix', path };
  // Nobody else may connect between bind and chmod, so the mode is right from the start.
  return openBound({ family: 'unix', name: path }, (fd) =>
    withUmask(0o777 & ~settings.mode, () => bind(fd, address)),
  );
}

function openBound(
  { family, name }: { readonly family: SocketAddress['family']; readonly name: string },
  bindIt: (fd: number) => void,
): number {
  const fd = attempt('failed to create new listening socket: socket()', () => openSocket(family));
  try {
    attempt(`unable to bind listening socket for address '${name}'`, () => bindIt(fd));
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** @throws ListenerError for a path too long for sockaddr_un; PHP-FPM truncates it silently until 8.2. */
function checkPathLength(pool: string, path: string): void {
  const length = Buffer.byteLength(path);
  if (length <= maxUnixPathBytes) return;
  throw new ListenerError(
    `[pool ${pool}] cannot bind to UNIX socket '${path}' as path is too long (found length: ${length}, maximal length: ${maxUnixPathBytes})`,
    { isOfFiles: true },
  );
}

/**
 * Makes room for a socket at `path`: removes a socket that nobody listens on, keeps everything else.
 *
 * @throws ListenerError when somebody listens there, or when another kind of file is there.
 */
function removeStaleSocket(path: string): void {
  lookAtPlace(path, (file) =>
    attempt(
      `unable to remove the stale socket '${path}' (let the master write to its folder, or remove it by hand)`,
      () => file.unlink(),
    ),
  );
}

/**
 * Checks whether a socket can be created at `path`.
 *
 * @param onStale receives a socket that nobody listens on
 * @throws ListenerError when the place is taken.
 */
function lookAtPlace(path: string, onStale: (file: OpenFile) => void): void {
  attempt(`unable to look at the place of the socket '${path}'`, () =>
    withFile(path, (file) => {
      if (!file.stat.isSocket()) {
        throw new ListenerError(
          `unable to bind listening socket for address '${path}': ${kindOfFile(file.stat)} is there and is left alone, move it away or choose another path`,
        );
      }
      // Tested by descriptor: the same file is removed then.
      const taken = attempt(`unable to find out whether somebody listens on '${path}'`, () =>
        somebodyListens({ family: 'unix', path: file.place }),
      );
      if (taken) throw new ListenerError(`Another FPM instance seems to already listen on ${path}`);
      onStale(file);
    }),
  );
}

function kindOfFile(found: Stats): string {
  if (found.isFile()) return 'a regular file';
  if (found.isDirectory()) return 'a folder';
  if (found.isSymbolicLink()) return 'a symbolic link';
  return 'a file that is no socket';
}
