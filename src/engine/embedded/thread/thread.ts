/**
 * A worker thread of the embedded engine: one PHP instance, one request at a time. It speaks protocol.ts with the main
 * thread and never writes anywhere else.
 */

import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { threadId } from '../../../posix/thread-id.ts';
import { BodyQueue } from '../php/body.ts';
import { PhpInstance } from '../php/instance.ts';
import type { InstanceHost, RunResult } from '../php/instance-settings.ts';
import { checkFunction } from '../php/limit-check.ts';
import { wasmPageBytes } from '../php/memory.ts';
import type { ResponseSink } from '../php/sapi.ts';
import { handOver } from '../shared/buffers.ts';
import { doneText, readRequest } from '../shared/message-text.ts';
import {
  type ApplicationSettings,
  type FromThread,
  type LogLevel,
  type Note,
  outcomes,
  outputWindowBytes,
  type PhpRequest,
  type SyncAnswer,
  type SyncQuestion,
  sharedWord,
  syncTimeout,
  type ThreadSettings,
  type ToThread,
} from '../shared/protocol.ts';

type Port = NonNullable<typeof parentPort>;

/** Interval that recovers from a lost wake-up, in milliseconds: only a guard, the main thread notifies. */
const waitGuard = 1000;

interface HeldHead {
  readonly id: number;
  readonly status: number;
  readonly text: string;
}

class Thread {
  readonly #settings: ThreadSettings;
  readonly #port: Port;
  readonly #words: Int32Array;
  readonly #pause = new Int32Array(new SharedArrayBuffer(4));
  #instance: PhpInstance | undefined;
  /** Later instances are compared with it: they need little memory of their own then, and start faster. */
  #image: SharedArrayBuffer | undefined;
  #running: { readonly id: number; readonly body: BodyQueue; readonly started: number } | undefined;
  /** Set while the instance is being cleaned: a request that arrives meanwhile waits for it. */
  #cleaning: Promise<void> | undefined;
  #application: ApplicationSettings | undefined;
  #exiting = false;
  /** CPU time of the thread up to the end of the last request, microseconds. */
  #cpuMicros = 0;
  /** A header block held back for the following output, so that a small page is one message. */
  #head: HeldHead | undefined;

  constructor(settings: ThreadSettings, port: Port) {
    this.#settings = settings;
    this.#port = port;
    this.#words = new Int32Array(settings.shared);
    this.#image = settings.image;
  }

  /** Boots PHP and says `up`, or says `failed` and ends the thread. */
  async start(): Promise<void> {
    try {
      await this.#boot();
    } catch (error) {
      this.#send({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
      this.#port.close();
      return;
    }
    this.#port.on('message', (message: ToThread) => this.#receive(message));
    this.#takeCpuTime();
    this.#announce();
  }

