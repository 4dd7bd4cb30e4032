/**
 * The file of a Unix socket in a folder that others may write to. It is found without following a link, told apart by
 * its identity, and changed through a descriptor: whoever swaps the name meanwhile gains nothing.
 */
import { closeSync, constants, fstatSync, readFileSync, type Stats } from 'node:fs';
import { constants as os } from 'node:os';
import { basename, dirname } from 'node:path';
import { AT_FDCWD, O_PATH, openAt, unlinkAt } from './files.ts';
import { PosixError } from './libc.ts';
import { askUnixSocket } from './unix-diag.ts';

/** Device and inode, stat(2). No other file has the same as long as the file, or a socket bound to it, is open. */
export interface FileIdentity {
  readonly dev: number;
  readonly ino: number;
}

export function isSameFile(left: FileIdentity | undefined, right: FileIdentity | undefined): boolean {
  return left !== undefined && right !== undefined && left.dev === right.dev && left.ino === right.ino;
}

/** A file that is open by O_PATH, as long as {@link withFile} runs. */
export interface OpenFile {
  readonly stat: Stats;
  /** A path that names this very file, whatever has become of its name: proc(5), `/proc/self/fd`. */
  readonly place: string;
  readonly fd: number;
  /**
   * Removes its name, unless that names another file by now: the error is ESTALE then. The folder is pinned, so
   * that only those who may write to it, and hence remove the name themselves, can still swap the name at the last moment.
   *
   * @throws PosixError
   */
  unlink(): void;
}

/**
 * Opens what is at `path` for the time of `action`; a symbolic link at its end is not followed.
 *
 * @returns the result of `action`; undefined when there is nothing at the path
 * @throws the error of open(2) where one cannot tell
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
 * The file that a Unix socket was bound to, when that is what `path` names now.
 *
 * The kernel says which file it is (sock_diag). Where it does not, the file has to be a socket with one name, made by
 * this user: root's sockets are all that somebody else could have put there, and only those from the same folder.
 *
 * @returns undefined when something else, or nothing, is at the path, or when it cannot be looked at
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
    // A folder that became a link to itself, or that may not be searched any more: clients do not get there either.
    return undefined;
  }
}

/** btrfs and overlayfs show stat(2) other numbers than the kernel uses itself: those are in fdinfo and mountinfo. */
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
