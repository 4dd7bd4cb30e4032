/**
 * Workers whose host is gone or was taken from them. A native worker finishes its request when its host dies; only the
 * master could end one that does not.
 */

import { orphanDeadline } from '../pool/hand-over.ts';
import type { ProcessHandle } from '../posix/pidfd.ts';
import type { Generation } from './generation.ts';
import type { MasterServices } from './master-services.ts';

/** Interval for checking killed workers, ms. */
const checkMs = 50;

type Services = Pick<MasterServices, 'now' | 'wakeAt' | 'processControlTimeout'>;

interface Orphan {
  readonly process: ProcessHandle;
  /** Monotonic ms. */
  readonly until: number;
}

export class Orphans {
  readonly #services: Services;
  #orphans: readonly Orphan[] = [];

  constructor(services: Services) {
    this.#services = services;
  }

  get size(): number {
    return this.#orphans.length;
  }

  /** Takes the workers of a faulty host: they are told to finish their requests. */
  finish(generation: Generation): void {
    const workers = generation.workers.takeProcesses();
    for (const worker of workers) worker.signal('SIGQUIT');
    this.#adopt(workers, this.#deadline(generation));
  }

  /** Takes the workers that outlive their host. */
  inherit(generation: Generation): void {
    const until = generation.mayFinish ? this.#deadline(generation) : this.#services.now();
    this.#adopt(generation.workers.takeProcesses(), until);
    if (this.size === 0) return;
    this.check(this.#services.now());
    this.#services.wakeAt(this.#services.now() + checkMs);
  }

  /** Forgets ended workers, and kills those past their deadline. */
  check(now: number): void {
    const left: Orphan[] = [];
    for (const orphan of this.#orphans) {
      if (orphan.process.isAlive) left.push(orphan);
      else orphan.process.close();
    }
    this.#orphans = left;
    for (const { process, until } of left) if (now >= until) process.signal('SIGKILL');
  }

  /** Kills them without waiting for requests. */
  kill(): void {
    for (const { process } of this.#orphans) process.signal('SIGKILL');
  }

  /** @param until their deadline, monotonic ms */
  #adopt(processes: readonly ProcessHandle[], until: number): void {
    this.#orphans = [...this.#orphans, ...processes.map((process) => ({ process, until }))];
    this.check(Number.NEGATIVE_INFINITY);
  }

  #deadline({ pool }: Generation): number {
    return orphanDeadline(
      this.#services.now(),
      this.#services.processControlTimeout(),
      pool.request_terminate_timeout,
    );
  }
}
