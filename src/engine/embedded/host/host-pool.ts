/**
 * The workers of the pool and the requests that wait for them: who runs what, when a worker is renewed, and what
 * the master and the scoreboard are told about it.
 */

import type { ScoreboardWriter } from '../../../scoreboard/writer.ts';
import type { EndMode } from '../../contract.ts';
import { type FromThread, outcomes } from '../shared/protocol.ts';
import type { Exchange } from './exchange.ts';
import { ExecutionWatch } from './execution-watch.ts';
import type { MasterLink } from './master-link.ts';
import { OpcacheTotals } from './opcache-figures.ts';
import type { RequestBooks } from './request-books.ts';
import { RequestQueue } from './request-queue.ts';
import { RequestRate } from './request-rate.ts';
import { Seat } from './seat.ts';
import {
  bootFailed,
  crash,
  type Ending,
  type EndWords,
  executionTimeUsedUp,
  orderedEndings,
  orderly,
} from './worker-endings.ts';
import type { DoneMessage } from './worker-handle.ts';
import type { WorkerLog, WorkerName } from './worker-log.ts';
import type { WorkerNursery } from './worker-nursery.ts';
import { drawQuota, isNearEnd, isUsedUp } from './worker-quota.ts';
import { workerStates } from './worker-states.ts';

export interface HostPoolOptions {
  /** pm.max_requests, 0 for no limit. */
  readonly maxRequests: number;
  /** WASM memory in bytes over which a worker is renewed after its request. */
  readonly heapLimit: number;
  readonly queueLimit: number;
  readonly nursery: WorkerNursery;
  readonly scoreboard: ScoreboardWriter;
  readonly link: Pick<MasterLink, 'send' | 'log'>;
  readonly workerLog: WorkerLog;
  readonly books: RequestBooks;
}

/** An idle worker, or the host itself where there is none. */
export interface Spokesman extends WorkerName {
  readonly hasSlot: boolean;
}

/** Where a worker sits that nobody asked for; taken only while no slot is. */
const rescueSlot = 0;

/** Share of the memory limit from which a worker is about to leave. */
const nearlyFull = 0.9;

export class HostPool {
  readonly #options: HostPoolOptions;
  readonly #seats = new Map<number, Seat>();
  /** Idle workers, the one that was used last on top: its caches are warm. */
  readonly #idle: Seat[] = [];
  readonly #queue: RequestQueue;
  readonly #rate = new RequestRate();
  readonly #opcache = new OpcacheTotals();
  /** Slots that have had a worker, and workers so far. */
  readonly #usedSlots = new Set<number>();
  #seated = 0;
  /** Undefined while the master does not ask. */
  #watchedOver: number | undefined;
  #isDraining = false;
  readonly #executionWatch: ExecutionWatch;

