/** Children of this process that have ended. */
import { readFileSync } from 'node:fs';
import { declare } from './libc.ts';
import { hasEnded, processStat } from './process-stat.ts';

const cWaitpid = declare<[number, null, number], number>('int waitpid(int pid, void *status, int options)');
const WNOHANG = 1;

export interface EndedChild {
  readonly pid: number;
  /** In clock ticks since boot. */
  readonly startTicks: number;
}

/**
 * Children that nobody has waited for yet, those that the kernel has given to this process included (proc_tid_children(5)).
 * Empty where the kernel does not tell.
 */
export function endedChildren(): EndedChild[] {
  let list: string;
  try {
    list = readFileSync(`/proc/self/task/${process.pid}/children`, 'latin1');
  } catch {
    return [];
  }
  return list
    .split(' ')
    .filter((word) => word !== '')
    .map(Number)
    .filter(hasEnded)
    .flatMap((pid) => {
      const stat = processStat(pid);
      return stat === undefined ? [] : { pid, startTicks: stat.startTicks };
    });
}

/** Waits for a child that has ended: waitpid(2). */
export function reapChild(pid: number): void {
  cWaitpid(pid, null, WNOHANG);
}
