/**
 * One generation of a pool: an engine host, its scoreboard and its workers. A reload makes a new generation and drains
 * the old one; a worker belongs to the generation in which it was born.
 */

import { closeSync } from 'node:fs';
import type { PoolConfig } from '../config/directives.ts';
import { ContractError, type EndMode } from '../engine/contract.ts';
import type { HostFacts } from '../engine/host-messages.ts';
import type { ErrorLog } from '../log/error-log.ts';
import type { PoolVoice } from '../log/pool-voice.ts';
import { SlowLogFile } from '../log/slow-log-file.ts';
import { WorkerOutput } from '../log/worker-output.ts';
import type { StartProgress } from '../pool/hand-over.ts';
import { mostInLane } from '../pool/lane.ts';
import type { ManagerMemory } from '../pool/management.ts';
import type { HostPatience } from '../pool/obedience.ts';
import { firstLaneSlot, slotsOf } from '../pool/worker-mode.ts';
import { workerStates, workerTransitions } from '../pool/worker-states.ts';
import { monotonicMicros } from '../scoreboard/clock.ts';
import type { SlotCounters } from '../scoreboard/decode.ts';
import type { FieldEngine } from '../scoreboard/layout.ts';
import { ScoreboardReader } from '../scoreboard/reader.ts';
import { addCounters, noCounters } from '../scoreboard/slot-counters.ts';
import { ScoreboardWriter } from '../scoreboard/writer.ts';
import type { ApplicationFiles } from './application-files.ts';
import { alone, BootPace, besideOthers } from './boot-pace.ts';
import type { EarlierFigures } from './earlier-figures.ts';
import type { HostProcess } from './host-process.ts';
import type { HostState } from './host-states.ts';
import { HostWatch } from './host-watch.ts';
import { StatusDesk, type StatusQuestion } from './status-desk.ts';
import type { Survivor } from './survivor.ts';
import { WorkerStacks } from './worker-stacks.ts';
import { WorkerTable } from './worker-table.ts';

export interface GenerationParts {
  readonly number: number;
  readonly pool: PoolConfig;
  /** The engine selected by the master. */
  readonly engine: FieldEngine;
  /** Users besides root and the master's that may own the pool's logs. */
  readonly logOwners: readonly number[];
  /** Open for reading and writing; closed with the generation. */
  readonly scoreboardFd: number;
  readonly memory: ManagerMemory;
  readonly log: ErrorLog;
  readonly voice: PoolVoice;
  readonly patience: HostPatience;
  /** Of the hosts before the pool slept; undefined begins anew. */
  readonly earlier: EarlierFigures | undefined;
  /** Another generation of the pool serves while this one starts. */
  readonly besideOthers: boolean;
  /** Number of workers that must be up before the generation takes over the pool's socket. */
  readonly wantedAtTakeOver: number;
  /** Its host outlived the last master. */
  readonly survivor?: Survivor;
}

