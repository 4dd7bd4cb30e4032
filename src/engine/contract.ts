/**
 * The control channel between master and engine host: message shapes, grammar and an incremental decoder.
 * message-table.ts has the messages.
 */

/** Version of the contract in this tree, sent as the first line. */
export const contractVersion = 5;

/** Descriptors that a host inherits (docs/contract.md, section 1). */
export const hostFd = {
  control: 3,
  scoreboard: 4,
  descriptors: 5,
  listen: 6,
  accessLog: 7,
} as const;

/** A longer line is a protocol error: valid lines are much shorter. */
export const maxLineBytes = 4096;
/** Largest payload of one message; a sender splits a longer one. */
export const maxPayloadBytes = 1024 * 1024;

/** Ways to end a worker. */
export const endModes = ['quit', 'term', 'kill', 'timeout'] as const;
export type EndMode = (typeof endModes)[number];

/** The end of a worker. */
export type WorkerEnd =
  | { readonly type: 'exit'; readonly code: number }
  | { readonly type: 'signal'; readonly signal: number; readonly core: boolean };

/** One message: its words, and its payload if the line announced one. */
export interface Message {
  readonly words: readonly string[];
  readonly payload?: Uint8Array;
}

/** The peer sent an invalid message. The channel is unusable afterwards. */
export class ContractError extends Error {
  readonly code = 'HATHI_CONTRACT';
}

/**
 * Encodes a message for the channel.
 *
 * @throws ContractError for a word with a blank or newline, or a payload over the limit.
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
 * Incremental decoder for one direction of the channel. Feed it input; it returns complete messages. Limits are checked
 * before anything is buffered.
 */
export class MessageDecoder {
  /** An incomplete line; or, after a payload, unparsed input. */
  #buffered: Buffer = Buffer.alloc(0);
  #payload: { readonly words: readonly string[]; readonly bytes: Buffer; filled: number } | undefined;

  /** @throws ContractError on a line or payload over its limit or a line that does not parse. */
  push(chunk: Uint8Array): Message[] {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (this.#buffered.length > 0) rest = Buffer.concat([this.#buffered, rest]);
    const messages: Message[] = [];
    for (;;) {
      rest = this.#fill(rest);
      if (this.#payload !== undefined && this.#payload.filled < this.#payload.bytes.length) break;
      if (this.#payload !== undefined) {
        messages.push({ words: this.#payload.words, payload: this.#payload.bytes });
        this.#payload = undefined;
      }
      const end = lineEnd(rest);
      if (end === undefined) break;
      const { words, length } = parseLine(rest.toString('latin1', 0, end));
      rest = rest.subarray(end + 1);
      if (length === undefined) messages.push({ words });
      else this.#payload = { words, bytes: Buffer.alloc(length), filled: 0 };
    }
    // At most one line is kept: a view would keep the whole chunk.
    this.#buffered = Buffer.from(rest);
    return messages;
  }

  /** Copies the bytes of the current payload. @returns the rest */
  #fill(bytes: Buffer): Buffer {
    const payload = this.#payload;
    if (payload === undefined) return bytes;
    const taken = bytes.copy(payload.bytes, payload.filled);
    payload.filled += taken;
    return bytes.subarray(taken);
  }
}

/** @throws ContractError when the line is over its limit */
function lineEnd(bytes: Buffer): number | undefined {
  const newline = bytes.indexOf(0x0a);
  if (newline > maxLineBytes || (newline < 0 && bytes.length > maxLineBytes)) {
    throw new ContractError(`the peer sent a line of more than ${maxLineBytes} bytes`);
  }
  return newline < 0 ? undefined : newline;
}

/** No length means no payload; an empty payload has length 0. */
function parseLine(line: string): { words: readonly string[]; length?: number } {
  const words = line.split(' ');
  const last = words.at(-1) ?? '';
  if (words.some((word) => word === '')) throw new ContractError('the peer sent a line with an empty word');
  if (!last.startsWith('#')) return { words };
  if (!/^#\d{1,7}$/.test(last) || Number(last.slice(1)) > maxPayloadBytes) {
    throw new ContractError(`the peer announced a payload of "${last.slice(0, 100)}"`);
  }
  return { words: words.slice(0, -1), length: Number(last.slice(1)) };
}
