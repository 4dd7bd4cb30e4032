/**
 * Idle workers that a signal has stopped: their own user may send it. The kernel wakes such a worker for a client as it
 * does any other, and the client would wait until somebody continues it.
 */

import type { HostMessage } from '../engine/host-messages.ts';
import { isStopped } from '../posix/process-stat.ts';
import type { SlotSnapshot } from '../scoreboard/decode.ts';
import type { Generation } from './generation.ts';
import type { MasterServices } from './master-services.ts';

/** The host says that a worker was stopped. Whether it still is shows when the time is up. @param now monotonic ms */
export function noteHalted(
  { workers }: Generation,
  { slot, pid }: Extract<HostMessage, { type: 'halted' }>,
  now: number,
): void {
  const worker = workers.get(slot);
  if (worker?.pid === pid) worker.haltedAt = now;
}

/**
 * Ends workers that have been stopped for the time that an order may take. One that is continued meanwhile, has a
 * request, or is held by a debugger is left alone.
 */
export function endHalted(
  generation: Generation,
  slots: readonly SlotSnapshot[],
  services: Pick<MasterServices, 'log' | 'now' | 'patience'>,
): void {
  const now = services.now();
  const { obeyMs } = services.patience;
  for (const worker of generation.workers.all()) {
    const { slot, pid, haltedAt, process, ending } = worker;
    if (haltedAt === undefined || now - haltedAt < obeyMs) continue;
    const isIdle = slots.find((one) => one.slot === slot)?.stage === 'idle';
    const isHeld = process?.isAlive === true && isStopped(pid);
    if (!isHeld) worker.haltedAt = undefined;
    if (!isHeld || !isIdle || ending !== undefined) continue;
    services.log.warning(
      `[pool ${generation.name}] child ${pid} is idle and has been stopped by a signal for ${obeyMs / 1000} seconds: it is killed, since clients would wait for it`,
    );
    generation.endWorker(slot, 'kill');
  }
}
