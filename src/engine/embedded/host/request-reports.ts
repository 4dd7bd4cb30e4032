/** A worker's reports about its request: response, messages, output, end. */

import type { Level } from '../../../log/levels.ts';
import type { RequestResult, ScoreboardWriter } from '../../../scoreboard/writer.ts';
import { outcomes } from '../shared/protocol.ts';
import type { Exchange } from './exchange.ts';
import { OpcacheTotals } from './opcache-figures.ts';
import type { RequestAccounting } from './request-accounting.ts';
import type { SlotWorker } from './slot-worker.ts';
import type { Ending } from './worker-endings.ts';
import type { AnsweredMessage, DoneMessage, OutputMessage, RequestMessage } from './worker-handle.ts';
import type { WorkerLog } from './worker-log.ts';

export interface ReportParts {
  readonly scoreboard: ScoreboardWriter;
  readonly workerLog: WorkerLog;
  readonly accounting: RequestAccounting;
  /** The engine trapped in its request. */
  readonly onCrash: (worker: SlotWorker, exchange: Exchange) => void;
  /** PHP is done with its request. */
  readonly onDone: (worker: SlotWorker, result: DoneMessage) => void;
}

export class RequestReports {
  readonly #parts: ReportParts;
  readonly #opcache = new OpcacheTotals();

  constructor(parts: ReportParts) {
    this.#parts = parts;
  }

  /** The worker of the slot is gone. */
  forget(slot: number): void {
    this.#opcache.drop(slot);
  }

  /** The application has written beside requests. */
  output(worker: SlotWorker, message: OutputMessage): void {
    const { workerLog } = this.#parts;
    if (message.type === 'output') return workerLog.output(worker, message.stream, message.bytes);
    const { author, level = 'error', bytes } = message;
    if (author === 'sapi') workerLog.message(worker, level, bytes);
    else workerLog.message(worker, 'notice', Buffer.concat([phpMessagePrefix, bytes]));
  }

  take(worker: SlotWorker, message: RequestMessage): void {
    const { exchange } = worker;
    if (exchange === undefined || exchange.id !== message.id) return;
    switch (message.type) {
      case 'head':
      case 'out':
        exchange.take(message);
        return;
      case 'finished':
        exchange.take(message);
        this.#parts.accounting.goesOn(worker);
        return;
      case 'log':
        if (message.author === 'php') this.#phpMessage(worker, exchange, message.bytes);
        else this.#message(worker, exchange, message.level ?? 'error', message.bytes);
        return;
      case 'answered':
        this.#answered(worker, exchange, message);
        return;
      case 'output':
        worker.hasOutput = true;
        this.#parts.workerLog.output(worker, message.stream, message.bytes);
        return;
      case 'opcache':
        this.#opcache.set(worker.slot, message.figures);
        this.#parts.scoreboard.opcache(this.#opcache.fields());
        return;
      case 'done':
        this.#done(worker, exchange, message);
        return;
      default:
        throw new Error(`unknown message about a request: ${JSON.stringify(message satisfies never)}`);
    }
  }

  #phpMessage(worker: SlotWorker, exchange: Exchange, text: Uint8Array): void {
    this.#message(worker, exchange, 'notice', Buffer.concat([phpMessagePrefix, text]));
  }

  #message(worker: SlotWorker, exchange: Exchange, level: Level, text: Uint8Array): void {
    exchange.addMessage(text);
    worker.hasOutput = true;
    this.#parts.workerLog.message(worker, level, text);
  }

  #done(worker: SlotWorker, exchange: Exchange, result: DoneMessage): void {
    if (result.outcome === outcomes.trap) {
      return this.#parts.onCrash(worker, exchange);
    }
    worker.served++;
    worker.exchange = undefined;
    if (!worker.isAnswered) {
      exchange.finish(result);
      this.#account(worker, exchange, { ...result, instanceBytes: result.heapBytes });
    }
    if (worker.hasOutput) this.#parts.workerLog.flush(worker);
    this.#parts.onDone(worker, result);
  }

  /** Worker mode: the client has its response. */
  #answered(worker: SlotWorker, exchange: Exchange, result: AnsweredMessage): void {
    worker.isAnswered = true;
    worker.servedSinceBoot += 1;
    exchange.finish(result);
    this.#parts.scoreboard.heap(worker.slot, result.memoryInUse, worker.servedSinceBoot);
    this.#account(worker, exchange, result);
  }

  #account(worker: SlotWorker, exchange: Exchange, result: RequestResult): void {
    this.#parts.accounting.end(worker, result);
    this.#parts.accounting.log(worker, exchange, result);
  }

  /** Its worker ends before it has answered. */
  fail(worker: SlotWorker, exchange: Exchange, { failure }: Ending): void {
    if (failure.kind === 'executionTime') {
      this.#phpMessage(worker, exchange, executionTimeMessage(failure.seconds, exchange.script));
    }
    const status = exchange.fail(failure);
    if (status !== undefined) {
      this.#parts.accounting.log(worker, exchange, { status, cpuMicros: 0, memoryPeak: 0 });
    }
    if (worker.hasOutput) this.#parts.workerLog.flush(worker);
  }
}

const phpMessagePrefix = Buffer.from('PHP message: ');

/** PHP's own words; the line is unknown from outside. */
function executionTimeMessage(seconds: number, script: string): Buffer {
  const unit = seconds === 1 ? 'second' : 'seconds';
  const text = `PHP Fatal error:  Maximum execution time of ${seconds} ${unit} exceeded in ${script} on line 0`;
  return Buffer.from(text, 'latin1');
}
