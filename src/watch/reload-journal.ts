/** How reloads ended, for those who ask later and those who wait for one. */

import type { ReloadCounts, ReloadOutcome, ReloadResult } from '../figures/answers.ts';

type Waiter = (result: ReloadResult) => void;

type ReloadEnd = Pick<ReloadResult, 'at' | 'outcome'>;

/** As far back as the history goes; of a storm of reloads the last ones. */
const recentMs = 3_600_000;
const recentMost = 200;

export class ReloadJournal {
  readonly #counts: Record<ReloadOutcome, number> = { succeeded: 0, partial: 0, refused: 0 };
  #last: ReloadResult | undefined;
  #recent: readonly ReloadEnd[] = [];
  #failures: string[] = [];
  #unchanged: readonly string[] | undefined;
  /** Of the reload under way, and of the next one. */
  #waiters: Waiter[] = [];
  #nextWaiters: Waiter[] = [];

  get counts(): ReloadCounts {
    return { ...this.#counts };
  }

  /** When those of the last hour ended, the latest one last. */
  get recent(): readonly ReloadEnd[] {
    const oldest = Date.now() - recentMs;
    return this.#recent.filter(({ at }) => at >= oldest);
  }

  get last(): ReloadResult | undefined {
    return this.#last;
  }

  /** The result of the next reload that begins: one under way may have read the files too early. */
  next(): Promise<ReloadResult> {
    return new Promise((resolve) => this.#nextWaiters.push(resolve));
  }

  begin(): void {
    this.#failures = [];
    this.#unchanged = undefined;
    this.#waiters = this.#nextWaiters;
    this.#nextWaiters = [];
  }

  /** A pool of the new configuration could not be started. */
  poolFailed(pool: string, reason: string): void {
    this.#failures.push(`pool ${pool}: ${reason}`);
  }

  /** A reload of what has changed leaves these pools alone. */
  leftAlone(pools: readonly string[]): void {
    this.#unchanged = pools;
  }

  /** Something of the new configuration could not be applied. */
  notApplied(reason: string): void {
    this.#failures.push(reason);
  }

  /** The new configuration is in force, but for pools that failed. */
  inForce(): void {
    this.#end(this.#failures.length === 0 ? 'succeeded' : 'partial', this.#failures);
  }

  /** @param reasons in the words of the log */
  refused(reasons: readonly string[]): void {
    this.#end('refused', reasons);
  }

  /** The master is in a state in which no reload begins, and the one under way does not end. */
  impossible(reason: string): void {
    for (const resolve of [...this.#waiters.splice(0), ...this.#nextWaiters.splice(0)]) {
      resolve({ at: Date.now(), outcome: 'refused', reasons: [reason] });
    }
  }

  #end(outcome: ReloadOutcome, reasons: readonly string[]): void {
    const unchanged = this.#unchanged;
    const result = { at: Date.now(), outcome, reasons, ...(unchanged && { unchanged }) };
    this.#counts[outcome] += 1;
    this.#last = result;
    this.#recent = [...this.#recent, { at: result.at, outcome }].slice(-recentMost);
    for (const resolve of this.#waiters.splice(0)) resolve(result);
  }
}
