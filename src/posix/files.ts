/** Files by their name in an open folder (openat(2) and its family), so the kernel looks up no other path component. */
import { check, cString, declare } from './libc.ts';

/** open(2) flags that Node's `fs.constants` lacks. */
export const O_PATH = 0o10000000;
export const O_CLOEXEC = 0o2000000;

/** Means the current folder in place of a descriptor; ignored for absolute names. */
export const AT_FDCWD = -100;

const cOpenat = declare<[number, Buffer, number, 'uint', number], number>(
  'int openat(int dirfd, const void *path, int flags, ...)',
);
const cReadlinkat = declare<[number, Buffer, Buffer, number], number>(
  'intptr_t readlinkat(int dirfd, const void *path, void *buf, size_t size)',
);
const cUnlinkat = declare<[number, Buffer, number], number>(
  'int unlinkat(int dirfd, const void *path, int flags)',
);

const cRenameat = declare<[number, Buffer, number, Buffer], number>(
  'int renameat(int olddirfd, const void *oldpath, int newdirfd, const void *newpath)',
);

/** Longest target of a link, PATH_MAX. */
const maxTargetBytes = 4096;

/**
 * Opens `name` in the folder, close-on-exec: openat(2).
 *
 * @param mode mode of a file that O_CREAT makes, before the umask
 * @throws PosixError
 */
export function openAt(folder: number, name: string, flags: number, mode = 0): number {
  return check('openat', cOpenat(folder, cString(name), flags | O_CLOEXEC, 'uint', mode), name);
}

/** Target of a symbolic link: readlinkat(2). @throws PosixError */
export function readLinkAt(folder: number, name: string): string {
  const target = Buffer.alloc(maxTargetBytes);
  const length = check('readlinkat', cReadlinkat(folder, cString(name), target, target.length), name);
  return target.toString('utf8', 0, length);
}

/** Removes a name other than a folder's: unlinkat(2). @throws PosixError */
export function unlinkAt(folder: number, name: string): void {
  check('unlinkat', cUnlinkat(folder, cString(name), 0), name);
}

/** Renames a file within its folder and replaces a file that has the new name: renameat(2). @throws PosixError */
export function renameAt(folder: number, from: string, to: string): void {
  check('renameat', cRenameat(folder, cString(from), folder, cString(to)), to);
}
