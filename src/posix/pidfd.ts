/**
 * Processes by descriptor: what is signalled is the process that was looked at, whoever may have got its pid since.
 * pidfd_open(2), pidfd_send_signal(2).
 */
import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { isReadable } from './descriptors.ts';
import { declare } from './libc.ts';
import { parentOf } from './process-stat.ts';

/** Since these two, all architectures have the same numbers. */
const SYS_pidfd_send_signal = 424;
const SYS_pidfd_open = 434;

const cOpen = declare<[number, 'long', number, 'long', number], number>('long syscall(long number, ...)');
const cSend = declare<[number, 'long', number, 'long', number, 'void *', null, 'long', number], number>(
  'long syscall(long number, ...)',
);

/** One process that is not a child of this one. Close it. */
export class ProcessHandle {
  readonly pid: number;
  readonly #fd: number;

  private constructor(pid: number, fd: number) {
    this.pid = pid;
    this.#fd = fd;
  }

  /**
   * A handle on a process, if it is a child of that parent.
   *
   * @returns undefined when there is no such process, it has another parent, or the system has no such descriptors
   */
  static openChild(pid: number, parent: number): ProcessHandle | undefined {
    // Pids of 1 and below mean init, groups and everybody to kill(2); none of them is a worker.
    if (!Number.isSafeInteger(pid) || pid <= 1) return undefined;
    const fd = cOpen(SYS_pidfd_open, 'long', pid, 'long', 0);
    if (fd < 0) return undefined;
    const handle = new ProcessHandle(pid, fd);
    // While it lives nobody else can have its pid: alive after the look, it is the one that was looked at.
    if (parentOf(pid) === parent && handle.isAlive) return handle;
    handle.close();
    return undefined;
  }

  /** False from the moment on at which it has ended, reaped or not. */
  get isAlive(): boolean {
    return !isReadable(this.#fd, 0);
  }

  /** @returns false when it is gone, or this process may not */
  signal(signal: NodeJS.Signals): boolean {
    const number = constants.signals[signal];
    return cSend(SYS_pidfd_send_signal, 'long', this.#fd, 'long', number, 'void *', null, 'long', 0) === 0;
  }

  close(): void {
    closeSync(this.#fd);
  }
}
