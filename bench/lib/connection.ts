/**
 * A FastCGI client that costs as little as a client can, because it shares the cores with what it measures: the
 * request is encoded once, and of a response it looks at record headers, sizes and the last bytes.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** FastCGI 1.0, section 8: record types that a server sends. */
const recordType = { end: 3, stdout: 6, stderr: 7 } as const;
const headerBytes = 8;
const keptBytes = 64;

export interface Answer {
  /** Bytes of STDOUT, the header block included. */
  readonly bytes: number;
  /** The last bytes of STDOUT, at most 64, latin1. */
  readonly tail: string;
}

export class Connection implements Disposable {
  readonly #socket: Socket;
  /** First piece of a record header that came in two. */
  #partial: Buffer = Buffer.alloc(0);
  /** Of the record that is being read; 0 between records. */
  #type = 0;
  #content = 0;
  #padding = 0;
  #bytes = 0;
  #tail = '';
  #stderr = '';
  #waiting: PromiseWithResolvers<Answer> | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the connection ended before the answer did')));
  }

  /** Connects to a Unix socket. */
  static async open(path: string): Promise<Connection> {
    const socket = connect(path);
    await once(socket, 'connect');
    return new Connection(socket);
  }

  /**
   * Sends a request that {@link encodeRequest} made and waits for its END_REQUEST.
   *
   * @throws Error when the connection ends before, or the script wrote to the log
   */
  exchange(request: Buffer): Promise<Answer> {
    this.#bytes = 0;
    this.#waiting = Promise.withResolvers<Answer>();
    this.#socket.write(request);
    return this.#waiting.promise;
  }

  /** Stops taking the response; what the kernel's buffers cannot hold stays with the server. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Told of every piece of STDOUT. */
  onOutput: ((bytes: number) => void) | undefined;

  [Symbol.dispose](): void {
    this.#waiting = undefined;
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#type === 0) {
        at = this.#readHeader(chunk, at);
      } else if (this.#content > 0) {
        const end = Math.min(chunk.length, at + this.#content);
        this.#take(chunk, at, end);
        this.#content -= end - at;
        at = end;
      } else {
        const skipped = Math.min(chunk.length - at, this.#padding);
        this.#padding -= skipped;
        at += skipped;
      }
      if (this.#type !== 0 && this.#content === 0 && this.#padding === 0) this.#endRecord();
    }
  }

  #readHeader(chunk: Buffer, at: number): number {
    const missing = headerBytes - this.#partial.length;
    if (chunk.length - at < missing) {
      this.#partial = Buffer.concat([this.#partial, chunk.subarray(at)]);
      return chunk.length;
    }
    const isWhole = missing === headerBytes;
    const header = isWhole ? chunk : Buffer.concat([this.#partial, chunk.subarray(at, at + missing)]);
    const start = isWhole ? at : 0;
    this.#partial = this.#partial.subarray(0, 0);
    this.#type = header.readUInt8(start + 1);
    this.#content = header.readUInt16BE(start + 4);
    this.#padding = header.readUInt8(start + 6);
    return at + missing;
  }

  #take(chunk: Buffer, from: number, to: number): void {
    if (this.#type === recordType.stdout) {
      this.#bytes += to - from;
      this.#tail = chunk.toString('latin1', Math.max(from, to - keptBytes), to);
      this.onOutput?.(to - from);
    } else if (this.#type === recordType.stderr) {
      this.#stderr += chunk.toString('latin1', from, to);
    }
  }

  #endRecord(): void {
    const type = this.#type;
    this.#type = 0;
    if (type !== recordType.end) return;
    if (this.#stderr !== '') return this.#fail(new Error(`the script logged: ${this.#stderr}`));
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve({ bytes: this.#bytes, tail: this.#tail });
  }

  #fail(error: Error): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(error);
  }
}
