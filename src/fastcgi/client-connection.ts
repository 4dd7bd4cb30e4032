import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { abortedError, type ConnectAddress, connectSocket } from './client-socket.ts';
import { errorCode, FastCgiError } from './errors.ts';
import type { Pair } from './pairs.ts';
import { type RecordEvent, RecordParser } from './parser.ts';
import {
  fixedContentBytes,
  protocolStatus,
  type RecordHeader,
  recordType,
  recordTypeName,
  role,
} from './records.ts';
import { StreamOutput } from './stream-output.ts';
import { beginRequest, endOfStream, paramsRecords, streamRecords } from './writer.ts';

export interface ClientRequest {
  /** Binary strings, in sending order. The caller sets CONTENT_LENGTH. */
  readonly params: readonly Pair[];
  /** Pulled at the application's pace. */
  readonly body?: AsyncIterable<Uint8Array> | Uint8Array | undefined;
  /** Receives pieces of STDOUT. While its promise is pending, reading pauses. */
  readonly onStdout: (chunk: Uint8Array) => void | Promise<void>;
  readonly onStderr?: ((chunk: Uint8Array) => void) | undefined;
  /** Closes the connection and so ends the request; that is how an application learns of it. */
  readonly signal?: AbortSignal | undefined;
}

export interface ClientResult {
  readonly appStatus: number;
}

const requestId = 1;

interface Exchange {
  readonly request: ClientRequest;
  readonly resolve: (result: ClientResult) => void;
  readonly reject: (error: FastCgiError) => void;
  bodySent: boolean;
}

/** The client side of one connection: one request at a time. */
export class ClientConnection {
  readonly #socket: Socket;
  readonly #output: StreamOutput;
  readonly #keepConnection: boolean;
  readonly #parser = new RecordParser();
  readonly #endContent = Buffer.alloc(fixedContentBytes);
  #endFilled = 0;
  #header: RecordHeader | undefined;
  #exchange: Exchange | undefined;
  /** onStdout is pending. */
  #held = false;
  #inputEnded = false;
  #responseBytes = 0;
  #socketError: Error | undefined;
  /** Called when the connection is no longer usable. */
  onClosed: (() => void) | undefined;

  private constructor(socket: Socket, keepConnection: boolean) {
    this.#socket = socket;
    this.#keepConnection = keepConnection;
    this.#output = new StreamOutput(socket);
    socket.on('data', (bytes) => {
      this.#parser.feed(bytes);
      this.#pump();
    });
    socket.on('end', () => {
      this.#inputEnded = true;
      this.#pump();
    });
    socket.on('error', (error) => {
      this.#socketError = error;
    });
    socket.on('close', () => {
      this.#lose();
      this.onClosed?.();
    });
  }

  /** @throws FastCgiError `connect-failed` or `aborted`. */
  static async open(
    address: ConnectAddress,
    keepConnection: boolean,
    signal?: AbortSignal,
  ): Promise<ClientConnection> {
    const socket = await connectSocket(address, signal);
    return new ClientConnection(socket, keepConnection);
  }

  /** Over a socket that is connected already, for one request. */
  static over(socket: Socket): ClientConnection {
    return new ClientConnection(socket, false);
  }

  /** True when the connection can take another request. */
  get isReusable(): boolean {
    return this.#keepConnection && this.#exchange === undefined && this.#socket.writable && !this.#inputEnded;
  }

  /** True when the running or last request received at least one byte. */
  get wasAnswered(): boolean {
    return this.#responseBytes > 0;
  }

  /** An idle connection does not keep the process alive. */
  setIdle(idle: boolean): void {
    if (idle) this.#socket.unref();
    else this.#socket.ref();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Sends the request. @returns after END_REQUEST, when onStdout has taken everything. */
  async run(request: ClientRequest): Promise<ClientResult> {
    const { signal } = request;
    if (signal?.aborted) {
      this.destroy();
      throw abortedError(signal);
    }
    const onAbort = (): void => this.#fail(abortedError(signal!));
    signal?.addEventListener('abort', onAbort);
    try {
      return await this.#start(request);
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #start(request: ClientRequest): Promise<ClientResult> {
    this.#responseBytes = 0;
    this.#endFilled = 0;
    const { promise, resolve, reject } = Promise.withResolvers<ClientResult>();
    const exchange: Exchange = { request, resolve, reject, bodySent: false };
    const head = paramsRecords(requestId, request.params);
    this.#exchange = exchange;
    this.#output.send([beginRequest(requestId, role.responder, this.#keepConnection), ...head]);
    this.#sendBody(exchange).catch((cause: Error) => {
      if (this.#exchange !== exchange) return;
      this.#fail(
        new FastCgiError(errorCode.aborted, `Cannot send the request: its body failed: ${cause.message}`, {
          cause,
        }),
      );
    });
    return promise;
  }

