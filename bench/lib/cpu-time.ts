/** CPU time of a server with all its processes: the steadiest figure on a machine that has other work, too. */
import { readdirSync, readFileSync } from 'node:fs';
import { descendants } from '../../tests/harness/processes.ts';

/** Milliseconds in a clock tick of /proc (proc(5)); USER_HZ is 100 on every platform that Node runs on. */
const tickMs = 10;

/** Fields 14 and 15 of /proc/PID/stat, utime and stime, counted after the command in parentheses. */
function ticksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/** Milliseconds of CPU that a process has used so far. */
export function cpuTimeOf(pid: number): number {
  return ticksOf(pid) * tickMs;
}

/** Nanoseconds on a processor, of the main thread: the first field of /proc/PID/schedstat. */
function nanosOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')[0]);
}

/** Microseconds of CPU that the processes below a master have used so far: the PHP processes, which have one thread. */
export function cpuTimeBelow(pid: number): number {
  return descendants(pid).reduce((sum, below) => sum + nanosOf(below.pid), 0) / 1000;
}

/** Milliseconds of CPU that a process and everything below it have used so far. */
export function cpuTimeOfTree(pid: number): number {
  const pids = [pid, ...descendants(pid).map((below) => below.pid)];
  return pids.reduce((sum, one) => sum + ticksOf(one), 0) * tickMs;
}

/**
 * The same by the nanosecond, for what takes less than a tick (schedstat of each thread). What ended in between is not in
 * it, so it suits processes at rest.
 */
export function preciseCpuTimeOfTree(pid: number): number {
  const pids = [pid, ...descendants(pid).map((below) => below.pid)];
  const threads = pids.flatMap((one) =>
    readdirSync(`/proc/${one}/task`).map((thread) => `${one}/task/${thread}`),
  );
  const nanos = threads.map((thread) =>
    Number(readFileSync(`/proc/${thread}/schedstat`, 'latin1').split(' ')[0]),
  );
  return nanos.reduce((sum, one) => sum + one, 0) / 1e6;
}
