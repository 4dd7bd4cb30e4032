/** What the kernel says of a process or thread, proc_pid_stat(5); readable without rights over it. */

import { closeSync, openSync, readSync } from 'node:fs';
import { declare } from './libc.ts';

export interface ProcessStat {
  /** Start in clock ticks since boot: tells a process from a later one of the same pid. */
  readonly startTicks: number;
  /** CPU time of itself, and of its children that ended and were waited for. */
  readonly cpuMicros: number;
  readonly childrenCpuMicros: number;
  /** Memory that is resident, shared pages included; of a thread that of its process. */
  readonly residentBytes: number;
}

/** Linux tells user space of 100 ticks a second on every machine that Node runs on. */
const microsPerTick = 10_000;

const cPageSize = declare<[], number>('int getpagesize()');

/** @returns undefined when there is no such process, or /proc does not show it */
export function processStat(pid: number): ProcessStat | undefined {
  return readStat(`/proc/${pid}/stat`);
}

/** The same of a thread, by its thread id. */
export function threadStat(pid: number, tid: number): ProcessStat | undefined {
  return readStat(`/proc/${pid}/task/${tid}/stat`);
}

/** Pid of the parent; undefined when there is no such process, or /proc does not show it. */
export function parentOf(pid: number): number | undefined {
  const text = readShort(`/proc/${pid}/stat`);
  const parent = text === undefined ? Number.NaN : Number(fieldsAfterName(text)[1]);
  return Number.isSafeInteger(parent) ? parent : undefined;
}

/** Pid of the process that traces this one (a debugger); 0 for none, or where /proc does not tell. */
export function tracerOf(pid: number): number {
  return Number(/^TracerPid:\s+(\d+)$/m.exec(readShort(`/proc/${pid}/status`) ?? '')?.[1] ?? 0);
}

function readStat(path: string): ProcessStat | undefined {
  const text = readShort(path);
  return text === undefined ? undefined : parseStat(text, cPageSize());
}

/** A line has less than 50 numbers and a name of at most 64 bytes. */
const line = Buffer.alloc(2048);

/** The start of a file; a third of what readFileSync takes, which asks for the size that /proc does not tell. */
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

/** The name of the program stands in brackets and may hold anything: what counts comes after the last one. */
function fieldsAfterName(text: string): string[] {
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

export function parseStat(text: string, pageBytes: number): ProcessStat | undefined {
  const fields = fieldsAfterName(text).map(Number);
  // Field 3 of the manual page is the first one here.
  const field = (number: number): number => fields[number - 3] ?? Number.NaN;
  const stat = {
    startTicks: field(22),
    cpuMicros: (field(14) + field(15)) * microsPerTick,
    childrenCpuMicros: (field(16) + field(17)) * microsPerTick,
    residentBytes: field(24) * pageBytes,
  };
  return Object.values(stat).every((value) => Number.isFinite(value) && value >= 0) ? stat : undefined;
}
