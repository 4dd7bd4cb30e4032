/** The pid file: written once the sockets are bound, removed on a normal stop. */

import { unlinkSync, writeFileSync } from 'node:fs';

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

/** @throws PidFileError when it is there and cannot be removed */
export function removePidFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new PidFileError('remove', path, error as Error);
  }
}
