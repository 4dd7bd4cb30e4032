/**
 * A FastCGI client for tests and benches that shares no code with the product, so that a fault of the codec
 * cannot hide itself.
 */
import { once } from 'node:events';
import { connect, type NetConnectOpts, Socket } from 'node:net';

export interface PlainRequest {
  readonly params: readonly (readonly [string, string])[];
  readonly body?: Uint8Array;
  readonly keep?: boolean;
}

export interface PlainResponse {
  /** STDOUT as it came, latin1. */
  readonly stdout: string;
  readonly stderr: string;
  /** Header block, without the empty line. */
  readonly head: string;
  readonly body: string;
  /** END_REQUEST arrived; undefined when the connection closed before. */
  readonly end: { readonly appStatus: number; readonly protocolStatus: number } | undefined;
}

const recordType = { begin: 1, abort: 2, end: 3, params: 4, stdin: 5, stdout: 6, stderr: 7 } as const;

function record(type: number, content: Uint8Array): Buffer {
  const header = Buffer.from([1, type, 0, 1, content.length >> 8, content.length & 255, 0, 0]);
  return Buffer.concat([header, content]);
}

function stream(type: number, content: Uint8Array): Buffer {
  const records: Buffer[] = [];
  for (let at = 0; at < content.length; at += 65_528)
    records.push(record(type, content.subarray(at, at + 65_528)));
  records.push(record(type, Buffer.alloc(0)));
  return Buffer.concat(records);
}

function pairLength(length: number): Buffer {
  if (length < 128) return Buffer.from([length]);
  const long = Buffer.alloc(4);
  long.writeUInt32BE(length + 0x8000_0000);
  return long;
}

/** BEGIN_REQUEST and all PARAMS. */
export function encodeHead(request: PlainRequest): Buffer {
  const pairs = request.params.map(([name, value]) =>
    Buffer.concat([pairLength(name.length), pairLength(value.length), Buffer.from(name + value, 'latin1')]),
  );
  const begin = record(recordType.begin, Buffer.from([0, 1, request.keep ? 1 : 0, 0, 0, 0, 0, 0]));
  return Buffer.concat([begin, stream(recordType.params, Buffer.concat(pairs))]);
}

/** A whole request. */
export function encodeRequest(request: PlainRequest): Buffer {
  return Buffer.concat([encodeHead(request), stream(recordType.stdin, request.body ?? Buffer.alloc(0))]);
}

export function encodeStdin(bytes: Uint8Array): Buffer {
  return record(recordType.stdin, bytes);
}

export function encodeAbort(): Buffer {
  return record(recordType.abort, Buffer.alloc(0));
}

/** One connection to a FastCGI server. */
export class PlainClient implements Disposable {
  readonly socket: Socket;
  #input: Buffer = Buffer.alloc(0);
  #stdout: Buffer[] = [];
  #stderr: Buffer[] = [];
  #waiting: { resolve: (response: PlainResponse) => void; onStdout?: (bytes: Buffer) => void } | undefined;
  #closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#closed = true;
      this.#finish(undefined);
    });
  }

  static async connect(options: NetConnectOpts): Promise<PlainClient> {
    const socket = connect(options);
    await once(socket, 'connect');
    return new PlainClient(socket);
  }

  /** Over a connection that exists: its descriptor is the client's from now on. */
  static over(fd: number): PlainClient {
    return new PlainClient(new Socket({ fd, readable: true, writable: true }));
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Sends a whole request and waits for the end of its response or of the connection. */
  request(request: PlainRequest, onStdout?: (bytes: Buffer) => void): Promise<PlainResponse> {
    const response = this.response(onStdout);
    this.socket.write(encodeRequest(request));
    return response;
  }

  /** The response to what the caller writes to the socket by itself. */
  response(onStdout?: (bytes: Buffer) => void): Promise<PlainResponse> {
    return new Promise((resolve) => {
      this.#waiting = onStdout === undefined ? { resolve } : { resolve, onStdout };
      if (this.#closed) this.#finish(undefined);
    });
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  #receive(bytes: Buffer): void {
    this.#input = this.#input.length === 0 ? bytes : Buffer.concat([this.#input, bytes]);
    while (this.#input.length >= 8) {
      const length = this.#input.readUInt16BE(4);
      const total = 8 + length + this.#input.readUInt8(6);
      if (this.#input.length < total) return;
      this.#take(this.#input.readUInt8(1), this.#input.subarray(8, 8 + length));
      this.#input = this.#input.subarray(total);
    }
  }

  #take(type: number, content: Buffer): void {
    if (type === recordType.stdout) {
      if (this.#waiting?.onStdout === undefined) this.#stdout.push(content);
      else if (content.length > 0) this.#waiting.onStdout(content);
    } else if (type === recordType.stderr) {
      this.#stderr.push(content);
    } else if (type === recordType.end) {
      this.#finish({ appStatus: content.readUInt32BE(0), protocolStatus: content.readUInt8(4) });
    }
  }

  #finish(end: PlainResponse['end']): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    const stdout = Buffer.concat(this.#stdout).toString('latin1');
    const stderr = Buffer.concat(this.#stderr).toString('latin1');
    this.#stdout = [];
    this.#stderr = [];
    const blank = stdout.indexOf('\r\n\r\n');
    const head = blank < 0 ? '' : stdout.slice(0, blank);
    waiting.resolve({ stdout, stderr, head, body: blank < 0 ? stdout : stdout.slice(blank + 4), end });
  }
}

/** One request on a connection of its own. */
export async function askOnce(options: NetConnectOpts, request: PlainRequest): Promise<PlainResponse> {
  using client = await PlainClient.connect(options);
  return await client.request(request);
}
