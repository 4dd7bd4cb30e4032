/**
 * One generation of a pool: an engine host, its scoreboard and its workers. A reload makes a new generation and
 * drains the old one; a worker belongs to the generation that it was born in.
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
import type { ManagerMemory } from '../pool/management.ts';
import type { HostPatience } from '../pool/obedience.ts';
import { slotsOf } from '../pool/worker-mode.ts';
import { workerStates, workerTransitions } from '../pool/worker-states.ts';
import { monotonicMicros } from '../scoreboard/clock.ts';
import type { FieldEngine } from '../scoreboard/layout.ts';
import { ScoreboardReader } from '../scoreboard/reader.ts';
import { ScoreboardWriter } from '../scoreboard/writer.ts';
import type { ApplicationFiles } from './application-files.ts';
import { alone, BootPace, besideOthers } from './boot-pace.ts';
import type { HostProcess } from './host-process.ts';
import type { HostState } from './host-states.ts';
import { HostWatch } from './host-watch.ts';
import { StatusDesk, type StatusQuestion } from './status-desk.ts';
import { WorkerStacks } from './worker-stacks.ts';
import { WorkerTable } from './worker-table.ts';

export interface GenerationParts {
  readonly number: number;
  readonly pool: PoolConfig;
  /** The engine that the master chose for it. */
  readonly engine: FieldEngine;
  /** Whose files the pool's logs may be, beside root's and the master's. */
  readonly logOwners: readonly number[];
  /** Open for reading and writing; closed with the generation. */
  readonly scoreboardFd: number;
  readonly memory: ManagerMemory;
  readonly log: ErrorLog;
  readonly voice: PoolVoice;
  readonly patience: HostPatience;
  /** Another generation of the pool serves while this one starts. */
  readonly besideOthers: boolean;
  /** Workers that have to be up before the generation takes over the pool's socket. */
  readonly wantedAtTakeOver: number;
}

export class Generation {
  readonly number: number;
  readonly pool: PoolConfig;
  readonly engine: FieldEngine;
  readonly scoreboard: ScoreboardWriter;
  readonly reader: ScoreboardReader;
  readonly stacks: WorkerStacks;
  /** Workers that have to be up before it takes over: fewer than asked for where process.max allows no more. */
  wantedAtTakeOver: number;
  readonly workers: WorkerTable;
  readonly watch: HostWatch;
  /** Its host was ended, and workers that are processes may finish what they run. */
  mayFinish = true;
  /** Monotonic ms. */
  readonly launchedAt = monotonicMicros() / 1000;
  /** Monotonic ms of the latest step towards serving: the host's `ready`, a worker that came up. */
  progressAt = this.launchedAt;
  /** When workers that died are to be replaced, monotonic ms. */
  replacements: number[] = [];
  readonly launchedEpochMs = Date.now();
  readonly output: WorkerOutput;
  readonly slowLog: SlowLogFile | undefined;
  /** What the process manager remembers between two decisions. */
  memory: ManagerMemory;
  facts: HostFacts | undefined;
  /** Why the host said that it cannot run the pool. */
  failure: string | undefined;
  /** Monotonic ms; undefined until it took over the pool's socket. */
  servingSince: number | undefined;
  /** Until when running requests may go on while draining, monotonic ms; undefined is without end. */
  drainDeadline: number | undefined;
  slowRequests = 0;
  /** Worker mode, once it serves: tells when they change. */
  files: ApplicationFiles | undefined;
  maxListenQueue = 0;
  readonly #scoreboardFd: number;
  readonly #pace: BootPace;
  #host: HostProcess | undefined;
  #statusDesk: StatusDesk | undefined;

  constructor(parts: GenerationParts) {
    this.number = parts.number;
    this.pool = parts.pool;
    this.engine = parts.engine;
    this.watch = new HostWatch(parts.patience, parts.log);
    this.memory = parts.memory;
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
    const slotCount = slotsOf(parts.pool);
    this.workers = new WorkerTable(slotCount);
    this.scoreboard = ScoreboardWriter.create(parts.scoreboardFd, slotCount);
    this.reader = new ScoreboardReader(parts.scoreboardFd, slotCount, parts.engine);
    this.stacks = new WorkerStacks(this.reader, parts.engine);
  }

  get name(): string {
    return this.pool.name;
  }

  get isServing(): boolean {
    return this.servingSince !== undefined;
  }

  get scoreboardFd(): number {
    return this.#scoreboardFd;
  }

  /** The questions of its host for the status page. */
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

  /** The host is started after the scoreboard that it inherits, hence not in the constructor. */
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

  /** The host makes a worker by itself. One that was asked for meanwhile in the same slot is the same. */
  adopt(slot: number): void {
    if (this.workers.get(slot) === undefined) this.workers.reserve(slot, monotonicMicros(), false);
  }

  /**
   * The host may say that in these states only.
   *
   * @throws ContractError
   */
  expect(message: string, states: readonly HostState[]): void {
    const { state } = this.host;
    if (!states.includes(state)) throw new ContractError(`the host sent "${message}" while it is ${state}`);
  }

  /**
   * Holds the host to one pid a worker: what is kept by pid would else grow with what it makes up.
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
   * Whether bytes of that worker are to be logged: it is one of the host's, or the host speaks in its own name.
   *
   * @throws ContractError
   */
  hasVoice(speaker: { readonly slot: number; readonly pid: number }): boolean {
    if (speaker.pid === this.host.pid) return true;
    this.checkPid(speaker);
    return this.workers.get(speaker.slot) !== undefined;
  }

  /**
   * A worker's memory comes once, before it is up.
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

  /** The host has said how the start of a worker ended. */
  bootSettled(slot: number): void {
    this.#pace.settled(slot);
  }

  /** @param now monotonic ms */
  startProgress(now: number): StartProgress {
    return { up: this.workers.upCount, wanted: this.wantedAtTakeOver, elapsedMs: now - this.launchedAt };
  }

  /** It has the socket now, and the cores that the others needed. */
  tookOver(now: number): void {
    this.servingSince = now;
    this.#pace.atOnce = alone;
  }

  /** Further workers start beside requests: these have a core for themselves. */
  leaveRoom(isBusy: boolean): void {
    this.#pace.atOnce = isBusy ? besideOthers : alone;
  }

  /** Asks a worker to go. Asking again with a harder mode is how a stop escalates. */
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

  /** Frees what the master holds for it. The host must be gone, or never have been there. */
  close(): void {
    this.files?.close();
    this.#statusDesk?.close();
    this.stacks.close();
    closeSync(this.#scoreboardFd);
    this.#host?.close();
  }
}
