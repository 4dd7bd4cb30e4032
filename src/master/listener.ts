/**
 * One listening socket of the master. Its descriptor outlives every host; libuv never sees it, so the master
 * itself accepts nothing.
 */
import { closeSync, lstatSync, type Stats, unlinkSync } from 'node:fs';
import { setCloseOnExec } from '../posix/descriptors.ts';
import { withUmask } from '../posix/session.ts';
import {
  bind,
  boundAddress,
  type ListenQueue,
  listen,
  maxUnixPathBytes,
  openSocket,
  type SocketAddress,
  setReuseAddress,
  somebodyListens,
  tcpListenQueue,
} from '../posix/sockets.ts';
import { unixListenQueue } from '../posix/unix-queue.ts';
import { type ListenAddress, resolveListenAddress, socketKey } from './listener-address.ts';
import { ListenerError } from './listener-error.ts';
import { applyAccess, type ListenerLog, resolveAccess, type SocketAccess } from './listener-ownership.ts';

/** What a pool asks of its socket. */
export interface ListenSettings extends SocketAccess {
  readonly pool: string;
  readonly address: ListenAddress;
  /** `listen.backlog`; -1 is the system's limit. */
  readonly backlog: number;
}

/** Where a descriptor came from. Those of systemd keep the mode, owner and backlog of their socket unit. */
export type ListenerOrigin = 'opened' | 'inherited' | 'systemd';

export class Listener {
  /** Resolved address, by which PHP-FPM tells sockets apart: a path, or `ip:port`. */
  readonly key: string;
  readonly kind: 'unix' | 'tcp';
  readonly fd: number;
  readonly origin: ListenerOrigin;
  /** Identity of the socket file, so that one that somebody else made there is never removed. */
  readonly #file: { readonly dev: number; readonly ino: number } | undefined;
  #closed = false;

  private constructor(fd: number, address: SocketAddress, origin: ListenerOrigin) {
    this.fd = fd;
    this.key = socketKey(address);
    this.kind = address.family === 'unix' ? 'unix' : 'tcp';
    this.origin = origin;
    this.#file = address.family === 'unix' ? socketAt(address.path) : undefined;
  }

  /**
   * Makes the socket that the settings ask for, bound and listening, with owner, mode and list applied. Nothing
   * is left behind when that fails.
   *
   * @throws ListenerError
   */
  static async open(settings: ListenSettings, log: ListenerLog): Promise<Listener> {
    const addresses = await resolveListenAddress(settings.address);
    const [fd, address] = openFirst(settings, addresses, log);
    const listener = new Listener(fd, address, 'opened');
    try {
      listener.#listen(settings.backlog);
      if (listener.kind === 'unix') listener.#applyAccess(settings, log);
      return listener;
    } catch (error) {
      listener.close({ unlink: true });
      throw error;
    }
  }

  /**
   * Takes over a descriptor that listens already.
   *
   * @throws PosixError when it is no socket.
   */
  static adopt(fd: number, origin: 'inherited' | 'systemd'): Listener {
    const address = boundAddress(fd);
    setCloseOnExec(fd, true);
    return new Listener(fd, address, origin);
  }

  /**
   * Applies settings to the open socket: backlog (listen(2) may be called again), owner, mode, list. A socket of
   * systemd stays as its socket unit made it.
   *
   * @throws ListenerError
   */
  apply(settings: ListenSettings, log: ListenerLog): void {
    if (this.origin === 'systemd') return;
    this.#listen(settings.backlog);
    if (this.kind === 'unix') this.#applyAccess(settings, log);
  }

  /** Connections that wait to be accepted, and how many may; undefined where the kernel does not say. */
  queue(): ListenQueue | undefined {
    return this.kind === 'tcp' ? tcpListenQueue(this.fd) : unixListenQueue(this.fd);
  }

  /** False when the file of a Unix socket was removed or replaced, so that no client finds this socket any more. */
  isReachable(): boolean {
    if (this.kind === 'tcp') return true;
    const file = socketAt(this.key);
    return file !== undefined && file.dev === this.#file?.dev && file.ino === this.#file.ino;
  }

