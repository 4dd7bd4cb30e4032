/** `pm = ondemand`: workers only while there are requests. */

import type { ManagerSettings } from './management.ts';
import { freeSlots, type Plan } from './plan.ts';

/** Starts workers for waiting connections, and stops workers that were idle for long. */
export function decideOndemand(plan: Plan): void {
  const { event } = plan.input;
  switch (event.type) {
    case 'start':
      return;
    case 'heartbeat':
      heartbeat(plan);
      return;
    case 'waiting':
      waiting(plan, event.connections ?? 1);
      return;
    case 'grown':
      grown(plan);
      return;
    default:
      throw new Error(`ondemand manager met the event ${JSON.stringify(event)}`);
  }
}

function heartbeat(plan: Plan): void {
  plan.log('debug', `currently ${plan.active} active children, ${plan.idle.length} spare children`);
  plan.killStubborn();
  // As in php-fpm: whole seconds on both sides, and strictly more than the time-out.
  const seconds = (millis: number): number => Math.floor(millis / 1000);
  for (const worker of plan.idle) {
    const idleSeconds = seconds(plan.input.now) - seconds(worker.lastActivityAt);
    if (idleSeconds > plan.input.pool['pm.process_idle_timeout']) plan.stop(worker);
  }
}

function waiting(plan: Plan, connections: number): void {
  if (plan.idle.length > 0) return;
  const maximum = plan.input.pool['pm.max_children'];
  if (plan.running >= maximum) {
    plan.maximumReached(`server reached max_children setting (${maximum}), consider raising it`);
    return;
  }
  // Workers on their way take a connection each.
  const spawned = plan.spawn(connections - plan.coming, 'grow');
  if (spawned > 0) grown(plan);
}

function grown(plan: Plan): void {
  plan.memory.atMaximum = false;
  plan.log('debug', 'got accept without idle child available .... I forked');
}

/**
 * The slot of a worker for the next waiting connection, as long as nothing else changes.
 *
 * @param taken workers that are not reaped yet
 * @param processMax `process.max`; with such a limit every pool's growth matters, so nothing can be decided in advance
 * @returns undefined to decide when the connection is there
 */
export function slotForNext(
  pool: Pick<ManagerSettings, 'pm.max_children'>,
  taken: readonly { readonly slot: number }[],
  processMax: number,
): number | undefined {
  return processMax > 0 ? undefined : freeSlots(taken, pool['pm.max_children'])[0];
}
