/**
 * Memory of each pool: the proportional set size of its processes, in which a shared page counts once, and the private
 * memory of each worker (proc_pid_smaps(5)). Resident sizes would count OPcache and the pages of a fork once per
 * worker. Workers of the embedded engine are threads: their PHP instances report their size.
 */

import type { PoolMemoryFigures } from '../figures/memory.ts';
import { contain } from '../generation/bulkhead.ts';
import type { PoolRunner } from '../generation/pool-runner.ts';
import {
  type GrowthMemory,
  type MemorySample,
  noGrowth,
  noteMemory,
  workerMemory,
} from '../pool/memory-growth.ts';
import { MemoryLook, type ProcessMemory } from '../posix/smaps.ts';

/** The kernel walks all pages of a process for it, so it is asked rarely, one process after the other. */
const intervalMs = 30_000;
/** With many processes: five a second take less than two thousandths of a core. */
const msForEach = 200;
/** The first measurements after a start come sooner: somebody waits for the figures. */
const firstMs = 1_000;
const firstLooks = 30;
const gone: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ESRCH']);
const nothing: ProcessMemory = { proportionalBytes: 0, privateBytes: 0 };

/** For a pool without a process. */
const atRest: PoolMemoryFigures = { bytes: 0, sharedBytes: 0, workers: undefined, privateBytes: new Map() };

/** A pool's processes at the start of a measurement. */
interface Subject {
  readonly hosts: readonly number[];
  /** `bytes` is known for threads. */
  readonly workers: readonly { readonly pid: number; readonly requests: number; readonly bytes?: number }[];
}

export class PoolMemory {
  /** By pool; undefined where the master lacks the permission. Empty before the first measurement. */
  #figures: ReadonlyMap<string, PoolMemoryFigures | undefined> | undefined;
  #growth = new Map<string, GrowthMemory>();
  #nextAt = Number.NEGATIVE_INFINITY;
  #looks = 0;
  #isLooking = false;
  readonly #look = new MemoryLook();

  /**
   * Figures of a pool, at most half a minute old, older with over 150 processes; zero for a pool without a process at
   * the time. Undefined where the master lacks the permission, and before the first measurement.
   */
  of(pool: string): PoolMemoryFigures | undefined {
    if (this.#figures === undefined) return undefined;
    return this.#figures.has(pool) ? this.#figures.get(pool) : atRest;
  }

  /**
   * Starts a measurement when it is due; called once a second. The figures follow a moment later.
   *
   * @param now monotonic milliseconds
   * @param runners pools that may have processes
   */
  refresh(now: number, runners: readonly PoolRunner[]): void {
    if (now < this.#nextAt || this.#isLooking) return;
    const subjects = new Map<string, Subject>();
    for (const runner of runners) {
      if (runner.isAtRest) continue;
      const subject = contain(runner, 'counting its memory', () => subjectOf(runner));
      if (subject !== undefined) subjects.set(runner.name, subject);
    }
    const count = [...subjects.values()].reduce(
      (sum, { hosts, workers }) => sum + hosts.length + workers.length,
      0,
    );
    this.#looks += 1;
    this.#nextAt = now + Math.max(this.#looks <= firstLooks ? firstMs : intervalMs, count * msForEach);
    this.#isLooking = true;
    void this.#lookAt(subjects).finally(() => {
      this.#isLooking = false;
    });
  }

  async #lookAt(subjects: ReadonlyMap<string, Subject>): Promise<void> {
    const figures = new Map<string, PoolMemoryFigures | undefined>();
    const growth = new Map<string, GrowthMemory>();
    for (const [pool, subject] of subjects) {
      const seen = await this.#measure(subject);
      if (seen === undefined) {
        figures.set(pool, undefined);
        continue;
      }
      const grown = noteMemory(this.#growth.get(pool) ?? noGrowth, seen.workers);
      growth.set(pool, grown);
      figures.set(pool, figuresOf(seen, grown));
    }
    this.#figures = figures;
    this.#growth = growth;
  }

  /** @returns undefined if the master lacks the permission for one process: a partial sum would be wrong */
  async #measure({ hosts, workers }: Subject): Promise<Seen | undefined> {
    let bytes = 0;
    const samples: MemorySample[] = [];
    for (const pid of hosts) {
      const host = await this.#process(pid);
      if (host === undefined) return undefined;
      bytes += host.proportionalBytes;
    }
    for (const { pid, requests, bytes: known } of workers) {
      const own = known === undefined ? await this.#process(pid) : nothing;
      if (own === undefined) return undefined;
      bytes += own.proportionalBytes;
      const privateBytes = known ?? own.privateBytes;
      // A process that has ended meanwhile, or a thread that has not run anything yet.
      if (privateBytes > 0) samples.push({ pid, bytes: privateBytes, requests });
    }
    return { bytes, workers: samples };
  }

  async #process(pid: number): Promise<ProcessMemory | undefined> {
    try {
      return await this.#look.of(pid);
    } catch (error) {
      // A process that has ended meanwhile uses none.
      return gone.has((error as NodeJS.ErrnoException).code) ? nothing : undefined;
    }
  }
}

interface Seen {
  readonly bytes: number;
  readonly workers: readonly MemorySample[];
}

function figuresOf({ bytes, workers }: Seen, growth: GrowthMemory): PoolMemoryFigures {
  const own = workers.reduce((sum, worker) => sum + worker.bytes, 0);
  return {
    bytes,
    // Instances of threads are sizes of address space, of which not every page has been used.
    sharedBytes: Math.max(0, bytes - own),
    workers: workerMemory(growth),
    privateBytes: new Map(workers.map((worker) => [worker.pid, worker.bytes])),
  };
}

function subjectOf(runner: PoolRunner): Subject {
  const generations = runner.generations();
  return {
    hosts: generations.map(({ host }) => host.pid),
    workers: generations.flatMap(({ workers, engine, reader }) => {
      const slots = new Map(reader.readNumbers().slots.map((slot) => [slot.slot, slot]));
      return workers.all().flatMap(({ pid, slot }) => {
        if (pid === 0) return [];
        const { requests = 0, instanceBytes = 0 } = slots.get(slot) ?? {};
        return [{ pid, requests, ...(engine === 'embedded' ? { bytes: instanceBytes } : {}) }];
      });
    }),
  };
}
