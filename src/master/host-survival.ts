/**
 * Hosts that outlive the master, in a folder of its user only: a socket for each, at which its host listens once the
 * master is gone, and what the next master has to know of it. One master at a time has the folder, by a lock.
 */

import { closeSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Generation } from '../generation/generation.ts';
import { Leftover } from '../generation/leftover.ts';
import type { PreparedPool } from '../generation/prepared-pool.ts';
import type { SavedPool, Survival, Survivors } from '../generation/survival.ts';
import type { ErrorLog } from '../log/error-log.ts';
import type { Listener } from '../sockets/listener.ts';
import { endOrphan, type FoundHost, findHosts, isAdoptable, listenersOf, rankOf } from './found-hosts.ts';
import { HostRecords } from './host-records.ts';
import { KeptSockets } from './kept-sockets.ts';
import { LeftoverHosts } from './leftover-hosts.ts';
import { SavedCounts } from './saved-counts.ts';
import { SurvivalFolder } from './survival-folder.ts';

export interface SurvivalOptions {
  readonly folder: string;
  readonly log: ErrorLog;
  readonly env: NodeJS.ProcessEnv;
  /** `survive` of the configuration in force. */
  readonly seconds: () => number;
  /** The same of `process_control_timeout`. */
  readonly processControlTimeout?: () => number;
}

export class HostSurvival implements Survival {
  readonly #folder: SurvivalFolder;
  readonly #log: ErrorLog;
  readonly #seconds: () => number;
  /** The log has the reason why there is no folder. */
  #hasTold = false;
  #found: readonly FoundHost[] = [];
  readonly #records: HostRecords;
  /** The last master left something that goes on. */
  #isContinued = false;
  #lastGeneration = 0;
  readonly #saved: SavedCounts;
  readonly #kept: KeptSockets;
  readonly #leftovers: LeftoverHosts;
  /** Counts of hosts that no pool takes, by place. */
  readonly #counts = new Map<string, Leftover>();

