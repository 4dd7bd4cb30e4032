/**
 * How much memory each pool takes: the proportional set size of its processes, in which a page that they share
 * counts once, and what each worker has for itself (proc_pid_smaps(5)). Resident sizes would count the OPcache and the
 * pages of a fork once a worker. Workers of the embedded engine are threads: their PHP instances say how large they are.
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

/** The kernel walks all pages of a process for it, so it is asked seldom, one after another. */
const intervalMs = 30_000;
/** Where there are many processes: five a second take less than two thousandths of a core. */
const msForEach = 200;
/** The first looks after a start come sooner: somebody waits for the figures. */
const firstMs = 1_000;
const firstLooks = 30;
const gone: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ESRCH']);
const nothing: ProcessMemory = { proportionalBytes: 0, privateBytes: 0 };

/** Of a pool without a process. */
const atRest: PoolMemoryFigures = { bytes: 0, sharedBytes: 0, workers: undefined, privateBytes: new Map() };

/** A pool's processes at the moment at which the look begins. */
interface Subject {
  readonly hosts: readonly number[];
  /** `bytes` is known of a thread. */
  readonly workers: readonly { readonly pid: number; readonly requests: number; readonly bytes?: number }[];
}

export class PoolMemory {
  /** By pool; undefined where the master has no right to look. Nothing before the first look. */
  #figures: ReadonlyMap<string, PoolMemoryFigures | undefined> | undefined;
  #growth = new Map<string, GrowthMemory>();
  #nextAt = Number.NEGATIVE_INFINITY;
  #looks = 0;
  #isLooking = false;
  readonly #look = new MemoryLook();

  /**
   * Of the pool of that name, at most half a minute old, older with over 150 processes; nothing of one that had no
   * process then. Undefined where the master has no right to look, and before the first look.
   */
  of(pool: string): PoolMemoryFigures | undefined {
    if (this.#figures === undefined) return undefined;
    return this.#figures.has(pool) ? this.#figures.get(pool) : atRest;
  }

  /**
   * Looks again when it is time; called once a second. The figures follow a moment later.
   *
   * @param now monotonic milliseconds
   * @param runners those that may have processes
   */
  refresh(now: number, runners: readonly PoolRunner[]): void {
    if (now < this.#nextAt || this.#isLooking) return;
    const subjects = new Map<string, Subject>();
    for (const runner of runners) {
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

  /** @returns undefined when there is a process that the master has no right to look at: half a sum would be a lie */
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
      // One that has ended meanwhile, or a thread that has not run anything yet.
      if (privateBytes > 0) samples.push({ pid, bytes: privateBytes, requests });
    }
    return { bytes, workers: samples };
  }

  async #process(pid: number): Promise<ProcessMemory | undefined> {
    try {
      return await this.#look.of(pid);
    } catch (error) {
      // A process that has ended meanwhile takes none.
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
