/** Waiting with a hard cap. Every wait of the harness ends in one of these, so no test can hang. */

/** Default time limit of a wait in a test, in ms. */
export const defaultCap = 10_000;

/** The awaited thing did not happen in time; the message says what was waited for. */
export class WaitError extends Error {}

/** The promise's outcome, or WaitError after `cap` ms. `describe` may add what is known by then. */
export async function within<T>(
  promise: Promise<T>,
  what: string | (() => string),
  cap: number = defaultCap,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new WaitError(`waited ${cap} ms for ${typeof what === 'string' ? what : what()}`));
    }, cap);
    // A wait that lost a race must not keep the process; the runner fails a test whose promise never settles.
    timer.unref();
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Asks again and again until the answer is not undefined. Only for facts that the kernel has no event for
 * (/proc, a server's own counters); everything else waits on its event.
 */
export async function poll<T>(
  what: string,
  ask: () => T | undefined | Promise<T | undefined>,
  cap: number = defaultCap,
): Promise<T> {
  const deadline = performance.now() + cap;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new WaitError(`waited ${cap} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