  async #sendBody(exchange: Exchange): Promise<void> {
    const { body } = exchange.request;
    for await (const chunk of body instanceof Uint8Array ? slices(body) : (body ?? [])) {
      if (this.#exchange !== exchange) return;
      if (!this.#output.send(streamRecords(recordType.stdin, requestId, chunk))) await this.#drained();
      if (this.#exchange !== exchange) return;
    }
    this.#output.send([endOfStream(recordType.stdin, requestId)]);
    this.#output.flush();
    exchange.bodySent = true;
  }

  /** Waits for room or for the end of the connection: without 'drain', 'close' always follows. */
  #drained(): Promise<void> {
    if (this.#socket.destroyed || !this.#output.isFull) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        this.#socket.off('drain', done);
        this.#socket.off('close', done);
        resolve();
      };
      this.#socket.once('drain', done);
      this.#socket.once('close', done);
    });
  }

  #pump(): void {
    while (!this.#held && !this.#socket.destroyed) {
      const event = this.#parser.next();
      if (event === undefined) {
        if (this.#inputEnded) this.#onInputEnd();
        return;
      }
      this.#onEvent(event);
    }
  }

  #onInputEnd(): void {
    if (this.#exchange !== undefined) {
      const text = `Cannot read the response: the application closed the connection ${
        this.wasAnswered ? 'in the middle of it' : 'without any'
      }`;
      this.#fail(new FastCgiError(errorCode.unexpectedEnd, text));
    }
    this.#socket.destroy();
  }

  #onEvent(event: RecordEvent): void {
    switch (event.kind) {
      case 'header':
        this.#header = event.header;
        this.#onHeader(event.header);
        return;
      case 'content':
        this.#onContent(event.bytes);
        return;
      case 'end':
        if (this.#header?.type === recordType.endRequest) this.#onEndRequest();
        return;
      case 'error':
        this.#fail(event.error);
        return;
      default:
        throw new Error(`Cannot handle a record event: unknown kind "${(event as { kind: string }).kind}"`);
    }
  }

  #onHeader(header: RecordHeader): void {
    this.#responseBytes += 8;
    const isResponse =
      header.type === recordType.stdout ||
      header.type === recordType.stderr ||
      header.type === recordType.endRequest;
    if (!isResponse || header.id !== requestId || this.#exchange === undefined) {
      const text = `Cannot take ${recordTypeName(header.type)} (request id ${header.id}) from an application`;
      this.#fail(new FastCgiError(errorCode.unexpectedRecord, text));
    } else if (header.type === recordType.endRequest && header.contentLength !== fixedContentBytes) {
      const text = `Cannot end a request: content of END_REQUEST is "${header.contentLength}" bytes, must be 8`;
      this.#fail(new FastCgiError(errorCode.badEndLength, text));
    }
  }

  #onContent(bytes: Uint8Array): void {
    const request = this.#exchange?.request;
    switch (this.#header?.type) {
      case recordType.stdout:
        this.#deliver(request, bytes);
        return;
      case recordType.stderr:
        request?.onStderr?.(bytes);
        return;
      case recordType.endRequest:
        this.#endContent.set(bytes, this.#endFilled);
        this.#endFilled += bytes.length;
        return;
      default:
        throw new Error(`Cannot use the content of a record of type "${this.#header?.type}"`);
    }
  }

  #deliver(request: ClientRequest | undefined, bytes: Uint8Array): void {
    let pending: void | Promise<void>;
    try {
      pending = request?.onStdout(bytes);
    } catch (cause) {
      this.#failConsumer(cause);
      return;
    }
    if (pending === undefined) return;
    this.#held = true;
    this.#socket.pause();
    pending.then(
      () => {
        this.#held = false;
        this.#socket.resume();
        this.#pump();
      },
      (cause) => this.#failConsumer(cause),
    );
  }

  #failConsumer(cause: unknown): void {
    const reason = cause instanceof Error ? cause.message : String(cause);
    this.#fail(new FastCgiError(errorCode.aborted, `Cannot pass the response on: ${reason}`, { cause }));
  }

  #onEndRequest(): void {
    const exchange = this.#exchange!;
    this.#exchange = undefined;
    const status = this.#endContent[4]!;
    // The application would parse the rest of an unfinished body as the next request.
    if (!this.#keepConnection || !exchange.bodySent || status !== 0) this.#socket.destroy();
    if (status === protocolStatus.requestComplete) {
      exchange.resolve({ appStatus: this.#endContent.readUInt32BE(0) });
    } else {
      const text = `Cannot run the request: the application refused it with protocol status "${statusName(status)}"`;
      exchange.reject(new FastCgiError(errorCode.refused, text));
    }
  }

  #lose(): void {
    const why = this.#socketError === undefined ? '' : `: ${this.#socketError.message}`;
    const text = `Cannot finish the request: the connection was lost${why}`;
    this.#fail(new FastCgiError(errorCode.connectionLost, text, { cause: this.#socketError }));
  }

  #fail(error: FastCgiError): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#socket.destroy();
    exchange?.reject(error);
  }
}

/** A large body in slices, so that it fills the socket's buffer no faster than it drains. */
function* slices(bytes: Uint8Array): Generator<Uint8Array> {
  const size = 64 * 1024;
  for (let offset = 0; offset < bytes.length; offset += size) yield bytes.subarray(offset, offset + size);
}

function statusName(status: number): string {
  switch (status) {
    case protocolStatus.cannotMultiplex:
      return 'CANT_MPX_CONN';
    case protocolStatus.overloaded:
      return 'OVERLOADED';
    case protocolStatus.unknownRole:
      return 'UNKNOWN_ROLE';
    default:
      return String(status);
  }
}
