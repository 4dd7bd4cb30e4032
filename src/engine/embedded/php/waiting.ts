import { destroySockets } from './loader-socket.ts';

/** How long calls that need not wait may follow each other. */
const longestBreathMs = 1;

/**
 * Where a script waits for something outside: sleep(), sockets, pipes, locks, child processes. PHP's code stands still
 * meanwhile and looks at no time limit, so each wait can be ended from here; every later one of that request then ends
 * at once, until PHP has come to where it ends the script.
 */
export class Waiting {
  #isOver = false;
  /** When something from outside could last come in, by performance.now(). */
  #lastTurn = 0;
  readonly #interrupts = new Set<() => void>();

  /** A request begins, or its end, where PHP calls the script's shutdown functions. */
  begin(): void {
    this.#isOver = false;
  }

  /** True while PHP's code stands still. */
  get isWaiting(): boolean {
    return this.#interrupts.size > 0;
  }

  /**
   * Ends the wait of the running request, if it waits. Its connections end, too: libraries that have one look for it
   * again and again, and do not know that something else may be the matter.
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
   * @param arm is given what wakes, and returns what is to be called when the wait is over either way.
   * @returns false when interrupted
   */
  for(arm: (wake: () => void) => () => void): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.#isOver) {
        // Who asks again and again must not keep everything else from being done.
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

  /** @returns what the promise gives, undefined when interrupted */
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
   * For calls that need not wait, now and then a turn all the same: a script may be told again and again that one thing
   * is ready, while it is another one that it waits for.
   */
  async breathe(): Promise<void> {
    if (performance.now() - this.#lastTurn > longestBreathMs) await this.turn();
  }

  /** Lets what has happened outside come in: a script that asks again and again without waiting would not see it. */
  turn(): Promise<boolean> {
    return this.for((wake) => {
      const timer = setImmediate(wake);
      return () => clearImmediate(timer);
    });
  }
}
