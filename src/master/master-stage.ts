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

  /** Told to stop, and accepting for a while all the same. */
  get isLeaving(): boolean {
    return this.#leaving !== undefined && !this.isStopping;
  }

  /** What those see who ask. */
  get shown(): MasterState | 'leaving' {
    return this.isLeaving ? 'leaving' : this.#state;
  }

  /**
   * Has the master stop later.
   *
   * @param stop called then
   * @returns false where it does not serve, or was told before: then it is to stop now
   */
  leave(seconds: number, stop: () => void): boolean {
    const serves = this.#state === masterStates.normal || this.#state === masterStates.reloading;
    if (seconds === 0 || !serves || this.#leaving !== undefined) return false;
    this.#leaving = setTimeout(stop, seconds * 1000);
    return true;
  }

  /** Nothing happens later any more. */
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
