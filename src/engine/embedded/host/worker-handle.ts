/**
 * The main thread's handle on a worker thread. It tracks the thread's state and carries messages; the pool assigns
 * requests and answers clients.
 */

import { wasmPageBytes } from '../php/memory.ts';
import type { LimitAnswer } from '../php/time-limit.ts';
import { handOver } from '../shared/buffers.ts';
import { type DoneMessage, readDone, requestText } from '../shared/message-text.ts';
import {
  type ApplicationSettings,
  bodyWindowBytes,
  type FromThread,
  outcomes,
  type PhpRequest,
  sharedBytes,
  sharedWord,
  type ToThread,
} from '../shared/protocol.ts';
import { type ThreadState, threadStates, threadTransitions } from './thread-states.ts';

/** The handle's interface to a thread; satisfied by node:worker_threads' Worker. */
export interface Thread {
  postMessage(message: ToThread, transfer?: readonly ArrayBuffer[]): void;
  terminate(): Promise<unknown>;
  /** Makes the thread check max_execution_time, even while it is busy. */
  checkTimeLimit(): Promise<LimitAnswer>;
  on(event: 'message', listener: (message: FromThread | string) => void): unknown;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  on(event: 'exit', listener: (code: number) => void): unknown;
}

/** Starts a thread with this number and shared memory. */
export type StartThread = (threadNumber: number, shared: SharedArrayBuffer) => Thread;

export type UpMessage = Extract<FromThread, { type: 'up' }>;
export type { DoneMessage } from '../shared/message-text.ts';

export type RequestMessage = Exclude<FromThread, { type: 'up' | 'failed' | 'unbooted' }>;
export type AnsweredMessage = Extract<FromThread, { type: 'answered' }>;
export type OutputMessage = Extract<FromThread, { type: 'log' | 'output' }>;

/** Events for the owner of a handle. */
export interface WorkerEvents {
  /** The worker is clean and idle: after its boot, a request or a restore. */
  onIdle(): void;
  /** A message about the running request, including `done` (the state has already changed then). */
  onRequestMessage(message: RequestMessage): void;
  /** Worker mode: output or a message of the application beside requests. */
  onOutput?(message: OutputMessage): void;
  /** Worker mode: the application cannot be booted, and the thread is about to exit. */
  onUnbooted?(reason: string): void;
  /** The thread has ended. `reason` is set for an unexpected end. Once. */
  onGone(reason: string | undefined): void;
}

/** Time limit for a thread to end after terminate(): beyond it only the end of the process helps. */
export const terminateLimitMs = 2000;
/** Time limit for an orderly end: shutting PHP down takes some 10 ms, a destructor of a persistent object more. */
const leaveLimitMs = 2000;
/** The same of a booted application, which may have to finish its own work. */
const applicationLeaveLimitMs = 10_000;

export class WorkerHandle {
  readonly threadNumber: number;
  /** Undefined while it has no owner (a spare worker). */
  events: WorkerEvents | undefined;
  /** The thread is still alive {@link terminateLimitMs} after terminate(). */
  onStuck: (() => void) | undefined;
  /** The thread has booted, in this many milliseconds; for the keeper of all handles. */
  onBooted: ((milliseconds: number) => void) | undefined;
  /** The thread has ended; for the keeper of all handles, called before the owner. */
  onExit: (() => void) | undefined;
  /** Bytes of WASM memory after the last request. */
  heapBytes = 0;
  readonly #thread: Thread;
  readonly #words: Int32Array;
  #state: ThreadState = threadStates.booting;
  #facts: UpMessage | undefined;
  #failure: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #requestId = 0;
  #hasApplication = false;
  /** Start of the boot, later of the request. */
  #startedAt = performance.now();

