/** The pid file: written once the sockets are bound, removed at a normal stop. */

import { accessSync, closeSync, constants, fstatSync, readSync, writeSync } from 'node:fs';
import { constants as os } from 'node:os';
import type { ErrorLog } from '../log/error-log.ts';
import { failureText } from '../log/file.ts';
import { openAt, renameAt, unlinkAt } from '../posix/files.ts';
import { PosixError } from '../posix/libc.ts';
import { atPlace, isOurUser, type Place } from '../posix/trusted-path.ts';
import type { PlannedPart } from '../runtime/planned-part.ts';

/** Failure to write or remove it, in PHP-FPM's words. */
export class PidFileError extends Error {
  readonly code = 'HATHI_PID_FILE';

  constructor(action: string, path: string, cause: unknown) {
    super(`Unable to ${action} the PID file (${path}).`, { cause });
  }

  /** The log's line, with the reason. */
  get line(): string {
    return `${this.message}: ${failureText(this.cause)}`;
  }
}

const creating = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
/** O_NONBLOCK: a FIFO in its place must not block. */
const reading = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
/** More digits than any pid has. */
const maxBytes = 32;

/** The pid file in use. */
export class PidFile {
  readonly #log: ErrorLog;
  #path: string | undefined;

  constructor(log: ErrorLog) {
    this.#log = log;
  }

  /**
   * Writes the decimal pid without a newline into a file beside the place, and renames it when the plan is committed:
   * so no link there is followed, and nobody reads a partial number. It also replaces the file in use, which restores a
   * removed one.
   *
   * @throws PidFileError
   */
  plan(path: string | undefined): PlannedPart {
    if (path === undefined) return { commit: () => this.#moveTo(undefined), discard: () => {} };
    checkPidFile(path);
    inFolder('create', path, writeFresh);
    const discard = (): void => inFolder('remove', path, removeFresh);
    return {
      commit: (failed) => {
        try {
          inFolder('create', path, ({ folder, name }) => renameAt(folder.fd, freshName(name), name));
          this.#moveTo(path);
        } catch (error) {
          failed(this.#tell(error));
          discard();
        }
      },
      discard,
    };
  }

  /** At the end. */
  remove(): void {
    this.#moveTo(undefined);
  }

  #moveTo(path: string | undefined): void {
    const old = this.#path;
    this.#path = path;
    if (old === undefined || old === path) return;
    try {
      inFolder('remove', old, removeOld);
    } catch (error) {
      // Its folder is missing as well.
      if (((error as Error).cause as Partial<PosixError>).code !== 'ENOENT') this.#tell(error);
    }
  }

  #tell(error: unknown): string {
    if (!(error instanceof PidFileError)) throw error;
    this.#log.sysError(error.message, error.cause);
    return error.line;
  }
}

function freshName(name: string): string {
  return `${name}.${process.pid}`;
}

function writeFresh(place: Place): void {
  removeFresh(place);
  const fd = openAt(place.folder.fd, freshName(place.name), creating, 0o644);
  try {
    writeSync(fd, String(process.pid));
  } finally {
    closeSync(fd);
  }
}

function removeFresh({ folder, name }: Place): void {
  removeOld({ folder, name: freshName(name) });
}

/**
 * Whether {@link PidFile.plan} would succeed, without any change.
 *
 * @throws PidFileError
 */
export function checkPidFile(path: string): void {
  inFolder('create', path, ({ folder, name }) => {
    accessSync(`${folder.path}/`, constants.W_OK | constants.X_OK);
    if (folder.look(name)?.isDirectory()) throw new PosixError('unlink', os.errno.EISDIR);
  });
}

/** The pid in a file owned by root or this process's user; undefined without such a file. */
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
