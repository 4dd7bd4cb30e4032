/**
 * Paths through folders that others may write.
 *
 * Root opens logs and pid files in folders of the pools' users, who can put a link, a FIFO or another file under the
 * name at any moment. So the path is walked one component at a time, each by the descriptor of its folder. A symbolic
 * link is followed only in a folder that is *ours*: only root and the user of this process can change its entries or
 * redirect the way to it.
 */
import { closeSync, constants, fstatSync, readFileSync, type Stats, statSync } from 'node:fs';
import { constants as os } from 'node:os';
import { AT_FDCWD, O_PATH, openAt, readLinkAt } from './files.ts';
import { PosixError } from './libc.ts';

/** The file at a path is under the control of others and unsafe to open. The message has reason and remedy. */
export class ForeignFileError extends Error {
  readonly code = 'HATHI_FOREIGN_FILE';
  readonly path: string;
  /** errno of the failed system call; undefined when the file itself was refused. */
  readonly errno: number | undefined;

  constructor(path: string, reason: string, cause?: PosixError) {
    super(reason, { cause });
    this.name = 'ForeignFileError';
    this.path = path;
    this.errno = cause?.errno;
  }
}

/** The kernel's own limit of links in a path. */
const maxLinks = 40;
const writableByGroup = 0o020;
const writableByAll = 0o002;
const sticky = 0o1000;
/** The owner that stat(2) shows for users without a number in this user namespace, user_namespaces(7). */
const overflowUser = 65534;

/** A folder on a path, held open (O_PATH). Its entries are looked up through the descriptor, even after a rename. */
export class Folder implements Disposable {
  readonly fd: number;
  readonly path: string;
  /** Others cannot redirect the way to it. */
  readonly #isReached: boolean;
  readonly #stat: Stats;

  constructor(fd: number, path: string, parent?: Folder) {
    this.fd = fd;
    this.path = path;
    this.#stat = fstatSync(fd);
    this.#isReached = parent === undefined || parent.#keeps(this.#stat);
  }

  get isOurs(): boolean {
    return this.#isReached && this.#isClosed;
  }

  /** Whether its links are the kernel's own, whose targets may lack a path: `/proc/1/fd/2`. */
  get isProc(): boolean {
    return this.#stat.dev === statSync('/proc', { throwIfNoEntry: false })?.dev;
  }

  /** Status of an entry, links not followed; undefined when it is missing. */
  look(name: string): Stats | undefined {
    let fd: number;
    try {
      fd = openAt(this.fd, name, O_PATH | constants.O_NOFOLLOW);
    } catch (error) {
      if ((error as PosixError).code === 'ENOENT') return undefined;
      throw error;
    }
    try {
      return fstatSync(fd);
    } finally {
      closeSync(fd);
    }
  }

  /** @returns the subfolder, or the target when the entry is a link */
  enter(name: string): Folder | string {
    if (!this.#followsByKernel && this.look(name)?.isSymbolicLink()) return this.linkTarget(name);
    const flags = O_PATH | constants.O_DIRECTORY | (this.#followsByKernel ? 0 : constants.O_NOFOLLOW);
    return new Folder(openAt(this.fd, name, flags), this.pathOf(name), this);
  }

  /**
   * Target of a link in this folder.
   *
   * @throws ForeignFileError where others may have made the link
   */
  linkTarget(name: string): string {
    if (!this.isOurs) {
      throw new ForeignFileError(
        this.pathOf(name),
        `'${this.pathOf(name)}' is a symbolic link in ${this.othersFolder}: remove it, or name its target`,
      );
    }
    const target = readLinkAt(this.fd, name);
    return target.startsWith('/') ? target : `${this.path}/${target}`;
  }

  /** Description for messages. */
  get othersFolder(): string {
    const uid = process.geteuid?.() ?? 0;
    const us = uid === 0 ? 'root' : `root and the user ${uid}`;
    return `a folder that others than ${us} may change ('${this.path}')`;
  }

  pathOf(name: string): string {
    return name === '..' ? this.path.slice(0, this.path.lastIndexOf('/')) : `${this.path}/${name}`;
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }

  get #followsByKernel(): boolean {
    return this.isOurs && this.isProc;
  }

  get #isClosed(): boolean {
    const { uid, gid, mode } = this.#stat;
    const others = gid === 0 ? writableByAll : writableByAll | writableByGroup;
    return isOurUser(uid) && (mode & others) === 0;
  }

  /** Whether only we can move or remove the entry: in a sticky folder, such as /tmp, others cannot move our files. */
  #keeps(entry: Stats): boolean {
    const isSticky = isOurUser(this.#stat.uid) && (this.#stat.mode & sticky) !== 0;
    return this.#isReached && (this.#isClosed || (isSticky && isOurUser(entry.uid)));
  }
}

/** A name in an open folder. */
export interface Place {
  readonly folder: Folder;
  readonly name: string;
}

/**
 * Opens the folder of the file that an absolute path names, and calls `use` with it. When `use` finds a link it returns
 * the target, and is called again with the place of that.
 *
 * @throws ForeignFileError for any error in a folder that is not ours; PosixError elsewhere
 */
export function atPlace<T extends object | number>(path: string, use: (place: Place) => T | string): T {
  let next = path;
  for (let links = 0; links <= maxLinks; links++) {
    const result = walk(next, use);
    if (typeof result !== 'string') return result;
    next = result;
  }
  throw new PosixError('open', os.errno.ELOOP, path);
}

function walk<T>(path: string, use: (place: Place) => T | string): T | string {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  const name = names.pop();
  if (name === undefined || name === '..') throw new PosixError('open', os.errno.EISDIR, path);
  let folder = new Folder(openAt(AT_FDCWD, '/', O_PATH | constants.O_DIRECTORY), '');
  try {
    for (const [index, entry] of names.entries()) {
      const next = folder.enter(entry);
      if (typeof next === 'string') return [next, ...names.slice(index + 1), name].join('/');
      folder[Symbol.dispose]();
      folder = next;
    }
    return use({ folder, name });
  } catch (error) {
    if (folder.isOurs || !(error instanceof PosixError)) throw error;
    throw new ForeignFileError(path, `${error.message} in ${folder.othersFolder}`, error);
  } finally {
    folder[Symbol.dispose]();
  }
}

/** Whether a user is root, the user of this process, or the system outside of this user namespace. */
export function isOurUser(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.() || (uid === overflowUser && !isMapped(overflowUser));
}

/** Whether a user id maps into this user namespace: /proc/self/uid_map, user_namespaces(7). */
function isMapped(uid: number): boolean {
  try {
    return readFileSync('/proc/self/uid_map', 'latin1')
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number))
      .some(([first = 0, , count = 0]) => uid >= first && uid < first + count);
  } catch {
    return true;
  }
}
