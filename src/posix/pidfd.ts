/**
 * Processes by descriptor: a signal reaches the process that was checked, even if its pid has been reused.
 * pidfd_open(2), pidfd_send_signal(2).
 */
import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { isReadable } from './descriptors.ts';
import { declare } from './libc.ts';
import { parentOf, processStat } from './process-stat.ts';

/** From these two on, all architectures have the same numbers. */
const SYS_pidfd_send_signal = 424;
const SYS_pidfd_open = 434;

const cOpen = declare<[number, 'long', number, 'long', number], number>('long syscall(long number, ...)');
const cSend = declare<[number, 'long', number, 'long', number, 'void *', null, 'long', number], number>(
  'long syscall(long number, ...)',
);

/** A pidfd of a process; undefined when it is gone, or the kernel has none. The caller closes it. */
export function openProcess(pid: number): number | undefined {
  // For kill(2), pids of 1 and below mean init, groups and everybody; a worker never has one.
  if (!Number.isSafeInteger(pid) || pid <= 1) return undefined;
  const fd = cOpen(SYS_pidfd_open, 'long', pid, 'long', 0);
  return fd < 0 ? undefined : fd;
}

/** One process, usually not a child of this one. The caller closes it. */
export class ProcessHandle {
  readonly pid: number;
  readonly #fd: number;

  private constructor(pid: number, fd: number) {
    this.pid = pid;
    this.#fd = fd;
  }

  /**
   * Opens a handle on a process if it is a child of the given parent.
   *
   * @returns undefined when the process is unknown, has another parent, or the kernel lacks pidfds
   */
  static openChild(pid: number, parent: number): ProcessHandle | undefined {
    const fd = openProcess(pid);
    if (fd === undefined) return undefined;
    const handle = new ProcessHandle(pid, fd);
    // Pids are not reused while the process lives. If it is alive after the check, the check saw the same process.
    if (parentOf(pid) === parent && handle.isAlive) return handle;
    handle.close();
    return undefined;
  }

  /**
   * Opens a handle on a process if it is the one that started at that time (proc_pid_stat(5), field 22).
   *
   * @returns undefined when it is gone, another process has its pid, or the kernel lacks pidfds
   */
  static openStarted(pid: number, startTicks: number): ProcessHandle | undefined {
    if (!Number.isSafeInteger(pid) || pid <= 1) return undefined;
    const fd = cOpen(SYS_pidfd_open, 'long', pid, 'long', 0);
    if (fd < 0) return undefined;
    const handle = new ProcessHandle(pid, fd);
    if (processStat(pid)?.startTicks === startTicks && handle.isAlive) return handle;
    handle.close();
    return undefined;
  }

  /** False as soon as the process has ended, reaped or not. */
  get isAlive(): boolean {
    return !isReadable(this.#fd, 0);
  }

  /** @returns false when it has ended, or this process lacks the permission */
  signal(signal: NodeJS.Signals): boolean {
    const number = constants.signals[signal];
    return cSend(SYS_pidfd_send_signal, 'long', this.#fd, 'long', number, 'void *', null, 'long', 0) === 0;
  }

  close(): void {
    closeSync(this.#fd);
  }
}
