/** Outcomes of reloads, for later questions and for clients that wait for one. */

import type { ReloadCounts, ReloadOutcome, ReloadResult } from '../figures/answers.ts';

type Waiter = (result: ReloadResult) => void;

type ReloadEnd = Pick<ReloadResult, 'at' | 'outcome'>;

/** The part that the next master continues. */
export interface SavedReloads {
  readonly counts: ReloadCounts;
  readonly last: ReloadResult | undefined;
  readonly recent: readonly ReloadEnd[];
}

/** As long as the history; of many reloads only the last ones. */
const recentMs = 3_600_000;
const recentMost = 200;

export class ReloadJournal {
  readonly #counts: Record<ReloadOutcome, number> = { succeeded: 0, partial: 0, refused: 0 };
  #last: ReloadResult | undefined;
  #recent: readonly ReloadEnd[] = [];
  #failures: string[] = [];
  #unchanged: readonly string[] | undefined;
  /** Waiters for the current reload and the next one. */
  #waiters: Waiter[] = [];
  #nextWaiters: Waiter[] = [];

  /** For the next master. */
  save(): SavedReloads {
    return { counts: this.counts, last: this.#last, recent: this.recent };
  }

  /** Those of the last master count as well. Before the first one. */
  restore({ counts, last, recent }: SavedReloads): void {
    Object.assign(this.#counts, counts);
    this.#last = last;
    this.#recent = recent;
  }

  get counts(): ReloadCounts {
    return { ...this.#counts };
  }

  /** Ends of reloads in the last hour, latest last. */
  get recent(): readonly ReloadEnd[] {
    const oldest = Date.now() - recentMs;
    return this.#recent.filter(({ at }) => at >= oldest);
  }

  get last(): ReloadResult | undefined {
    return this.#last;
  }

  /** The result of the next reload to begin: the current one may have read the files too early. */
  next(): Promise<ReloadResult> {
    return new Promise((resolve) => this.#nextWaiters.push(resolve));
  }

  begin(): void {
    this.#failures = [];
    this.#unchanged = undefined;
    this.#waiters = this.#nextWaiters;
    this.#nextWaiters = [];
  }

  /** A pool of the new configuration failed to start. */
  poolFailed(pool: string, reason: string): void {
    this.#failures.push(`pool ${pool}: ${reason}`);
  }

  /** A reload of changed pools leaves these alone. */
  leftAlone(pools: readonly string[]): void {
    this.#unchanged = pools;
  }

  /** Part of the new configuration could not be applied. */
  notApplied(reason: string): void {
    this.#failures.push(reason);
  }

  /** The new configuration is in effect, except for failed pools. */
  inForce(): void {
    this.#end(this.#failures.length === 0 ? 'succeeded' : 'partial', this.#failures);
  }

  /** @param reasons in the log's words */
  refused(reasons: readonly string[]): void {
    this.#end('refused', reasons);
  }

  /** In the master's state no reload can begin, and the current one does not end. */
  impossible(reason: string): void {
    this.#answerAll({ at: Date.now(), outcome: 'refused', reasons: [reason] });
  }

  /** Another master takes over. @returns whether somebody waits for a reload, and will ask that one */
  replaced(): boolean {
    const reasons = ['the master was replaced meanwhile: ask the new one'];
    return this.#answerAll({ at: Date.now(), outcome: 'refused', reasons, again: true });
  }

  #answerAll(result: ReloadResult): boolean {
    const waiters = [...this.#waiters.splice(0), ...this.#nextWaiters.splice(0)];
    for (const resolve of waiters) resolve(result);
    return waiters.length > 0;
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
