/** A PHP thread for tests: the main thread's side of protocol.ts, as small as it can be. */

import { join } from 'node:path';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { readEngine } from '../../src/engine/embedded/php/engine-files.ts';
import { composeIni } from '../../src/engine/embedded/php/ini.ts';
import type { Interrupts } from '../../src/engine/embedded/php/interrupts.ts';
import { enlargeStacks } from '../../src/engine/embedded/php/main-stack.ts';
import { findEngine } from '../../src/engine/embedded/php/package.ts';
import { readDone, requestText } from '../../src/engine/embedded/shared/message-text.ts';
import {
  type ApplicationSettings,
  type FromThread,
  type Outcome,
  type SyncAnswer,
  sharedBytes,
  sharedWord,
  type ThreadSettings,
  type ToThread,
} from '../../src/engine/embedded/shared/protocol.ts';
import { Variables } from '../../src/engine/embedded/shared/variables.ts';

const engine = findEngine('8.4');
const files = readEngine(engine);
enlargeStacks();
export const scripts = join(import.meta.dirname, 'scripts');

export interface Response {
  readonly outcome: Outcome;
  readonly status: number;
  /** Head lines, without the empty one. */
  readonly head: readonly string[];
  readonly body: string;
  readonly bytes: number;
  readonly log: string;
  readonly output: string;
  readonly memoryPeak: number;
  readonly heapBytes: number;
  readonly user: string;
  readonly finished: boolean;
}

export interface RequestOptions {
  readonly params?: readonly (readonly [string, string])[];
  readonly method?: string;
  readonly body?: Uint8Array<ArrayBuffer>;
  /** Sends the body in pieces of this size after the request. */
  readonly pieces?: number;
  readonly phpValue?: string;
  readonly phpAdminValue?: string;
  /** Sees every message while it arrives. */
  readonly onMessage?: (message: FromThread) => void;
  /** Leaves output unacknowledged, as a client that does not read. */
  readonly holdOutput?: boolean;
}

export interface ThreadOptions extends Partial<Omit<ThreadSettings, 'module' | 'shared' | 'syncPort'>> {
  readonly mainIni?: string;
  readonly defines?: readonly (readonly [string, string])[];
  readonly status?: string;
}

interface Pending {
  readonly options: RequestOptions;
  readonly resolve: (response: Response) => void;
  readonly reject: (error: Error) => void;
  head: string;
  pieces: Uint8Array[];
  log: string;
  output: string;
  finished: boolean;
  /** Worker mode: the response, before the application is done. */
  answer?: Extract<FromThread, { type: 'answered' }>;
}

let threads = 0;

export class PhpThread {
  readonly worker: Worker;
  readonly words: Int32Array;
  readonly #port: MessagePort;
  #up = Promise.withResolvers<Extract<FromThread, { type: 'up' }>>();
  #pending: Pending | undefined;
  #id = 0;

