/** What the admin endpoint knows as JSON. */

import type { RequestFacts, SlowRequest, WorkerStack } from './slow-request.ts';
import type { AdminSnapshot, PoolSnapshot, WorkerSnapshot } from './snapshot.ts';

/**
 * The answer of `GET /api/pools`.
 *
 * @param withQuery whether query strings are shown; they may hold secrets
 */
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
    ...(worker.requestId === '' ? {} : { requestId: text(worker.requestId) }),
    durationMicros: worker.requestDuration,
    ...(isIdle ? { cpuPercent: worker.lastRequestCpu, memoryBytes: worker.lastRequestMemory } : {}),
  };
}

/** The answer of `GET /api/slow`. */
export function slowJson(requests: readonly SlowRequest[], withQuery: boolean): object {
  return { requests: requests.map((request) => requestJson(request, withQuery)) };
}

/** The answer of `GET /api/stack`. */
export function stackJson(worker: WorkerStack, withQuery: boolean): object {
  return { state: worker.state, ...requestJson(worker, withQuery) };
}

function requestJson(request: RequestFacts, withQuery: boolean): object {
  const { at, pool, pid, durationMicros, memoryBytes, stack } = request;
  return {
    at,
    pool,
    pid,
    script: text(request.script),
    method: text(request.method),
    uri: text(request.uri),
    ...(withQuery ? { query: text(request.query) } : {}),
    ...(request.requestId === '' ? {} : { requestId: text(request.requestId) }),
    durationMicros,
    memoryBytes,
    ...stack,
  };
}

/** From the scoreboard's bytes to text that no terminal obeys: control characters become U+FFFD. */
function text(binary: string): string {
  return Buffer.from(binary, 'latin1')
    .toString('utf8')
    .replace(/\p{Cc}/gu, '\ufffd');
}
