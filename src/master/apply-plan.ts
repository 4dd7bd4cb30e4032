/** A committed plan takes effect: everything that it opens exists already. */

import type { ReloadScope } from '../generation/prepared-pool.ts';
import { Abandoned, type Turns } from '../runtime/turns.ts';
import type { MasterParts } from './master-parts.ts';
import type { Plan } from './plan.ts';

/** Applies a reload's plan. @returns as {@link applyPools} */
export async function applyPlan(
  parts: MasterParts,
  plan: Plan,
  scope: ReloadScope,
  turns: Turns,
): Promise<readonly string[] | undefined> {
  parts.configuration = plan.configuration;
  parts.systemd.configure(plan.configuration.global);
  parts.intervals.start(plan.configuration);
  parts.templates.renew(scope);
  return await applyPools(parts, plan, scope, turns);
}

/**
 * Pool by pool, since each starts or continues by itself. The master may be told to stop in between: then the remaining
 * pools stay unchanged, or never start.
 *
 * @returns names of the pools left alone; undefined if the master was told to stop
 */
export async function applyPools(
  { pools }: MasterParts,
  plan: Plan,
  scope: ReloadScope,
  turns: Turns,
): Promise<readonly string[] | undefined> {
  try {
    return await turns.run(pools.putInForce(plan.pools, scope));
  } catch (error) {
    if (error instanceof Abandoned) return undefined;
    throw error;
  }
}
