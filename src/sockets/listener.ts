/**
 * One listening socket of the master. Its descriptor outlives every host; libuv never sees it, so the master
 * itself accepts nothing.
 */
import { closeSync, fstatSync, lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { setCloseOnExec } from '../posix/descriptors.ts';
import { copyHeldSocket } from '../posix/held-socket.ts';
import { boundFile, type FileIdentity, isSameFile, type OpenFile, withFile } from '../posix/socket-file.ts';
import {
  boundAddress,
  type ListenQueue,
  listen,
  type SocketAddress,
  tcpListenQueue,
} from '../posix/sockets.ts';
import { unixListenQueue } from '../posix/unix-queue.ts';
import { socketKey } from './listener-address.ts';
import { attempt, ListenerError } from './listener-error.ts';
import { type ListenSettings, openBoundSocket } from './listener-open.ts';
import { applyAccess, type ListenerLog, type ResolvedAccess, resolveAccess } from './listener-ownership.ts';

/** A pool's settings of an open socket, with resolved names. */
export interface ResolvedSettings {
  readonly pool: string;
  readonly backlog: number;
  readonly access: ResolvedAccess | undefined;
}

/** Origin of a descriptor. Those of systemd keep the mode, owner and backlog of their socket unit. */
export type ListenerOrigin = 'opened' | 'inherited' | 'systemd';

export class Listener {
  /** Resolved address, PHP-FPM's identity of a socket: a path, or `ip:port`. */
  readonly key: string;
  readonly kind: 'unix' | 'tcp';
  readonly origin: ListenerOrigin;
  /** Identity of the socket when it was made: the descriptor's number may be reused one day. */
  readonly #socket: FileIdentity;
  /** Identity of the socket file, so that another file there is never changed or removed. */
  readonly #file: FileIdentity | undefined;
  /** Current settings, so that unchanged ones need no call; undefined for an inherited socket. */
  #applied: ResolvedSettings | undefined;
  #closed = false;
  #fd: number;

  private constructor(fd: number, address: SocketAddress, origin: ListenerOrigin) {
    this.#fd = fd;
    this.key = socketKey(address);
    this.kind = address.family === 'unix' ? 'unix' : 'tcp';
    this.origin = origin;
    this.#socket = identityOf(fd);
    this.#file = address.family === 'unix' ? boundFile(fd, address.path) : undefined;
  }

  /**
   * Creates a socket by the settings: bound and listening, with owner, mode and list. A failure leaves nothing behind.
   *
   * @throws ListenerError
   */
  static async open(settings: ListenSettings, log: ListenerLog): Promise<Listener> {
    const [fd, address] = await openBoundSocket(settings, log);
    const listener = new Listener(fd, address, 'opened');
    try {
      listener.apply(listener.resolve(settings, log), log);
      return listener;
    } catch (error) {
      listener.remove(log);
      throw error;
    }
  }

  /**
   * Adopts a listening descriptor.
   *
   * @throws PosixError for a descriptor that is not a socket.
   */
  static adopt(fd: number, origin: 'inherited' | 'systemd'): Listener {
    const address = boundAddress(fd);
    setCloseOnExec(fd, true);
    return new Listener(fd, address, origin);
  }

  /** Its number changes when the socket is taken again from a host ({@link recover}). */
  get fd(): number {
    return this.#fd;
  }

  /** Identifies the socket on this machine, whichever process holds it. */
  get inode(): number {
    return this.#socket.ino;
  }

  /**
   * Settings of this socket with resolved names.
   *
   * @throws ListenerError for an unknown user or group
   */
  resolve(settings: ListenSettings, log: ListenerLog): ResolvedSettings {
    const { pool, backlog } = settings;
    return { pool, backlog, access: this.kind === 'unix' ? resolveAccess(pool, settings, log) : undefined };
  }

  /**
   * Applies settings to the open socket: backlog (listen(2) may be called again), owner, mode, list, but only changed
   * ones. A socket of systemd stays as its socket unit made it.
   *
   * @throws ListenerError
   */
  apply(wanted: ResolvedSettings, log: ListenerLog): void {
    if (this.origin === 'systemd') return;
    const { pool, backlog, access } = wanted;
    const { backlog: oldBacklog, access: oldAccess } = this.#applied ?? {};
    // The next reload retries a failed step.
    this.#applied = undefined;
    if (backlog !== oldBacklog) this.#listen(backlog);
    if (access !== undefined && !isSameAccess(access, oldAccess)) {
      this.#change((file) => applyAccess(pool, this.key, file, access, log));
    }
    this.#applied = wanted;
  }

  /** Backlog in connections: length and limit; undefined when the kernel does not tell. */
  queue(): ListenQueue | undefined {
    if (!this.isIntact()) return undefined;
    return this.kind === 'tcp' ? tcpListenQueue(this.fd) : unixListenQueue(this.fd);
  }

  /** False when the descriptor was closed or its number is reused. */
  isIntact(): boolean {
    try {
      return !this.#closed && isSameFile(identityOf(this.fd), this.#socket);
    } catch {
      return false;
    }
  }

  /**
   * The descriptor, to be passed to a host.
   *
   * @throws ListenerError when it is no longer the socket's
   */
  intactFd(): number {
    if (this.isIntact()) return this.fd;
    throw new ListenerError(this.lossText());
  }

  /**
   * A descriptor that was closed under the master's hands is had again from a process that holds the same socket.
   * A file that has its number by now is left alone.
   *
   * @returns whether the descriptor is intact now
   */
  recover(holder: number): boolean {
    if (this.#closed) return false;
    const fd = copyHeldSocket(holder, this.#socket);
    if (fd !== undefined) this.#fd = fd;
    return fd !== undefined;
  }

  /** For a descriptor that is not intact. The address cannot be bound again while a host listens on it. */
  lossText(): string {
    const remedy = 'a restart opens the socket again, and so does a reload once its host has ended';
    return `the descriptor ${this.fd} of the listening socket '${this.key}' has been closed: ${remedy}`;
  }

  /** False when the file of a Unix socket was removed or replaced, so that clients cannot find this socket. */
  isReachable(): boolean {
    if (this.kind === 'tcp') return true;
    try {
      return isSameFile(lstatSync(this.key, { throwIfNoEntry: false }), this.#file);
    } catch {
      // Its folder was replaced by something unreadable.
      return false;
    }
  }

  /** Closes the descriptor and leaves the file of a Unix socket. Idempotent. */
  close(): void {
    // A reused number belongs to somebody else.
    if (this.isIntact()) closeSync(this.fd);
    this.#closed = true;
  }

  /**
   * The same, and removes the file of a Unix socket first, unless it is no longer ours or is systemd's. On failure the
   * log says so: the socket is closed all the same.
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

  /** @throws ListenerError when the socket's file is missing */
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

function isSameAccess(access: ResolvedAccess, other: ResolvedAccess | undefined): boolean {
  const { mode, uid, gid, acl } = access;
  if (other === undefined || mode !== other.mode || uid !== other.uid || gid !== other.gid) return false;
  return acl === other.acl || isDeepStrictEqual(acl, other.acl);
}

function identityOf(fd: number): FileIdentity {
  const { dev, ino } = fstatSync(fd);
  return { dev, ino };
}
