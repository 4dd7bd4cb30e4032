/** `request_terminate_timeout` and `request_slowlog_timeout`: finds workers whose request runs for too long. */

import type { SlotSnapshot } from '../scoreboard/decode.ts';
import { type WorkerStage, workerStages } from '../scoreboard/states.ts';
import type { LogMessage } from './messages.ts';
import { secondsText } from './reap.ts';
import { requestIdOf, requestOfChild } from './request-text.ts';

/** Keys are directive names; times are seconds, 0 disables a time-out. */
export interface TimeoutSettings {
  readonly name: string;
  readonly request_terminate_timeout: number;
  readonly request_terminate_timeout_track_finished: boolean;
  readonly request_slowlog_timeout: number;
}

export interface TimedWorker {
  readonly snapshot: SlotSnapshot;
  /** The worker's pid from its host; the one in the slot is the worker's own claim. */
  readonly pid: number;
  /** `acceptedClockMicros` of the last request reported as slow; 0 if none. */
  readonly slowLogged: number;
}

export interface Overdue {
  readonly slot: number;
  readonly pid: number;
  /** Identifies the request: the caller keeps it as `slowLogged`. */
  readonly acceptedClockMicros: number;
  readonly message: LogMessage;
}

export interface TimeoutDecision {
  /** For the slow log; each request once. */
  readonly slow: readonly Overdue[];
  /** To be ended with `timeout`; repeated at every check until they are gone. */
  readonly terminate: readonly Overdue[];
}

/** Shortest time between two checks. */
const shortestPeriodMillis = 130;

/** Check interval in ms of workers with a memory limit during requests. */
const memoryPeriodMillis = 250;

/** Time between two checks for all pools together; undefined if no pool has a limit that needs one. */
export function timeoutPeriod(
  pools: readonly (TimeoutSettings & { readonly 'pm.max_memory_hard'?: number })[],
): number | undefined {
  const seconds = pools
    .flatMap((pool) => [pool.request_terminate_timeout, pool.request_slowlog_timeout])
    .filter((timeout) => timeout > 0);
  const periods = seconds.map((timeout) => Math.max(shortestPeriodMillis, Math.floor((timeout * 1000) / 3)));
  if (pools.some((pool) => (pool['pm.max_memory_hard'] ?? 0) > 0)) periods.push(memoryPeriodMillis);
  return periods.length === 0 ? undefined : Math.min(...periods);
}

/**
 * @param nowMicros CLOCK_MONOTONIC in microseconds, the scoreboard's clock.
 * @param withQuery whether the messages show query strings, which may contain secrets; php-fpm's do
 */
export function checkTimeouts(
  pool: TimeoutSettings,
  workers: readonly TimedWorker[],
  nowMicros: number,
  withQuery: boolean,
): TimeoutDecision {
  const overdue = (worker: TimedWorker, what: string): Overdue => overdueOf(pool, worker, what, withQuery);
  const slow: Overdue[] = [];
  const terminate: Overdue[] = [];
  for (const worker of workers) {
    const { snapshot } = worker;
    const trackFinished = pool.request_terminate_timeout_track_finished;
    if (!isTimed(snapshot.stage, trackFinished)) continue;
    const elapsed = Math.max(0, nowMicros - snapshot.acceptedClockMicros);
    const isFirst = worker.slowLogged !== snapshot.acceptedClockMicros;
    if (
      isSlowStage(snapshot.stage, trackFinished) &&
      isFirst &&
      isOver(elapsed, pool.request_slowlog_timeout)
    ) {
      slow.push(overdue(worker, `executing too slow (${secondsText(elapsed)} sec), logging`));
    }
    if (isOver(elapsed, pool.request_terminate_timeout)) {
      terminate.push(overdue(worker, `execution timed out (${secondsText(elapsed)} sec), terminating`));
    }
  }
  return { slow, terminate };
}

/**
 * From the first byte to the end of the script; with track_finished up to the next accept. An unknown stage still
 * counts as running, so a corrupt slot cannot dodge the time-out.
 */
function isTimed(stage: WorkerStage, trackFinished: boolean): boolean {
  if (stage === 'unknown') return true;
  // It has a time-out of its own.
  if (stage === 'booting') return false;
  const { code } = workerStages[stage];
  return code > workerStages.idle.code && (code < workerStages.ending.code || trackFinished);
}

/** Only stages with PHP code deserve an entry: with track_finished that includes those after the script. */
function isSlowStage(stage: WorkerStage, trackFinished: boolean): boolean {
  if (stage === 'unknown' || stage === 'booting') return false;
  const { code } = workerStages[stage];
  return stage === 'running' || (trackFinished && code > workerStages.running.code);
}

function isOver(elapsedMicros: number, timeoutSeconds: number): boolean {
  return timeoutSeconds > 0 && Math.floor(elapsedMicros / 1_000_000) >= timeoutSeconds;
}

function overdueOf(pool: TimeoutSettings, worker: TimedWorker, what: string, withQuery: boolean): Overdue {
  const { snapshot, pid } = worker;
  const text = `${requestOfChild(pool.name, pid, snapshot, withQuery)} ${what}`;
  const { slot, acceptedClockMicros } = snapshot;
  return {
    slot,
    pid,
    acceptedClockMicros,
    message: { level: 'warning', text, requestId: requestIdOf(snapshot) },
  };
}
