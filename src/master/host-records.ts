/** Records and sockets of hosts that may outlive this master, in the folder where the next one looks for them. */

import { randomBytes } from 'node:crypto';
import { closeSync } from 'node:fs';
import { contractVersion } from '../engine/contract.ts';
import type { Generation } from '../generation/generation.ts';
import type { PreparedPool } from '../generation/prepared-pool.ts';
import type { HostRecord } from '../generation/survivor.ts';
import { bootId, processStat } from '../posix/process-stat.ts';
import { bind, listen, openSocket } from '../posix/sockets.ts';
import type { SurvivalFolder } from './survival-folder.ts';

export class HostRecords {
  readonly #folder: SurvivalFolder;
  /** Generations whose record says so. */
  readonly #onTrial = new WeakSet<Generation>();
  /** Generations whose record lacks the pid. */
  readonly #nameless = new WeakSet<Generation>();

  constructor(folder: SurvivalFolder) {
    this.#folder = folder;
  }

  /**
   * Writes its record where that says something else, and gives it a socket for the next master, once.
   *
   * @throws Error where it has to end with this master
   */
  write(
    generation: Generation,
    pool: PreparedPool,
    { isOnTrial, seconds }: { readonly isOnTrial: boolean; readonly seconds: number },
  ): void {
    // An adopted one has its socket, and so has one that was on trial.
    const isCovered = generation.place !== undefined;
    const { pid } = generation.host;
    const isNamed = pid !== 0 && this.#nameless.delete(generation);
    if (isCovered && !this.#onTrial.delete(generation) && !isNamed) return;
    const startTicks = pid === 0 ? 0 : processStat(pid)?.startTicks;
    if (startTicks === undefined) throw new Error('/proc does not show it');
    if (pid === 0) this.#nameless.add(generation);
    const place = generation.place ?? randomBytes(8).toString('hex');
    const record = { ...recordOf(generation, pool), isOnTrial, pid, startTicks };
    this.#folder.replace(this.#folder.recordOf(place), JSON.stringify(record));
    if (isOnTrial) this.#onTrial.add(generation);
    if (isCovered) return;
    generation.place = place;
    this.#giveSocket(generation, place, seconds);
  }

  #giveSocket(generation: Generation, place: string, seconds: number): void {
    const socket = openSocket('unix');
    try {
      bind(socket, { family: 'unix', path: this.#folder.socketOf(place) });
      listen(socket, 4);
      generation.host.survive(seconds, socket);
    } catch (error) {
      this.remove(generation);
      throw error;
    } finally {
      closeSync(socket);
    }
  }

  /** Its host is gone. */
  remove(generation: Generation): void {
    if (generation.place !== undefined) this.#folder.remove(generation.place);
    generation.place = undefined;
  }
}

/** What of it does not change. */
function recordOf(generation: Generation, pool: PreparedPool): object {
  const { places: _, ...config } = pool.config;
  const record: Omit<HostRecord, 'config' | 'pid' | 'startTicks'> = {
    contract: contractVersion,
    fingerprint: pool.fingerprint,
    engine: generation.engine,
    generation: generation.number,
    boot: bootId(),
    slotCount: generation.workers.slotCount,
    launchedEpochMs: generation.launchedEpochMs,
    earlier: generation.earlier,
  };
  return { ...record, config };
}
