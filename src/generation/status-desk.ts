/**
 * A host's questions for its pool's status page, answered one per turn of the event loop, so that a host that asks
 * endlessly gets no more than its turns.
 */

import { ContractError } from '../engine/contract.ts';

export interface StatusQuestion {
  readonly id: string;
  readonly query: string;
}

export class StatusDesk {
  readonly #most: number;
  readonly #later: (act: () => void) => void;
  readonly #answer: (question: StatusQuestion) => void;
  #open: StatusQuestion[] = [];

  /**
   * @param most maximum of open questions
   * @param later runs something in a later turn
   */
  constructor(most: number, later: (act: () => void) => void, answer: (question: StatusQuestion) => void) {
    this.#most = most;
    this.#later = later;
    this.#answer = answer;
  }

  /** @throws ContractError when too many are open */
  ask(question: StatusQuestion): void {
    if (this.#open.length >= this.#most) {
      throw new ContractError(`the host has more than ${this.#most} questions for its status page open`);
    }
    this.#open.push(question);
    if (this.#open.length === 1) this.#later(() => this.#next());
  }

  /** No more answers are possible. */
  close(): void {
    this.#open = [];
  }

  #next(): void {
    const [question] = this.#open;
    if (question === undefined) return;
    this.#answer(question);
    this.#open.shift();
    if (this.#open.length > 0) this.#later(() => this.#next());
  }
}
