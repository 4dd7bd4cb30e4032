/**
 * When a dead worker or engine host is replaced.
 *
 * PHP-FPM always replaces at once; a pool whose workers fail to initialise then starts hundreds of processes a second
 * and floods the log. Here a replacement is also immediate after every useful life. Only useless lives are delayed, and
 * only when they repeat.
 *
 * - A worker's life was useful if it began a request or lasted a second. So neither `pm.max_requests = 1` nor a request
 *   that kills its worker delays anything: clients must not be able to hold the pool down.
 * - The first useless life is replaced at once and opens a round. Useless lives that end within the round are replaced
 *   at its end, together. One that ends later opens the next round, twice as long, up to a limit.
 * - A useful life, or a quiet time without useless ones, starts again with the first round.
 */

export interface BackOffRule {
  /** Length of the first round. */
  readonly firstMillis: number;
  readonly longestMillis: number;
  /** Time without a useless life that ends the series. Longer than any round. */
  readonly quietMillis: number;
}

export const workerBackOff: BackOffRule = { firstMillis: 100, longestMillis: 30_000, quietMillis: 60_000 };
/** A host takes longer to start, and each of its failures is logged. */
export const hostBackOff: BackOffRule = { firstMillis: 500, longestMillis: 30_000, quietMillis: 60_000 };

/** A worker that lasted this long had initialised. */
export const usefulWorkerMillis = 1000;
/** A host that served this long is not failing at its start. */
export const usefulHostMillis = 10_000;

/** State between two deaths, one for each pool's workers and one for its hosts. */
export interface BackOffMemory {
  /** Consecutive rounds. */
  readonly rounds: number;
  /** End of the current round, on the clock of the caller's `now`. */
  readonly roundEndsAt: number;
}

export const initialBackOff: BackOffMemory = { rounds: 0, roundEndsAt: Number.NEGATIVE_INFINITY };

/** Whether a worker's life was useful. `requests` is its slot's count at its end. */
export function isUsefulWorkerLife(lifetimeMillis: number, requests: number): boolean {
  return requests > 0 || lifetimeMillis >= usefulWorkerMillis;
}

/**
 * Time to start the replacement of one that died at `now`.
 *
 * @returns the time, on the caller's clock in milliseconds, `now` for at once; and the new memory.
 */
export function replacementTime(
  rule: BackOffRule,
  memory: BackOffMemory,
  now: number,
  wasUseful: boolean,
): { readonly at: number; readonly memory: BackOffMemory } {
  if (wasUseful) return { at: now, memory: initialBackOff };
  if (now < memory.roundEndsAt) return { at: memory.roundEndsAt, memory };
  const isSeriesOver = now - memory.roundEndsAt > rule.quietMillis;
  const rounds = isSeriesOver ? 1 : memory.rounds + 1;
  const length = Math.min(rule.firstMillis * 2 ** (rounds - 1), rule.longestMillis);
  const roundEndsAt = now + length;
  return { at: rounds === 1 ? now : roundEndsAt, memory: { rounds, roundEndsAt } };
}
