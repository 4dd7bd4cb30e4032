/** `pm = auto`: as many workers as auto-sizing.ts decides. */

import type { ManagedWorker } from './management.ts';
import type { Plan } from './plan.ts';

export function decideAuto(plan: Plan): void {
  switch (plan.input.event.type) {
    case 'start':
      plan.spawn(plan.input.pool['pm.min_children'], 'start');
      return;
    case 'heartbeat':
      heartbeat(plan);
      return;
    case 'waiting':
      return;
    default:
      throw new Error(`auto manager met the event ${JSON.stringify(plan.input.event)}`);
  }
}

function heartbeat(plan: Plan): void {
  const { workers, pool, auto } = plan.input;
  plan.killStubborn();
  if (auto === undefined) return;
  const staying = workers.filter(({ stopping }) => !stopping).length;
  if (auto.isAtMaximum) {
    plan.maximumReached(
      `server reached pm.max_children setting (${pool['pm.max_children']}), consider raising it`,
    );
  } else plan.memory.atMaximum = false;
  plan.spawn(auto.target - staying, 'grow');
  const surplus = Math.max(0, staying - auto.target);
  // With scarce memory, busy workers leave as well, after their request: a pool that is never idle would lose none
  // otherwise.
  const leavers = auto.isMemoryShort ? [...plan.idle, ...busyOf(workers)] : plan.idle;
  for (const worker of oldestFirst(leavers).slice(0, surplus)) plan.stop(worker);
}

function busyOf(workers: readonly ManagedWorker[]): ManagedWorker[] {
  return workers.filter(({ stage, stopping }) => stage !== 'idle' && stage !== 'creating' && !stopping);
}

/** Idle ones first; among these the earliest start, which has had most time to grow. */
function oldestFirst(workers: readonly ManagedWorker[]): ManagedWorker[] {
  const rank = ({ stage }: ManagedWorker): number => (stage === 'idle' ? 0 : 1);
  return [...workers].sort((a, b) => rank(a) - rank(b) || a.startedAt - b.startedAt);
}
