/**
 * Renews workers by their memory: `pm.max_memory` and `pm.max_requests = auto` after their request,
 * `pm.max_memory_hard` at once. Pure.
 *
 * Workers of a pool grow alike. So each has its own limit, in the last tenth of the configured one, and at most a
 * quarter of the pool leaves after its request at the same time: a pool never loses many at once.
 */

import { sizeText } from '../text/size.ts';

/** Keys are directive names. */
export interface RecyclingSettings {
  /** Bytes, 0: no limit. */
  readonly 'pm.max_memory': number;
  readonly 'pm.max_memory_hard': number;
}

/** A measured worker. */
export interface SizedWorker {
  readonly slot: number;
  readonly pid: number;
  /** Memory that would be free without it. */
  readonly bytes: number;
  /** Requests begun. */
  readonly requests: number;
  /** It was asked to end, by anyone. */
  readonly isLeaving: boolean;
}

export interface Leaver {
  readonly slot: number;
  readonly pid: number;
  /** For the log. */
  readonly reason: string;
}

/** Fractional parts of its multiples are spread as evenly as possible. */
const goldenRatio = (Math.sqrt(5) - 1) / 2;
const jitter = 0.1;

/** The worker's own part of a configured limit: from nine tenths to the whole. */
export function ownLimit(limit: number, pid: number): number {
  return limit * (1 - jitter * ((pid * goldenRatio) % 1));
}

/**
 * Workers to end after their request, largest first.
 *
 * @param requests number of requests after which a worker has grown by half (pool-advice.ts); 0: no growth, or not
 *   requested
 */
export function chooseLeavers(
  settings: RecyclingSettings,
  requests: number,
  workers: readonly SizedWorker[],
): Leaver[] {
  const leaving = workers.filter(({ isLeaving }) => isLeaving).length;
  const room = Math.max(1, Math.floor(workers.length / 4)) - leaving;
  const due = workers.flatMap((worker) => {
    const reason = worker.isLeaving ? undefined : reasonToLeave(settings['pm.max_memory'], requests, worker);
    return reason === undefined ? [] : [{ worker, reason }];
  });
  return due
    .sort((a, b) => b.worker.bytes - a.worker.bytes)
    .slice(0, Math.max(0, room))
    .map(({ worker: { slot, pid }, reason }) => ({ slot, pid, reason }));
}

function reasonToLeave(limit: number, requests: number, worker: SizedWorker): string | undefined {
  if (limit > 0 && worker.bytes > ownLimit(limit, worker.pid))
    return `takes ${sizeText(worker.bytes)}, pm.max_memory is ${sizeText(limit)}`;
  if (requests > 0 && worker.requests >= ownLimit(requests, worker.pid))
    return `has served ${worker.requests} requests, pm.max_requests = auto is ${requests} by its growth`;
  return undefined;
}

/** Whether a worker must end at once, even during a request. */
export function isOverHardLimit(settings: RecyclingSettings, bytes: number): boolean {
  return settings['pm.max_memory_hard'] > 0 && bytes > settings['pm.max_memory_hard'];
}