export class Generation {
  readonly number: number;
  readonly pool: PoolConfig;
  readonly engine: FieldEngine;
  readonly scoreboard: ScoreboardWriter;
  readonly reader: ScoreboardReader;
  readonly stacks: WorkerStacks;
  /** Number of workers that must be up before it takes over: lower than requested if process.max allows no more. */
  wantedAtTakeOver: number;
  readonly workers: WorkerTable;
  readonly watch: HostWatch;
  /** Its host was ended, and workers that are processes may finish their requests. */
  mayFinish = true;
  /** Monotonic ms. */
  readonly launchedAt = monotonicMicros() / 1000;
  /** Monotonic ms of the latest progress towards serving: the host's `ready`, a worker that came up. */
  progressAt = this.launchedAt;
  /** Due times of replacements for dead workers, monotonic ms. */
  replacements: number[] = [];
  readonly launchedEpochMs: number;
  /** Names its files where hosts that outlive the master are written down; undefined of one that does not. */
  place: string | undefined;
  /** Its host outlived the last master. */
  readonly isAdopted: boolean;
  readonly output: WorkerOutput;
  readonly slowLog: SlowLogFile | undefined;
  /** The process manager's state between two decisions. */
  memory: ManagerMemory;
  facts: HostFacts | undefined;
  /** The host's reason why it cannot run the pool. */
  failure: string | undefined;
  /** Monotonic ms; undefined before it took over the pool's socket. */
  servingSince: number | undefined;
  /** It was told at its launch to accept as soon as it is ready: from then on it may have requests. */
  acceptsAhead = false;
  /** Deadline for running requests while draining, monotonic ms; undefined: none. */
  drainDeadline: number | undefined;
  slowRequests: number;
  /** Workers that ended by a signal, unasked. */
  crashes = 0;
  /** Of ended workers. */
  #gone = noCounters;
  /** The last heartbeat at which every worker was busy and connections waited, monotonic ms. */
  fullAt: number | undefined;
  /** Worker mode, once it serves: reports changes of the files. */
  files: ApplicationFiles | undefined;
  maxListenQueue: number;
  /** Since when its counters count, milliseconds since 1970: they go on over the sleep of a pool. */
  readonly countsSinceEpochMs: number;
  readonly #earlier: EarlierFigures | undefined;
  readonly #scoreboardFd: number;
  readonly #pace: BootPace;
  #host: HostProcess | undefined;
  #statusDesk: StatusDesk | undefined;

  constructor(parts: GenerationParts) {
    this.number = parts.number;
    this.pool = parts.pool;
    this.engine = parts.engine;
    this.watch = new HostWatch(parts.patience, parts.log);
    const { earlier, survivor } = parts;
    this.launchedEpochMs = survivor?.record.launchedEpochMs ?? Date.now();
    this.#earlier = earlier;
    this.countsSinceEpochMs = earlier?.startedEpochMs ?? this.launchedEpochMs;
    this.memory = { ...parts.memory, maxChildrenReached: earlier?.maxChildrenReached ?? 0 };
    this.slowRequests = earlier?.slowRequests ?? 0;
    this.maxListenQueue = earlier?.maxListenQueue ?? 0;
    this.wantedAtTakeOver = parts.wantedAtTakeOver;
    this.#scoreboardFd = parts.scoreboardFd;
    this.#pace = new BootPace(parts.besideOthers ? besideOthers : alone, (slot) =>
      this.host.startWorker(slot),
    );
    this.output = new WorkerOutput({
      log: parts.log,
      pool: parts.pool.name,
      decorate: parts.pool.decorate_workers_output,
      voice: parts.voice,
    });
    const { slowlog } = parts.pool;
    this.slowLog = slowlog === undefined ? undefined : new SlowLogFile(slowlog, parts.logOwners, parts.log);
    const slotCount = survivor?.record.slotCount ?? slotsOf(parts.pool);
    this.isAdopted = survivor !== undefined;
    this.place = survivor?.place;
    this.workers = new WorkerTable(slotCount);
    this.scoreboard =
      survivor === undefined
        ? ScoreboardWriter.create(parts.scoreboardFd, slotCount, this.countsSinceEpochMs * 1000, earlier)
        : new ScoreboardWriter(parts.scoreboardFd, slotCount);
    this.reader = new ScoreboardReader(parts.scoreboardFd, slotCount, parts.engine, () => this.#mostQueued());
    this.stacks = new WorkerStacks(this.reader, parts.engine);
    if (survivor !== undefined) this.#goOn();
  }

