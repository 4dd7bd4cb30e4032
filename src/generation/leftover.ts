/**
 * A host of the last master that this one cannot go on with, because it speaks another version of the contract: it
 * finishes what it runs, and what it counts is its pool's until then, and after that.
 */

import { ScoreboardReader } from '../scoreboard/reader.ts';
import type { CountedHost, EndingHost } from './counted-host.ts';
import type { SavedCounters } from './pool-counters.ts';
import type { HostRecord } from './survivor.ts';

export class Leftover implements EndingHost {
  readonly number: number;
  readonly reader: ScoreboardReader;
  /** Slots whose worker the last master had not counted. It makes no workers any more. */
  readonly countedSlots: readonly number[];
  readonly #record: HostRecord;
  #onEnd: (() => void) | undefined;

  /**
   * @param scoreboard open for reading until {@link end}
   * @param ended what the last master had counted
   */
  constructor(record: HostRecord, scoreboard: number, ended: SavedCounters['ended'] = []) {
    this.#record = record;
    this.number = record.generation;
    this.reader = new ScoreboardReader(scoreboard, record.slotCount, record.engine);
    const known = new Map(ended.filter(([number]) => number === this.number).map(([, ...one]) => one));
    const slots = Array.from({ length: record.slotCount }, (_, slot) => slot);
    this.countedSlots = slots.filter((slot) => {
      const { startedEpochMicros } = this.reader.readLatest(slot);
      return startedEpochMicros !== 0 && startedEpochMicros !== known.get(slot);
    });
  }

  ownCounts(): ReturnType<CountedHost['ownCounts']> {
    const { acceptedRequests, maxChildrenReached, slowRequests } = this.reader.readHeader();
    const { earlier } = this.#record;
    return {
      accepted: Math.max(0, acceptedRequests - (earlier?.accepted ?? 0)),
      maxChildrenReached: Math.max(0, maxChildrenReached - (earlier?.maxChildrenReached ?? 0)),
      slowRequests: Math.max(0, slowRequests - (earlier?.slowRequests ?? 0)),
    };
  }

  atEnd(act: () => void): void {
    this.#onEnd = act;
  }

  /** It counts nothing more. Idempotent. */
  end(): void {
    const act = this.#onEnd;
    this.#onEnd = undefined;
    act?.();
  }
}