  constructor(options: HostPoolOptions) {
    this.#options = options;
    this.#queue = new RequestQueue(
      options.queueLimit,
      (length) => options.scoreboard.queued(length),
      () => {
        const text = `${options.queueLimit} requests (listen.backlog) wait for a worker: further ones are refused`;
        options.link.log('warning', text);
      },
    );
    this.#executionWatch = new ExecutionWatch(
      () => this.#seats.values(),
      (seat) => this.#abandon(seat, executionTimeUsedUp(seat.handle.timeLimitSeconds)),
    );
  }

  /** The master wants a worker in this slot. */
  openWorker(slot: number): void {
    if (this.#seats.has(slot)) {
      this.#options.link.log('error', `the master asked for a worker in slot ${slot}, which has one`);
      return;
    }
    this.#seatWorker(slot, false);
  }

  #seatWorker(slot: number, isUnasked: boolean): void {
    const handle = this.#options.nursery.take();
    const seat = new Seat(slot, handle, this.#draw(slot), isUnasked);
    this.#seats.set(slot, seat);
    // The spare is taken: another worker may need one as well.
    this.#prepareSpare(this.#seats.values());
    handle.events = {
      onIdle: () => this.#idleAgain(seat),
      onRequestMessage: (message) => this.#requestMessage(seat, message),
      onGone: (reason) => this.#lost(seat, reason),
    };
    if (handle.state === workerStates.idle) this.#idleAgain(seat);
  }

  #draw(slot: number): { quota: number; limit: number } {
    const { maxRequests } = this.#options;
    const quota = drawQuota(maxRequests, this.#seated++, !this.#usedSlots.has(slot));
    this.#usedSlots.add(slot);
    return { quota, limit: maxRequests > 0 ? maxRequests : Number.POSITIVE_INFINITY };
  }

  /** The master wants the worker of this slot to end. One that has ended by itself meanwhile is no error. */
  endWorker(slot: number, mode: EndMode): void {
    const seat = this.#seats.get(slot);
    if (seat === undefined) return;
    if (mode !== 'quit') this.#abandon(seat, orderedEndings[mode]);
    else if (seat.handle.state === workerStates.idle) this.#retire(seat);
    else if (seat.isUp) seat.isQuitting = true;
    // Still booting: nothing can be lost.
    else this.#abandon(seat, { words: orderly, failure: { kind: 'ended' } });
  }

  /** A request is ready for a worker. */
  submit(exchange: Exchange): void {
    if (exchange.isOver) return;
    const seat = this.#idle.pop();
    if (seat !== undefined) {
      this.#run(seat, exchange);
    } else if (this.#queue.add(exchange)) {
      this.#checkWaiting();
      this.#rescueStranded();
    } else {
      exchange.refuseOverloaded();
    }
  }

  /** The client of a waiting request went away. */
  withdraw(exchange: Exchange): void {
    this.#queue.remove(exchange);
  }

  /** Tell the master, once, when more than so many requests wait and no worker is idle. */
  watch(covered: number): void {
    this.#watchedOver = covered;
    this.#checkWaiting();
  }

  /** The worker in whose name the host answers something itself. */
  spokesman(): Spokesman {
    const seat = this.#idle.at(-1);
    if (seat === undefined) return { slot: 0, pid: process.pid, hasSlot: false };
    return { slot: seat.slot, pid: seat.pid, hasSlot: true };
  }

  isIdle({ slot, pid }: WorkerName): boolean {
    return this.#idle.some((seat) => seat.slot === slot && seat.pid === pid);
  }

  /** From now on the master may send no worker any more for requests that wait. */
  prepareDrain(): void {
    this.#isDraining = true;
    this.#rescueStranded();
  }

  /** Every worker is asked to leave; used when no request is left. */
  retireAll(): void {
    for (const seat of this.#seats.values()) {
      if (seat.handle.state === workerStates.idle) this.#retire(seat);
      else this.#abandon(seat, { words: orderly, failure: { kind: 'ended' } });
    }
  }

  /** A request that was accepted is answered even if its pool has come to have no worker. */
  #rescueStranded(): void {
    if (!this.#isDraining || this.#queue.length === 0 || this.#seats.size > 0) return;
    this.#seatWorker(rescueSlot, true);
  }

  #run(seat: Seat, exchange: Exchange): void {
    seat.exchange = exchange;
    seat.hasOutput = false;
    // The thread is on its way before the books are kept.
    exchange.start(seat.handle);
    this.#options.books.begin(seat, exchange);
    this.#executionWatch.start();
  }

  #idleAgain(seat: Seat): void {
    if (!seat.isUp) this.#up(seat);
    const isUsedUpNow = isUsedUp(seat, this.#options.nursery.spareIsReady);
    if (seat.isQuitting || isUsedUpNow || this.#isTooLarge(seat)) {
      this.#retire(seat);
      return;
    }
    this.#options.scoreboard.idle(seat.slot);
    const next = this.#queue.next();
    if (next !== undefined) this.#run(seat, next);
    // What is left to one that only waits for its successor is for when all others are busy.
    else if (seat.served >= seat.quota) this.#idle.unshift(seat);
    else this.#idle.push(seat);
  }

  #up(seat: Seat): void {
    seat.isUp = true;
    this.#options.scoreboard.created(seat.slot, seat.pid);
    if (!seat.isUnasked) this.#options.link.send(['up', String(seat.slot), String(seat.pid)]);
  }

  /** Starts a spare in time for one of these workers that will leave soon. */
  #prepareSpare(seats: Iterable<Seat>): void {
    const { nursery, heapLimit } = this.#options;
    const pace = { requestsPerMs: this.#rate.perMs(performance.now()), bootMs: nursery.bootMs };
    for (const seat of seats) {
      if (!isNearEnd(seat, pace) && seat.handle.heapBytes < heapLimit * nearlyFull) continue;
      nursery.prepareSpare();
      return;
    }
  }

  #isTooLarge(seat: Seat): boolean {
    return seat.handle.heapBytes > this.#options.heapLimit;
  }

  #requestMessage(seat: Seat, message: Exclude<FromThread, { type: 'up' | 'failed' }>): void {
    const { exchange } = seat;
    if (exchange === undefined || exchange.id !== message.id) return;
    switch (message.type) {
      case 'head':
      case 'out':
        exchange.take(message);
        return;
      case 'finished':
        exchange.take(message);
        this.#options.books.end(seat, { status: 0, cpuMicros: 0, memoryPeak: 0 });
        return;
      case 'log':
        if (message.author === 'php') this.#phpMessage(seat, exchange, message.bytes);
        else this.#message(seat, exchange, 'error', message.bytes);
        return;
      case 'output':
        seat.hasOutput = true;
        this.#options.workerLog.output(seat, message.stream, message.bytes);
        return;
      case 'opcache':
        this.#opcache.set(seat.slot, message.figures);
        this.#options.scoreboard.opcache(this.#opcache.fields());
        return;
      case 'done':
        this.#done(seat, exchange, message);
        return;
      default:
        throw new Error(`unknown message about a request: ${JSON.stringify(message satisfies never)}`);
    }
  }

  #phpMessage(seat: Seat, exchange: Exchange, text: Uint8Array): void {
    this.#message(seat, exchange, 'notice', Buffer.concat([phpMessagePrefix, text]));
  }

  #message(seat: Seat, exchange: Exchange, level: 'notice' | 'error', text: Uint8Array): void {
    exchange.addMessage(text);
    seat.hasOutput = true;
    this.#options.workerLog.message(seat, level, text);
  }

  #done(seat: Seat, exchange: Exchange, result: DoneMessage): void {
    if (result.outcome === outcomes.trap) {
      const text = `the PHP engine crashed in script '${exchange.script}'; its worker is replaced`;
      this.#options.link.log('error', this.#named(seat, text));
      this.#abandon(seat, crash);
      return;
    }
    seat.served++;
    seat.exchange = undefined;
    exchange.finish(result);
    const { status, cpuMicros, memoryPeak, user, heapBytes: instanceBytes } = result;
    this.#options.books.end(seat, { status, cpuMicros, memoryPeak, user, instanceBytes });
    this.#options.books.log(seat, exchange, { status, cpuMicros, memoryPeak, user });
    if (seat.hasOutput) this.#options.workerLog.flush(seat);
    this.#rate.count(performance.now());
    this.#prepareSpare([seat]);
  }

  /** An idle worker leaves; its slot is free at once, the thread closes behind the scenes. */
  #retire(seat: Seat): void {
    this.#free(seat);
    this.#options.nursery.release(seat.handle);
    this.#report(seat, orderly);
  }

  /** Ends the worker at once, whatever becomes of its request. */
  #abandon(seat: Seat, ending: Ending): void {
    const { exchange } = seat;
    this.#free(seat);
    this.#options.nursery.destroy(seat.handle);
    if (exchange !== undefined) this.#fail(seat, exchange, ending);
    this.#report(seat, ending.words);
  }

  #fail(seat: Seat, exchange: Exchange, { failure }: Ending): void {
    if (failure.kind === 'executionTime') {
      this.#phpMessage(seat, exchange, executionTimeMessage(failure.seconds, exchange.script));
    }
    const status = exchange.fail(failure);
    if (status !== undefined) {
      this.#options.books.log(seat, exchange, { status, cpuMicros: 0, memoryPeak: 0 });
    }
    if (seat.hasOutput) this.#options.workerLog.flush(seat);
  }

  /** The thread is gone and nobody asked for it. */
  #lost(seat: Seat, reason: string | undefined): void {
    this.#options.link.log('error', this.#named(seat, `the worker's thread died: ${reason ?? 'it left'}`));
    if (seat.isUp) {
      this.#abandon(seat, crash);
    } else {
      this.#free(seat);
      this.#report(seat, bootFailed);
    }
  }

  #free(seat: Seat): void {
    seat.exchange = undefined;
    seat.handle.events = undefined;
    this.#seats.delete(seat.slot);
    const at = this.#idle.indexOf(seat);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#opcache.drop(seat.slot);
    this.#options.scoreboard.free(seat.slot);
  }

  #report(seat: Seat, words: EndWords): void {
    if (!seat.isUnasked) this.#options.link.send(['ended', String(seat.slot), String(seat.pid), ...words]);
    this.#checkWaiting();
    this.#rescueStranded();
  }

  #named(seat: Seat, text: string): string {
    return `child ${seat.pid}: ${text}`;
  }

  #checkWaiting(): void {
    if (this.#watchedOver === undefined || this.#idle.length > 0) return;
    if (this.#queue.length <= this.#watchedOver) return;
    this.#watchedOver = undefined;
    this.#options.link.send(['waiting']);
  }
}

const phpMessagePrefix = Buffer.from('PHP message: ');

/** PHP's own words; the line is not known from outside. */
function executionTimeMessage(seconds: number, script: string): Buffer {
  const unit = seconds === 1 ? 'second' : 'seconds';
  const text = `PHP Fatal error:  Maximum execution time of ${seconds} ${unit} exceeded in ${script} on line 0`;
  return Buffer.from(text, 'latin1');
}
