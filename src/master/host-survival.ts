/**
 * Hosts that outlive the master, in a folder of its user only: a socket for each, at which its host listens once the
 * master is gone, and what the next master has to know of it. One master at a time has the folder, by a lock.
 */

import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { contractVersion, encodeMessage } from '../engine/contract.ts';
import type { Generation } from '../generation/generation.ts';
import type { PreparedPool } from '../generation/prepared-pool.ts';
import type { SavedPool, Survival, Survivors } from '../generation/survival.ts';
import type { HostRecord, Survivor } from '../generation/survivor.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { receiveDescriptor, sendDescriptors, socketPair } from '../posix/descriptors.ts';
import { flockHolder, flockOperation, tryFlock } from '../posix/locks.ts';
import { ProcessHandle } from '../posix/pidfd.ts';
import { bootId, processStat } from '../posix/process-stat.ts';
import { bind, connectAtOnce, isListening, listen, openSocket } from '../posix/sockets.ts';
import { scoreboardSize } from '../scoreboard/layout.ts';
import { Listener } from '../sockets/listener.ts';
import { KeptSockets } from './kept-sockets.ts';

/** A host whose loop runs answers within milliseconds. All are asked at once, so this is the wait for all that are stopped. */
const answerMs = 3000;
/** Each host has to run to answer: time for one more. */
const answerMsEach = 20;
/** A host that no pool wants may finish for so long. */
const leftoverMs = 30_000;
/** A host that is told to end at once takes that long at most. */
const orphanEndMs = 5000;
/** Of the master and of pools; those of hosts go with them. */
const keptFile = /^(?:pool-[0-9a-f]+\.json|master-[a-z]+)(?:\.new)?$/;
const hostFile = /^host-([0-9a-f]{16})\.json$/;

/** One that was reached, with the socket that its pool listens on. */
interface Found extends Survivor {
  readonly listen: number;
}

/** One that was asked for what is the master's. */
type Asked = Omit<Found, 'scoreboard' | 'listen'>;

export interface SurvivalOptions {
  readonly folder: string;
  readonly log: ErrorLog;
  readonly env: NodeJS.ProcessEnv;
  /** `survive` of the configuration in force. */
  readonly seconds: () => number;
}

export class HostSurvival implements Survival {
  readonly #folder: string;
  readonly #log: ErrorLog;
  readonly #seconds: () => number;
  /** Holds the lock. */
  #lock: number | undefined;
  /** Why there is none was told. */
  #hasTold = false;
  #found: readonly Found[] = [];
  /** Generations whose record says so. */
  readonly #onTrial = new WeakSet<Generation>();
  /** The last master left something that goes on. */
  #isContinued = false;
  #lastGeneration = 0;
  readonly #counted = new Map<string, () => SavedPool>();
  readonly #kept: KeptSockets;

  constructor({ folder, log, env, seconds }: SurvivalOptions) {
    this.#folder = folder;
    this.#kept = new KeptSockets({ path: join(folder, 'keeper.sock'), log, env });
    this.#log = log;
    this.#seconds = seconds;
  }

