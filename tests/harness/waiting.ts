/** Waiting with a hard limit. Every wait of the harness uses one of these, so no test can hang. */

/** Default time limit of a wait in a test, in ms. */
export const defaultCap = 10_000;

/**
 * Limits are given for a machine at rest and stretched by this factor: other work beside the suite is no failure of a
 * test. Only a wait that fails lasts longer.
 */
const patience = 4;

/** The longest time of setTimeout(): a longer one would end at once. */
const longest = 2 ** 31 - 1;

/** The expected event did not happen in time; the message names it. */
export class WaitError extends Error {}

/** The promise's outcome, or WaitError after `cap` ms times the patience. `describe` may add the state at that time. */
export async function within<T>(
  promise: Promise<T>,
  what: string | (() => string),
  cap: number = defaultCap,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = Math.min(cap * patience, longest);
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new WaitError(`waited ${limit} ms for ${typeof what === 'string' ? what : what()}`));
    }, limit);
    // A wait that lost a race must not keep the process alive; the runner fails a test whose promise never settles.
    timer.unref();
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Between two looks: at first, and at most. A look may read much of /proc, and what has lasted may last on. */
const [shortestPause, longestPause] = [10, 60];

/**
 * Polls until the answer is defined. Only for facts without a kernel event (/proc, a server's own counters); everything
 * else waits for its event.
 */
export async function poll<T>(
  what: string,
  ask: () => T | undefined | Promise<T | undefined>,
  cap: number = defaultCap,
): Promise<T> {
  const limit = cap * patience;
  const begin = performance.now();
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    const waited = performance.now() - begin;
    if (waited > limit) throw new WaitError(`waited ${limit} ms for ${what}`);
    const pause = Math.min(shortestPause + waited / 20, longestPause);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}