  constructor({ folder, log, env, seconds, processControlTimeout = () => 0 }: SurvivalOptions) {
    this.#folder = new SurvivalFolder(folder);
    this.#leftovers = new LeftoverHosts({ folder: this.#folder, log, processControlTimeout });
    this.#records = new HostRecords(this.#folder);
    this.#saved = new SavedCounts({ folder: this.#folder, log, tell: (text) => this.#tell(text) });
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
    this.#found = findHosts(this.#places(), this.#folder, this.#log);
    const numbers = this.#found.map(({ record }) => record.generation);
    this.#lastGeneration = Math.max(0, ...numbers);
    const listeners = passed ?? listenersOf(this.#found);
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
    if (!this.#folder.isOpen) throw new Error(`the folder '${this.#folder.path}' cannot be had`);
    // The other master has closed them, or passed the same ones.
    for (const listener of others) listener.close();
    for (const { listen: fd } of this.#found) closeSync(fd);
  }

  /** The next master takes the hosts over. */
  letGo(): void {
    if (!this.#folder.isOpen) return;
    this.#saved.write();
    this.#leftovers.letGo();
    this.#kept.leave();
    this.#folder.letGo();
  }

  /**
   * Files for the next master, which has them only where it finds hosts.
   *
   * @param bytes by the end of the file's name
   */
  keep(bytes: Readonly<Record<string, string | Buffer>>): void {
    if (!this.isActive) return;
    try {
      for (const [name, content] of Object.entries(bytes))
        this.#folder.replace(this.#folder.masterFile(name), content);
    } catch (error) {
      this.#tell(`figures are not kept for the next master: ${(error as Error).message}`);
    }
  }

  /** A file of the last master; undefined where there is none, or it left no hosts. @param longest bytes */
  kept(name: string, longest: number): Buffer | undefined {
    if (!this.#isContinued) return undefined;
    const path = this.#folder.masterFile(name);
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
    return this.#folder.isOpen && this.#seconds() > 0;
  }

  /** The highest number of a generation that is there. */
  get lastGeneration(): number {
    return this.#lastGeneration;
  }

  take(pool: string): Survivors | undefined {
    const all = this.#found.filter(({ record }) => record.config.name === pool);
    const [latest, ...older] = all
      .filter(isAdoptable)
      .sort((left, right) => rankOf(right.record) - rankOf(left.record));
    if (latest === undefined) return undefined;
    const taken = [latest, ...older];
    this.#found = this.#found.filter((found) => !taken.some(({ place }) => place === found.place));
    return { hosts: [latest, ...older], saved: this.#saved.read(pool) };
  }

  saved(pool: string): SavedPool | undefined {
    return this.#isContinued ? this.#saved.read(pool) : undefined;
  }

  leftovers(pool: string, saved: SavedPool | undefined): readonly Leftover[] | undefined {
    const of = this.#found.filter(({ record }) => record.config.name === pool);
    const counted = of.map(({ record, scoreboard, place }) => {
      const counts = new Leftover(record, scoreboard, saved?.counters.ended);
      return [place, counts] as const;
    });
    if (!counted.every(([, { reader }]) => reader.isKnown)) return undefined;
    for (const [place, counts] of counted) this.#counts.set(place, counts);
    return counted.map(([, counts]) => counts);
  }

  /**
   * Hosts that no pool has taken: their pool is gone, or they are of another version. They finish what they run.
   *
   * @param unserved pools whose hosts serve until others do
   */
  releaseRest(unserved: ReadonlySet<string> = new Set()): void {
    const isNeeded = ({ record }: FoundHost) => unserved.has(record.config.name);
    for (const found of this.#found)
      if (!isNeeded(found)) this.#leftovers.dismiss(found, this.#counts.get(found.place));
    this.#found = this.#found.filter(isNeeded);
  }

  /** Those end at once; requests that run are lost. */
  endRestAtOnce(): void {
    this.#leftovers.end();
  }

  /** Ends everything that outlived the last master; requests that run are lost. */
  async endRest(): Promise<void> {
    const found = this.#found;
    this.#found = [];
    await Promise.all([this.#kept.end(), ...found.map((one) => endOrphan(one, this.#folder))]);
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
    if (this.#open()) this.#records.write(generation, pool, { isOnTrial, seconds });
  }

  forget(generation: Generation): void {
    this.#records.remove(generation);
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

  /**
   * The master stops: once this has settled hosts of the last master have finished, and others may bind the addresses of
   * sleeping pools.
   */
  async ended(): Promise<void> {
    await Promise.all([this.#leftovers.gone(), this.#kept.end()]);
  }

  counted(pool: string, read: () => SavedPool): void {
    this.#saved.changed(pool, read);
  }

  /** The master ends, and its hosts have ended before. */
  close(): void {
    if (!this.#folder.isOpen) return;
    this.#saved.clear();
    this.#leftovers.end();
    // After a start that failed they serve on.
    if (this.#found.length === 0) this.#removeKept();
    this.#folder.close();
  }

  /** @returns whether the folder is there and this master has it */
  #open(): boolean {
    if (this.#folder.isOpen) return true;
    if (this.#seconds() === 0 && !this.#folder.exists) return false;
    try {
      this.#folder.open();
      return true;
    } catch (error) {
      this.#tell(`hosts end with this master: ${(error as Error).message}`);
      return false;
    }
  }

  /** Of hosts; none where somebody has removed the folder. */
  #places(): string[] {
    try {
      return this.#folder.places();
    } catch (error) {
      this.#tell(`'${this.#folder.path}' cannot be read: ${(error as Error).message}`);
      return [];
    }
  }

  #tell(text: string): void {
    if (!this.#hasTold) this.#log.warning(text);
    this.#hasTold = true;
  }

  #removeKept(): void {
    try {
      this.#folder.removeKept();
    } catch (error) {
      this.#tell(`'${this.#folder.path}' cannot be read: ${(error as Error).message}`);
    }
  }
}
