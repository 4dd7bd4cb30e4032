/**
 * Processes started by a test: their descendants, and whether they still exist. Nothing here finds a process by its
 * name; only descendants of our own child are ever signalled.
 */

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';

/** Fields of /proc/PID/stat that identify a process uniquely: a reused pid has another start time. */
export interface ProcessId {
  readonly pid: number;
  readonly parent: number;
  /** Clock ticks since boot. */
  readonly startTime: string;
}

/** Reads /proc/PID/stat (proc(5)); undefined for a missing process or a zombie. */
export function identify(pid: number): ProcessId | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The command in parentheses may contain blanks and parentheses itself, so counting starts after the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z') return undefined;
  return { pid, parent: Number(fields[1]), startTime: fields[19] ?? '' };
}

/** Every living process below `root`, without `root` itself. */
export function descendants(root: number): ProcessId[] {
  const children = new Map<number, ProcessId[]>();
  for (const name of readdirSync('/proc')) {
    const found = /^\d+$/.test(name) ? identify(Number(name)) : undefined;
    if (found === undefined) continue;
    children.set(found.parent, [...(children.get(found.parent) ?? []), found]);
  }
  const below: ProcessId[] = [];
  const queue = [root];
  for (let pid = queue.shift(); pid !== undefined; pid = queue.shift()) {
    for (const child of children.get(pid) ?? []) {
      below.push(child);
      queue.push(child.pid);
    }
  }
  return below;
}

/** True while exactly this process (not a later one with its pid) lives. */
export function isAlive(id: ProcessId): boolean {
  return identify(id.pid)?.startTime === id.startTime;
}

/** Signals exactly this process; no-op when it has ended. */
export function signalProcess(id: ProcessId, signal: NodeJS.Signals): void {
  if (!isAlive(id)) return;
  try {
    process.kill(id.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** One wait for each child: a test may ask many times, and Node warns of more than ten listeners. */
const ends = new WeakMap<ChildProcess, Promise<unknown>>();

/** Resolves when the child has exited, possibly at once. */
export async function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const end = ends.get(child) ?? once(child, 'exit');
  ends.set(child, end);
  await end;
}

const adopted = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of adopted) {
    if (child.pid === undefined) continue;
    for (const id of descendants(child.pid)) signalProcess(id, 'SIGKILL');
    child.kill('SIGKILL');
  }
});
// The runner ends a file that ran out of time by SIGTERM, which by default would skip the handler above.
process.once('SIGTERM', () => process.exit(143));

/** Ensures that a child and its descendants are gone when the test's process ends, in any way. */
export function adopt(child: ChildProcess): void {
  adopted.add(child);
  child.once('exit', () => adopted.delete(child));
}

/** Kills the child with everything below it and waits until it is reaped. */
export async function killTree(child: ChildProcess): Promise<void> {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
    const below = descendants(child.pid);
    child.kill('SIGKILL');
    for (const id of below) signalProcess(id, 'SIGKILL');
    await exited(child);
  }
}
