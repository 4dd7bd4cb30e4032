/**
 * max_execution_time. PHP asks for a timer and expects a signal; a busy thread gets neither. Instead the deadline
 * is published, and when it has passed the main thread interrupts this one (interrupts.ts), which then does in PHP
 * what the signal handler would: the script ends with the usual fatal error at its next safe point.
 *
 * As on Unix only CPU time counts: sleep() and waiting for a database are free. But for a client that is gone nobody
 * has to wait: from then on a script that waits uses up its limit by the clock on the wall.
 */

import type { Engine, EngineImports } from './engine.ts';
import type { Waiting } from './waiting.ts';

/** `ITIMER_PROF` */
const profilingTimer = 2;
const microsPerMilli = 1000;

/** What the main thread is told when it interrupts. */
export type LimitAnswer =
  /** No limit is over: the deadline was published anew, or there is none. */
  | 'waiting'
  /** PHP was told to end the script. */
  | 'raised'
  /** PHP was told before and did not get there (a long call of a C function): only ending the thread helps. */
  | 'stuck';

/** Tells the main thread when to look: milliseconds from now and PHP's limit in seconds; 0 is no limit. */
export type PublishDeadline = (milliseconds: number, seconds: number) => void;

function cpuMillis(): number {
  const used = process.threadCpuUsage();
  return (used.user + used.system) / microsPerMilli;
}

export class TimeLimit {
  readonly #publish: PublishDeadline;
  /** CPU clock at which the limit is over; undefined without a limit. */
  #end: number | undefined;
  #seconds = 0;
  /** When the timer was set, by performance.now(). */
  #since = 0;
  #raised = false;
  readonly #waiting: Waiting;

  constructor(publish: PublishDeadline, waiting: Waiting) {
    this.#publish = publish;
    this.#waiting = waiting;
  }

  /** Takes the place of the engine's timer. */
  repair(imports: EngineImports): void {
    imports['_setitimer_js'] = (which: number, milliseconds: number): number => {
      // Libraries set others: curl has an alarm while it looks a name up, which no wait needs here.
      if (which === profilingTimer) this.#set(milliseconds);
      return 0;
    };
  }

  #set(milliseconds: number): void {
    this.#seconds = milliseconds / 1000;
    this.#raised = false;
    this.#since = performance.now();
    this.#end = milliseconds === 0 ? undefined : cpuMillis() + milliseconds;
    this.#publish(milliseconds, this.#seconds);
  }

  /**
   * Called by the main thread's interrupt, at any point of the script.
   *
   * @param abandoned when the client went away, by performance.now(), if the script waits for something
   */
  check(engine: Engine, abandoned: number | undefined): LimitAnswer {
    if (this.#end === undefined) return 'waiting';
    const left = Math.min(this.#end - cpuMillis(), this.#leftAlone(abandoned));
    if (left > 0) {
      this.#publish(Math.ceil(left), this.#seconds);
      return 'waiting';
    }
    if (this.#raised) return 'stuck';
    const seconds = this.#seconds;
    // PHP's handler stops the timer and starts it again for its hard_timeout, after which nothing helps.
    engine.function('_emscripten_timeout')(profilingTimer, performance.now());
    this.#raised = true;
    this.#seconds = seconds;
    this.#waiting.interrupt();
    return 'raised';
  }

  /** What is left, in milliseconds, of the time that a script may wait without its client. */
  #leftAlone(abandoned: number | undefined): number {
    if (abandoned === undefined) return Number.POSITIVE_INFINITY;
    return Math.max(abandoned, this.#since) + this.#seconds * 1000 - performance.now();
  }
}
