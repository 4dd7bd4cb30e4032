/** The host's end of the control channel: messages out, messages in, and the status questions in between. */

import { Socket } from 'node:net';
import {
  ContractError,
  encodeMessage,
  hostFd,
  type Message,
  MessageDecoder,
  maxPayloadBytes,
} from '../contract.ts';
import type { HostLogLevel } from '../host-messages.ts';

/** A status page as the master sent it. */
export interface StatusReply {
  readonly status: number;
  /** Header lines, an empty line, the body. */
  readonly bytes: Uint8Array;
}

export interface MasterLinkEvents {
  onMessage(message: Message): void;
  /** The channel ended, or what came over it is no message. */
  onGone(reason: ContractError | undefined): void;
}

/** How long the master may take for a status page. */
const statusLimitMs = 2000;

export class MasterLink {
  readonly #socket: Socket;
  readonly #decoder = new MessageDecoder();
  readonly #questions = new Map<string, (reply: StatusReply | undefined) => void>();
  #lastQuestion = 0;

  constructor(events: MasterLinkEvents, fd: number = hostFd.control) {
    this.#socket = new Socket({ fd, readable: true, writable: true });
    this.#socket.on('error', () => this.#socket.destroy());
    this.#socket.on('close', () => events.onGone(undefined));
    this.#socket.on('data', (bytes: Buffer) => {
      try {
        for (const message of this.#decoder.push(bytes)) this.#receive(message, events);
      } catch (error) {
        if (!(error instanceof ContractError)) throw error;
        events.onGone(error);
      }
    });
  }

  send(words: readonly string[], payload?: Uint8Array | string): void {
    if (!this.#socket.destroyed) this.#socket.write(encodeMessage(words, payload));
  }

  /** A message of the host itself for the error log. */
  log(level: HostLogLevel, text: string): void {
    this.send(['log', level], Buffer.from(text).subarray(0, maxPayloadBytes));
  }

  /** Asks the master for the pool's status page; undefined when it does not answer in time. */
  askStatus(query: string): Promise<StatusReply | undefined> {
    const id = String(++this.#lastQuestion);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#questions.get(id)?.(undefined), statusLimitMs);
      this.#questions.set(id, (reply) => {
        clearTimeout(timer);
        this.#questions.delete(id);
        resolve(reply);
      });
      this.send(['status', id], Buffer.from(query, 'latin1').subarray(0, maxPayloadBytes));
    });
  }

  /** Resolves when everything that was said has left, or cannot leave any more. */
  flushed(): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.once('close', () => resolve());
      if (this.#socket.destroyed) resolve();
      else this.#socket.end(() => resolve());
    });
  }

  #receive(message: Message, events: MasterLinkEvents): void {
    const [verb, id = '', status = ''] = message.words;
    if (verb !== 'status-reply') {
      events.onMessage(message);
      return;
    }
    if (!/^\d{3}$/.test(status)) throw new ContractError(`the master sent the status code "${status}"`);
    // An answer that comes too late belongs to nobody.
    this.#questions.get(id)?.({ status: Number(status), bytes: message.payload ?? new Uint8Array(0) });
  }
}
