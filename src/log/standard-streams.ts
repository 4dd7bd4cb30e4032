/**
 * The meaning of `/dev/stderr` and similar paths in a configuration: the stream that the master was started with. Its
 * descriptors 1 and 2 become /dev/null and the error log later; logs opened after that, by a reload or for one entry,
 * must not end there.
 */
import { duplicate } from '../posix/descriptors.ts';

const kept = new Map<number, number>();

/**
 * Keeps duplicates of stdout and stderr. A master in the background must not call it: it would keep its caller's
 * terminal or pipe open for ever.
 */
export function keepStandardStreams(): void {
  for (const number of [1, 2]) {
    if (!kept.has(number)) kept.set(number, duplicate(number));
  }
}

/** A new descriptor, close-on-exec, for the stream. @throws PosixError EBADF when it was not open */
export function openStandardStream(number: number): number {
  return duplicate(kept.get(number) ?? number);
}

/** The descriptor of a path such as `/dev/stderr` or `/proc/self/fd/2`; undefined for other paths. */
export function standardDescriptor(path: string): number | undefined {
  const plain = path.replace(/\/(?:\.?\/)+/g, '/');
  if (plain === '/dev/stderr') return 2;
  if (plain === '/dev/stdout') return 1;
  const [, pid, number] = /^\/(?:dev|proc\/(self|thread-self|\d+))\/fd\/(\d+)$/.exec(plain) ?? [];
  const isOther = pid !== undefined && /^\d/.test(pid) && Number(pid) !== process.pid;
  return number === undefined || isOther ? undefined : Number(number);
}
