/**
 * The path of a request body from its connection to a worker. A small body is collected before a worker is taken, so a
 * slow client holds none; of a large one the first piece is collected, and the rest follows while the worker reads.
 */

import type { ServerRequest } from '../../../fastcgi/server-api.ts';
import { bodyWindowBytes } from '../shared/protocol.ts';
import type { WorkerHandle } from './worker-handle.ts';

/**
 * Limit of memory for all bodies being collected. Above it a request goes to its worker with a partial body and its
 * connection is not read until then, so slow uploads cost workers instead of memory.
 */
export class BodyBudget {
  #free: number;

  constructor(bytes = 64 * 1024 * 1024) {
    this.#free = bytes;
  }

  get isSpent(): boolean {
    return this.#free <= 0;
  }

  take(bytes: number): void {
    this.#free -= bytes;
  }

  giveBack(bytes: number): void {
    this.#free += bytes;
  }
}

export class RequestBody {
  readonly #request: ServerRequest;
  readonly #budget: BodyBudget;
  /** Arrived but not forwarded: views of the socket's buffers. */
  #pieces: Uint8Array[] = [];
  #gathered = 0;
  #onReady: (() => void) | undefined;
  #ended = false;
  #worker: WorkerHandle | undefined;

  constructor(request: ServerRequest, budget: BodyBudget) {
    this.#request = request;
    this.#budget = budget;
  }

  /** Reads until the body is complete or its first part is large enough; then calls back, once. */
  gather(onReady: () => void): void {
    if (this.#request.contentLength === 0) {
      this.#ended = true;
      onReady();
      return;
    }
    this.#onReady = onReady;
    this.#request.readBody(
      (bytes) => this.#receive(bytes),
      () => this.#end(),
    );
  }

  /** The complete body, in memory of its own for the transfer; undefined while it is incomplete. */
  takeComplete(): Uint8Array<ArrayBuffer> | undefined {
    return this.#ended ? this.#copyOut() : undefined;
  }

  /** Streams the body of a dispatched request to the worker. */
  streamTo(worker: WorkerHandle): void {
    if (this.#ended) return;
    this.#worker = worker;
    worker.sendBody(this.#copyOut(), false);
    this.#resumeWhenWanted(worker);
  }

  /** The client left: tells a worker that waits for the rest. */
  abandon(): void {
    if (!this.#ended) this.#worker?.sendBody(new Uint8Array(0), true);
    this.drop();
  }

  /** The body is no longer wanted. */
  drop(): void {
    this.#onReady = undefined;
    this.#worker = undefined;
    this.#forget();
  }

  #receive(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
    this.#gathered += bytes.length;
    this.#budget.take(bytes.length);
    if (this.#worker !== undefined) {
      // All records of one read arrive in this turn and are forwarded as one message.
      if (this.#pieces.length === 1) queueMicrotask(() => this.#passOn());
      return;
    }
    const enough = this.#gathered >= bodyWindowBytes || this.#budget.isSpent;
    if (!enough || this.#gathered >= this.#request.contentLength) return;
    this.#request.pauseBody();
    this.#ready();
  }

  #passOn(): void {
    const worker = this.#worker;
    // The end of the body or of the request came first.
    if (worker === undefined || this.#pieces.length === 0) return;
    if (worker.sendBody(this.#copyOut(), false)) return;
    this.#request.pauseBody();
    this.#resumeWhenWanted(worker);
  }

  #end(): void {
    this.#ended = true;
    if (this.#worker === undefined) this.#ready();
    else this.#worker.sendBody(this.#copyOut(), true);
  }

  /** A copy of the arrived bytes: transferring a view would take the socket's whole buffer along. */
  #copyOut(): Uint8Array<ArrayBuffer> {
    const copy = new Uint8Array(this.#gathered);
    let at = 0;
    for (const piece of this.#pieces) {
      copy.set(piece, at);
      at += piece.length;
    }
    this.#forget();
    return copy;
  }

  #ready(): void {
    const onReady = this.#onReady;
    this.#onReady = undefined;
    onReady?.();
  }

  #resumeWhenWanted(worker: WorkerHandle): void {
    void worker.whenBodyWanted().then(() => this.#request.resumeBody());
  }

  #forget(): void {
    this.#budget.giveBack(this.#gathered);
    this.#gathered = 0;
    this.#pieces = [];
  }
}
