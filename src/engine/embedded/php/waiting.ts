import { destroySockets } from './loader-socket.ts';

/** Longest time of consecutive calls without waiting. */
const longestBreathMs = 1;

/**
 * Waits of a script for the outside: sleep(), sockets, pipes, locks, child processes. PHP's code stands still during a
 * wait and checks no time limit, so this class can end each wait; every later one of that request then ends at once,
 * until PHP reaches the point where it ends the script.
 */
export class Waiting {
  #isOver = false;
  /** Last time that events from outside could arrive, by performance.now(). */
  #lastTurn = 0;
  readonly #interrupts = new Set<() => void>();

  /** A request begins, or its end, where PHP calls the script's shutdown functions. */
  begin(): void {
    this.#isOver = false;
  }

  /** True while PHP's code waits. */
  get isWaiting(): boolean {
    return this.#interrupts.size > 0;
  }

  /**
   * Ends the current wait of the request and its connections: libraries with an open connection would wait for it again
   * and again.
   */
  interrupt(): void {
    if (!this.isWaiting) return;
    this.#isOver = true;
    destroySockets();
    for (const interrupt of [...this.#interrupts]) interrupt();
  }

  /**
   * Waits until woken.
   *
   * @param arm receives the waking function, and returns a clean-up function that is called at the end of the wait in
   *   either case.
   * @returns false when interrupted
   */
  for(arm: (wake: () => void) => () => void): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.#isOver) {
        // A polling script must not starve everything else.
        setImmediate(() => resolve(false));
        return;
      }
      let disarm: (() => void) | undefined;
      let result: boolean | undefined;
      const end = (isWoken: boolean): void => {
        if (result !== undefined) return;
        result = isWoken;
        this.#interrupts.delete(interrupt);
        disarm?.();
        this.#lastTurn = performance.now();
        resolve(isWoken);
      };
      const interrupt = (): void => end(false);
      this.#interrupts.add(interrupt);
      disarm = arm(() => end(true));
      if (result !== undefined) disarm();
    });
  }

  /** @returns the promise's value, or undefined when interrupted */
  async until<T>(promise: Promise<T>): Promise<T | undefined> {
    const settle = (wake: () => void): (() => void) => {
      promise.then(wake, wake);
      return () => {};
    };
    return (await this.for(settle)) ? promise : undefined;
  }

  /** @returns false when interrupted */
  pause(milliseconds: number): Promise<boolean> {
    return this.for((wake) => {
      const timer = setTimeout(wake, milliseconds);
      return () => clearTimeout(timer);
    });
  }

  /**
   * Gives a turn to the event loop now and then, for calls that need not wait: a script may learn repeatedly that one
   * thing is ready while it waits for another.
   */
  async breathe(): Promise<void> {
    if (performance.now() - this.#lastTurn > longestBreathMs) await this.turn();
  }

  /** Lets outside events arrive: a script that polls without waiting would not see them. */
  turn(): Promise<boolean> {
    return this.for((wake) => {
      const timer = setImmediate(wake);
      return () => clearImmediate(timer);
    });
  }
}
