/** The kernel's view of a process or thread, proc_pid_stat(5); readable without rights over it. */

import { closeSync, openSync, readSync } from 'node:fs';
import { declare } from './libc.ts';

export interface ProcessStat {
  /** Start time in clock ticks since boot; distinguishes a process from a later one with the same pid. */
  readonly startTicks: number;
  /** CPU time of the process and of its reaped children. */
  readonly cpuMicros: number;
  readonly childrenCpuMicros: number;
  /** Resident memory, including shared pages; for a thread, that of its process. */
  readonly residentBytes: number;
}

/** Linux reports 100 ticks a second to user space on every machine that Node supports. */
const microsPerTick = 10_000;

const cPageSize = declare<[], number>('int getpagesize()');

/** @returns undefined when the process is unknown or /proc hides it */
export function processStat(pid: number): ProcessStat | undefined {
  return readStat(`/proc/${pid}/stat`);
}

/** The same for a thread, by its thread id. */
export function threadStat(pid: number, tid: number): ProcessStat | undefined {
  return readStat(`/proc/${pid}/task/${tid}/stat`);
}

/** Pid of the parent; undefined when the process is unknown or /proc hides it. */
export function parentOf(pid: number): number | undefined {
  const text = readShort(`/proc/${pid}/stat`);
  const parent = text === undefined ? Number.NaN : Number(fieldsAfterName(text)[1]);
  return Number.isSafeInteger(parent) ? parent : undefined;
}

/** Whether a signal has stopped it (SIGSTOP). False for one that a debugger holds. */
export function isStopped(pid: number): boolean {
  const text = readShort(`/proc/${pid}/stat`);
  return text !== undefined && fieldsAfterName(text)[0] === 'T';
}

/** Whether it has ended and waits for its parent (a zombie). */
export function hasEnded(pid: number): boolean {
  const text = readShort(`/proc/${pid}/stat`);
  return text !== undefined && fieldsAfterName(text)[0] === 'Z';
}

/**
 * Identifies the time since the kernel has started: pids and start times mean nothing in another one. Undefined where
 * /proc hides it: random(4).
 */
export function bootId(): string | undefined {
  return readShort('/proc/sys/kernel/random/boot_id')?.trim();
}

/** Pid of the process (a debugger) that traces this one; 0 without one, or where /proc hides it. */
export function tracerOf(pid: number): number {
  return Number(/^TracerPid:\s+(\d+)$/m.exec(readShort(`/proc/${pid}/status`) ?? '')?.[1] ?? 0);
}

function readStat(path: string): ProcessStat | undefined {
  const text = readShort(path);
  return text === undefined ? undefined : parseStat(text, cPageSize());
}

/** A line has fewer than 50 numbers and a name of at most 64 bytes. */
const line = Buffer.alloc(2048);

/**
 * Reads the start of a file in a third of the time of readFileSync, which first asks for a size that /proc does not
 * report.
 */
function readShort(path: string): string | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    return line.toString('latin1', 0, readSync(fd, line, 0, line.length, 0));
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** The program name is in brackets and may contain anything, brackets too: split after the last one. */
function fieldsAfterName(text: string): string[] {
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

export function parseStat(text: string, pageBytes: number): ProcessStat | undefined {
  const fields = fieldsAfterName(text).map(Number);
  // The list starts at field 3 of the manual page.
  const field = (number: number): number => fields[number - 3] ?? Number.NaN;
  const stat = {
    startTicks: field(22),
    cpuMicros: (field(14) + field(15)) * microsPerTick,
    childrenCpuMicros: (field(16) + field(17)) * microsPerTick,
    residentBytes: field(24) * pageBytes,
  };
  return Object.values(stat).every((value) => Number.isFinite(value) && value >= 0) ? stat : undefined;
}
