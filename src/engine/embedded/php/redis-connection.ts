/**
 * A connection to Redis: commands and replies (RESP 2, https://redis.io/docs/latest/develop/reference/protocol-spec/).
 */

import { TcpSocket } from './tcp-socket.ts';

/** Strings are bytes (latin1). */
export type RedisReply = string | number | null | RedisError | readonly RedisReply[];

/** An error reply of the server. */
export class RedisError extends Error {}

/** Larger than any session: a longer reply is invalid. */
const maxReplyBytes = 512 * 1024 * 1024;

export class RedisConnection {
  readonly #socket: TcpSocket;
  readonly #timeout: number;
  #received = Buffer.alloc(0);
  #wake: () => void = () => {};

  private constructor(socket: TcpSocket, timeout: number) {
    this.#socket = socket;
    this.#timeout = timeout;
    socket.on('message', (data: Buffer) => {
      this.#received = Buffer.concat([this.#received, data]);
      this.#wake();
    });
    for (const event of ['open', 'close', 'error']) socket.on(event, () => this.#wake());
  }

  /**
   * @param host address or name, or path of a Unix socket
   * @param connectTimeout for the connection, and `timeout` for each reply, in milliseconds
   * @throws Error when the server cannot be reached in time
   */
  static async open(
    host: string,
    port: number,
    connectTimeout: number,
    timeout: number,
  ): Promise<RedisConnection> {
    const connection = new RedisConnection(new TcpSocket(host, port), timeout);
    await connection.#waitFor(
      () => connection.#socket.readyState === connection.#socket.OPEN,
      connectTimeout,
    );
    return connection;
  }

  /**
   * @throws RedisError when the server refuses the command
   * @throws Error when the connection is lost, or the reply is late or invalid
   */
  async command(...words: readonly string[]): Promise<Exclude<RedisReply, RedisError>> {
    const parts = words.map((word) => `$${word.length}\r\n${word}\r\n`);
    const bytes = Buffer.from(`*${words.length}\r\n${parts.join('')}`, 'latin1');
    this.#socket.send(new Uint8Array(bytes).buffer);
    let reply: Parsed | undefined;
    await this.#waitFor(() => {
      reply = parseReply(this.#received, 0);
      return reply !== undefined;
    }, this.#timeout);
    if (reply === undefined) throw new Error('no reply');
    this.#received = this.#received.subarray(reply.end);
    if (reply.value instanceof RedisError) throw reply.value;
    return reply.value;
  }

  close(): void {
    this.#socket.destroy();
  }

  async #waitFor(isDone: () => boolean, limit: number): Promise<void> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error('the server does not answer')), limit);
    try {
      while (!isDone()) {
        if (this.#socket.readyState === this.#socket.CLOSED) {
          throw new Error(`the connection is lost (${this.#socket.failure ?? 'closed'})`);
        }
        const woken = new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        await Promise.race([woken, late]);
      }
    } catch (error) {
      this.close();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

interface Parsed {
  readonly value: RedisReply;
  readonly end: number;
}

/**
 * @returns undefined for an incomplete reply
 * @throws Error for an invalid reply
 */
export function parseReply(bytes: Buffer, start: number): Parsed | undefined {
  const lineEnd = bytes.indexOf('\r\n', start);
  if (lineEnd < 0) return undefined;
  const kind = String.fromCharCode(bytes[start] as number);
  const rest = bytes.toString('latin1', start + 1, lineEnd);
  const next = lineEnd + 2;
  switch (kind) {
    case '+':
      return { value: rest, end: next };
    case '-':
      return { value: new RedisError(rest), end: next };
    case ':':
      return { value: Number(rest), end: next };
    case '$':
      return parseText(bytes, lengthOf(rest), next);
    case '*':
      return parseList(bytes, lengthOf(rest), next);
    default:
      throw new Error(`the server does not speak Redis: its reply begins with "${kind}"`);
  }
}

function lengthOf(text: string): number {
  const length = Number(text);
  if (/^-?\d+$/.test(text) && length <= maxReplyBytes) return length;
  throw new Error('the reply has no length');
}

function parseText(bytes: Buffer, length: number, start: number): Parsed | undefined {
  if (length < 0) return { value: null, end: start };
  const end = start + length;
  return bytes.length < end + 2 ? undefined : { value: bytes.toString('latin1', start, end), end: end + 2 };
}

function parseList(bytes: Buffer, length: number, start: number): Parsed | undefined {
  if (length < 0) return { value: null, end: start };
  const values: RedisReply[] = [];
  let end = start;
  while (values.length < length) {
    const element = parseReply(bytes, end);
    if (element === undefined) return undefined;
    values.push(element.value);
    end = element.end;
  }
  return { value: values, end };
}