  private constructor(worker: Worker, shared: SharedArrayBuffer, port: MessagePort, status?: string) {
    this.worker = worker;
    this.words = new Int32Array(shared);
    this.#port = port;
    port.on('message', () => {
      port.postMessage((status === undefined ? {} : { json: status }) satisfies SyncAnswer);
      Atomics.add(this.words, sharedWord.syncReply, 1);
      Atomics.notify(this.words, sharedWord.syncReply);
    });
    port.unref();
    worker.on('message', (message: FromThread | string) =>
      this.#receive(typeof message === 'string' ? readDone(message) : message),
    );
    worker.on('error', (error) => this.#fail(error));
    worker.on('exit', () => this.#fail(new Error('the thread ended')));
  }

  static async start(options: ThreadOptions = {}, interrupts?: Interrupts): Promise<PhpThread> {
    void interrupts;
    threads += 1;
    const shared = new SharedArrayBuffer(sharedBytes);
    const channel = new MessageChannel();
    const ini = composeIni({
      version: '8.4',
      mainIni: options.mainIni ?? 'html_errors=0\ndisplay_errors=1\nlog_errors=1\n',
      defines: options.defines ?? [],
    });
    const workerData: ThreadSettings = {
      threadNumber: threads,
      phpVersion: '8.4',
      module: (await files).module,
      loaderPath: engine.loaderPath,
      phpIni: ini.text,
      phpIniFiles: [],
      phpValue: [],
      phpAdminValue: [],
      env: [],
      isolation: 'worker',
      heapLimit: 512 * 1024 * 1024,
      hardLimit: 0,
      ...options,
      shared,
      syncPort: channel.port1,
    };
    const file = join(import.meta.dirname, '../../src/engine/embedded/thread/thread.ts');
    const worker = new Worker(file, { workerData, transferList: [channel.port1] });
    const thread = new PhpThread(worker, shared, channel.port2, options.status);
    await thread.up;
    return thread;
  }

  /** The next (or first) `up`. */
  get up(): Promise<Extract<FromThread, { type: 'up' }>> {
    return this.#up.promise;
  }

  #fail(error: Error): void {
    this.#up.reject(error);
    this.#up.promise.catch(() => {});
    this.#pending?.reject(error);
    this.#pending = undefined;
  }

  send(message: ToThread): void {
    this.worker.postMessage(message);
  }

  /** Worker mode: all requests are the application's from then on. */
  async boot(script: string, more: Partial<ApplicationSettings> = {}): Promise<void> {
    this.#up = Promise.withResolvers();
    this.send({ type: 'boot', application: { script, rebootsOnExit: true, resets: [], ...more } });
    await this.up;
  }

  /** Takes output off the window, as the main thread does once the socket has it. */
  release(bytes: number): void {
    Atomics.sub(this.words, sharedWord.outputPending, bytes);
    Atomics.notify(this.words, sharedWord.outputPending);
  }

  #receive(message: FromThread): void {
    const pending = this.#pending;
    pending?.options.onMessage?.(message);
    switch (message.type) {
      case 'up':
        this.#up.resolve(message);
        return;
      case 'failed':
        this.#fail(new Error(message.message));
        return;
      case 'head':
        if (pending) pending.head = Buffer.from(message.bytes).toString('latin1');
        return;
      case 'out':
        pending?.pieces.push(message.bytes);
        if (!pending?.options.holdOutput) this.release(message.bytes.length);
        return;
      case 'finished':
        if (pending) pending.finished = true;
        return;
      case 'log':
        if (pending) pending.log += `${Buffer.from(message.bytes).toString('latin1')}\n`;
        return;
      case 'output':
        if (pending) pending.output += Buffer.from(message.bytes).toString('latin1');
        return;
      case 'opcache':
        return;
      case 'unbooted':
        this.#fail(new Error(message.reason));
        return;
      case 'answered':
        if (pending) pending.answer = message;
        return;
      case 'done':
        this.#done(message);
        return;
      default:
        throw new TypeError(`unexpected message ${JSON.stringify(message satisfies never)}`);
    }
  }

  #done(message: Extract<FromThread, { type: 'done' }>): void {
    const pending = this.#pending;
    this.#pending = undefined;
    if (message.outcome !== 'ok') this.#up = Promise.withResolvers();
    if (pending === undefined) return;
    const { outcome, heapBytes } = message;
    const { status, memoryPeak, user, rest, head: own } = pending.answer ?? message;
    const { log, output, finished } = pending;
    const head = own ?? pending.head;
    pending.pieces.push(Buffer.from(rest, 'latin1'));
    const bytes = pending.pieces.reduce((sum, piece) => sum + piece.length, 0);
    const body = bytes > 4_000_000 ? '' : Buffer.concat(pending.pieces).toString('latin1');
    const lines = head.split('\r\n').filter((line) => line !== '');
    pending.resolve({
      ...{ outcome, status, memoryPeak, heapBytes, user, log, output, finished, bytes, body },
      head: lines,
    });
  }

  /** Runs a script by its path, or by its name in tests/embedded/scripts. */
  async run(script: string, options: RequestOptions = {}): Promise<Response> {
    await this.up;
    this.words.fill(0, 0, 2);
    const path = script.startsWith('/') ? script : join(scripts, script);
    const method = options.method ?? (options.body ? 'POST' : 'GET');
    const given = new Set(options.params?.map(([name]) => name));
    const params = (
      [
        ['REQUEST_METHOD', method],
        ['SCRIPT_FILENAME', path],
        ['SCRIPT_NAME', '/script.php'],
        ['QUERY_STRING', ''],
      ] as (readonly [string, string])[]
    )
      .filter(([name]) => !given.has(name))
      .concat(options.params ?? []);
    this.#id += 1;
    const id = this.#id;
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    this.#pending = { options, resolve, reject, head: '', pieces: [], log: '', output: '', finished: false };
    const { phpValue, phpAdminValue, body, pieces } = options;
    const request = requestText(id, {
      ...{ params: Variables.of(params), script: path, contentLength: body?.length ?? 0 },
      ...(phpValue === undefined ? {} : { phpValue }),
      ...(phpAdminValue === undefined ? {} : { phpAdminValue }),
    });
    this.send(body && pieces === undefined ? { type: 'run', request, body } : request);
    if (body && pieces !== undefined) {
      for (let at = 0; at < body.length; at += pieces) {
        const end = at + pieces >= body.length;
        this.send({ type: 'body', id, bytes: Uint8Array.prototype.slice.call(body, at, at + pieces), end });
      }
    }
    return promise;
  }

  /** Body of a successful run. */
  async text(script: string, options: RequestOptions = {}): Promise<string> {
    const response = await this.run(script, options);
    return response.body;
  }

  async stop(): Promise<void> {
    this.#port.close();
    await this.worker.terminate();
  }
}
