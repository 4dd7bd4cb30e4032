/**
 * Watches the memory of a pool's workers: renews those over their limits, and finds the scripts that make them grow.
 */

import type { LogLevel } from '../config/values.ts';
import { type Leak, type LeakMemory, leaks, noLeaks, noteLook } from '../pool/leak-detector.ts';
import {
  type GrowthMemory,
  type MemorySample,
  noGrowth,
  noteMemory,
  workerMemory,
} from '../pool/memory-growth.ts';
import { requestsUntilRenewal } from '../pool/pool-advice.ts';
import { chooseLeavers, isOverHardLimit, type SizedWorker } from '../pool/recycling.ts';
import { requestIdOf, requestOfChild } from '../pool/request-text.ts';
import { workerStates } from '../pool/worker-states.ts';
import { anonymousBytes, processMemory } from '../posix/smaps.ts';
import type { SlotSnapshot } from '../scoreboard/decode.ts';
import { logWord } from '../text/log-line.ts';
import { sizeText } from '../text/size.ts';
import type { Generation } from './generation.ts';
import type { WorkerRecord } from './worker-table.ts';

/** Receiver of the messages. */
export interface MemoryVoice {
  say(level: LogLevel, text: string, requestId?: string): void;
}

/**
 * Heartbeats between two measurements of all workers' growth, and number of workers that add one heartbeat: a measurement takes
 * 0.3 ms.
 */
const growthHeartbeats = 3;
const workersAHeartbeat = 10;
/** Maximum of scripts named in the log: workers choose the names. */
const mostNamed = 20;
/** During its first requests a worker grows without a leak. */
const warmAfter = 20;

interface Look {
  readonly requests: number;
  readonly bytes: number;
}

export class MemoryWatch {
  readonly #voice: MemoryVoice;
  readonly #pool: string;
  #growth: GrowthMemory = noGrowth;
  #leaks: LeakMemory = noLeaks;
  /** By pid: the last measurement without a request. */
  #idleLooks = new Map<number, Look>();
  readonly #named = new Set<string>();
  #heartbeats = 0;

  constructor(pool: string, voice: MemoryVoice) {
    this.#pool = pool;
    this.#voice = voice;
  }

  /** Scripts whose requests leave memory behind, worst first; only if the pool's workers are watched. */
  get leaks(): readonly Leak[] {
    return leaks(this.#leaks);
  }

  /** Once a second. @param slots current slots of the generation's scoreboard */
  heartbeat(generation: Generation, slots: readonly SlotSnapshot[]): void {
    const { pool } = generation;
    const isAuto = pool['pm.max_requests'] === 'auto';
    if (pool['pm.max_memory'] === 0 && !isAuto) return;
    const looksAtGrowth = isAuto && this.#isGrowthDue(slots.length);
    const sized = sizesOf(generation, slots, looksAtGrowth, pool['pm.max_memory']);
    if (looksAtGrowth) this.#growth = noteMemory(this.#growth, sized.map(sampleOf));
    this.#findLeaks(generation, sized);
    for (const { slot, pid, reason } of chooseLeavers(pool, isAuto ? this.#requests : 0, sized)) {
      const worker = generation.workers.get(slot);
      if (worker === undefined) continue;
      worker.outgrown = true;
      this.#voice.say(
        'notice',
        `[pool ${this.#pool}] child ${pid} ${reason}: it is replaced after its request`,
      );
      generation.endWorker(slot, 'quit');
    }
  }

  #isGrowthDue(workers: number): boolean {
    this.#heartbeats += 1;
    if (this.#heartbeats < Math.max(growthHeartbeats, workers / workersAHeartbeat)) return false;
    this.#heartbeats = 0;
    return true;
  }

  /** Four times a second, with such a limit; includes draining generations. */
  checkHard(generation: Generation, withQuery: boolean): void {
    const { pool } = generation;
    if (pool['pm.max_memory_hard'] === 0) return;
    for (const worker of generation.workers.all()) {
      if (worker.pid === 0 || worker.ending !== undefined) continue;
      const bytes = bytesAbove(generation, worker);
      if (bytes !== undefined) this.#end(generation, worker, bytes, withQuery);
    }
  }

  #end(generation: Generation, worker: WorkerRecord, bytes: number, withQuery: boolean): void {
    const snapshot = generation.reader.readSlot(worker.slot);
    const limit = sizeText(generation.pool['pm.max_memory_hard']);
    const who =
      snapshot === undefined
        ? `[pool ${this.#pool}] child ${worker.pid}`
        : requestOfChild(this.#pool, worker.pid, snapshot, withQuery);
    this.#voice.say(
      'warning',
      `${who} takes ${sizeText(bytes)}, pm.max_memory_hard is ${limit}: terminating`,
      snapshot && requestIdOf(snapshot),
    );
    worker.outgrown = true;
    generation.endWorker(worker.slot, 'term');
  }

