/**
 * Main thread side of max_execution_time: runs a function in a worker thread while that thread is busy in WebAssembly.
 * Node's inspector protocol reaches a thread through V8's interrupt, without opening a port or enabling debugging.
 */

import { Session } from 'node:inspector';
import type { Worker } from 'node:worker_threads';
import { checkFunction } from './limit-check.ts';
import type { LimitAnswer } from './time-limit.ts';

interface Attached {
  readonly params: { readonly sessionId: string; readonly workerInfo: { readonly title: string } };
}
interface Received {
  readonly params: { readonly sessionId: string; readonly message: string };
}
interface Reply {
  readonly id?: number;
  readonly result?: { readonly result?: { readonly value?: unknown } };
}

/** One for a host, created before its threads. */
export class Interrupts {
  readonly #session = new Session();
  readonly #sessionOfThread = new Map<number, string>();
  readonly #answers = new Map<number, (answer: LimitAnswer) => void>();
  #lastId = 0;

  constructor() {
    this.#session.connect();
    this.#session.on('NodeWorker.attachedToWorker', (event: Attached) => {
      const thread = /\[worker (\d+)\]/.exec(event.params.workerInfo.title)?.[1];
      if (thread !== undefined) this.#sessionOfThread.set(Number(thread), event.params.sessionId);
    });
    this.#session.on('NodeWorker.detachedFromWorker', (event: Attached) => {
      for (const [thread, id] of this.#sessionOfThread) {
        if (id === event.params.sessionId) this.#sessionOfThread.delete(thread);
      }
    });
    this.#session.on('NodeWorker.receivedMessageFromWorker', (event: Received) => this.#receive(event));
    this.#session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
  }

  #receive(event: Received): void {
    const reply = JSON.parse(event.params.message) as Reply;
    if (reply.id === undefined) return;
    const answer = reply.result?.result?.value;
    this.#answers.get(reply.id)?.(answer === 'raised' || answer === 'stuck' ? answer : 'waiting');
    this.#answers.delete(reply.id);
  }

  /**
   * Makes a thread check its limit after its deadline (sharedWord.executionLimit). With the answer `waiting`, shared
   * memory has a new deadline. If there is no answer within a second or two, the thread is outside PHP code and can
   * only be terminated.
   *
   * @throws Error when the thread has ended
   */
  check(worker: Worker): Promise<LimitAnswer> {
    const sessionId = this.#sessionOfThread.get(worker.threadId);
    if (sessionId === undefined) throw new Error(`cannot interrupt thread ${worker.threadId}: it has ended`);
    this.#lastId += 1;
    const id = this.#lastId;
    const params = { expression: `globalThis.${checkFunction}?.()`, returnByValue: true };
    const message = JSON.stringify({ id, method: 'Runtime.evaluate', params });
    return new Promise((resolve, reject) => {
      this.#answers.set(id, resolve);
      this.#session.post('NodeWorker.sendMessageToWorker', { sessionId, message }, (error) => {
        if (error === null) return;
        this.#answers.delete(id);
        reject(new Error(`cannot interrupt thread ${worker.threadId}: ${error.message}`));
      });
    });
  }

  close(): void {
    this.#session.disconnect();
  }
}
