/**
 * When a generation of a pool takes over from its predecessor, with how many workers, and the time limit for the old
 * one to finish. Pure; the pool's runner acts on it. Times are milliseconds on the caller's monotonic clock.
 */

import type { PoolConfig } from '../config/directives.ts';
import { wantsProof } from './reload-probe.ts';

/** A host or template without progress for this long is abandoned; the slowest step seen takes two seconds. */
export const hostStartTimeoutMs = 30_000;
/**
 * After this time a pool's start counts as done without all of its first workers: starting one takes a tenth of a
 * second or more.
 */
export const fullStartPatienceMs = 3_000;
/** Time for a host to exit after a hang-up before it is killed. */
export const hangUpGraceMs = 2_000;

/** A draining host stops accepting within milliseconds. After this time a reload counts as done without its report. */
export const stopAcceptingMs = 2_000;

type WorkerNumbers = Pick<PoolConfig, 'pm' | 'pm.max_children' | 'pm.start_servers' | 'pm.min_children'>;

/** Initial workers of a pool, which have to be up before it serves. */
export function initialWorkers(pool: WorkerNumbers): number {
  switch (pool.pm) {
    case 'static':
      return pool['pm.max_children'];
    case 'dynamic':
      return pool['pm.start_servers'];
    case 'auto':
      return pool['pm.min_children'];
    case 'ondemand':
      return 0;
    default:
      throw new Error(`no first workers for pm = ${JSON.stringify(pool.pm satisfies never)}`);
  }
}

/** Replacing a dead host: connections wait, so one worker is enough to take over. */
export function workersForRestart(pool: WorkerNumbers): number {
  return Math.min(1, initialWorkers(pool));
}

/**
 * After a reload the load continues: as many workers as were busy must be up, or requests would stall.
 *
 * @param busy busy workers of the old generation
 */
export function workersForTakeOver(
  pool: WorkerNumbers & Pick<PoolConfig, 'worker.script' | 'reload.probe' | 'reload.canary'>,
  busy: number,
): number {
  // A generation that fails to boot or to prove itself must not take over, even if workers are only made on demand.
  if (pool['worker.script'] !== undefined || wantsProof(pool))
    return Math.min(pool['pm.max_children'], Math.max(1, initialWorkers(pool), busy));
  return Math.min(pool['pm.max_children'], Math.max(initialWorkers(pool), busy));
}

/** The same for a pool's host. If workers boot an application, this includes its boot time, which has its own limit. */
export function startTimeoutMs(pool: Pick<PoolConfig, 'worker.script' | 'worker.boot_timeout'>): number {
  return hostStartTimeoutMs + (pool['worker.script'] === undefined ? 0 : pool['worker.boot_timeout'] * 1000);
}

export interface StartProgress {
  /** Workers of the new generation that are up, and the wanted number. */
  readonly up: number;
  readonly wanted: number;
  /** Time since the launch of the new generation. */
  readonly elapsedMs: number;
}

/**
 * In an unserved pool clients wait: the first worker serves them, and the others start after it.
 *
 * @param isServed an old generation serves meanwhile
 */
export function mayTakeOver({ up, wanted }: StartProgress, isServed: boolean): boolean {
  return up >= wanted || (!isServed && up > 0);
}

/** Whether a pool's start is done, for the log and the caller of the daemon. */
export function isFullyUp({ up, wanted, elapsedMs }: StartProgress): boolean {
  return up >= wanted || elapsedMs >= fullStartPatienceMs;
}

/**
 * Deadline for a draining generation: `process_control_timeout` if set, else the pool's `request_terminate_timeout`
 * (both in seconds), else none.
 */
export function drainDeadline(
  now: number,
  processControlTimeout: number,
  requestTerminateTimeout: number,
): number | undefined {
  const seconds = processControlTimeout || requestTerminateTimeout;
  return seconds > 0 ? now + seconds * 1000 : undefined;
}

/** For workers of a dead or ended host, if requests have no time limit. */
const orphanGraceMs = 30_000;

/** Deadline for workers without a host: as in a drain, but always finite. */
export function orphanDeadline(
  now: number,
  processControlTimeout: number,
  requestTerminateTimeout: number,
): number {
  return drainDeadline(now, processControlTimeout, requestTerminateTimeout) ?? now + orphanGraceMs;
}
