/**
 * The workers of the pool and the requests that wait for them: assigns requests, renews workers, informs the master and
 * updates the scoreboard.
 */

import type { ScoreboardWriter } from '../../../scoreboard/writer.ts';
import type { EndMode } from '../../contract.ts';
import { type ApplicationSettings, outcomes } from '../shared/protocol.ts';
import type { Exchange } from './exchange.ts';
import { ExecutionWatch } from './execution-watch.ts';
import type { MasterLink } from './master-link.ts';
import type { RequestAccounting } from './request-accounting.ts';
import { RequestQueue } from './request-queue.ts';
import { RequestRate } from './request-rate.ts';
import { RequestReports } from './request-reports.ts';
import { SlotWorker } from './slot-worker.ts';
import { threadStates } from './thread-states.ts';
import { type WaitLimits, WaitWatch } from './wait-watch.ts';
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
import { drawQuota, isNearEnd, isUsedUp } from './worker-quota.ts';
import type { WorkerThreads } from './worker-threads.ts';

export interface HostPoolOptions {
  /** Worker mode: what the workers boot. */
  readonly application?: ApplicationSettings | undefined;
  /** Slots of the workers that serve any request, from the first one to before the last one. */
  readonly slots: readonly [from: number, to: number];
  /** Workers from this slot on are the lane's. */
  readonly firstLaneSlot: number;
  /** Worker mode: its workers run scripts beside an application, and come when a request waits. */
  readonly isAside?: boolean;
  /** Paths whose requests the lane serves while every other worker is busy. */
  readonly priorities: readonly RegExp[];
  /** pm.max_requests, 0 for no limit. */
  readonly maxRequests: number;
  /** Size of the WASM memory in bytes above which a worker is renewed after its request. */
  readonly heapLimit: number;
  readonly queueLimit: number;
  /** Told of each change of the number of waiting requests. */
  readonly onQueued: (length: number) => void;
  readonly waiting: WaitLimits;
  readonly threads: WorkerThreads;
  readonly scoreboard: ScoreboardWriter;
  readonly link: Pick<MasterLink, 'send' | 'log'>;
  readonly workerLog: WorkerLog;
  readonly accounting: RequestAccounting;
}

/** An idle worker, or the host itself without one. */
export interface AnsweringWorker extends WorkerName {
  readonly hasSlot: boolean;
}

/** Without a master: a worker that could not boot is made again after so long. */
const replaceAgainMs = 1000;

/** Share of the memory limit from which a worker is about to be renewed. */
const nearlyFull = 0.9;

export class HostPool {
  readonly #options: HostPoolOptions;
  readonly #workers = new Map<number, SlotWorker>();
  /** Idle workers, the most recently used on top: its caches are warm. */
  readonly #idle: SlotWorker[] = [];
  /** Idle workers of the lane. */
  readonly #idleLane: SlotWorker[] = [];
  readonly #queue: RequestQueue;
  readonly #waitWatch: WaitWatch;
  readonly #rate = new RequestRate();
  readonly #reports: RequestReports;
  /** Slots that have had a worker, and number of workers so far. */
  readonly #usedSlots = new Set<number>();
  #made = 0;
  /** Undefined while the master does not watch. */
  #watchedOver: number | undefined;
  /** {@link #askForWorker} has, and no worker has come up or ended since. */
  #hasAsked = false;
  #isDraining = false;
  #isOrphan = false;
  readonly #executionWatch: ExecutionWatch;

