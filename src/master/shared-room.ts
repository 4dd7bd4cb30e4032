/**
 * Resources shared by pools with `pm = auto`: the processor, and the memory of `memory.budget`. Sampled once a second.
 */

import { parseBudget } from '../config/budget.ts';
import type { SharedRoom } from '../generation/auto-sizer.ts';
import { contain } from '../generation/bulkhead.ts';
import type { PoolRunner } from '../generation/pool-runner.ts';
import { budgetBytes, memoryCeilings, projectUse, type UseSample } from '../pool/memory-shares.ts';
import { memoryAccount } from '../posix/memory-limit.ts';
import { isProcessorUsedUp, type ProcessorCounters, readProcessor } from '../posix/processor.ts';

/** Minimum period for a statement about the processor, ms. */
const shortestMs = 500;

export class MachineRoom implements SharedRoom {
  #before: ProcessorCounters | undefined;
  #isProcessorBusy = false;
  #use: UseSample | undefined;
  #ceilings: ReadonlyMap<string, number> = new Map();

  get isProcessorBusy(): boolean {
    return this.#isProcessorBusy;
  }

  ceiling(pool: string): number | undefined {
    return this.#ceilings.get(pool);
  }

  /**
   * @param runners pools that may have a host
   * @param budget `memory.budget`
   * @param now monotonic ms
   */
  refresh(runners: readonly PoolRunner[], budget: string, now: number): void {
    const claims = runners.flatMap(
      (runner) => contain(runner, 'measuring its workers', () => runner.autoClaim()) ?? [],
    );
    if (claims.length === 0) {
      this.#ceilings = new Map();
      return;
    }
    this.#lookAtProcessor(now);
    const account = memoryAccount();
    const parsed = parseBudget(budget);
    if (account === undefined || parsed === undefined) return;
    const running = claims.reduce((sum, claim) => sum + claim.running, 0);
    const theirs = claims.reduce((sum, claim) => sum + claim.running * claim.workerBytes, 0);
    const use = {
      at: now,
      used: account.usedBytes,
      running,
      workerBytes: running === 0 ? 0 : theirs / running,
    };
    const projected = projectUse(this.#use, use);
    this.#use = use;
    this.#ceilings = memoryCeilings(budgetBytes(parsed, account.limitBytes), projected, claims);
  }

  #lookAtProcessor(now: number): void {
    const counters = readProcessor(now);
    const before = this.#before;
    if (before !== undefined && now - before.at < shortestMs) return;
    this.#isProcessorBusy = before !== undefined && isProcessorUsedUp(before, counters);
    this.#before = counters;
  }
}
