/**
 * Unhandled messages of a host. A host may send faster than the master acts, and each message may cost a check of every
 * worker: so a few are handled per turn of the event loop, between which all others have theirs, and meanwhile nothing
 * more is read from that host. Its further output waits in its own memory.
 */

import type { Message } from '../engine/contract.ts';

/** Messages of one host per turn. */
const messagesPerTurn = 32;

export interface InboxReader {
  /** Pauses or resumes reading from the host. */
  readonly read: (wanted: boolean) => void;
  readonly handle: (message: Message) => void;
}

export class HostInbox {
  readonly #reader: InboxReader;
  #messages: readonly Message[] = [];
  #next = 0;
  #isScheduled = false;
  #onEmpty: (() => void) | undefined;

  constructor(reader: InboxReader) {
    this.#reader = reader;
  }

  add(messages: readonly Message[]): void {
    if (messages.length === 0) return;
    this.#messages = [...this.#messages.slice(this.#next), ...messages];
    this.#next = 0;
    this.#turn();
  }

  /** The host's messages can no longer be trusted. */
  clear(): void {
    this.#messages = [];
    this.#next = 0;
  }

  /** Calls back once when all received messages are handled; nothing more will come. */
  whenEmpty(callback: () => void): void {
    if (this.#isEmpty) callback();
    else this.#onEmpty = callback;
  }

  get #isEmpty(): boolean {
    return this.#next >= this.#messages.length;
  }

  #turn(): void {
    if (this.#isScheduled) return;
    for (let count = 0; count < messagesPerTurn; count += 1) {
      const message = this.#messages[this.#next];
      if (message === undefined) return this.#done();
      this.#next += 1;
      this.#reader.handle(message);
    }
    if (this.#isEmpty) return this.#done();
    this.#isScheduled = true;
    this.#reader.read(false);
    setImmediate(() => {
      this.#isScheduled = false;
      this.#turn();
    });
  }

  #done(): void {
    this.clear();
    this.#reader.read(true);
    const callback = this.#onEmpty;
    this.#onEmpty = undefined;
    callback?.();
  }
}
