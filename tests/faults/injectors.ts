/** Faults of processes. Which process it is shows its title, as in `ps`. */
import { readFileSync } from 'node:fs';
import { type ProcessId, signalProcess } from '../harness/processes.ts';
import type { Target } from './target.ts';

/** Kinds of processes by the beginning of their titles. */
const titles = {
  host: 'php-fpm: host for ',
  worker: 'php-fpm: pool ',
  template: 'php-fpm: template for ',
  keeper: 'php-fpm: keeper of sockets',
} as const;

/** What `ps` shows of a process. */
function titleOf({ pid }: ProcessId): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replace(/[\0 ]+$/, '');
  } catch {
    return '';
  }
}

/** @param pool of hosts and workers; undefined for those of all pools */
export function processesOf(target: Target, kind: keyof typeof titles, pool?: string): ProcessId[] {
  return target.processes().filter((id) => {
    const title = titleOf(id);
    return title.startsWith(titles[kind]) && (pool === undefined || title === `${titles[kind]}${pool}`);
  });
}

/** Sends a signal to all processes of a kind. @throws Error where there are none: nothing would have been injected */
export function signalAll(
  target: Target,
  kind: keyof typeof titles,
  signal: NodeJS.Signals,
  pool?: string,
): ProcessId[] {
  const found = processesOf(target, kind, pool);
  if (found.length === 0) throw new Error(`there is no ${kind}${pool === undefined ? '' : ` of ${pool}`}`);
  for (const id of found) signalProcess(id, signal);
  return found;
}
