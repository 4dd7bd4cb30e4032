/** JSON of the admin endpoint. */

import type { AdminSnapshot, PoolSnapshot, WorkerSnapshot } from '../figures/admin-snapshot.ts';
import type {
  PoolAnswer,
  PoolsAnswer,
  RequestAnswer,
  SlowAnswer,
  WorkerAnswer,
  WorkerStackAnswer,
} from '../figures/answers.ts';
import type { RequestFacts, SlowRequest, WorkerStack } from '../figures/slow-request.ts';
import { durationBounds } from '../scoreboard/durations.ts';
import { shownText } from '../text/unsafe.ts';

/**
 * The answer of `GET /api/pools`.
 *
 * @param withQuery whether to show query strings, which may contain secrets
 */
export function poolsJson(snapshot: AdminSnapshot, withQuery: boolean): PoolsAnswer {
  return {
    ...snapshot,
    durationBoundsMicros: durationBounds,
    pools: snapshot.pools.map((pool) => poolJson(pool, withQuery)),
  };
}

function poolJson(pool: PoolSnapshot, withQuery: boolean): PoolAnswer {
  const { processes, totals, privateBytes, ...shown } = pool;
  const { counts, sumMicros } = totals.durations;
  return {
    ...shown,
    leaks: pool.leaks.map((leak) => ({ ...leak, script: shownText(leak.script) })),
    totals: { ...totals, durations: { counts, sumMicros } },
    hostResidentBytes: processes?.hostBytes,
    cpuSeconds: processes?.cpuSeconds,
    cpuPercent: processes?.cpuPercent,
    workers: pool.workers.map((worker) => workerJson(worker, pool, withQuery)),
  };
}

/** Written field by field, so that `user` and future fields of a slot stay private. */
function workerJson(
  worker: WorkerSnapshot,
  { processes, privateBytes }: Pick<PoolSnapshot, 'processes' | 'privateBytes'>,
  withQuery: boolean,
): WorkerAnswer {
  const isIdle = worker.state === 'Idle';
  const process = processes?.workers.get(worker.pid);
  return {
    pid: worker.pid,
    state: worker.state,
    draining: worker.draining,
    startedAt: worker.startTime * 1000,
    requests: worker.requests,
    method: shownText(worker.method),
    uri: shownText(worker.path),
    ...(withQuery ? { query: shownText(worker.query) } : {}),
    script: shownText(worker.script),
    ...(worker.requestId === '' ? {} : { requestId: shownText(worker.requestId) }),
    durationMicros: worker.requestDuration,
    ...(worker.application === undefined ? {} : { application: worker.application }),
    ...(isIdle ? { cpuPercent: worker.lastRequestCpu, memoryBytes: worker.lastRequestMemory } : {}),
    residentBytes: process?.residentBytes,
    privateBytes: privateBytes?.get(worker.pid),
    processCpuPercent: process?.cpuPercent,
  };
}

/** The answer of `GET /api/slow`. */
export function slowJson(requests: readonly SlowRequest[], withQuery: boolean): SlowAnswer {
  return { requests: requests.map((request) => requestJson(request, withQuery)) };
}

/** The answer of `GET /api/stack`. */
export function stackJson(worker: WorkerStack, withQuery: boolean): WorkerStackAnswer {
  return { state: worker.state, ...requestJson(worker, withQuery) };
}

function requestJson(request: RequestFacts, withQuery: boolean): RequestAnswer {
  const { at, pool, pid, durationMicros, memoryBytes, stack } = request;
  return {
    at,
    pool,
    pid,
    script: shownText(request.script),
    method: shownText(request.method),
    uri: shownText(request.uri),
    ...(withQuery ? { query: shownText(request.query) } : {}),
    ...(request.requestId === '' ? {} : { requestId: shownText(request.requestId) }),
    durationMicros,
    memoryBytes,
    ...stack,
  };
}
