/**
 * max_execution_time. PHP sets a timer and expects a signal; a busy thread receives neither. Instead the deadline is
 * published, and after it the main thread interrupts this one (interrupts.ts), which then does the work of PHP's signal
 * handler: the script ends with the usual fatal error at its next safe point.
 *
 * As on Unix only CPU time counts: sleep() and waiting for a database are free. But nobody needs the answer for a
 * client that has left: from then on a waiting script uses up its limit by the wall clock.
 */

import type { Engine, EngineImports } from './engine.ts';
import type { Waiting } from './waiting.ts';

/** `ITIMER_PROF` */
const profilingTimer = 2;
const microsPerMilli = 1000;

/** The result of an interrupt, for the main thread. */
export type LimitAnswer =
  /** No limit has passed: the deadline was published again, or there is none. */
  | 'waiting'
  /** PHP was told to end the script. */
  | 'raised'
  /** PHP was told before but did not react (a long call of a C function): only ending the thread helps. */
  | 'stuck';

/** Publishes the deadline to the main thread: milliseconds from now and PHP's limit in seconds; 0 means no limit. */
export type PublishDeadline = (milliseconds: number, seconds: number) => void;

function cpuMillis(): number {
  const used = process.threadCpuUsage();
  return (used.user + used.system) / microsPerMilli;
}

export class TimeLimit {
  readonly #publish: PublishDeadline;
  /** CPU clock at the limit; undefined without a limit. */
  #end: number | undefined;
  #seconds = 0;
  /** Start of the timer, by performance.now(). */
  #since = 0;
  #raised = false;
  readonly #waiting: Waiting;

  constructor(publish: PublishDeadline, waiting: Waiting) {
    this.#publish = publish;
    this.#waiting = waiting;
  }

  /** Replaces the engine's timer. */
  repair(imports: EngineImports): void {
    imports['_setitimer_js'] = (which: number, milliseconds: number): number => {
      // Libraries set other timers: curl has an alarm for name look-ups, which no wait needs here.
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
   * @param abandoned when the client left, by performance.now(), if the script is waiting
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
    // PHP's handler stops the timer and restarts it for its hard_timeout, which cannot be enforced here.
    engine.function('_emscripten_timeout')(profilingTimer, performance.now());
    this.#raised = true;
    this.#seconds = seconds;
    this.#waiting.interrupt();
    return 'raised';
  }

  /** Milliseconds left of the time that a script may wait without its client. */
  #leftAlone(abandoned: number | undefined): number {
    if (abandoned === undefined) return Number.POSITIVE_INFINITY;
    return Math.max(abandoned, this.#since) + this.#seconds * 1000 - performance.now();
  }
}
