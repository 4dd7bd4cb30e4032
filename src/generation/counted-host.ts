/** Counts of a host, from its scoreboard, for the counters of its pool. */

import type { ScoreboardReader } from '../scoreboard/reader.ts';

export interface CountedHost {
  /** Of its generation. */
  readonly number: number;
  readonly reader: ScoreboardReader;
  /** Slots that count: those of its workers. */
  readonly countedSlots: readonly number[];
  /** Its own counts, without the earlier ones. */
  ownCounts(): {
    readonly accepted: number;
    readonly maxChildrenReached: number;
    readonly slowRequests: number;
  };
}

/** One that tells when it counts nothing more. */
export interface EndingHost extends CountedHost {
  /** @param act counts it for the last time, while its scoreboard is open */
  atEnd(act: () => void): void;
}
