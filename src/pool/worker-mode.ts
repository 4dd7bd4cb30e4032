/**
 * Worker mode: a pool whose workers hold a booted application. It also has workers for other scripts, in separate slots
 * after `pm.max_children`; the lane's are the last ones (lane.ts). Pure; the supervisor acts on it.
 */

import type { SlotSnapshot } from '../scoreboard/decode.ts';
import { type LaneSettings, laneSlots } from './lane.ts';

/** Keys are directive names; times are seconds. */
export interface WorkerModeSettings {
  readonly 'pm.max_children': number;
  readonly 'pm.process_idle_timeout': number;
  readonly 'worker.script': string | undefined;
  readonly 'worker.other_children': number;
  readonly 'worker.boot_timeout': number;
}

/** The first slot behind those of workers for other scripts: the lane's, if there is one. */
export function firstLaneSlot(
  pool: Pick<WorkerModeSettings, 'pm.max_children' | 'worker.script' | 'worker.other_children'>,
): number {
  return pool['pm.max_children'] + (pool['worker.script'] === undefined ? 0 : pool['worker.other_children']);
}

/** Number of slots in the pool's scoreboard. */
export function slotsOf(
  pool: Pick<WorkerModeSettings, 'pm.max_children' | 'worker.script' | 'worker.other_children'> &
    LaneSettings,
): number {
  return firstLaneSlot(pool) + laneSlots(pool);
}

/** Whether the process manager counts the slot's worker: in worker mode, one with the application. */
export function isManagedSlot(pool: Pick<WorkerModeSettings, 'pm.max_children'>, slot: number): boolean {
  return slot < pool['pm.max_children'];
}

function isOtherSlot(pool: WorkerModeSettings, slot: number): boolean {
  return !isManagedSlot(pool, slot) && slot < firstLaneSlot(pool);
}

interface OtherWorker {
  readonly slot: number;
  /** 0 until the worker is up. */
  readonly pid: number;
}

/**
 * The slot of the next worker for other scripts.
 *
 * @param workers of the whole pool
 * @returns undefined while one is on its way, and at their limit
 */
export function slotForOther(pool: WorkerModeSettings, workers: readonly OtherWorker[]): number | undefined {
  const others = workers.filter(({ slot }) => isOtherSlot(pool, slot));
  if (others.some(({ pid }) => pid === 0)) return undefined;
  const taken = new Set(others.map(({ slot }) => slot));
  for (let slot = pool['pm.max_children']; slot < firstLaneSlot(pool); slot += 1) {
    if (!taken.has(slot)) return slot;
  }
  return undefined;
}

/**
 * Workers for other scripts that were idle for longer than `pm.process_idle_timeout`.
 *
 * @param nowMicros CLOCK_MONOTONIC, the scoreboard's clock
 */
export function idleOthers(
  pool: WorkerModeSettings,
  slots: readonly Pick<SlotSnapshot, 'slot' | 'stage' | 'stageClockMicros'>[],
  nowMicros: number,
): number[] {
  const longest = pool['pm.process_idle_timeout'] * 1e6;
  return slots
    .filter(({ slot, stage }) => isOtherSlot(pool, slot) && stage === 'idle')
    .filter(({ stageClockMicros }) => nowMicros - stageClockMicros > longest)
    .map(({ slot }) => slot);
}

/**
 * Workers whose application has been booting for longer than `worker.boot_timeout`.
 *
 * @param nowMicros CLOCK_MONOTONIC, the scoreboard's clock
 */
export function overdueBoots(
  pool: Pick<WorkerModeSettings, 'worker.boot_timeout'>,
  slots: readonly Pick<SlotSnapshot, 'slot' | 'stage' | 'stageClockMicros'>[],
  nowMicros: number,
): number[] {
  return slots
    .filter(({ stage, stageClockMicros }) => {
      const elapsed = nowMicros - stageClockMicros;
      return stage === 'booting' && elapsed > pool['worker.boot_timeout'] * 1e6;
    })
    .map(({ slot }) => slot);
}