  /**
   * The embedded host alone writes its queue. A native pool has one while the lane has a worker, and every worker could
   * write its length.
   */
  #mostQueued(): number {
    if (this.engine === 'embedded') return Number.POSITIVE_INFINITY;
    for (let slot = firstLaneSlot(this.pool); slot < this.workers.slotCount; slot += 1)
      if ((this.workers.get(slot)?.pid ?? 0) !== 0) return mostInLane;
    return 0;
  }

  /** Continues the figures that the last master had published. */
  #goOn(): void {
    const { slowRequests, maxListenQueue, maxChildrenReached } = this.reader.readHeader();
    this.slowRequests = slowRequests;
    this.maxListenQueue = maxListenQueue;
    this.memory = { ...this.memory, maxChildrenReached };
  }

  /**
   * An adopted host has that worker.
   *
   * @throws ContractError for a slot that has one
   */
  keep(slot: number, pid: number): void {
    if (this.workers.get(slot) !== undefined) throw new ContractError(`the host sent "kept ${slot}" twice`);
    const seen = this.reader.readSlot(slot);
    const aliveMicros = seen === undefined ? 0 : Math.max(0, Date.now() * 1000 - seen.startedEpochMicros);
    this.workers.keep(slot, pid, monotonicMicros() - aliveMicros);
    const worker = this.workers.get(slot);
    const limit = this.pool.request_slowlog_timeout * 1e6;
    if (worker === undefined || seen === undefined || limit <= 0) return;
    // The last master has logged the requests that were slow by its last look.
    const { heartbeatClockMicros } = this.reader.readHeader();
    if (seen.acceptedClockMicros + limit <= heartbeatClockMicros)
      worker.slowLogged = seen.acceptedClockMicros;
  }

  /** Its counters at its start. */
  get earlier(): EarlierFigures | undefined {
    return this.#earlier;
  }

  get name(): string {
    return this.pool.name;
  }

  get isServing(): boolean {
    return this.servingSince !== undefined;
  }

  /** Figures that a later host continues once this one is gone: its own and those of the hosts before it. */
  figures(): EarlierFigures {
    const { acceptedRequests, maxActiveRequests, memoryPeak } = this.reader.readHeader();
    return {
      startedEpochMs: this.countsSinceEpochMs,
      accepted: acceptedRequests,
      maxActive: maxActiveRequests,
      memoryPeak,
      maxListenQueue: this.maxListenQueue,
      maxChildrenReached: this.memory.maxChildrenReached,
      slowRequests: this.slowRequests,
    };
  }

  /** Its own counts, without the earlier ones. Never below 0, whatever its workers wrote. */
  ownCounts(): {
    readonly accepted: number;
    readonly maxChildrenReached: number;
    readonly slowRequests: number;
  } {
    const earlier = this.#earlier;
    return {
      accepted: Math.max(0, this.reader.readHeader().acceptedRequests - (earlier?.accepted ?? 0)),
      maxChildrenReached: this.memory.maxChildrenReached - (earlier?.maxChildrenReached ?? 0),
      slowRequests: this.slowRequests - (earlier?.slowRequests ?? 0),
    };
  }

  /** A worker has ended, whose slot has these counts. */
  keepCounts(counters: SlotCounters): void {
    this.#gone = addCounters(this.#gone, counters);
  }

  /** Slots whose worker is up. */
  get countedSlots(): readonly number[] {
    return this.workers.all().flatMap(({ slot, pid }) => (pid === 0 ? [] : [slot]));
  }

  /** Counts of its workers, ended ones included. */
  counted(): SlotCounters {
    return this.countedSlots.reduce(
      (sum, slot) => addCounters(sum, this.reader.readCounters(slot)),
      this.#gone,
    );
  }

  get scoreboardFd(): number {
    return this.#scoreboardFd;
  }

  /** Its host's questions for the status page. */
  get statusDesk(): StatusDesk {
    if (this.#statusDesk === undefined) throw new Error(`generation ${this.number} has no status desk`);
    return this.#statusDesk;
  }

  /**
   * @param later runs something in a later turn of the event loop
   * @param answer answers one question
   */
  openStatusDesk(later: (act: () => void) => void, answer: (question: StatusQuestion) => void): void {
    this.#statusDesk = new StatusDesk(slotsOf(this.pool), later, answer);
  }

  /** Set after the constructor: the host inherits the scoreboard, which must exist first. */
  get host(): HostProcess {
    if (this.#host === undefined)
      throw new Error(`generation ${this.number} of pool "${this.name}" has no host`);
    return this.#host;
  }

  attach(host: HostProcess): void {
    this.#host = host;
  }

  spawn(slot: number, isReplacement = false): void {
    this.workers.reserve(slot, monotonicMicros(), isReplacement);
    this.#pace.add(slot);
  }

  /** The host makes a worker by itself. An order for the same slot means the same worker. */
  adopt(slot: number): void {
    if (this.workers.get(slot) === undefined) this.workers.reserve(slot, monotonicMicros(), false);
  }

  /**
   * Checks that the host may send this in its state.
   *
   * @throws ContractError
   */
  expect(message: string, states: readonly HostState[]): void {
    const { state } = this.host;
    if (!states.includes(state)) throw new ContractError(`the host sent "${message}" while it is ${state}`);
  }

  /**
   * Limits the host to one pid per worker: otherwise invented pids would grow our tables.
   *
   * @throws ContractError
   */
  checkPid({ slot, pid }: { readonly slot: number; readonly pid: number }): void {
    const worker = this.workers.get(slot);
    if (worker === undefined) return;
    if (worker.announcedPid === 0) worker.announcedPid = pid;
    if (worker.announcedPid === pid) return;
    throw new ContractError(`the host calls the worker of slot ${slot} ${worker.announcedPid} and ${pid}`);
  }

  /**
   * Whether to log output of that worker: it is one of the host's, or the host speaks for itself.
   *
   * @throws ContractError
   */
  hasVoice(speaker: { readonly slot: number; readonly pid: number }): boolean {
    if (speaker.pid === this.host.pid) return true;
    this.checkPid(speaker);
    return this.workers.get(speaker.slot) !== undefined;
  }

  /**
   * A worker's memory arrives once, before it is up.
   *
   * @throws ContractError
   */
  checkOffer(offer: { readonly slot: number; readonly pid: number }): void {
    this.checkPid(offer);
    const worker = this.workers.get(offer.slot);
    if (worker === undefined || (worker.pid === 0 && !worker.hasOffered)) {
      if (worker !== undefined) worker.hasOffered = true;
      return;
    }
    throw new ContractError(`the host offers the memory of child ${offer.pid} again`);
  }

  /** The host has reported the result of a worker's start. */
  bootSettled(slot: number): void {
    this.#pace.settled(slot);
  }

  /** @param now monotonic ms */
  startProgress(now: number): StartProgress {
    return { up: this.workers.upCount, wanted: this.wantedAtTakeOver, elapsedMs: now - this.launchedAt };
  }

  /** It has the socket now, and the cores that others needed. */
  tookOver(now: number): void {
    this.servingSince = now;
    this.#pace.atOnce = alone;
  }

  /** Further workers start beside requests, which keep a core for themselves. */
  leaveRoom(isBusy: boolean): void {
    this.#pace.atOnce = isBusy ? besideOthers : alone;
  }

  /** Asks a worker to end. A stop escalates by asking again with a harder mode. */
  endWorker(slot: number, how: EndMode): void {
    const worker = this.workers.get(slot);
    if (worker === undefined) return;
    if (this.#pace.withdraw(slot)) {
      this.workers.remove(slot);
      return;
    }
    if (worker.state !== workerStates.stopping)
      worker.state = workerTransitions.move(worker.state, workerStates.stopping);
    if (how !== 'quit') this.workers.ending(slot, monotonicMicros() / 1000);
    this.host.endWorker(slot, how);
  }

  /** Frees its resources. The host must be gone or never have existed. */
  close(): void {
    this.#closeOwn();
    this.#host?.close();
  }

  /** The same of one that another master takes over. */
  letGo(): void {
    this.#host?.letGo();
    this.#closeOwn();
  }

  #closeOwn(): void {
    this.files?.close();
    this.#statusDesk?.close();
    this.stacks.close();
    closeSync(this.#scoreboardFd);
  }
}