  constructor(threadNumber: number, start: StartThread) {
    this.threadNumber = threadNumber;
    const shared = new SharedArrayBuffer(sharedBytes);
    this.#words = new Int32Array(shared);
    this.#thread = start(threadNumber, shared);
    this.#thread.on('message', (message) =>
      this.#receive(typeof message === 'string' ? readDone(message) : message),
    );
    this.#thread.on('error', (error) => {
      this.#failure ??= threadFailure(error);
    });
    this.#thread.on('exit', (code) => this.#exited(code));
  }

  get state(): ThreadState {
    return this.#state;
  }

  /** The thread's `up` message; undefined while it boots. */
  get facts(): UpMessage | undefined {
    return this.#facts;
  }

  /** Kernel thread id; before `up`, its number in this host. */
  get pid(): number {
    return this.#facts?.tid ?? this.threadNumber;
  }

  /** Worker mode: boots an application; {@link WorkerEvents.onIdle} follows. @throws Error when the worker is not idle. */
  boot(application: ApplicationSettings): void {
    this.#move(threadStates.booting);
    this.#hasApplication = true;
    this.#thread.postMessage({ type: 'boot', application });
  }

  /** @throws Error when the worker is not idle. */
  run(id: number, request: PhpRequest): void {
    this.#move(threadStates.running);
    this.#requestId = id;
    this.#startedAt = performance.now();
    for (const word of [sharedWord.clientGone, sharedWord.executionLimit, sharedWord.bodyPending]) {
      Atomics.store(this.#words, word, 0);
    }
    const { body } = request;
    const text = requestText(id, request);
    if (body === undefined) this.#thread.postMessage(text);
    else this.#thread.postMessage({ type: 'run', request: text, body }, handOver(body));
  }

  /**
   * Forwards a piece of the running request's body; transfers its memory.
   *
   * @returns false when the thread has enough of it: wait for {@link whenBodyWanted}.
   */
  sendBody(bytes: Uint8Array<ArrayBuffer>, end: boolean): boolean {
    if (this.#state !== threadStates.running) return true;
    const pending = Atomics.add(this.#words, sharedWord.bodyPending, bytes.length) + bytes.length;
    this.#thread.postMessage({ type: 'body', id: this.#requestId, bytes, end }, handOver(bytes));
    return pending < bodyWindowBytes;
  }

  /** Resolves when the thread has taken some of the body. */
  async whenBodyWanted(): Promise<void> {
    for (;;) {
      const pending = Atomics.load(this.#words, sharedWord.bodyPending);
      if (pending < bodyWindowBytes || this.#state !== threadStates.running) return;
      // The time limit covers a thread that ended: it never notifies.
      await Atomics.waitAsync(this.#words, sharedWord.bodyPending, pending, 1000).value;
    }
  }

  /** Output has been written: the thread may produce as much again. */
  releaseOutput(bytes: number): void {
    Atomics.sub(this.#words, sharedWord.outputPending, bytes);
    Atomics.notify(this.#words, sharedWord.outputPending);
  }

  /** Tells PHP that the client has left; wakes the thread if it waits for its output to drain. */
  clientIsGone(): void {
    const elapsed = Math.min(Math.ceil(performance.now() - this.#startedAt), 2 ** 31 - 1);
    Atomics.store(this.#words, sharedWord.clientGone, Math.max(1, elapsed));
    Atomics.notify(this.#words, sharedWord.outputPending);
  }

  /** Whether a check of max_execution_time is due; `now` as performance.now(). */
  isTimeLimitDue(now: number): boolean {
    if (this.#state !== threadStates.running) return false;
    const limit = Atomics.load(this.#words, sharedWord.executionLimit);
    return limit > 0 && now - this.#startedAt >= limit;
  }

  /** Size of the instance since it has grown, or that it wants beyond its limit, bytes; 0 before. */
  get grownBytes(): number {
    return Atomics.load(this.#words, sharedWord.heapPages) * wasmPageBytes;
  }

  /** max_execution_time of the running request, seconds. */
  get timeLimitSeconds(): number {
    return Atomics.load(this.#words, sharedWord.executionSeconds);
  }

  /** Makes the thread compare its CPU time with the limit. @throws Error when it is unreachable. */
  checkTimeLimit(): Promise<LimitAnswer> {
    return this.#thread.checkTimeLimit();
  }

  /** Asks an idle worker to leave; a late one is ended. */
  leave(): void {
    this.#move(threadStates.leaving);
    this.#thread.postMessage({ type: 'exit' });
    this.#timer = setTimeout(() => this.end(), this.#hasApplication ? applicationLeaveLimitMs : leaveLimitMs);
  }

  /** Ends the thread at once. No-op when it has ended. */
  end(): void {
    if (this.#state === threadStates.gone || this.#state === threadStates.ending) return;
    this.#move(threadStates.ending);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.onStuck?.(), terminateLimitMs);
    // The exit event follows; a rejection of this promise would only repeat it.
    this.#thread.terminate().catch(() => {});
  }

  #move(to: ThreadState): void {
    this.#state = threadTransitions.move(this.#state, to);
  }

  #receive(message: FromThread): void {
    switch (message.type) {
      case 'up':
        this.#facts = message;
        if (this.#state === threadStates.booting && !this.#hasApplication) {
          this.onBooted?.(performance.now() - this.#startedAt);
        }
        if (this.#state === threadStates.booting || this.#state === threadStates.restoring) {
          this.#move(threadStates.idle);
          this.events?.onIdle();
        }
        return;
      case 'failed':
        this.#failure = message.message;
        return;
      case 'unbooted':
        this.events?.onUnbooted?.(message.reason);
        return;
      case 'log':
      case 'output':
        if (this.#state === threadStates.running) this.events?.onRequestMessage(message);
        else if (this.#hasApplication) this.events?.onOutput?.(message);
        return;
      case 'head':
      case 'out':
      case 'finished':
      case 'answered':
      case 'opcache':
        if (this.#state === threadStates.running) this.events?.onRequestMessage(message);
        return;
      case 'done':
        this.#done(message);
        return;
      default:
        throw new Error(`unknown message of a worker thread: ${JSON.stringify(message satisfies never)}`);
    }
  }

  #done(message: DoneMessage): void {
    if (this.#state !== threadStates.running) return;
    this.heapBytes = message.heapBytes;
    this.#move(message.outcome === outcomes.ok ? threadStates.idle : threadStates.restoring);
    this.events?.onRequestMessage(message);
    if (isIdle(this.#state)) this.events?.onIdle();
  }

  #exited(code: number): void {
    clearTimeout(this.#timer);
    const asked = this.#state === threadStates.ending || this.#state === threadStates.leaving;
    this.#move(threadStates.gone);
    this.onExit?.();
    this.events?.onGone(asked ? undefined : (this.#failure ?? `the thread exited with code ${code}`));
  }
}

/** The owner may have given the worker a request while it was told about the end of one. */
function isIdle(state: ThreadState): boolean {
  return state === threadStates.idle;
}

/** For the log: the place of a fault of ours, but the remedy where the system has no room for another thread. */
function threadFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ((error as NodeJS.ErrnoException).code === 'ERR_WORKER_INIT_FAILED') {
    return `no room for a worker's thread (${error.message}): raise rlimit_files or the limits of the service, or lower pm.max_children`;
  }
  return error.stack ?? error.message;
}
