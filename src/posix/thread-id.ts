/** The kernel's id of the calling thread, gettid(2). */

import { declare } from './libc.ts';

const cGettid = declare<[], number>('int gettid()');

/** The id that `ps -L` and /proc show for this thread. Never fails. */
export function threadId(): number {
  return cGettid();
}
