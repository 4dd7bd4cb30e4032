/** Memory of processes, as Linux counts it (proc(5)). */
import { readFileSync } from 'node:fs';
import { descendants } from '../../tests/harness/processes.ts';

/** In MiB. */
export interface Memory {
  readonly rss: number;
  /** Shared pages divided by the number of processes that share them. */
  readonly pss: number;
}

const kibibytesPerMebibyte = 1024;

/** Reads /proc/PID/smaps_rollup. @throws Error when the process is gone */
export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
  const field = (name: string): number => {
    const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
    if (found === undefined) throw new Error(`/proc/${pid}/smaps_rollup has no field "${name}"`);
    return Number(found) / kibibytesPerMebibyte;
  };
  return { rss: field('Rss'), pss: field('Pss') };
}

/** A process with everything below it. */
export function memoryOfTree(pid: number): Memory {
  const all = [pid, ...descendants(pid).map((below) => below.pid)].map(memoryOf);
  const sum = (pick: (memory: Memory) => number): number => all.reduce((total, one) => total + pick(one), 0);
  return { rss: sum(({ rss }) => rss), pss: sum(({ pss }) => pss) };
}

/** Watches how large a process gets. The kernel's own mark, VmHWM, would include what was before. */
export class MemoryWatch implements Disposable {
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;
  readonly baseline: number;
  #highest: number;

  /** @param interval - milliseconds between two looks */
  constructor(pid: number, interval = 5) {
    this.#pid = pid;
    this.baseline = residentOf(pid);
    this.#highest = this.baseline;
    this.#timer = setInterval(() => this.#tryToLook(), interval);
  }

  /** MiB over the size at the start. @throws Error when the process has ended */
  get growth(): number {
    this.#look();
    return this.#highest - this.baseline;
  }

  /** A process that has ended is told by whoever talks to it, and by {@link growth}. */
  #tryToLook(): void {
    try {
      this.#look();
    } catch {
      clearInterval(this.#timer);
    }
  }

  #look(): void {
    this.#highest = Math.max(this.#highest, residentOf(this.#pid));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** MiB resident, by /proc/PID/status: cheap enough to be read all the time. */
function residentOf(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  if (found === undefined) throw new Error(`/proc/${pid}/status has no field "VmRSS": the process has ended`);
  return Number(found) / kibibytesPerMebibyte;
}