  /**
   * Looks for hosts of the last master and connects to them. Never throws: a master without them starts others.
   *
   * @param passed sockets of a master that has given way; undefined after one that was killed
   * @returns their listening sockets and those of sleeping pools that were not passed, each once
   */
  find(passed?: readonly Listener[]): Listener[] {
    if (!this.#open()) return [];
    const asked = this.#names().flatMap((name) => {
      const place = hostFile.exec(name)?.[1];
      return place === undefined ? [] : (this.#ask(place) ?? []);
    });
    const until = performance.now() + answerMs + answerMsEach * asked.length;
    this.#found = asked.flatMap((one) => this.#hear(one, until) ?? []);
    const numbers = this.#found.map(({ record }) => record.generation);
    this.#lastGeneration = Math.max(0, ...numbers);
    const listeners = passed ?? this.#listeners();
    const kept = this.#kept.find(listeners, passed !== undefined);
    this.#isContinued = this.#found.length > 0 || kept.length > 0 || passed !== undefined;
    if (!this.#isContinued) this.#removeKept();
    return [...(passed === undefined ? listeners : []), ...kept];
  }

  /**
   * The same after a master that has given way.
   *
   * @throws Error when it has not
   */
  succeed(passed: readonly Listener[]): void {
    const others = this.find(passed);
    if (this.#lock === undefined) throw new Error(`the folder '${this.#folder}' cannot be had`);
    // The other master has closed them, or passed the same ones.
    for (const listener of others) listener.close();
    for (const { listen: fd } of this.#found) closeSync(fd);
  }

  /** The next master takes the hosts over. */
  letGo(): void {
    if (this.#lock === undefined) return;
    this.#writeCounters();
    this.#kept.leave();
    closeSync(this.#lock);
    this.#lock = undefined;
  }

  /**
   * Files for the next master, which has them only where it finds hosts.
   *
   * @param bytes by the end of the file's name
   */
  keep(bytes: Readonly<Record<string, string | Buffer>>): void {
    if (!this.isActive) return;
    try {
      for (const [name, content] of Object.entries(bytes)) this.#replace(this.#keptFile(name), content);
    } catch (error) {
      this.#tell(`figures are not kept for the next master: ${(error as Error).message}`);
    }
  }

  /** A file of the last master; undefined where there is none, or it left no hosts. @param longest bytes */
  kept(name: string, longest: number): Buffer | undefined {
    if (!this.#isContinued) return undefined;
    const path = this.#keptFile(name);
    try {
      if (statSync(path).size > longest) throw new Error('it is too long');
      return readFileSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.#log.warning(`'${path}' cannot be used: ${(error as Error).message}`);
      return undefined;
    }
  }

  /** Hosts that serve outlive this master. */
  get isActive(): boolean {
    return this.#lock !== undefined && this.#seconds() > 0;
  }

  /** The highest number of a generation that is there. */
  get lastGeneration(): number {
    return this.#lastGeneration;
  }

  take(pool: string): Survivors | undefined {
    const all = this.#found.filter(({ record }) => record.config.name === pool);
    const [latest, ...older] = all
      .filter(({ record }) => record.contract === contractVersion)
      .sort((left, right) => rankOf(right.record) - rankOf(left.record));
    if (latest === undefined) return undefined;
    const taken = [latest, ...older];
    this.#found = this.#found.filter((found) => !taken.includes(found));
    return { hosts: [latest, ...older], saved: this.#readCounters(pool) };
  }

  saved(pool: string): SavedPool | undefined {
    return this.#isContinued ? this.#readCounters(pool) : undefined;
  }

  /** Hosts that no pool has taken: their pool is gone, or they are of another version. They finish what they run. */
  releaseRest(): void {
    for (const found of this.#found) this.#dismiss(found);
    this.#found = [];
  }

  /** Ends everything that outlived the last master; requests that run are lost. */
  async endRest(): Promise<void> {
    const found = this.#found;
    this.#found = [];
    await Promise.all([this.#kept.end(), ...found.map((one) => this.#endOrphan(one))]);
  }

  cover(generation: Generation, pool: PreparedPool, isOnTrial: boolean): void {
    try {
      this.#cover(generation, pool, isOnTrial);
    } catch (error) {
      this.#tell(`[pool ${generation.name}] its host ends with the master: ${(error as Error).message}`);
    }
  }

  #cover(generation: Generation, pool: PreparedPool, isOnTrial: boolean): void {
    const seconds = this.#seconds();
    if (seconds === 0) {
      generation.host.dependOnMaster();
      return this.forget(generation);
    }
    if (!this.#open()) return;
    // An adopted one has its socket, and so has one that was on trial.
    const isCovered = generation.place !== undefined;
    if (isCovered && !this.#onTrial.delete(generation)) return;
    const { pid } = generation.host;
    const startTicks = processStat(pid)?.startTicks;
    if (startTicks === undefined) throw new Error('/proc does not show it');
    const place = generation.place ?? randomBytes(8).toString('hex');
    const { places: _, ...config } = pool.config;
    this.#write(this.#recordOf(place), {
      contract: contractVersion,
      fingerprint: pool.fingerprint,
      config,
      engine: generation.engine,
      generation: generation.number,
      isOnTrial,
      boot: bootId(),
      pid,
      startTicks,
      slotCount: generation.workers.slotCount,
      launchedEpochMs: generation.launchedEpochMs,
      earlier: generation.earlier,
    });
    if (isOnTrial) this.#onTrial.add(generation);
    if (isCovered) return;
    generation.place = place;
    const socket = openSocket('unix');
    try {
      bind(socket, { family: 'unix', path: this.#socketOf(place) });
      listen(socket, 4);
      generation.host.survive(seconds, socket);
    } catch (error) {
      this.forget(generation);
      throw error;
    } finally {
      closeSync(socket);
    }
  }

  forget(generation: Generation): void {
    if (generation.place !== undefined) this.#remove(generation.place);
    generation.place = undefined;
  }

  keepSocket({ listener, command, config }: PreparedPool): void {
    const seconds = this.#seconds();
    if (seconds > 0 && !this.#open()) return;
    try {
      this.#kept.keep(listener, command.keeper, seconds);
    } catch (error) {
      this.#tell(`[pool ${config.name}] its socket closes with the master: ${(error as Error).message}`);
    }
  }

  dropSocket(listener: Listener): void {
    this.#kept.drop(listener);
  }

  /** The master serves, and is the one that systemd knows. */
  ready(): void {
    this.#kept.ready();
  }

  /** The start failed: the keeper waits for the next master. */
  leave(): void {
    this.#kept.leave();
  }

  /** The master stops: others may bind the addresses of sleeping pools once this has settled. */
  async endKeeper(): Promise<void> {
    await this.#kept.end();
  }

  /** Written at the end of the turn: workers that end together are counted together. */
  counted(pool: string, read: () => SavedPool): void {
    if (this.#lock === undefined) return;
    if (this.#counted.size === 0) setImmediate(() => this.#writeCounters());
    this.#counted.set(pool, read);
  }

  /** The master ends, and its hosts have ended before. */
  close(): void {
    if (this.#lock === undefined) return;
    this.#counted.clear();
    // After a start that failed they serve on.
    if (this.#found.length === 0) this.#removeKept();
    rmSync(this.#lockFile, { force: true });
    closeSync(this.#lock);
    this.#lock = undefined;
    try {
      rmdirSync(this.#folder);
    } catch {
      // Somebody has something in there.
    }
  }

  /** @returns whether the folder is there and this master has it */
  #open(): boolean {
    if (this.#lock !== undefined) return true;
    if (this.#seconds() === 0 && !existsSync(this.#folder)) return false;
    try {
      mkdirSync(dirname(this.#folder), { recursive: true, mode: 0o755 });
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      checkFolder(this.#folder);
      const lock = openSync(this.#lockFile, 'a+', 0o600);
      if (!tryFlock(lock, flockOperation.exclusive)) {
        const holder = flockHolder(lock) ?? 'unknown';
        closeSync(lock);
        throw new Error(`another master, pid ${holder}, has '${this.#folder}'`);
      }
      this.#lock = lock;
      return true;
    } catch (error) {
      this.#tell(`hosts end with this master: ${(error as Error).message}`);
      return false;
    }
  }

  /** Of the files; none where somebody has removed the folder. */
  #names(): string[] {
    try {
      return readdirSync(this.#folder);
    } catch (error) {
      this.#tell(`'${this.#folder}' cannot be read: ${(error as Error).message}`);
      return [];
    }
  }

  #tell(text: string): void {
    if (!this.#hasTold) this.#log.warning(text);
    this.#hasTold = true;
  }

  /** Connects to a host. @returns undefined when it is gone, or cannot be believed; then its files are gone as well */
  #ask(place: string): Asked | undefined {
    let record: HostRecord;
    try {
      record = readRecord(this.#recordOf(place));
    } catch (error) {
      this.#log.warning(`'${this.#recordOf(place)}' cannot be used: ${(error as Error).message}`);
      this.#remove(place);
      return undefined;
    }
    const isOfThisBoot = record.boot === undefined || record.boot === bootId();
    const process = isOfThisBoot ? ProcessHandle.openStarted(record.pid, record.startTicks) : undefined;
    if (process === undefined) {
      this.#remove(place);
      return undefined;
    }
    try {
      return { place, record, process, ...connect(this.#socketOf(place)) };
    } catch (error) {
      return this.#endUnreached({ place, record, process }, error);
    }
  }

  /** Takes what it passes. @param until time of performance.now() */
  #hear(asked: Asked, until: number): Found | undefined {
    try {
      return { ...asked, ...passed(asked, until) };
    } catch (error) {
      return this.#endUnreached(asked, error);
    }
  }

  #endUnreached(
    { place, record, process }: Pick<Asked, 'place' | 'record' | 'process'>,
    error: unknown,
  ): undefined {
    this.#log.warning(
      `[pool ${record.config.name}] the engine host ${record.pid} of the last master cannot be reached, it is ended: ${(error as Error).message}`,
    );
    process.signal('SIGKILL');
    process.close();
    this.#remove(place);
  }

  /** Generations of one pool have the same socket. */
  #listeners(): Listener[] {
    const seen = new Set<number>();
    return this.#found.flatMap(({ listen: fd }) => {
      const { ino } = fstatSync(fd);
      if (seen.has(ino)) {
        closeSync(fd);
        return [];
      }
      seen.add(ino);
      return [Listener.adopt(fd, 'inherited')];
    });
  }

  #dismiss({ record, place, process, channel, descriptors, output, scoreboard }: Found): void {
    const socket = new Socket({ fd: channel });
    for (const fd of [descriptors, ...output, scoreboard]) closeSync(fd);
    this.#log.notice(
      `[pool ${record.config.name}] engine host ${record.pid} of the last master finishes what it runs: ${record.contract === contractVersion ? 'the pool is not configured' : `it speaks contract version ${record.contract}`}`,
    );
    const timer = setTimeout(() => process.signal('SIGKILL'), leftoverMs);
    timer.unref();
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      clearTimeout(timer);
      process.signal('SIGKILL');
      process.close();
      this.#remove(place);
    });
    socket.resume();
    socket.unref();
    for (const words of [['hathi', String(record.contract)], ['survive', '0'], ['drain']])
      socket.write(encodeMessage(words));
  }

  async #endOrphan({ place, process, channel, descriptors, output, scoreboard }: Found): Promise<void> {
    const socket = new Socket({ fd: channel });
    const timer = setTimeout(() => process.signal('SIGKILL'), orphanEndMs);
    const closed = new Promise<void>((done) => socket.once('close', () => done()));
    socket.on('error', () => socket.destroy());
    socket.resume();
    socket.write(encodeMessage(['survive', '0']));
    socket.end();
    await closed;
    clearTimeout(timer);
    for (const fd of [descriptors, ...output, scoreboard]) closeSync(fd);
    process.close();
    this.#remove(place);
  }

  #readCounters(pool: string): SavedPool | undefined {
    try {
      return JSON.parse(readFileSync(this.#countersOf(pool), 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.#log.warning(`[pool ${pool}] counts begin anew: ${(error as Error).message}`);
      return undefined;
    }
  }

  #writeCounters(): void {
    try {
      for (const [pool, read] of this.#counted) this.#write(this.#countersOf(pool), read());
    } catch (error) {
      this.#tell(`counts are not kept for the next master: ${(error as Error).message}`);
    }
    this.#counted.clear();
  }

  /** Never half a file. */
  #replace(path: string, content: string | Buffer): void {
    writeFileSync(`${path}.new`, content, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  #write(path: string, value: unknown): void {
    this.#replace(path, JSON.stringify(value));
  }

  #remove(place: string): void {
    for (const path of [this.#recordOf(place), this.#socketOf(place)]) rmSync(path, { force: true });
  }

  get #lockFile(): string {
    return join(this.#folder, 'lock');
  }

  #removeKept(): void {
    for (const name of this.#names()) {
      if (keptFile.test(name)) rmSync(join(this.#folder, name), { force: true });
    }
  }

  #keptFile(name: string): string {
    return join(this.#folder, `master-${name}`);
  }

  #recordOf(place: string): string {
    return join(this.#folder, `host-${place}.json`);
  }

  #socketOf(place: string): string {
    return join(this.#folder, `${place}.sock`);
  }

  /** Names of pools may be longer than those of files. */
  #countersOf(pool: string): string {
    return join(this.#folder, `pool-${createHash('sha256').update(pool).digest('hex').slice(0, 16)}.json`);
  }
}

/** @throws Error for a file that is no record */
/** The latest generation first, and those on trial last. */
function rankOf({ generation, isOnTrial }: HostRecord): number {
  return isOnTrial === true ? -1 / generation : generation;
}

function readRecord(path: string): HostRecord {
  const record = JSON.parse(readFileSync(path, 'utf8')) as HostRecord;
  const numbers = [record.contract, record.generation, record.pid, record.startTicks, record.slotCount];
  if (typeof record.config?.name !== 'string' || !numbers.every((number) => Number.isSafeInteger(number)))
    throw new Error('it is no record of a host');
  return { ...record, config: { ...record.config, places: new Map() } };
}

/**
 * Becomes the master of a host, which will pass what is the master's. Does not wait for it.
 *
 * @throws PosixError when nobody listens there
 */
function connect(path: string): Pick<Asked, 'channel' | 'descriptors' | 'output'> {
  using opened = new DisposableStack();
  const own = (fd: number): number => {
    opened.defer(() => closeSync(fd));
    return fd;
  };
  const pair = (): [number, number] => {
    const [ours, theirs] = socketPair();
    return [own(ours), theirs];
  };
  const channel = own(connectAtOnce({ family: 'unix', path }));
  const pairs = [pair(), pair(), pair()] as const;
  const [[descriptors], [stdout], [stderr]] = pairs;
  try {
    // Its socket is new: there is room.
    sendDescriptors(
      channel,
      pairs.map(([, theirs]) => theirs),
      0,
    );
  } finally {
    for (const [, theirs] of pairs) closeSync(theirs);
  }
  opened.move();
  return { channel, descriptors, output: [stdout, stderr] };
}

/**
 * What a host passes. On failure everything that was opened for it is closed.
 *
 * @param until time of performance.now()
 * @throws PosixError when it does not answer until then; Error when it passes something else
 */
function passed(
  { channel, descriptors, output, record }: Asked,
  until: number,
): Pick<Found, 'scoreboard' | 'listen'> {
  using opened = new DisposableStack();
  const own = (fd: number): number => {
    opened.defer(() => closeSync(fd));
    return fd;
  };
  for (const fd of [channel, descriptors, ...output]) own(fd);
  const receive = (): number =>
    own(receiveDescriptor(descriptors, Math.max(0, Math.ceil(until - performance.now()))));
  const scoreboard = receive();
  const listen = receive();
  if (!isListening(listen)) throw new Error('it passed no listening socket');
  if (fstatSync(scoreboard).size < scoreboardSize(record.slotCount))
    throw new Error('it passed no scoreboard');
  opened.move();
  return { scoreboard, listen };
}

/** @throws Error when others than the master's user may change it */
function checkFolder(folder: string): void {
  const { uid, mode } = lstatSync(folder);
  if (uid === process.geteuid?.() && (mode & 0o170077) === 0o040000) return;
  throw new Error(`'${folder}' is not a folder of the master's user only: remove it`);
}
