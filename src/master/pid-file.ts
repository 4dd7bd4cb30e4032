/** The pid file: written once the sockets are bound, removed on a normal stop. */

import { accessSync, constants, lstatSync, unlinkSync, writeFileSync } from 'node:fs';
import { constants as os } from 'node:os';
import { dirname } from 'node:path';
import { PosixError } from '../posix/libc.ts';

/** Failure to write or remove it, in PHP-FPM's words. */
export class PidFileError extends Error {
  readonly code = 'HATHI_PID_FILE';

  constructor(action: string, path: string, cause: NodeJS.ErrnoException) {
    super(`Unable to ${action} the PID file (${path}).`, { cause });
  }
}

/**
 * Writes the decimal pid without a newline; an old file is replaced, not written into, so that a link at the
 * path is not followed.
 *
 * @throws PidFileError
 */
export function writePidFile(path: string, pid: number): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new PidFileError('create', path, error as Error);
  }
  try {
    writeFileSync(path, String(pid), { mode: 0o644, flag: 'wx' });
  } catch (error) {
    throw new PidFileError('create', path, error as Error);
  }
}

/**
 * Whether {@link writePidFile} would succeed, without touching anything.
 *
 * @throws PidFileError
 */
export function checkPidFile(path: string): void {
  try {
    accessSync(dirname(path), constants.W_OK | constants.X_OK);
    if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory())
      throw new PosixError('unlink', os.errno.EISDIR);
  } catch (error) {
    throw new PidFileError('create', path, error as Error);
  }
}

/** @throws PidFileError when it is there and cannot be removed */
export function removePidFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new PidFileError('remove', path, error as Error);
  }
}
