/** What the master is up to at the moment; a move that its table does not have is refused, and said. */

import type { ErrorLog } from '../log/error-log.ts';
import { type MasterState, masterStates, masterTransitions } from './master-states.ts';

export class MasterStage {
  readonly #log: ErrorLog;
  #state: MasterState = masterStates.starting;

  constructor(log: ErrorLog) {
    this.#log = log;
  }

  get state(): MasterState {
    return this.#state;
  }

  get isStopping(): boolean {
    return this.#state === masterStates.finishing || this.#state === masterStates.terminating;
  }

  /** Asks before a move: true, with a line in the log, when there is none from here to there. */
  refuses(to: MasterState): boolean {
    if (masterTransitions.allows(this.#state, to)) return false;
    const text = `not switching to '${to}' state, because already in '${this.#state}' state`;
    this.#log.debug(text);
    return true;
  }

  /** The first start is over: `ready to handle connections` has said so, this adds no line. */
  started(): void {
    this.#state = masterStates.normal;
  }

  moveTo(state: MasterState): void {
    this.#log.debug(`switching to '${state}' state`);
    this.#state = state;
  }
}
