/**
 * When a generation of a pool takes over from the one before it, with how many workers, and how long the old one
 * may finish. Pure; the pool's runner acts on it. Times are milliseconds on the caller's monotonic clock.
 */

import type { PoolConfig } from '../config/directives.ts';

/** A host or a template that makes no step towards serving for so long is given up; the slowest step seen takes two seconds. */
export const hostStartTimeoutMs = 30_000;
/** The start of a pool is called done without all of its first workers after so long: starting one takes a tenth of a second and more. */
export const fullStartPatienceMs = 3_000;
/** After a hang-up a host has this long to go before it is killed. */
export const hangUpGraceMs = 2_000;

/**
 * A host that is to drain says within milliseconds that nothing of it accepts any more. A reload is called done without
 * that after so long.
 */
export const stopAcceptingMs = 2_000;

type WorkerNumbers = Pick<PoolConfig, 'pm' | 'pm.max_children' | 'pm.start_servers'>;

/** Workers that a pool starts with, and that have to be up before it serves. */
export function initialWorkers(pool: WorkerNumbers): number {
  switch (pool.pm) {
    case 'static':
      return pool['pm.max_children'];
    case 'dynamic':
      return pool['pm.start_servers'];
    case 'ondemand':
      return 0;
    default:
      throw new Error(`no first workers for pm = ${JSON.stringify(pool.pm satisfies never)}`);
  }
}

/** In the place of a host that died: connections wait, so the first worker is enough to take over. */
export function workersForRestart(pool: WorkerNumbers): number {
  return Math.min(1, initialWorkers(pool));
}

/**
 * After a reload the load goes on: as many as were busy must be there, or requests would stall.
 *
 * @param busy workers of the old generation that have a request
 */
export function workersForTakeOver(
  pool: WorkerNumbers & Pick<PoolConfig, 'worker.script'>,
  busy: number,
): number {
  // An application that cannot be booted must not take over, not even where workers are made on demand only.
  if (pool['worker.script'] !== undefined)
    return Math.min(pool['pm.max_children'], Math.max(1, initialWorkers(pool), busy));
  return Math.min(pool['pm.max_children'], Math.max(initialWorkers(pool), busy));
}

/**
 * The same for the host of a pool. Where workers boot an application, that takes the
 * time that it may take, and is watched by itself.
 */
export function startTimeoutMs(pool: Pick<PoolConfig, 'worker.script' | 'worker.boot_timeout'>): number {
  return hostStartTimeoutMs + (pool['worker.script'] === undefined ? 0 : pool['worker.boot_timeout'] * 1000);
}

export interface StartProgress {
  /** Workers of the new generation that are up, and those that it is to have. */
  readonly up: number;
  readonly wanted: number;
  /** Since the new generation was launched. */
  readonly elapsedMs: number;
}

/**
 * Where nobody serves, clients wait: the first worker serves them, and the others start behind it.
 *
 * @param isServed an old generation serves meanwhile
 */
export function mayTakeOver({ up, wanted }: StartProgress, isServed: boolean): boolean {
  return up >= wanted || (!isServed && up > 0);
}

/** Whether the start of a pool is done, as the log and a caller of the daemon are told. */
export function isFullyUp({ up, wanted, elapsedMs }: StartProgress): boolean {
  return up >= wanted || elapsedMs >= fullStartPatienceMs;
}

/**
 * Until when a generation that drains may finish: `process_control_timeout` where it is set, else the pool's
 * `request_terminate_timeout` (both in seconds), else without end.
 */
export function drainDeadline(
  now: number,
  processControlTimeout: number,
  requestTerminateTimeout: number,
): number | undefined {
  const seconds = processControlTimeout || requestTerminateTimeout;
  return seconds > 0 ? now + seconds * 1000 : undefined;
}

/** Workers of a host that died or was ended, where nothing bounds a request. */
const orphanGraceMs = 30_000;

/** Until when workers whose host is gone may finish what they run: as in a drain, but never without end. */
export function orphanDeadline(
  now: number,
  processControlTimeout: number,
  requestTerminateTimeout: number,
): number {
  return drainDeadline(now, processControlTimeout, requestTerminateTimeout) ?? now + orphanGraceMs;
}