  /** Number of requests after which a worker has grown by half; 0 while unknown, and without growth. */
  get #requests(): number {
    const memory = workerMemory(this.#growth);
    if (memory?.growthBytesPerRequest === undefined) return 0;
    return requestsUntilRenewal(memory.averageBytes, memory.growthBytesPerRequest);
  }

  #findLeaks(generation: Generation, sized: readonly SizedWorker[]): void {
    const looks = new Map<number, Look>();
    for (const { slot, pid, requests } of sized) {
      const seen = requests < warmAfter ? undefined : idleLook(generation, slot, pid);
      const before = this.#idleLooks.get(pid);
      if (seen === undefined) {
        // During a request its memory belongs to that request.
        if (before !== undefined) looks.set(pid, before);
        continue;
      }
      looks.set(pid, seen);
      const between = before === undefined ? 0 : seen.requests - before.requests;
      if (before === undefined || between < 1) continue;
      this.#leaks = noteLook(this.#leaks, {
        script: seen.script,
        requests: between,
        grownBytes: seen.bytes - before.bytes,
      });
    }
    this.#idleLooks = looks;
    for (const leak of this.leaks) this.#name(leak);
  }

  #name({ script, bytesPerRequest, looks }: Leak): void {
    if (this.#named.has(script) || this.#named.size >= mostNamed) return;
    this.#named.add(script);
    this.#voice.say(
      'warning',
      `[pool ${this.#pool}] a request of script '${logWord(script)}' leaves ${sizeText(bytesPerRequest)} behind in its worker (seen ${looks} times)`,
    );
  }
}

function sampleOf({ pid, bytes, requests }: SizedWorker): MemorySample {
  return { pid, bytes, requests };
}

/**
 * @param isExact measures every worker's private memory; otherwise only of those that may exceed the limit, since the
 *   kernel walks all pages of a process for it
 */
function sizesOf(
  { engine, workers }: Generation,
  slots: readonly SlotSnapshot[],
  isExact: boolean,
  limit: number,
): SizedWorker[] {
  const bySlot = new Map(slots.map((slot) => [slot.slot, slot]));
  return workers.all().flatMap(({ slot, pid, state }) => {
    const snapshot = pid === 0 ? undefined : bySlot.get(slot);
    if (snapshot === undefined) return [];
    const bytes = engine === 'embedded' ? snapshot.instanceBytes : nativeBytes(pid, isExact, limit);
    const isLeaving = state === workerStates.stopping;
    return bytes === undefined ? [] : [{ slot, pid, bytes, requests: snapshot.requests, isLeaving }];
  });
}

/** Memory of a worker above `pm.max_memory_hard`; undefined below. */
function bytesAbove(
  { pool, engine, reader }: Generation,
  { slot, pid }: Pick<WorkerRecord, 'slot' | 'pid'>,
): number | undefined {
  const isOver = (bytes: number | undefined): bytes is number =>
    bytes !== undefined && isOverHardLimit(pool, bytes);
  if (engine === 'embedded') {
    // A thread waits where its instance would grow beyond the limit, and tells that size.
    const wanted = reader.readSlotNumbers(slot)?.instanceBytes;
    return isOver(wanted) ? wanted : undefined;
  }
  if (!isOver(anonymousBytes(pid))) return undefined;
  // Part of that may still be shared, as after a fork.
  const bytes = processMemory(pid)?.privateBytes;
  return isOver(bytes) ? bytes : undefined;
}

function nativeBytes(pid: number, isExact: boolean, limit: number): number | undefined {
  const anonymous = anonymousBytes(pid);
  const mayBeOver = anonymous !== undefined && limit > 0 && anonymous > limit / 2;
  return isExact || mayBeOver ? processMemory(pid)?.privateBytes : anonymous;
}

/** @returns undefined during a request, and when one began meanwhile */
function idleLook(
  { engine, reader }: Generation,
  slot: number,
  pid: number,
): (Look & Pick<SlotSnapshot, 'script'>) | undefined {
  const before = reader.readSlot(slot);
  if (before?.stage !== 'idle' || before.script === '') return undefined;
  const bytes = engine === 'embedded' ? before.instanceBytes : anonymousBytes(pid);
  const after = reader.readSlotNumbers(slot);
  if (bytes === undefined || after?.requests !== before.requests) return undefined;
  return { requests: before.requests, bytes, script: before.script };
}
