/**
 * Workers whose host is gone or was taken from them. A native worker finishes what it runs when its host dies; nobody
 * but the master could end one that does not.
 */

import type { ProcessHandle } from '../posix/pidfd.ts';

interface Orphan {
  readonly process: ProcessHandle;
  /** Monotonic ms. */
  readonly until: number;
}

export class Orphans {
  #orphans: readonly Orphan[] = [];

  get size(): number {
    return this.#orphans.length;
  }

  /** Takes them over; they have until then to finish, monotonic ms. */
  adopt(processes: readonly ProcessHandle[], until: number): void {
    this.#orphans = [...this.#orphans, ...processes.map((process) => ({ process, until }))];
    this.check(Number.NEGATIVE_INFINITY);
  }

  /** Forgets those that are gone, and kills those whose time is over. */
  check(now: number): void {
    const left: Orphan[] = [];
    for (const orphan of this.#orphans) {
      if (orphan.process.isAlive) left.push(orphan);
      else orphan.process.close();
    }
    this.#orphans = left;
    for (const { process, until } of left) if (now >= until) process.signal('SIGKILL');
  }

  /** Nothing of them is waited for. */
  kill(): void {
    for (const { process } of this.#orphans) process.signal('SIGKILL');
  }
}
