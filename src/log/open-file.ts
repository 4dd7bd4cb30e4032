/** Opens the files of logs. Only this file does, because they may be in folders of the pools' users. */
import { closeSync, constants, fstatSync, type Stats } from 'node:fs';
import { setNonBlocking } from '../posix/descriptors.ts';
import { openAt } from '../posix/files.ts';
import type { PosixError } from '../posix/libc.ts';
import { atPlace, ForeignFileError, isOurUser, type Place } from '../posix/trusted-path.ts';
import { openStandardStream, standardDescriptor } from './standard-streams.ts';

/** How often a file may appear or disappear between two checks before that counts as an attack. */
const maxAttempts = 8;
/**
 * O_NONBLOCK: a FIFO without a reader (ENXIO) or a file under a lease (EWOULDBLOCK) fails at once and does not block.
 */
const appending = constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK | constants.O_NOCTTY;
const creating = constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Opens a log file for appending, mode 0600 when it is created, close-on-exec. A path to a descriptor of this process,
 * or a link of ours to one, gives a duplicate: open(2) fails for a socket, such as systemd's.
 *
 * In a folder that others may write, it has to be a regular file without further hard links that belongs to root, to
 * this process's user or to one of `owners`; in any other folder the operator decides.
 *
 * @throws ForeignFileError for a file under the control of others; PosixError of open(2) elsewhere
 */
export function openLogFile(path: string, owners: readonly number[] = []): number {
  const standard = standardDescriptor(path);
  if (standard !== undefined) return openStandardStream(standard);
  return atPlace(path, (place) => {
    const { folder, name } = place;
    const seen = folder.look(name);
    if (seen?.isSymbolicLink() && !(folder.isOurs && folder.isProc)) {
      const target = folder.linkTarget(name);
      const stream = standardDescriptor(target);
      return stream === undefined ? target : openStandardStream(stream);
    }
    if (seen !== undefined) requireFit(seen, place, owners);
    return openChecked(place, owners);
  });
}

/**
 * Whether reopening the path could only return the stream that is open already, or the file that has its number now.
 */
export function isStandardStream(path: string): boolean {
  if (standardDescriptor(path) !== undefined) return true;
  try {
    return atPlace(path, ({ folder, name }) => {
      if (!folder.look(name)?.isSymbolicLink()) return { answer: false };
      const target = folder.linkTarget(name);
      return standardDescriptor(target) === undefined ? target : { answer: true };
    }).answer;
  } catch {
    return false;
  }
}

/** The name may refer to another file since the check. */
function openChecked(place: Place, owners: readonly number[]): number {
  const fd = openOrCreate(place);
  try {
    requireFit(fstatSync(fd), place, owners);
    setNonBlocking(fd, false);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** In two steps: with O_CREAT the kernel may refuse an existing file of others (fs.protected_regular, proc(5)). */
function openOrCreate({ folder, name }: Place): number {
  const follow = folder.isOurs && folder.isProc ? 0 : constants.O_NOFOLLOW;
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const fd =
      unless('ENOENT', () => openAt(folder.fd, name, appending | follow)) ??
      unless('EEXIST', () => openAt(folder.fd, name, appending | creating, 0o600));
    if (fd !== undefined) return fd;
  }
  throw new ForeignFileError(folder.pathOf(name), `it keeps changing in ${folder.othersFolder}`);
}

function unless(code: string, open: () => number): number | undefined {
  try {
    return open();
  } catch (error) {
    if ((error as PosixError).code === code) return undefined;
    throw error;
  }
}

/** @throws ForeignFileError */
function requireFit(stat: Stats, { folder, name }: Place, owners: readonly number[]): void {
  if (folder.isOurs) return;
  const fault = faultOf(stat, owners);
  if (fault === undefined) return;
  const path = folder.pathOf(name);
  throw new ForeignFileError(
    path,
    `it ${fault}, in ${folder.othersFolder}: remove it, or put the log into a folder that nobody else may change`,
  );
}

function faultOf(stat: Stats, owners: readonly number[]): string | undefined {
  // open(2) has its own error for folders.
  if (stat.isDirectory()) return undefined;
  if (!stat.isFile()) return `is ${kindOf(stat)} and no regular file`;
  if (stat.nlink > 1) return 'has a second name (a hard link)';
  if (!isOurUser(stat.uid) && !owners.includes(stat.uid)) return `belongs to the user ${stat.uid}`;
  return undefined;
}

function kindOf(stat: Stats): string {
  if (stat.isFIFO()) return 'a FIFO';
  if (stat.isSocket()) return 'a socket';
  return 'a device';
}
