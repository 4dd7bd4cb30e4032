/**
 * The file of a Unix socket in a folder that others may write to. It is opened without following a link, identified by
 * device and inode, and changed through its descriptor, so a swapped name gains an attacker nothing.
 */
import { closeSync, constants, fstatSync, readFileSync, type Stats } from 'node:fs';
import { constants as os } from 'node:os';
import { basename, dirname } from 'node:path';
import { AT_FDCWD, O_PATH, openAt, unlinkAt } from './files.ts';
import { PosixError } from './libc.ts';
import { askUnixSocket } from './unix-diag.ts';

/** Device and inode, stat(2). Unique while the file, or a socket bound to it, is open. */
export interface FileIdentity {
  readonly dev: number;
  readonly ino: number;
}

export function isSameFile(left: FileIdentity | undefined, right: FileIdentity | undefined): boolean {
  return left !== undefined && right !== undefined && left.dev === right.dev && left.ino === right.ino;
}

/** A file held open (O_PATH) while {@link withFile} runs. */
export interface OpenFile {
  readonly stat: Stats;
  /** A path to this very file, even after a rename: proc(5), `/proc/self/fd`. */
  readonly place: string;
  readonly fd: number;
  /**
   * Removes the name. Fails with ESTALE when the name refers to another file by now. The folder is pinned, so only
   * users who may write to it (and so could remove the name themselves) can still swap the name at the last moment.
   *
   * @throws PosixError
   */
  unlink(): void;
}

/**
 * Opens the file at `path` while `action` runs; does not follow a symbolic link in its last component.
 *
 * @returns the result of `action`; undefined when the path does not exist
 * @throws other errors of open(2)
 */
export function withFile<T>(path: string, action: (file: OpenFile) => T): T | undefined {
  const folder = openOrNothing(AT_FDCWD, dirname(path), O_PATH | constants.O_DIRECTORY);
  if (folder === undefined) return undefined;
  try {
    const name = basename(path);
    const fd = openOrNothing(folder, name, O_PATH | constants.O_NOFOLLOW);
    if (fd === undefined) return undefined;
    try {
      const stat = fstatSync(fd);
      const unlink = (): void => unlinkExactly(folder, name, stat);
      return action({ stat, place: `/proc/self/fd/${fd}`, fd, unlink });
    } finally {
      closeSync(fd);
    }
  } finally {
    closeSync(folder);
  }
}

function openOrNothing(folder: number, name: string, flags: number): number | undefined {
  try {
    return openAt(folder, name, flags);
  } catch (error) {
    if ((error as PosixError).code === 'ENOENT') return undefined;
    throw error;
  }
}

function unlinkExactly(folder: number, name: string, identity: FileIdentity): void {
  const fd = openAt(folder, name, O_PATH | constants.O_NOFOLLOW);
  try {
    if (!isSameFile(fstatSync(fd), identity)) throw new PosixError('unlink', os.errno.ESTALE, name);
    unlinkAt(folder, name);
  } finally {
    closeSync(fd);
  }
}

/**
 * Identity of the file that a Unix socket was bound to, if `path` still refers to it.
 *
 * The kernel tells the identity (sock_diag). Where it does not, the file has to be a socket with one link, owned by
 * this user: then others could only have moved in one of root's sockets from the same folder.
 *
 * @returns undefined when the path refers to something else, does not exist or cannot be inspected
 */
export function boundFile(socketFd: number, path: string): FileIdentity | undefined {
  try {
    const bound = askUnixSocket(socketFd, 'file');
    return withFile(path, ({ fd, stat }) => {
      if (!stat.isSocket()) return undefined;
      const isOurs =
        bound === undefined
          ? stat.uid === process.geteuid?.() && stat.nlink === 1
          : isBoundTo(bound, fd, stat);
      return isOurs ? { dev: stat.dev, ino: stat.ino } : undefined;
    });
  } catch {
    // ELOOP or EACCES on a folder of the path: clients cannot connect through it either.
    return undefined;
  }
}

/**
 * On btrfs and overlayfs stat(2) shows other numbers than the kernel uses internally; fdinfo and mountinfo have the
 * internal ones.
 */
function isBoundTo([ino, device]: readonly [number, number], fd: number, stat: Stats): boolean {
  const { dev } = stat;
  const major = ((dev >>> 8) & 0xfff) | 0;
  const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00);
  if (stat.ino >>> 0 === ino && kernelDevice(major, minor) === device) return true;
  const info = readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1');
  const shownIno = /^ino:\s+(\d+)$/m.exec(info)?.[1] ?? stat.ino;
  const mount = /^mnt_id:\s+(\d+)$/m.exec(info)?.[1];
  return Number(BigInt(shownIno) & 0xffff_ffffn) === ino && deviceOfMount(mount) === device;
}

function deviceOfMount(id: string | undefined): number | undefined {
  const rows = readFileSync('/proc/self/mountinfo', 'latin1').split('\n');
  const [, , device = ''] = rows.map((row) => row.split(' ')).find((columns) => columns[0] === id) ?? [];
  const [major, minor] = device.split(':').map(Number);
  return major === undefined || minor === undefined ? undefined : kernelDevice(major, minor);
}

function kernelDevice(major: number, minor: number): number {
  return ((major << 20) | minor) >>> 0;
}
