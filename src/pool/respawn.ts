/**
 * When a dead worker or engine host is replaced.
 *
 * PHP-FPM replaces at once, always; a pool whose workers cannot initialise then starts hundreds of processes a
 * second and floods the log. Here a replacement is still immediate after every useful life. Only lives that were
 * of no use are held up, and only when they repeat.
 *
 * - A worker's life was useful when it had begun a request or lasted a second. So neither `pm.max_requests = 1`
 *   nor a request that kills its worker delays anything: what a client can cause must not hold the pool down.
 * - The first useless life is replaced at once and opens a round. Useless lives that end within the round are
 *   replaced at its end, together. One that ends later opens the next round, twice as long, up to a limit.
 * - A useful life, or a quiet time without useless ones, starts again with the first round.
 */

export interface BackOffRule {
  /** Length of the first round. */
  readonly firstMillis: number;
  readonly longestMillis: number;
  /** After so long without a useless life the series is over. Longer than any round. */
  readonly quietMillis: number;
}

export const workerBackOff: BackOffRule = { firstMillis: 100, longestMillis: 30_000, quietMillis: 60_000 };
/** A host takes longer to start, and its failure is logged each time. */
export const hostBackOff: BackOffRule = { firstMillis: 500, longestMillis: 30_000, quietMillis: 60_000 };

/** A worker that lasted this long had initialised. */
export const usefulWorkerMillis = 1000;
/** A host that served this long is not failing at its start. */
export const usefulHostMillis = 10_000;

/** What is carried from one death to the next, one for each pool's workers and one for its hosts. */
export interface BackOffMemory {
  /** Rounds in a row. */
  readonly rounds: number;
  /** End of the current round; the clock is the caller's `now`. */
  readonly roundEndsAt: number;
}

export const initialBackOff: BackOffMemory = { rounds: 0, roundEndsAt: Number.NEGATIVE_INFINITY };

/** Whether a worker's life was of use. `requests` is the count of its slot at its end. */
export function isUsefulWorkerLife(lifetimeMillis: number, requests: number): boolean {
  return requests > 0 || lifetimeMillis >= usefulWorkerMillis;
}

/**
 * When to start the replacement of one that died at `now`.
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
