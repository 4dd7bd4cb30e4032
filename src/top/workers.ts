/** Selects and sorts the listed workers. */

import type { Snapshot, WorkerView } from './parse-answer.ts';

export interface WorkerRow extends WorkerView {
  readonly pool: string;
}

/** Sort orders, in the order in which the key cycles through them. */
export const sortNames = ['time', 'cpu', 'memory', 'requests', 'pool'] as const;
export type SortName = (typeof sortNames)[number];

export interface Selection {
  /** Text to be found in a worker's pool, state, script, method or URI, in any case; '' matches all. */
  readonly filter: string;
  readonly sort: SortName;
  readonly reversed: boolean;
  readonly showsIdle: boolean;
}

export const everything: Selection = { filter: '', sort: 'time', reversed: false, showsIdle: true };

/** Direction: the longest, the most, or the first by name comes first. */
const orders: Readonly<Record<SortName, (a: WorkerRow, b: WorkerRow) => number>> = {
  // The time of an idle worker belongs to a finished request.
  time: (a, b) => Number(isIdle(a)) - Number(isIdle(b)) || b.durationMicros - a.durationMicros,
  cpu: (a, b) => (b.cpuPercent ?? -1) - (a.cpuPercent ?? -1),
  memory: (a, b) => (b.memoryBytes ?? -1) - (a.memoryBytes ?? -1),
  requests: (a, b) => b.requests - a.requests,
  pool: (a, b) => (a.pool < b.pool ? -1 : Number(a.pool > b.pool)),
};

export function selectWorkers(snapshot: Snapshot, selection: Selection): WorkerRow[] {
  const wanted = selection.filter.toLowerCase();
  const direction = selection.reversed ? -1 : 1;
  return snapshot.pools
    .flatMap((pool) => pool.workers.map((worker) => ({ ...worker, pool: pool.name })))
    .filter((worker) => selection.showsIdle || !isIdle(worker))
    .filter(({ pool, state, script, method, uri }) =>
      [pool, state, script, method, uri].some((field) => field.toLowerCase().includes(wanted)),
    )
    .sort((a, b) => direction * orders[selection.sort](a, b) || a.pid - b.pid);
}

export function isIdle({ state }: WorkerView): boolean {
  return state === 'Idle';
}
