/**
 * The process managers as one pure function: state of a pool, settings and time in, actions of the master out. Nothing
 * here starts or ends anything.
 *
 * Intentional differences from PHP-FPM:
 * - a worker on its way counts as spare for growth, since it will be idle in a moment; PHP-FPM's fork is instant, an
 *   embedded engine's start is not;
 * - static: the heartbeat refills a pool that could not be filled earlier (process.max, a failed start);
 * - ondemand: every worker over its idle time is stopped, not one a second selected by its birth; and as many workers
 *   start as connections wait, not one per wake-up.
 */

import { decideAuto } from './auto.ts';
import { decideDynamic } from './dynamic.ts';
import type { ManagerDecision, ManagerInput } from './management.ts';
import { decideOndemand } from './ondemand.ts';
import { Plan } from './plan.ts';
import { decideStatic } from './static.ts';

/**
 * Decides on a pool's number of workers. The caller executes the actions in order, logs the messages, and keeps the
 * memory. Do not call it while the pool drains: then no worker may start.
 */
export function decide(input: ManagerInput): ManagerDecision {
  const plan = new Plan(input);
  if (input.event.type === 'replace') plan.spawn(input.event.count, 'replace');
  else if (input.pool.pm === 'static') decideStatic(plan);
  else if (input.pool.pm === 'dynamic') decideDynamic(plan);
  else if (input.pool.pm === 'ondemand') decideOndemand(plan);
  else if (input.pool.pm === 'auto') decideAuto(plan);
  else throw new Error(`cannot manage a pool with pm = ${JSON.stringify(input.pool.pm)}`);
  return plan.decision();
}
