/**
 * The scheduling priority of another process. Linux has a nice value for each thread, setpriority(2), and one for all
 * processes of a session together where they are scheduled as a group, sched(7): autogroup.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

/** The lowest priority. */
const mostNice = 19;

/** Whether this process may give itself, and processes of its user, a higher priority again. */
function mayRaise(): boolean {
  try {
    const own = getPriority();
    setPriority(own - 1);
    setPriority(own);
    return true;
  } catch {
    return false;
  }
}

/**
 * Lowers the priority of a process that has just been started as the first one of a session, and so of all threads that
 * it will make.
 *
 * @param by steps of nice(2)
 * @returns puts it back; threads that have chosen another one by then keep it. Undefined where this process may not put
 *   it back: then nothing has changed
 */
export function lowerPriority(pid: number, by: number): (() => void) | undefined {
  if (!mayRaise()) return undefined;
  try {
    const before = getPriority(pid);
    const lowered = Math.min(before + by, mostNice);
    setPriority(pid, lowered);
    // It may have threads already.
    moveThreads(pid, before, lowered);
    const session = lowerSession(pid, by);
    return () => {
      session();
      moveThreads(pid, lowered, before);
    };
  } catch {
    // It has ended.
    return undefined;
  }
}

/** @returns puts it back; without groups of sessions it does nothing */
function lowerSession(pid: number, by: number): () => void {
  const file = `/proc/${pid}/autogroup`;
  const set = (nice: number): void => {
    try {
      writeFileSync(file, String(nice), { flag: 'r+' });
    } catch {
      // It has ended, or /proc cannot be written.
    }
  };
  const before = sessionNice(file);
  if (before === undefined) return () => {};
  set(Math.min(before + by, mostNice));
  return () => set(before);
}

/** As the file has it: `/autogroup-12 nice 0`. */
function sessionNice(file: string): number | undefined {
  try {
    const found = /^\/autogroup-\d+ nice (-?\d+)$/m.exec(readFileSync(file, 'latin1'));
    return found === null ? undefined : Number(found[1]);
  } catch {
    return undefined;
  }
}

/** Gives another nice value to those threads that have `from`. */
function moveThreads(pid: number, from: number, to: number): void {
  // A thread may make another one before its own turn has come.
  for (let look = 0; look < 2; look += 1) {
    for (const thread of threadsOf(pid)) {
      try {
        if (getPriority(thread) === from) setPriority(thread, to);
      } catch {
        // It has ended.
      }
    }
  }
}

function threadsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return [];
  }
}
