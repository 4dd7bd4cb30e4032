/**
 * Refuses requests that wait too long for a worker, or that arrive while too many wait: `queue.max_wait`,
 * `queue.max_length`.
 */

import type { Level } from '../../../log/levels.ts';
import type { Exchange } from './exchange.ts';
import type { RequestQueue } from './request-queue.ts';

export interface WaitLimits {
  /** Seconds; 0: no limit. */
  readonly maxWait: number;
  /** Requests; 0: no limit. */
  readonly maxLength: number;
}

/** Receiver of the refusals. */
export interface RefusalReport {
  refused(): void;
  say(level: Level, text: string): void;
}

/**
 * Share of the limit after which a request is refused: the host may be busy with others for a moment, and who is served
 * is not to have waited longer than the limit.
 */
const aimedShare = 0.9;
/** An episode ends after this time without a refusal, ms. */
const quietMs = 5000;

export class WaitWatch {
  readonly #limits: WaitLimits;
  readonly #queue: RequestQueue;
  readonly #report: RefusalReport;
  /** Start of the wait, performance.now(). */
  readonly #since = new WeakMap<Exchange, number>();
  #timer: NodeJS.Timeout | undefined;
  #episode: { readonly since: number; refused: number } | undefined;
  #quiet: NodeJS.Timeout | undefined;

  constructor(limits: WaitLimits, queue: RequestQueue, report: RefusalReport) {
    this.#limits = limits;
    this.#queue = queue;
    this.#report = report;
  }

  get isFull(): boolean {
    return this.#limits.maxLength > 0 && this.#queue.length >= this.#limits.maxLength;
  }

  get #longestMs(): number {
    return 1000 * this.#limits.maxWait * aimedShare;
  }

  /** The request is now in the queue. */
  begin(exchange: Exchange): void {
    if (this.#limits.maxWait === 0) return;
    this.#since.set(exchange, performance.now());
    this.#timer ??= this.#timerFor(exchange);
  }

  refuse(exchange: Exchange): void {
    const { maxWait, maxLength } = this.#limits;
    if (this.#episode === undefined) {
      const limits = [
        ...(maxWait > 0 ? [`queue.max_wait = ${maxWait}s`] : []),
        ...(maxLength > 0 ? [`queue.max_length = ${maxLength}`] : []),
      ];
      this.#report.say(
        'warning',
        `overloaded: ${this.#queue.length} requests wait; those beyond ${limits.join(' and ')} are answered with 503`,
      );
      this.#episode = { since: performance.now(), refused: 0 };
    }
    this.#episode.refused += 1;
    this.#report.refused();
    exchange.refuseBusy(Math.max(1, maxWait));
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => this.#endEpisode(), quietMs).unref();
  }

  #endEpisode(): void {
    const { since, refused } = this.#episode!;
    const seconds = Math.max(1, Math.round((performance.now() - quietMs - since) / 1000));
    this.#report.say('notice', `the overload is over: ${refused} requests were refused in ${seconds} s`);
    this.#episode = undefined;
  }

  /** Requests leave the queue in order of arrival, so the first one's deadline comes first. */
  #timerFor(exchange: Exchange): NodeJS.Timeout {
    const waited = performance.now() - (this.#since.get(exchange) ?? performance.now());
    const left = Math.max(1, this.#longestMs - waited);
    return setTimeout(() => this.#timeUp(), left).unref();
  }

  #timeUp(): void {
    this.#timer = undefined;
    const latest = performance.now() - this.#longestMs;
    for (let first = this.#queue.first; first !== undefined; first = this.#queue.first) {
      if ((this.#since.get(first) ?? 0) > latest) {
        this.#timer = this.#timerFor(first);
        return;
      }
      this.#queue.remove(first);
      this.refuse(first);
    }
  }
}
