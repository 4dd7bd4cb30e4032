/** The pid file: written once the sockets are bound, removed on a normal stop. */

import { accessSync, closeSync, constants, fstatSync, readSync, writeSync } from 'node:fs';
import { constants as os } from 'node:os';
import { openAt, unlinkAt } from '../posix/files.ts';
import { PosixError } from '../posix/libc.ts';
import { atPlace, isOurUser, type Place } from '../posix/trusted-path.ts';

/** Failure to write or remove it, in PHP-FPM's words. */
export class PidFileError extends Error {
  readonly code = 'HATHI_PID_FILE';

  constructor(action: string, path: string, cause: unknown) {
    super(`Unable to ${action} the PID file (${path}).`, { cause });
  }
}

const creating = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
/** O_NONBLOCK: a FIFO in its place is no file, and nothing to wait for. */
const reading = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
/** More digits than any pid has. */
const maxBytes = 32;

/**
 * Writes the decimal pid without a newline; an old file is replaced, not written into, so that a link at the
 * path is not followed.
 *
 * @throws PidFileError
 */
export function writePidFile(path: string, pid: number): void {
  inFolder('create', path, (place) => {
    removeOld(place);
    const fd = openAt(place.folder.fd, place.name, creating, 0o644);
    try {
      writeSync(fd, String(pid));
    } finally {
      closeSync(fd);
    }
  });
}

/**
 * Whether {@link writePidFile} would succeed, without touching anything.
 *
 * @throws PidFileError
 */
export function checkPidFile(path: string): void {
  inFolder('create', path, ({ folder, name }) => {
    accessSync(`${folder.path}/`, constants.W_OK | constants.X_OK);
    if (folder.look(name)?.isDirectory()) throw new PosixError('unlink', os.errno.EISDIR);
  });
}

/** @throws PidFileError when it is there and cannot be removed */
export function removePidFile(path: string): void {
  try {
    inFolder('remove', path, removeOld);
  } catch (error) {
    // Its folder is gone as well.
    if (((error as Error).cause as Partial<PosixError>).code !== 'ENOENT') throw error;
  }
}

/** The pid in a file of root's or of this process's user; undefined where there is no such file. */
export function readPidFile(path: string): number | undefined {
  try {
    return atPlace(path, ({ folder, name }) => {
      const fd = openAt(folder.fd, name, reading);
      try {
        const stat = fstatSync(fd);
        const bytes = Buffer.alloc(maxBytes);
        const length = stat.isFile() && isOurUser(stat.uid) ? readSync(fd, bytes) : 0;
        return { pid: Number.parseInt(bytes.toString('latin1', 0, length), 10) };
      } finally {
        closeSync(fd);
      }
    }).pid;
  } catch {
    return undefined;
  }
}

function removeOld({ folder, name }: Place): void {
  try {
    unlinkAt(folder.fd, name);
  } catch (error) {
    if ((error as PosixError).code !== 'ENOENT') throw error;
  }
}

function inFolder(action: string, path: string, act: (place: Place) => void): void {
  try {
    atPlace(path, (place) => {
      act(place);
      return place;
    });
  } catch (error) {
    throw new PidFileError(action, path, error);
  }
}
