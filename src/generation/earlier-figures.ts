/**
 * What the status page told of the hosts that a pool had before it fell asleep. A start and a reload begin anew; sleep does
 * not, as in PHP-FPM, whose pools keep their counters while they have no worker.
 */

export interface EarlierFigures {
  /** When the first of these hosts was started, milliseconds since 1970. */
  readonly startedEpochMs: number;
  /** Requests begun. */
  readonly accepted: number;
  readonly maxActive: number;
  /** Bytes. */
  readonly memoryPeak: number;
  readonly maxListenQueue: number;
  readonly maxChildrenReached: number;
  readonly slowRequests: number;
}
