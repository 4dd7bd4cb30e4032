/** A snapshot as the JSON of `GET /api/pools`. */

import type { AdminSnapshot, PoolSnapshot, WorkerSnapshot } from './snapshot.ts';

/** @param withQuery whether query strings are shown; they may hold secrets */
export function poolsJson(snapshot: AdminSnapshot, withQuery: boolean): object {
  return { ...snapshot, pools: snapshot.pools.map((pool) => poolJson(pool, withQuery)) };
}

function poolJson(pool: PoolSnapshot, withQuery: boolean): object {
  const { processes, ...shown } = pool;
  return {
    ...shown,
    hostResidentBytes: processes?.hostBytes,
    cpuSeconds: processes?.cpuSeconds,
    workers: pool.workers.map((worker) => ({
      ...workerJson(worker, withQuery),
      residentBytes: processes?.workers.get(worker.pid)?.residentBytes,
      processCpuPercent: processes?.workers.get(worker.pid)?.cpuPercent,
    })),
  };
}

/** Written out field by field: `user` and whatever is added to a slot later stay inside. */
function workerJson(worker: WorkerSnapshot, withQuery: boolean): object {
  const isIdle = worker.state === 'Idle';
  return {
    pid: worker.pid,
    state: worker.state,
    draining: worker.draining,
    startedAt: worker.startTime * 1000,
    requests: worker.requests,
    method: text(worker.method),
    uri: text(worker.uri),
    ...(withQuery ? { query: text(worker.query) } : {}),
    script: text(worker.script),
    durationMicros: worker.requestDuration,
    ...(isIdle ? { cpuPercent: worker.lastRequestCpu, memoryBytes: worker.lastRequestMemory } : {}),
  };
}

/** From the scoreboard's bytes to text that no terminal obeys: control characters become U+FFFD. */
function text(binary: string): string {
  return Buffer.from(binary, 'latin1')
    .toString('utf8')
    .replace(/\p{Cc}/gu, '\ufffd');
}
