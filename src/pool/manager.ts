/**
 * The process managers as one pure function: what a pool looks like, its settings and the time go in, what the
 * master has to do comes out. Nothing here starts or ends anything.
 *
 * Where Hathi differs from PHP-FPM on purpose:
 * - a worker that was asked for and is not up yet counts as a spare one for growth, since it will be idle in a
 *   moment; PHP-FPM's fork is instant, an embedded engine's is not;
 * - static: the heartbeat refills a pool that could not be filled before (process.max, a failed start);
 * - ondemand: every worker over its idle time is stopped, not one a second picked by its birth; and as many
 *   workers are started as connections are known to wait, not one a wake-up.
 */

import { decideDynamic } from './dynamic.ts';
import type { ManagerDecision, ManagerInput } from './management.ts';
import { decideOndemand } from './ondemand.ts';
import { Plan } from './plan.ts';
import { decideStatic } from './static.ts';

/**
 * What to do about a pool's number of workers. The caller carries out the actions in order, logs the messages,
 * and keeps the memory. Not to be called while the pool drains: then no worker is ever started.
 */
export function decide(input: ManagerInput): ManagerDecision {
  const plan = new Plan(input);
  if (input.event.type === 'replace') plan.spawn(input.event.count, 'replace');
  else if (input.pool.pm === 'static') decideStatic(plan);
  else if (input.pool.pm === 'dynamic') decideDynamic(plan);
  else if (input.pool.pm === 'ondemand') decideOndemand(plan);
  else throw new Error(`cannot manage a pool with pm = ${JSON.stringify(input.pool.pm)}`);
  return plan.decision();
}
