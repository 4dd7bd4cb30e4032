/** Counts of a pool since the master's start. A scoreboard ends with its generation, a slot with its worker; these go on. */

import type { PoolTotals, RestartCause } from '../admin/snapshot.ts';
import type { Generation } from './generation.ts';

export class PoolCounters {
  readonly #restarts: Record<RestartCause, number> = { exit: 0, signal: 0, timeout: 0, host: 0 };
  #responses: readonly number[] = [0, 0, 0, 0, 0];
  #accepted = 0;
  #maxChildrenReached = 0;
  #slowRequests = 0;
  #terminatedRequests = 0;

  restarted(cause: RestartCause): void {
    this.#restarts[cause] += 1;
  }

  terminated(): void {
    this.#terminatedRequests += 1;
  }

  /** A worker is gone; to be called before its slot goes to another one. */
  workerGone(generation: Generation, slot: number): void {
    this.#responses = add(this.#responses, generation.reader.readResponseCounts(slot));
  }

  /** A host is gone, and its workers with it; to be called before the scoreboard is closed. */
  generationGone(generation: Generation): void {
    this.#accepted += generation.reader.readHeader().acceptedRequests;
    this.#maxChildrenReached += generation.memory.maxChildrenReached;
    this.#slowRequests += generation.slowRequests;
  }

  /** @param generations those that have a host */
  totals(generations: readonly Generation[]): PoolTotals {
    let responses = this.#responses;
    for (const { workers, reader } of generations) {
      for (const { slot, pid } of workers.all()) {
        if (pid !== 0) responses = add(responses, reader.readResponseCounts(slot));
      }
    }
    const sum = (base: number, of: (generation: Generation) => number): number =>
      generations.reduce((total, generation) => total + of(generation), base);
    return {
      responses,
      accepted: sum(this.#accepted, ({ reader }) => reader.readHeader().acceptedRequests),
      maxChildrenReached: sum(this.#maxChildrenReached, ({ memory }) => memory.maxChildrenReached),
      slowRequests: sum(this.#slowRequests, ({ slowRequests }) => slowRequests),
      terminatedRequests: this.#terminatedRequests,
      restarts: { ...this.#restarts },
    };
  }
}

function add(left: readonly number[], right: readonly number[]): number[] {
  return left.map((value, index) => value + (right[index] ?? 0));
}
