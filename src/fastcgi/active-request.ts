import { recordType } from './records.ts';
import type { RequestHead } from './request-head.ts';
import type { RoleName, ServerRequest } from './server-api.ts';
import type { StreamOutput } from './stream-output.ts';
import { endOfResponse, streamRecords } from './writer.ts';

/** The operations that a request needs from its connection. */
export interface RequestConnection {
  readonly output: StreamOutput;
  /** The application started or stopped waiting for body bytes. */
  bodyWanted(wanted: boolean): void;
  /** END_REQUEST has been written. */
  requestEnded(): void;
}

const noop = (): void => {};

/** The application's view of the running request. At its end it is detached from the connection. */
export class ActiveRequest implements ServerRequest {
  readonly id: number;
  readonly role: RoleName;
  readonly keepConnection: boolean;
  readonly params: readonly (readonly [string, string])[];
  readonly contentLength: number;
  onDrain: (() => void) | undefined;
  onAbort: (() => void) | undefined;
  #connection: RequestConnection | undefined;
  #onChunk: (bytes: Uint8Array) => void = noop;
  #onEnd: (complete: boolean) => void = noop;
  #reading = false;
  #stderrUsed = false;

  constructor(head: RequestHead, connection: RequestConnection) {
    this.id = head.id;
    this.role = head.role;
    this.keepConnection = head.keepConnection;
    this.params = head.params;
    this.contentLength = head.contentLength;
    this.#connection = connection;
  }

  get pendingBytes(): number {
    return this.#connection?.output.pendingBytes ?? 0;
  }

  readBody(onChunk: (bytes: Uint8Array) => void, onEnd: (complete: boolean) => void): void {
    if (this.#reading)
      throw new Error(`Cannot read the body of request ${this.id}: it is being read already`);
    this.#reading = true;
    this.#onChunk = onChunk;
    this.#onEnd = onEnd;
    this.#connection?.bodyWanted(true);
  }

  pauseBody(): void {
    if (this.#reading) this.#connection?.bodyWanted(false);
  }

  resumeBody(): void {
    if (this.#reading) this.#connection?.bodyWanted(true);
  }

  write(bytes: Uint8Array): boolean {
    return this.#connection?.output.send(streamRecords(recordType.stdout, this.id, bytes)) ?? true;
  }

  writeError(bytes: Uint8Array): boolean {
    if (bytes.length > 0) this.#stderrUsed = true;
    return this.#connection?.output.send(streamRecords(recordType.stderr, this.id, bytes)) ?? true;
  }

  end(appStatus = 0, protocolStatus = 0): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#detach();
    connection.output.send([endOfResponse(this.id, appStatus, protocolStatus, this.#stderrUsed)]);
    connection.output.flush();
    connection.requestEnded();
  }

  /** For the connection: a piece of the body. */
  deliver(bytes: Uint8Array): void {
    this.#onChunk(bytes);
  }

  /** For the connection: the end of the body. */
  deliverEnd(complete: boolean): void {
    this.#onEnd(complete);
  }

  /** For the connection: the buffer has room again. */
  drained(): void {
    this.onDrain?.();
  }

  /** For the connection: the response is no longer wanted. A request on an open connection can still be ended. */
  abort(stillConnected: boolean): void {
    const onAbort = this.onAbort;
    this.onAbort = undefined;
    this.#onChunk = noop;
    this.#onEnd = noop;
    if (!stillConnected) this.#detach();
    onAbort?.();
  }

  #detach(): void {
    this.#connection = undefined;
    this.#onChunk = noop;
    this.#onEnd = noop;
    this.onDrain = undefined;
    this.onAbort = undefined;
  }
}