  /**
   * Closes the descriptor; with `unlink` the file of a Unix socket goes first, unless it is not ours any more
   * or systemd's. May be called again.
   */
  close(options: { readonly unlink: boolean }): void {
    if (this.#closed) return;
    this.#closed = true;
    if (options.unlink && this.kind === 'unix' && this.origin !== 'systemd' && this.isReachable()) {
      unlinkSync(this.key);
    }
    closeSync(this.fd);
  }

  #listen(backlog: number): void {
    try {
      listen(this.fd, backlog);
    } catch (cause) {
      throw new ListenerError(`failed to listen to address '${this.key}'`, { cause });
    }
  }

  #applyAccess(settings: ListenSettings, log: ListenerLog): void {
    applyAccess(settings.pool, this.key, resolveAccess(settings.pool, settings, log), log);
  }
}

/** Opens and binds the first address that can be had; the others of a host name are only mentioned. */
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
      const fd = address.family === 'unix' ? openUnix(settings, address.path) : openTcp(address);
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

function openTcp(address: SocketAddress): number {
  return openBound(address, (fd) => {
    setReuseAddress(fd);
    bind(fd, address);
  });
}

function openUnix(settings: ListenSettings, path: string): number {
  checkPathLength(settings.pool, path);
  removeStaleSocket(path);
  const address: SocketAddress = { family: 'unix', path };
  // Between bind and chmod nobody else may connect, so the mode is right from the first moment.
  return openBound(address, (fd) => withUmask(0o777 & ~settings.mode, () => bind(fd, address)));
}

function openBound(address: SocketAddress, bindIt: (fd: number) => void): number {
  const fd = attempt('failed to create new listening socket: socket()', () => openSocket(address.family));
  try {
    attempt(`unable to bind listening socket for address '${socketKey(address)}'`, () => bindIt(fd));
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** @throws ListenerError for a path that sockaddr_un cannot hold; PHP-FPM cuts it in silence until 8.2. */
export function checkPathLength(pool: string, path: string): void {
  const length = Buffer.byteLength(path);
  if (length <= maxUnixPathBytes) return;
  throw new ListenerError(
    `[pool ${pool}] cannot bind to UNIX socket '${path}' as path is too long (found length: ${length}, maximal length: ${maxUnixPathBytes})`,
    { isOfFiles: true },
  );
}

/**
 * Makes room for a socket at `path`: one that nobody listens on is removed, everything else stays.
 *
 * @throws ListenerError when somebody listens there, or when something is there that is no socket.
 */
function removeStaleSocket(path: string): void {
  if (!isStaleSocket(path)) return;
  attempt(`unable to remove the stale socket '${path}'`, () => unlinkSync(path));
}

/**
 * True when a socket is at `path` that nobody listens on, false when nothing is there.
 *
 * @throws ListenerError when the place is taken.
 */
export function isStaleSocket(path: string): boolean {
  const found = attempt(`unable to look at the place of the socket '${path}'`, () =>
    lstatSync(path, { throwIfNoEntry: false }),
  );
  if (found === undefined) return false;
  if (!found.isSocket()) {
    throw new ListenerError(
      `unable to bind listening socket for address '${path}': ${kindOfFile(found)} is there and is left alone, move it away or choose another path`,
    );
  }
  const taken = attempt(`unable to find out whether somebody listens on '${path}'`, () =>
    somebodyListens({ family: 'unix', path }),
  );
  if (taken) throw new ListenerError(`Another FPM instance seems to already listen on ${path}`);
  return true;
}

function kindOfFile(found: Stats): string {
  if (found.isFile()) return 'a regular file';
  if (found.isDirectory()) return 'a folder';
  if (found.isSymbolicLink()) return 'a symbolic link';
  return 'a file that is no socket';
}

function socketAt(path: string): Stats | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isSocket() ? found : undefined;
}

function attempt<T>(text: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw new ListenerError(text, { cause });
  }
}
