/**
 * How much memory each pool takes: the proportional set size of its processes, in which a page that they share
 * counts once (proc_pid_smaps(5)). Resident sizes would count the OPcache and the pages of a fork once a worker.
 */

import { open } from 'node:fs/promises';
import type { PoolRunner } from '../generation/pool-runner.ts';

/** The kernel walks all pages of a process for it (0.3 ms were measured), so it is asked seldom, one after another. */
const intervalMs = 30_000;
/** Where there are many processes: five a second take less than two thousandths of a core. */
const msForEach = 200;
/** The file has about 25 short lines. */
const fileBytes = 4096;
const gone: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ESRCH']);

export class PoolMemory {
  /** Bytes by pool; undefined where the master has no right to look. Nothing before the first look. */
  #bytes: ReadonlyMap<string, number | undefined> | undefined;
  #nextAt = Number.NEGATIVE_INFINITY;

  /**
   * Bytes of the pool of that name, at most half a minute old, older with over 150 processes; 0 for one that had no
   * process then.
   */
  of(pool: string): number | undefined {
    if (this.#bytes === undefined) return undefined;
    return this.#bytes.has(pool) ? this.#bytes.get(pool) : 0;
  }

  /**
   * Looks again when it is time; called once a second. The figures follow a moment later.
   *
   * @param now monotonic milliseconds
   * @param runners those that may have processes
   */
  refresh(now: number, runners: readonly PoolRunner[]): void {
    if (now < this.#nextAt) return;
    const processes = new Map(runners.map((runner) => [runner.name, processesOf(runner)]));
    const count = [...processes.values()].reduce((sum, { length }) => sum + length, 0);
    this.#nextAt = now + Math.max(intervalMs, count * msForEach);
    void this.#look(processes);
  }

  async #look(processes: ReadonlyMap<string, readonly number[]>): Promise<void> {
    const bytes = new Map<string, number | undefined>();
    // One for all: readFile takes 64 KiB for each file of unknown size, and leaves them to the collector.
    const buffer = Buffer.alloc(fileBytes);
    for (const [pool, pids] of processes) {
      bytes.set(pool, await sumOf(pids, buffer));
    }
    this.#bytes = bytes;
  }
}

/** Workers of the embedded engine are threads of their host. */
function processesOf(runner: PoolRunner): number[] {
  return runner.generations().flatMap(({ host, workers, engine }) => {
    const own = engine === 'embedded' ? [] : workers.all().map(({ pid }) => pid);
    return [host.pid, ...own.filter((pid) => pid !== 0)];
  });
}

/** @returns undefined when there is one that the master has no right to look at: half a sum would be a lie */
async function sumOf(pids: readonly number[], buffer: Buffer): Promise<number | undefined> {
  let sum = 0;
  for (const pid of pids) {
    const bytes = await proportionalSize(pid, buffer);
    if (bytes === undefined) return undefined;
    sum += bytes;
  }
  return sum;
}

async function proportionalSize(pid: number, buffer: Buffer): Promise<number | undefined> {
  try {
    await using file = await open(`/proc/${pid}/smaps_rollup`);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    const text = buffer.toString('latin1', 0, bytesRead);
    return Number(/^Pss: +(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024;
  } catch (error) {
    // A process that has ended meanwhile takes none.
    return gone.has((error as NodeJS.ErrnoException).code) ? 0 : undefined;
  }
}
