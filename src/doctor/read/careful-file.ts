/**
 * Files that may be anybody's, read by a command that is often root's: regular files alone (a FIFO would block, a device
 * might act), no more than a limit, and no link where the folder may be another user's.
 */

import { closeSync, constants, fstatSync, readSync } from 'node:fs';
import { AT_FDCWD, openAt } from '../../posix/files.ts';

const always = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

export interface CarefulOptions {
  /** Bytes; a longer file is not read. */
  readonly limit: number;
  /** Follow a link under the last name: only for folders of the system. */
  readonly followsLinks?: boolean;
}

/** The file; undefined where there is none that may be read so. */
export function readCarefully(
  path: string,
  { limit, followsLinks = false }: CarefulOptions,
): Buffer | undefined {
  const fd = openCarefully(path, always | (followsLinks ? 0 : constants.O_NOFOLLOW));
  if (fd === undefined) return undefined;
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.size > limit) return undefined;
    // Files of /proc have a size of 0 and a content.
    const buffer = Buffer.alloc(stat.size === 0 ? limit : stat.size);
    return buffer.subarray(0, fill(fd, buffer));
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

/** The text of a file of the system: bytes that are no UTF-8 become U+FFFD. */
export function readSystemText(path: string, limit = 1024 ** 2): string | undefined {
  return readCarefully(path, { limit, followsLinks: true })?.toString('utf8');
}

/** A folder, for names in it by `/proc/self/fd`: whatever becomes of its own name. Undefined where it is none, or a link. */
export function openFolder(path: string): number | undefined {
  return openCarefully(path, always | constants.O_NOFOLLOW | constants.O_DIRECTORY);
}

function openCarefully(path: string, flags: number): number | undefined {
  try {
    return openAt(AT_FDCWD, path, flags);
  } catch {
    return undefined;
  }
}

function fill(fd: number, buffer: Buffer): number {
  let filled = 0;
  while (filled < buffer.length) {
    const got = readSync(fd, buffer, filled, buffer.length - filled, null);
    if (got === 0) break;
    filled += got;
  }
  return filled;
}
