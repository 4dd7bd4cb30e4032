/**
 * How much memory each pool takes: the proportional set size of its processes, in which a page that they share
 * counts once (proc_pid_smaps(5)). Resident sizes would count the OPcache and the pages of a fork once a worker.
 */

import { readFile } from 'node:fs/promises';
import type { PoolRunner } from './pool-runner.ts';

/** The kernel walks all pages of a process for it (0.3 ms were measured), so it is asked seldom, one after another. */
const intervalMs = 30_000;
/** Where there are many processes: five a second take less than two thousandths of a core. */
const msForEach = 200;
const gone: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ESRCH']);

export class PoolMemory {
  /** Bytes by pool; without those that the master has no right to look at. */
  #bytes: ReadonlyMap<string, number> = new Map();
  #nextAt = Number.NEGATIVE_INFINITY;

  /** Bytes by name of the pool, at most half a minute old, older with over 150 processes. */
  get bytes(): ReadonlyMap<string, number> {
    return this.#bytes;
  }

  /**
   * Looks again when it is time; called once a second. The figures follow a moment later.
   *
   * @param now monotonic milliseconds
   */
  refresh(now: number, runners: readonly PoolRunner[]): void {
    if (now < this.#nextAt) return;
    const processes = new Map(runners.map((runner) => [runner.name, processesOf(runner)]));
    const count = [...processes.values()].reduce((sum, { length }) => sum + length, 0);
    this.#nextAt = now + Math.max(intervalMs, count * msForEach);
    void this.#look(processes);
  }

  async #look(processes: ReadonlyMap<string, readonly number[]>): Promise<void> {
    const bytes = new Map<string, number>();
    for (const [pool, pids] of processes) {
      const sum = await sumOf(pids);
      if (sum !== undefined) bytes.set(pool, sum);
    }
    this.#bytes = bytes;
  }
}

/** Workers of the embedded engine are threads of their host. */
function processesOf(runner: PoolRunner): number[] {
  return runner.generations().flatMap(({ host, workers, facts }) => {
    const own = facts?.engine === 'embedded' ? [] : workers.all().map(({ pid }) => pid);
    return [host.pid, ...own.filter((pid) => pid !== 0)];
  });
}

/** @returns undefined when there is one that the master has no right to look at: half a sum would be a lie */
async function sumOf(pids: readonly number[]): Promise<number | undefined> {
  let sum = 0;
  for (const pid of pids) {
    const bytes = await proportionalSize(pid);
    if (bytes === undefined) return undefined;
    sum += bytes;
  }
  return sum;
}

async function proportionalSize(pid: number): Promise<number | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/smaps_rollup`, 'latin1');
    return Number(/^Pss: +(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024;
  } catch (error) {
    // A process that has ended meanwhile takes none.
    return gone.has((error as NodeJS.ErrnoException).code) ? 0 : undefined;
  }
}
