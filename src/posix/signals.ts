/** Signal mask of a thread. */
import { constants } from 'node:os';
import { declare, PosixError } from './libc.ts';

const SIG_UNBLOCK = 1;
/** sizeof(sigset_t) of glibc and musl; signal N is bit N-1. */
const signalSetBytes = 128;

const cPthreadSigmask = declare<[number, Buffer, null], number>(
  'int pthread_sigmask(int how, const void *set, void *oldset)',
);

/** Unblocks a signal for the calling thread and delivers a pending one at once: pthread_sigmask(3). */
export function unblockSignal(signal: NodeJS.Signals): void {
  const bit = constants.signals[signal] - 1;
  const set = Buffer.alloc(signalSetBytes);
  set[bit >> 3] = 1 << (bit & 7);
  // pthread_sigmask returns the error number and leaves errno alone.
  const errno = cPthreadSigmask(SIG_UNBLOCK, set, null);
  if (errno !== 0) throw new PosixError('pthread_sigmask', errno, signal);
}