  /** Worker mode: boots the application and says `up`, or says `unbooted` and ends the thread. */
  async #bootApplication(application: ApplicationSettings): Promise<void> {
    this.#application = application;
    let failure: string | undefined;
    try {
      failure = await this.#instance?.bootApplication(application);
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
    }
    this.#takeCpuTime();
    if (failure === undefined) return this.#announce();
    this.#send({ type: 'unbooted', reason: failure });
    this.#port.close();
    this.#settings.syncPort.close();
  }

  /** Checks max_execution_time, for the main thread's interrupt. */
  checkLimit(): string {
    return this.#instance?.checkLimit() ?? 'waiting';
  }

  /** An exception outside of any call: it came out of a callback of the engine. */
  fail(error: unknown): void {
    this.#instance?.fail(error);
  }

  async #boot(): Promise<void> {
    const settings = { ...this.#settings, image: this.#image };
    this.#instance = await PhpInstance.boot(settings, this.#instanceHost());
  }

  #instanceHost(): InstanceHost {
    return {
      publishDeadline: (milliseconds, seconds) => this.#publishDeadline(milliseconds, seconds),
      status: () => this.#askStatus(),
      abandonedAt: () => this.#abandonedAt(),
      heap: {
        limit: this.#settings.hardLimit,
        publish: (bytes) =>
          Atomics.store(this.#words, sharedWord.heapPages, Math.ceil(bytes / wasmPageBytes)),
        // Nobody notifies this word: the wait ends by its time, or with the thread.
        pause: (milliseconds) => Atomics.wait(this.#pause, 0, 0, milliseconds),
      },
      image: (image) => {
        this.#image = image;
        this.#settings.syncPort.postMessage({ type: 'image', image } satisfies Note);
      },
      opcache: (figures) => {
        if (this.#running !== undefined) this.#send({ type: 'opcache', id: this.#running.id, figures });
      },
      log: (message, level) => this.#log('sapi', new Uint8Array(Buffer.from(message, 'latin1')), level),
      phpLog: (bytes) => this.#log('php', bytes),
      output: (stream, bytes) =>
        this.#send({ type: 'output', id: this.#running?.id ?? 0, stream, bytes }, bytes),
    };
  }

  /** @param bytes of the message, transferred instead of copied. */
  #send(message: FromThread, bytes?: Uint8Array<ArrayBuffer>): void {
    this.#port.postMessage(message, bytes && handOver(bytes));
  }

  #log(author: 'php' | 'sapi', bytes: Uint8Array<ArrayBuffer>, level: LogLevel = 'error'): void {
    this.#sendHead();
    this.#send({ type: 'log', id: this.#running?.id ?? 0, author, bytes, level }, bytes);
  }

  #announce(): void {
    if (this.#instance === undefined) return;
    const { phpVersion: php, extensions, zendExtensions } = this.#instance.facts;
    this.#send({ type: 'up', tid: threadId(), php, extensions, zendExtensions });
  }

  #receive(message: ToThread): void {
    if (typeof message === 'string') {
      const { id, request } = readRequest(message);
      void this.#run(id, request);
      return;
    }
    switch (message.type) {
      case 'run': {
        const { id, request } = readRequest(message.request);
        void this.#run(id, { ...request, body: message.body });
        return;
      }
      case 'body':
        if (this.#running?.id === message.id) this.#running.body.push(message.bytes, message.end);
        return;
      case 'boot':
        void this.#bootApplication(message.application);
        return;
      case 'exit':
        this.#exiting = true;
        if (this.#running === undefined) void this.#exit();
        return;
      default:
        throw new TypeError(`the main thread sent ${JSON.stringify(message satisfies never)}`);
    }
  }

  async #run(id: number, request: PhpRequest): Promise<void> {
    const body = this.#bodyOf(request);
    this.#running = { id, body, started: performance.now() };
    if (this.#cleaning !== undefined) await this.#cleaning;
    const instance = this.#instance;
    if (instance === undefined) return;
    const { outcome, status, memoryPeak, user, rest } = await instance.run(request, body, this.#sink(id));
    this.#running = undefined;
    body.close();
    const cpuMicros = this.#takeCpuTime();
    const heapBytes = instance.heapBytes;
    const head = this.#takeHead()?.text;
    const done = doneText({
      ...{ type: 'done', id, outcome, status, memoryPeak, heapBytes, cpuMicros, user, rest },
      // After a trap the client gets an error instead of the started response.
      ...(head === undefined || outcome === outcomes.trap ? {} : { head }),
    });
    this.#port.postMessage(done);
    await this.#clean(instance);
    if (outcome !== outcomes.ok && this.#application !== undefined)
      await this.#bootApplication(this.#application);
    else if (outcome !== outcomes.ok) this.#announce();
    if (this.#exiting && this.#running === undefined) await this.#exit();
  }

  /**
   * CPU time since the last call, microseconds. Between two requests the thread sleeps, so one reading ends one request
   * and starts the next: the call costs a tenth of a hello world.
   */
  #takeCpuTime(): number {
    const { user, system } = process.threadCpuUsage();
    const before = this.#cpuMicros;
    this.#cpuMicros = user + system;
    return this.#cpuMicros - before;
  }

  /** Body pieces are counted, so that the main thread never has more than a window in flight. */
  #bodyOf({ contentLength, body }: PhpRequest): BodyQueue {
    if (body !== undefined || contentLength === 0) return new BodyQueue(contentLength, body);
    return new BodyQueue(contentLength, undefined, (bytes) => {
      Atomics.sub(this.#words, sharedWord.bodyPending, bytes);
      Atomics.notify(this.#words, sharedWord.bodyPending);
    });
  }

  /** Prepares the instance for the next request. */
  async #clean(instance: PhpInstance): Promise<void> {
    if (instance.heapBytes > this.#settings.heapLimit) {
      instance.discard();
      this.#cleaning = this.#reboot();
      await this.#cleaning;
      this.#takeCpuTime();
      this.#cleaning = undefined;
    } else if (instance.spoiled || this.#settings.isolation === 'request') {
      instance.restore();
      this.#takeCpuTime();
    }
  }

  async #reboot(): Promise<void> {
    try {
      await this.#boot();
    } catch (error) {
      this.#instance = undefined;
      this.#send({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
      this.#port.close();
    }
  }

  #sink(id: number): ResponseSink {
    return {
      head: (status, text) => {
        this.#head = { id, status, text };
      },
      body: (bytes) => this.#output(id, bytes),
      flush: () => this.#sendHead(),
      finished: () => {
        this.#sendHead();
        this.#send({ type: 'finished', id });
      },
      answered: (result) => this.#answered(id, result),
      log: (bytes) => this.#log('php', bytes),
    };
  }

  #answered(id: number, { outcome: _, memoryInUse = 0, ...result }: RunResult): void {
    const head = this.#takeHead()?.text;
    const cpuMicros = this.#takeCpuTime();
    const end = head === undefined ? {} : { head };
    this.#send({ type: 'answered', id, ...result, ...end, cpuMicros, memoryInUse });
  }

  /** Waits until the main thread has taken enough earlier output. @returns false once the client has left. */
  #output(id: number, bytes: Uint8Array<ArrayBuffer>): boolean {
    const words = this.#words;
    const word = sharedWord.outputPending;
    for (;;) {
      if (Atomics.load(words, sharedWord.clientGone) !== 0) return false;
      const pending = Atomics.load(words, word);
      if (pending <= outputWindowBytes) break;
      Atomics.wait(words, word, pending, waitGuard);
    }
    Atomics.add(words, word, bytes.length);
    this.#sendHead();
    this.#send({ type: 'out', id, bytes }, bytes);
    return true;
  }

  #takeHead(): HeldHead | undefined {
    const head = this.#head;
    this.#head = undefined;
    return head;
  }

  #sendHead(): void {
    const head = this.#takeHead();
    if (head === undefined) return;
    const { id, status, text } = head;
    this.#send({ type: 'head', id, status, bytes: new Uint8Array(Buffer.from(text, 'latin1')) });
  }

  #publishDeadline(milliseconds: number, seconds: number): void {
    const since = this.#running === undefined ? 0 : performance.now() - this.#running.started;
    const limit = milliseconds === 0 ? 0 : Math.ceil(since + milliseconds);
    Atomics.store(this.#words, sharedWord.executionSeconds, Math.round(seconds));
    Atomics.store(this.#words, sharedWord.executionLimit, Math.min(limit, 2 ** 31 - 1));
  }

  #abandonedAt(): number | undefined {
    const gone = Atomics.load(this.#words, sharedWord.clientGone);
    return gone === 0 || this.#running === undefined ? undefined : this.#running.started + gone;
  }

  #askStatus(): string | undefined {
    const { syncPort } = this.#settings;
    // Discard a late answer to an earlier question.
    while (receiveMessageOnPort(syncPort) !== undefined);
    const before = Atomics.load(this.#words, sharedWord.syncReply);
    syncPort.postMessage({ type: 'status' } satisfies SyncQuestion);
    Atomics.wait(this.#words, sharedWord.syncReply, before, syncTimeout);
    return (receiveMessageOnPort(syncPort)?.message as SyncAnswer | undefined)?.json;
  }

  async #exit(): Promise<void> {
    await this.#instance?.close();
    this.#port.close();
    this.#settings.syncPort.close();
  }
}

async function main(): Promise<void> {
  if (parentPort === null)
    throw new Error('cannot run a PHP thread: this file is the entry of a worker thread');
  // Errors for missing files are thrown by the thousand, and their stack is never used.
  Error.stackTraceLimit = 0;
  const thread = new Thread(workerData as ThreadSettings, parentPort);
  Object.assign(globalThis, { [checkFunction]: () => thread.checkLimit() });
  process.on('uncaughtException', (error) => thread.fail(error));
  process.on('unhandledRejection', (error) => thread.fail(error));
  await thread.start();
}

await main();
