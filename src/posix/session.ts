/** Session and umask of this process. */
import { constants } from 'node:os';
import { declare, lastErrno, PosixError } from './libc.ts';

const cSetsid = declare<[], number>('int setsid(void)');
const cUmask = declare<[number], number>('uint umask(uint mask)');

/**
 * Makes this process the leader of a new session without a terminal: setsid(2). Returns false when it already leads its
 * process group (started by a shell); that is no failure: PHP-FPM goes on as well.
 */
export function newSession(): boolean {
  if (cSetsid() >= 0) return true;
  const errno = lastErrno();
  if (errno === constants.errno.EPERM) return false;
  throw new PosixError('setsid', errno);
}

/** Runs `action` under a umask and restores the old one: umask(2), which applies to the whole process. */
export function withUmask<T>(mask: number, action: () => T): T {
  const before = cUmask(mask);
  try {
    return action();
  } finally {
    cUmask(before);
  }
}
