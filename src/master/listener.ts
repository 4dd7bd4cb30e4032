/**
 * One listening socket of the master. Its descriptor outlives every host; libuv never sees it, so the master
 * itself accepts nothing.
 */
import { closeSync, fstatSync, lstatSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { setCloseOnExec } from '../posix/descriptors.ts';
import { withUmask } from '../posix/session.ts';
import { boundFile, type FileIdentity, isSameFile, type OpenFile, withFile } from '../posix/socket-file.ts';
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
import {
  applyAccess,
  type ListenerLog,
  type ResolvedAccess,
  resolveAccess,
  type SocketAccess,
} from './listener-ownership.ts';

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
  /** What the descriptor was when the socket was made: its number may name something else one day. */
  readonly #socket: FileIdentity;
  /** Identity of the socket file, so that one that somebody else made there is never changed or removed. */
  readonly #file: FileIdentity | undefined;
  /** What is in force, so that nothing is called where nothing has changed; undefined for a socket of others. */
  #applied: Applied | undefined;
  #closed = false;

  private constructor(fd: number, address: SocketAddress, origin: ListenerOrigin) {
    this.fd = fd;
    this.key = socketKey(address);
    this.kind = address.family === 'unix' ? 'unix' : 'tcp';
    this.origin = origin;
    this.#socket = identityOf(fd);
    this.#file = address.family === 'unix' ? boundFile(fd, address.path) : undefined;
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
      listener.apply(settings, log);
      return listener;
    } catch (error) {
      listener.remove(log);
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
    const { pool, backlog } = settings;
    const wanted = { backlog, access: this.kind === 'unix' ? resolveAccess(pool, settings, log) : undefined };
    const { access } = wanted;
    if (backlog !== this.#applied?.backlog) this.#listen(backlog);
    if (access !== undefined && !isDeepStrictEqual(access, this.#applied?.access)) {
      this.#change((file) => applyAccess(pool, this.key, file, access, log));
    }
    this.#applied = wanted;
  }

  /** Connections that wait to be accepted, and how many may; undefined where the kernel does not say. */
  queue(): ListenQueue | undefined {
    if (!this.isIntact()) return undefined;
    return this.kind === 'tcp' ? tcpListenQueue(this.fd) : unixListenQueue(this.fd);
  }

  /** False when the descriptor is closed, or names something else by now. */
  isIntact(): boolean {
    try {
      return !this.#closed && isSameFile(identityOf(this.fd), this.#socket);
    } catch {
      return false;
    }
  }

  /**
   * The descriptor, to be handed to a host.
   *
   * @throws ListenerError when it is not that of the socket any more
   */
  intactFd(): number {
    if (this.isIntact()) return this.fd;
    throw new ListenerError(
      `the descriptor ${this.fd} of the listening socket '${this.key}' has been closed: a reload opens the socket again`,
    );
  }

  /** False when the file of a Unix socket was removed or replaced, so that no client finds this socket any more. */
  isReachable(): boolean {
    if (this.kind === 'tcp') return true;
    try {
      return isSameFile(lstatSync(this.key, { throwIfNoEntry: false }), this.#file);
    } catch {
      // Its folder was replaced by something that cannot be looked into.
      return false;
    }
  }

  /** Closes the descriptor and leaves the file of a Unix socket. May be called again. */
  close(): void {
    // A number that names something else by now is another's to close.
    if (this.isIntact()) closeSync(this.fd);
    this.#closed = true;
  }

  /**
   * The same, and the file of a Unix socket goes first, unless it is not ours any more or systemd's. Where that
   * fails the log says so: the socket is closed all the same.
   */
  remove(log: ListenerLog): void {
    if (!this.#closed && this.kind === 'unix' && this.origin !== 'systemd' && this.isReachable()) {
      this.#unlink(log);
    }
    this.close();
  }

  #unlink(log: ListenerLog): void {
    try {
      withFile(this.key, (file) => {
        if (isSameFile(file.stat, this.#file)) file.unlink();
      });
    } catch (cause) {
      const failure = new ListenerError(`unable to remove the socket '${this.key}'`, { cause });
      log.warning(
        `${failure.line}; nothing listens there any more: a start replaces it once the folder '${dirname(this.key)}' can be written, or remove it by hand`,
      );
    }
  }

  /** @throws ListenerError when the socket's file is not there any more */
  #change(action: (file: OpenFile) => void): void {
    const isDone = attempt(`unable to look at the socket '${this.key}'`, () =>
      withFile(this.key, (file) => {
        if (!isSameFile(file.stat, this.#file)) return false;
        action(file);
        return true;
      }),
    );
    if (isDone === true) return;
    throw new ListenerError(
      `the socket '${this.key}' was removed or replaced by somebody who may write to the folder '${dirname(this.key)}': give the folder to root, or choose another path`,
    );
  }

  #listen(backlog: number): void {
    try {
      listen(this.intactFd(), backlog);
    } catch (cause) {
      throw new ListenerError(`failed to listen to address '${this.key}'`, { cause });
    }
  }
}

/** Settings in force on a socket. */
interface Applied {
  readonly backlog: number;
  readonly access: ResolvedAccess | undefined;
}

function identityOf(fd: number): FileIdentity {
  const { dev, ino } = fstatSync(fd);
  return { dev, ino };
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

/** @param name of the address in the log: as in PHP-FPM what the configuration calls it, whatever it stands for */
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
  // Between bind and chmod nobody else may connect, so the mode is right from the first moment.
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
  lookAtPlace(path, (file) => attempt(`unable to remove the stale socket '${path}'`, () => file.unlink()));
}

/**
 * Finds out whether a socket can be made at `path`.
 *
 * @param onStale gets a socket that nobody listens on
 * @throws ListenerError when the place is taken.
 */
export function lookAtPlace(path: string, onStale: (file: OpenFile) => void): void {
  attempt(`unable to look at the place of the socket '${path}'`, () =>
    withFile(path, (file) => {
      if (!file.stat.isSocket()) {
        throw new ListenerError(
          `unable to bind listening socket for address '${path}': ${kindOfFile(file.stat)} is there and is left alone, move it away or choose another path`,
        );
      }
      // Asked by descriptor: of the very file that is removed then.
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

function attempt<T>(text: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    if (cause instanceof ListenerError) throw cause;
    throw new ListenerError(text, { cause });
  }
}
