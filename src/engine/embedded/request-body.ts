/**
 * The way of a request body from its connection to a worker. Small bodies are gathered before a worker is taken,
 * so a slow client holds none; of a large one the first piece is, the rest follows while the worker takes it.
 */

import type { ServerRequest } from '../../fastcgi/server-api.ts';
import { bodyWindowBytes } from './protocol.ts';
import type { WorkerHandle } from './worker-handle.ts';

/**
 * What all bodies together may hold in memory while they are gathered. Beyond it a request goes to its worker with
 * what it has and its connection is not read until then, so slow uploads cost workers instead of memory.
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

  /** All of the body when it is in, in memory of its own so that it can be transferred; else undefined. */
  takeComplete(): Uint8Array | undefined {
    if (!this.#ended) return undefined;
    const body = new Uint8Array(this.#gathered);
    let at = 0;
    for (const piece of this.#pieces) {
      body.set(piece, at);
      at += piece.length;
    }
    this.#forget();
    return body;
  }

  /** Lets the body of a request that was dispatched without it flow to the worker. */
  streamTo(worker: WorkerHandle): void {
    if (this.#ended) return;
    this.#worker = worker;
    const pieces = this.#pieces;
    this.#forget();
    for (const piece of pieces) worker.sendBody(new Uint8Array(piece), false);
    this.#resumeWhenWanted(worker);
  }

  /** The client is gone: a worker that waits for the rest learns that there is none. */
  abandon(): void {
    if (!this.#ended) this.#worker?.sendBody(new Uint8Array(0), true);
    this.drop();
  }

  /** Nobody wants the body any more. */
  drop(): void {
    this.#onReady = undefined;
    this.#worker = undefined;
    this.#forget();
  }

  #receive(bytes: Uint8Array): void {
    const worker = this.#worker;
    if (worker !== undefined) {
      // A copy of exact size: the piece is a view of a socket buffer, which would travel whole.
      if (worker.sendBody(new Uint8Array(bytes), false)) return;
      this.#request.pauseBody();
      this.#resumeWhenWanted(worker);
      return;
    }
    this.#pieces.push(bytes);
    this.#gathered += bytes.length;
    this.#budget.take(bytes.length);
    const enough = this.#gathered >= bodyWindowBytes || this.#budget.isSpent;
    if (!enough || this.#gathered >= this.#request.contentLength) return;
    this.#request.pauseBody();
    this.#ready();
  }

  #end(): void {
    this.#ended = true;
    if (this.#worker === undefined) this.#ready();
    else this.#worker.sendBody(new Uint8Array(0), true);
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
