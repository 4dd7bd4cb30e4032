/** Memory and CPU of a pool's processes, read from /proc on demand, at most once a second. */

import type { PoolProcesses, WorkerProcess } from '../figures/admin-snapshot.ts';
import { type ProcessStat, processStat, threadStat } from '../posix/process-stat.ts';
import type { Generation } from './generation.ts';

/** ms, for the pool and each of its processes: earlier requests get the last sample. */
const shortestPeriod = 1000;
const periodPerProcess = 20;
/** ms; over a longer time a percentage would describe the past. */
const longestPeriod = 30_000;

interface Seen {
  readonly at: number;
  readonly startTicks: number;
  readonly cpuMicros: number;
}

export class ProcessSampler {
  #last: { readonly until: number; readonly figures: PoolProcesses } | undefined;
  /** By pid. */
  #seen = new Map<number, Seen>();
  /** CPU time by generation, as last sampled; and that of ended ones. */
  #cpuMicros = new Map<number, number>();
  #goneCpuMicros = 0;
  #account: { readonly at: number; readonly cpuSeconds: number } | undefined;

  /**
   * @param now monotonic ms
   * @param generations those with a host
   */
  sample(now: number, generations: readonly Generation[]): PoolProcesses {
    if (this.#last !== undefined && now < this.#last.until) return this.#last.figures;
    const seen = new Map<number, Seen>();
    const workers = new Map<number, WorkerProcess>();
    let hostBytes = 0;
    const cpuMicros = new Map<number, number>();
    for (const generation of generations) {
      const host = processStat(generation.host.pid);
      hostBytes += host?.residentBytes ?? 0;
      // The host's account includes ended workers: it waits for them. It always includes threads.
      let cpu = (host?.cpuMicros ?? 0) + (host?.childrenCpuMicros ?? 0);
      const areThreads = generation.engine === 'embedded';
      for (const { pid } of generation.workers.all()) {
        const stat = pid === 0 ? undefined : workerStat(generation.host.pid, pid, areThreads);
        if (stat === undefined) continue;
        if (!areThreads) cpu += stat.cpuMicros;
        const residentBytes = areThreads ? undefined : stat.residentBytes;
        workers.set(pid, { residentBytes, cpuPercent: this.#cpuPercent(now, pid, stat) });
        seen.set(pid, { at: now, startTicks: stat.startTicks, cpuMicros: stat.cpuMicros });
      }
      cpuMicros.set(generation.number, Math.max(cpu, this.#cpuMicros.get(generation.number) ?? 0));
    }
    this.#seen = seen;
    const cpuSeconds = this.#sumOf(cpuMicros) / 1e6;
    const figures = { hostBytes, workers, cpuSeconds, cpuPercent: this.#poolPercent(now, cpuSeconds) };
    this.#last = { until: now + shortestPeriod + periodPerProcess * workers.size, figures };
    return figures;
  }

  #cpuPercent(now: number, pid: number, stat: ProcessStat): number | undefined {
    const before = this.#seen.get(pid);
    if (before?.startTicks !== stat.startTicks || now - before.at > longestPeriod) return undefined;
    return Math.max(0, stat.cpuMicros - before.cpuMicros) / (now - before.at) / 10;
  }

  #poolPercent(at: number, cpuSeconds: number): number | undefined {
    const before = this.#account;
    this.#account = { at, cpuSeconds };
    if (before === undefined || at <= before.at || at - before.at > longestPeriod) return undefined;
    return (100_000 * (cpuSeconds - before.cpuSeconds)) / (at - before.at);
  }

  /** All CPU time so far: never decreases, whatever ended meanwhile. */
  #sumOf(current: Map<number, number>): number {
    for (const [number, cpu] of this.#cpuMicros) {
      if (!current.has(number)) this.#goneCpuMicros += cpu;
    }
    this.#cpuMicros = current;
    return [...current.values()].reduce((sum, cpu) => sum + cpu, this.#goneCpuMicros);
  }
}

function workerStat(host: number, pid: number, isThread: boolean): ProcessStat | undefined {
  return isThread ? threadStat(host, pid) : processStat(pid);
}
