/**
 * Reads untrusted files for a command that root often runs: only regular files (a FIFO would block, a device might
 * act), up to a limit, and no link where the folder may belong to another user.
 */

import { closeSync, constants, fstatSync, readSync } from 'node:fs';
import { AT_FDCWD, openAt } from '../../posix/files.ts';

const always = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

export interface CarefulOptions {
  /** Bytes; a longer file is not read. */
  readonly limit: number;
  /** Follows a link in the last component: only for folders of the system. */
  readonly followsLinks?: boolean;
}

/** The file; undefined when it cannot be read safely. */
export function readCarefully(
  path: string,
  { limit, followsLinks = false }: CarefulOptions,
): Buffer | undefined {
  const fd = openCarefully(path, always | (followsLinks ? 0 : constants.O_NOFOLLOW));
  if (fd === undefined) return undefined;
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.size > limit) return undefined;
    // Files of /proc have size 0 but content.
    const buffer = Buffer.alloc(stat.size === 0 ? limit : stat.size);
    return buffer.subarray(0, fill(fd, buffer));
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

/** The text of a system file: invalid UTF-8 becomes U+FFFD. */
export function readSystemText(path: string, limit = 1024 ** 2): string | undefined {
  return readCarefully(path, { limit, followsLinks: true })?.toString('utf8');
}

/**
 * Opens a folder for access to its entries by `/proc/self/fd`, even after a rename. Undefined for a link and anything
 * else.
 */
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
