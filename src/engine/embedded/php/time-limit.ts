/**
 * max_execution_time. PHP asks for a timer and expects a signal; a busy thread gets neither. Instead the deadline
 * is published, and when it has passed the main thread interrupts this one (interrupts.ts), which then does in PHP
 * what the signal handler would: the script ends with the usual fatal error at its next safe point.
 *
 * As on Unix only CPU time counts: sleep() and waiting for a database are free.
 */

import type { Engine, EngineImports } from './engine.ts';

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
  #raised = false;

  constructor(publish: PublishDeadline) {
    this.#publish = publish;
  }

  /** Takes the place of the engine's timer. */
  repair(imports: EngineImports): void {
    imports['_setitimer_js'] = (_which: number, milliseconds: number): number => {
      this.#set(milliseconds);
      return 0;
    };
  }

  #set(milliseconds: number): void {
    this.#seconds = milliseconds / 1000;
    this.#raised = false;
    this.#end = milliseconds === 0 ? undefined : cpuMillis() + milliseconds;
    this.#publish(milliseconds, this.#seconds);
  }

  /** Called by the main thread's interrupt, at any point of the script. */
  check(engine: Engine): LimitAnswer {
    if (this.#end === undefined) return 'waiting';
    const left = this.#end - cpuMillis();
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
    return 'raised';
  }
}
