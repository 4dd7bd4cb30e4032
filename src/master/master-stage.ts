/** The state of the master; an illegal move is refused with a message. */

import type { ErrorLog } from '../log/error-log.ts';
import { type MasterState, masterStates, masterTransitions } from './master-states.ts';

export class MasterStage {
  readonly #log: ErrorLog;
  #state: MasterState = masterStates.starting;
  #leaving: NodeJS.Timeout | undefined;

  constructor(log: ErrorLog) {
    this.#log = log;
  }

  get state(): MasterState {
    return this.#state;
  }

  get isStopping(): boolean {
    return this.#state === masterStates.finishing || this.#state === masterStates.terminating;
  }

  /** Stopping, but still accepting for a while. */
  get isLeaving(): boolean {
    return this.#leaving !== undefined && !this.isStopping;
  }

  /** The state shown to clients. */
  get shown(): MasterState | 'leaving' {
    return this.isLeaving ? 'leaving' : this.#state;
  }

  /**
   * Makes the master stop later.
   *
   * @param stop called at that time
   * @returns false when it does not serve, or was told before: then it must stop now
   */
  leave(seconds: number, stop: () => void): boolean {
    const serves = this.#state === masterStates.normal || this.#state === masterStates.reloading;
    if (seconds === 0 || !serves || this.#leaving !== undefined) return false;
    this.#leaving = setTimeout(stop, seconds * 1000);
    return true;
  }

  /** Cancels the later stop. */
  close(): void {
    clearTimeout(this.#leaving);
  }

  /** Checks a move: true, with a line in the log, when it is illegal from here. */
  refuses(to: MasterState): boolean {
    if (masterTransitions.allows(this.#state, to)) return false;
    const text = `not switching to '${to}' state, because already in '${this.#state}' state`;
    this.#log.debug(text);
    return true;
  }

  /** The first start is over: `ready to handle connections` reported it, so this adds no line. */
  started(): void {
    this.#state = masterStates.normal;
  }

  moveTo(state: MasterState): void {
    this.#log.debug(`switching to '${state}' state`);
    this.#state = state;
  }
}
