/**
 * The control channel between master and engine host: message shapes, their grammar and an incremental
 * decoder. The words are documented in docs/contract.md; this file is their only list in the code.
 */

/** Version of the contract that this tree speaks, sent as the first line. */
export const contractVersion = 1;

/** Descriptors that a host inherits (docs/contract.md, section 1). */
export const hostFd = {
  control: 3,
  scoreboard: 4,
  descriptors: 5,
  listen: 6,
  accessLog: 7,
} as const;

/** A line over this is a protocol error: nothing legitimate comes near it. */
export const maxLineBytes = 4096;
/** Largest payload of one message; a sender splits what is longer. */
export const maxPayloadBytes = 1024 * 1024;

/** How a worker is asked to go. */
export const endModes = ['quit', 'term', 'kill', 'timeout'] as const;
export type EndMode = (typeof endModes)[number];

/** One message: its words, and its payload where the line announced one. */
export interface Message {
  readonly words: readonly string[];
  readonly payload?: Uint8Array;
}

/** The peer sent something that is no message of this contract. The channel is not usable afterwards. */
export class ContractError extends Error {
  readonly code = 'HATHI_CONTRACT';
}

/**
 * Turns a message into bytes for the channel.
 *
 * @throws ContractError when a word has a blank or newline in it, or the payload is over the limit.
 */
export function encodeMessage(words: readonly string[], payload?: Uint8Array | string): Buffer {
  for (const word of words) {
    if (word === '' || /[\s#]/.test(word))
      throw new ContractError(`cannot send the word ${JSON.stringify(word)}`);
  }
  if (payload === undefined) return Buffer.from(`${words.join(' ')}\n`, 'latin1');
  const body = typeof payload === 'string' ? Buffer.from(payload, 'utf8') : payload;
  if (body.length > maxPayloadBytes) {
    throw new ContractError(`cannot send a payload of ${body.length} bytes, the limit is ${maxPayloadBytes}`);
  }
  return Buffer.concat([Buffer.from(`${words.join(' ')} #${body.length}\n`, 'latin1'), body]);
}

/**
 * Incremental decoder of one direction of the channel. Feed it what arrives; it returns the messages that are
 * complete. Limits are checked before anything is buffered.
 */
export class MessageDecoder {
  #buffered: Buffer = Buffer.alloc(0);
  #pending: { words: readonly string[]; length: number } | undefined;

  /** @throws ContractError on a line or payload over its limit or a line that does not parse. */
  push(chunk: Uint8Array): Message[] {
    this.#buffered =
      this.#buffered.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#buffered, chunk]);
    const messages: Message[] = [];
    for (;;) {
      const message = this.#next();
      if (message === undefined) return messages;
      messages.push(message);
    }
  }

  #next(): Message | undefined {
    this.#pending ??= this.#readLine();
    const pending = this.#pending;
    if (pending === undefined) return undefined;
    if (pending.length < 0) {
      this.#pending = undefined;
      return { words: pending.words };
    }
    if (this.#buffered.length < pending.length) return undefined;
    const payload = this.#buffered.subarray(0, pending.length);
    this.#buffered = this.#buffered.subarray(pending.length);
    this.#pending = undefined;
    return { words: pending.words, payload };
  }

  /** Length -1 stands for "no payload announced", which differs from an empty one. */
  #readLine(): { words: readonly string[]; length: number } | undefined {
    const newline = this.#buffered.indexOf(0x0a);
    if (newline > maxLineBytes || (newline < 0 && this.#buffered.length > maxLineBytes)) {
      throw new ContractError(`the peer sent a line of more than ${maxLineBytes} bytes`);
    }
    if (newline < 0) return undefined;
    const words = this.#buffered.toString('latin1', 0, newline).split(' ');
    this.#buffered = this.#buffered.subarray(newline + 1);
    const last = words.at(-1) ?? '';
    if (words.some((word) => word === '')) throw new ContractError('the peer sent a line with an empty word');
    if (!last.startsWith('#')) return { words, length: -1 };
    if (!/^#\d{1,7}$/.test(last) || Number(last.slice(1)) > maxPayloadBytes) {
      throw new ContractError(`the peer announced a payload of "${last}"`);
    }
    return { words: words.slice(0, -1), length: Number(last.slice(1)) };
  }
}