  constructor(options: HostPoolOptions) {
    this.#options = options;
    this.#queue = new RequestQueue(options.queueLimit, options.onQueued, () => {
      const text = `${options.queueLimit} requests (listen.backlog) wait for a worker: further ones are refused`;
      options.link.log('warning', text);
    });
    this.#waitWatch = new WaitWatch(options.waiting, this.#queue, {
      refused: () => options.scoreboard.refused(),
      say: (level, text) => options.link.log(level, text),
    });
    this.#reports = new RequestReports({
      scoreboard: options.scoreboard,
      workerLog: options.workerLog,
      accounting: options.accounting,
      onCrash: (worker, exchange) => this.#crashed(worker, exchange),
      onDone: (worker, result) => this.#done(worker, result),
    });
    this.#executionWatch = new ExecutionWatch(
      () => this.#workers.values(),
      (worker) => this.#abandon(worker, executionTimeUsedUp(worker.handle.timeLimitSeconds)),
      (worker) => this.#showGrowth(worker),
    );
  }

  /** There is no master, or there is one again: without one the pool keeps its size by itself. */
  orphaned(isOrphan: boolean): void {
    this.#isOrphan = isOrphan;
    this.#checkWaiting();
  }

  /** Workers that the master has asked for. */
  workers(): readonly { readonly slot: number; readonly pid: number; readonly isUp: boolean }[] {
    return [...this.#workers.values()].filter(({ isUnasked }) => !isUnasked);
  }

  /** The master wants a worker in this slot. */
  openWorker(slot: number): void {
    if (this.#workers.has(slot)) {
      this.#options.link.log('error', `the master asked for a worker in slot ${slot}, which has one`);
      return;
    }
    this.#putWorker(slot, false);
  }

  #putWorker(slot: number, isUnasked: boolean): void {
    const handle = this.#options.threads.take();
    const worker = new SlotWorker(slot, handle, this.#draw(slot), isUnasked);
    this.#workers.set(slot, worker);
    // The spare is taken: another worker may need one as well.
    this.#prepareSpare(this.#workers.values());
    handle.events = {
      onIdle: () => this.#idleAgain(worker),
      onRequestMessage: (message) => this.#reports.take(worker, message),
      onOutput: (message) => this.#reports.output(worker, message),
      onUnbooted: (reason) => this.#unbooted(worker, reason),
      onGone: (reason) => this.#lost(worker, reason),
    };
    if (handle.state === threadStates.idle) this.#idleAgain(worker);
  }

  #draw(slot: number): { quota: number; limit: number } {
    const { maxRequests } = this.#options;
    const quota = drawQuota(maxRequests, this.#made++, !this.#usedSlots.has(slot));
    this.#usedSlots.add(slot);
    return { quota, limit: maxRequests > 0 ? maxRequests : Number.POSITIVE_INFINITY };
  }

  /** The master wants the worker of this slot to end. One that has already ended is no error. */
  endWorker(slot: number, mode: EndMode): void {
    const worker = this.#workers.get(slot);
    if (worker === undefined) return;
    if (mode !== 'quit') this.#abandon(worker, orderedEndings[mode]);
    else if (worker.handle.state === threadStates.idle) this.#retire(worker);
    else if (worker.isUp) worker.isQuitting = true;
    // Still booting, so no request is lost.
    else this.#abandon(worker, { words: orderly, failure: { kind: 'ended' } });
  }

  /** A request is ready for a worker. */
  submit(exchange: Exchange): void {
    if (exchange.isOver) return;
    const worker = this.#idle.pop();
    if (worker !== undefined) {
      this.#run(worker, exchange);
    } else if (this.#idleLane.length > 0 && this.#isFirst(exchange)) {
      this.#runInLane(this.#idleLane.pop()!, exchange);
    } else if (this.#waitWatch.isFull) {
      this.#waitWatch.refuse(exchange);
    } else if (this.#queue.add(exchange)) {
      this.#waitWatch.begin(exchange);
      this.#checkWaiting();
      this.#rescueStranded();
    } else {
      exchange.refuseOverloaded();
    }
  }

  #isFirst({ information: { path } }: Exchange): boolean {
    return this.#options.priorities.some((pattern) => pattern.test(path));
  }

  #runInLane(worker: SlotWorker, exchange: Exchange): void {
    this.#options.scoreboard.tookPriority();
    this.#run(worker, exchange);
  }

  #isInLane({ slot }: SlotWorker): boolean {
    return slot >= this.#options.firstLaneSlot;
  }

  /** Whether a worker can serve any request. */
  get #hasWorkers(): boolean {
    return [...this.#workers.values()].some((worker) => !this.#isInLane(worker));
  }

  /** The client of a waiting request left. */
  withdraw(exchange: Exchange): void {
    this.#queue.remove(exchange);
  }

  /** Informs the master, once, when more requests wait than this and no worker is idle. */
  watch(covered: number): void {
    this.#watchedOver = covered;
    this.#checkWaiting();
  }

  /** The worker credited with answers of the host itself. */
  answeringWorker(): AnsweringWorker {
    const worker = this.#idle.at(-1);
    if (worker === undefined) return { slot: 0, pid: process.pid, hasSlot: false };
    return { slot: worker.slot, pid: worker.pid, hasSlot: true };
  }

  isIdle({ slot, pid }: WorkerName): boolean {
    return this.#idle.some((worker) => worker.slot === slot && worker.pid === pid);
  }

  /** From now on the master may send no more workers for waiting requests. */
  prepareDrain(): void {
    this.#isDraining = true;
    this.#rescueStranded();
  }

  /** Asks every worker to leave; called when no request is left. */
  retireAll(): void {
    for (const worker of this.#workers.values()) {
      if (worker.handle.state === threadStates.idle) this.#retire(worker);
      else this.#abandon(worker, { words: orderly, failure: { kind: 'ended' } });
    }
  }

  /** An accepted request is answered even if its pool has lost all workers. */
  #rescueStranded(): void {
    if (!this.#isDraining || this.#queue.length === 0 || this.#hasWorkers) return;
    // A worker that the master did not ask for; all slots are free.
    this.#putWorker(this.#options.slots[0], true);
  }

  #run(worker: SlotWorker, exchange: Exchange): void {
    worker.exchange = exchange;
    worker.hasOutput = false;
    worker.isAnswered = false;
    const requests = (worker.hasApplication ? worker.servedSinceBoot : worker.served) + 1;
    // Start the thread first, then update scoreboard and logs.
    exchange.start(worker.handle, requests);
    this.#options.accounting.begin(worker, exchange);
    this.#executionWatch.start();
  }

  #idleAgain(worker: SlotWorker): void {
    const { application } = this.#options;
    if (application !== undefined && !worker.hasApplication) return this.#boot(worker, application);
    if (worker.isBooting) this.#booted(worker);
    if (!worker.isUp) this.#up(worker);
    const isUsedUpNow = isUsedUp(worker, this.#options.threads.spareIsReady);
    if (worker.isQuitting || isUsedUpNow || this.#isTooLarge(worker)) {
      this.#retire(worker);
      return;
    }
    this.#options.scoreboard.idle(worker.slot);
    if (this.#isInLane(worker)) {
      const first = this.#queue.take((exchange) => this.#isFirst(exchange));
      if (first === undefined) this.#idleLane.push(worker);
      else this.#runInLane(worker, first);
      return;
    }
    const next = this.#queue.next();
    if (next !== undefined) this.#run(worker, next);
    // A worker that only waits for its successor is used when all others are busy.
    else if (worker.served >= worker.quota) this.#idle.unshift(worker);
    else this.#idle.push(worker);
  }

  /** PHP is up: the worker boots its application. */
  #boot(worker: SlotWorker, application: ApplicationSettings): void {
    this.#options.scoreboard.created(worker.slot, worker.pid, this.#isOrphan);
    worker.hasApplication = true;
    this.#boots(worker);
    worker.handle.boot(application);
  }

  #boots(worker: SlotWorker): void {
    worker.isBooting = true;
    worker.servedSinceBoot = 0;
    this.#options.scoreboard.booting(worker.slot);
  }

  #booted(worker: SlotWorker): void {
    worker.isBooting = false;
    this.#options.scoreboard.booted(worker.slot);
  }

  /** Its thread exits. */
  #unbooted(worker: SlotWorker, reason: string): void {
    const name = [String(worker.slot), String(worker.pid)];
    if (!worker.isUnasked) this.#options.link.send(['boot-failed', ...name], Buffer.from(reason, 'latin1'));
    this.#free(worker);
    this.#report(worker, bootFailed);
  }

  #up(worker: SlotWorker): void {
    worker.isUp = true;
    if (!worker.hasApplication) this.#options.scoreboard.created(worker.slot, worker.pid, this.#isOrphan);
    if (!worker.isUnasked) this.#options.link.send(['up', String(worker.slot), String(worker.pid)]);
    this.#hasAsked = false;
  }

  /** Starts a spare in time for the next of these workers that will leave. */
  #prepareSpare(workers: Iterable<SlotWorker>): void {
    const { threads, heapLimit } = this.#options;
    const pace = { requestsPerMs: this.#rate.perMs(performance.now()), bootMs: threads.bootMs };
    for (const worker of workers) {
      if (!isNearEnd(worker, pace) && worker.handle.heapBytes < heapLimit * nearlyFull) continue;
      threads.prepareSpare();
      return;
    }
  }

  /** The master ends it above `pm.max_memory_hard`. */
  #showGrowth(worker: SlotWorker): void {
    const bytes = worker.handle.grownBytes;
    if (bytes === 0 || bytes === worker.shownBytes) return;
    worker.shownBytes = bytes;
    this.#options.scoreboard.grown(worker.slot, bytes);
  }

  #isTooLarge(worker: SlotWorker): boolean {
    return worker.handle.heapBytes > this.#options.heapLimit;
  }

  #crashed(worker: SlotWorker, { script }: Exchange): void {
    const text = `the PHP engine crashed in script '${script}'; its worker is replaced`;
    this.#options.link.log('error', this.#named(worker, text));
    this.#abandon(worker, crash);
  }

  #done(worker: SlotWorker, { outcome }: DoneMessage): void {
    if (worker.hasApplication && outcome !== outcomes.ok) this.#boots(worker);
    this.#rate.count(performance.now());
    this.#prepareSpare([worker]);
  }

  /** An idle worker leaves; its slot is free at once, the thread closes in the background. */
  #retire(worker: SlotWorker): void {
    this.#free(worker);
    this.#options.threads.release(worker.handle);
    this.#report(worker, orderly);
  }

  /** Ends the worker at once, with its request. */
  #abandon(worker: SlotWorker, ending: Ending): void {
    const { exchange } = worker;
    this.#free(worker);
    this.#options.threads.destroy(worker.handle);
    if (exchange !== undefined) this.#reports.fail(worker, exchange, ending);
    this.#report(worker, ending.words);
  }

  /** The thread ended unexpectedly. */
  #lost(worker: SlotWorker, reason: string | undefined): void {
    this.#options.link.log('error', this.#named(worker, `the worker's thread died: ${reason ?? 'it left'}`));
    if (worker.isUp) {
      this.#abandon(worker, crash);
    } else {
      this.#free(worker);
      this.#report(worker, bootFailed);
    }
  }

  #free(worker: SlotWorker): void {
    worker.exchange = undefined;
    worker.handle.events = undefined;
    this.#workers.delete(worker.slot);
    for (const idle of [this.#idle, this.#idleLane]) {
      const at = idle.indexOf(worker);
      if (at >= 0) idle.splice(at, 1);
    }
    this.#reports.forget(worker.slot);
    this.#options.scoreboard.free(worker.slot);
  }

  #report(worker: SlotWorker, words: EndWords): void {
    this.#hasAsked = false;
    if (!worker.isUnasked)
      this.#options.link.send(['ended', String(worker.slot), String(worker.pid), ...words]);
    if (this.#isOrphan && !worker.isQuitting) this.#replaceLater(worker);
    this.#checkWaiting();
    this.#rescueStranded();
  }

  /** One that had never come up is tried again after a while. */
  #replaceLater({ slot, isUp }: SlotWorker): void {
    const replace = (): void => {
      if (this.#isOrphan && !this.#isDraining && !this.#workers.has(slot)) this.#putWorker(slot, false);
    };
    setTimeout(replace, isUp ? 0 : replaceAgainMs);
  }

  #named(worker: SlotWorker, text: string): string {
    return `child ${worker.pid}: ${text}`;
  }

  /** Where the last master would have made a worker: requests wait, and none is there or it was watching for them. */
  #serveStranded(): void {
    const isWanted = !this.#hasWorkers || this.#watchedOver !== undefined;
    const booting = [...this.#workers.values()].filter((one) => !one.isUp && !this.#isInLane(one)).length;
    if (this.#isDraining || !isWanted || this.#idle.length > 0 || this.#queue.length <= booting) return;
    const [from, to] = this.#options.slots;
    const slots = Array.from({ length: to - from }, (_, index) => from + index);
    const free = slots.find((slot) => !this.#workers.has(slot));
    if (free !== undefined) this.#putWorker(free, false);
  }

  #checkWaiting(): void {
    if (this.#isOrphan) this.#serveStranded();
    if (this.#options.isAside === true) return this.#askForWorker();
    if (this.#watchedOver === undefined || this.#idle.length > 0) return;
    if (this.#queue.length <= this.#watchedOver) return;
    if (this.#isOrphan) return;
    this.#watchedOver = undefined;
    this.#options.link.send(['waiting']);
  }

  /** Worker mode: once for each worker that comes up or ends, or for the first one. */
  #askForWorker(): void {
    if (this.#isOrphan || this.#hasAsked || this.#queue.length === 0 || this.#idle.length > 0) return;
    this.#hasAsked = true;
    this.#options.link.send(['wanted']);
  }
}
