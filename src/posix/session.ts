/** Session and file-mode mask of this process. */
import { constants } from 'node:os';
import { declare, lastErrno, PosixError } from './libc.ts';

const cSetsid = declare<[], number>('int setsid(void)');
const cUmask = declare<[number], number>('uint umask(uint mask)');

/**
 * Makes this process the leader of a session of its own, without a terminal: setsid(2). False when it already
 * leads its process group (started by a shell), which is no failure: PHP-FPM goes on as well.
 */
export function newSession(): boolean {
  if (cSetsid() >= 0) return true;
  const errno = lastErrno();
  if (errno === constants.errno.EPERM) return false;
  throw new PosixError('setsid', errno);
}

/** Runs `action` under a file-mode mask and puts the old one back: umask(2), one for the whole process. */
export function withUmask<T>(mask: number, action: () => T): T {
  const before = cUmask(mask);
  try {
    return action();
  } finally {
    cUmask(before);
  }
}
