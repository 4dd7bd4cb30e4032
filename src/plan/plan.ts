/** A capacity plan with its predictions, for output as text, JSON or a page. */

import type { MemoryBudget } from '../pool/capacity.ts';
import { type CapacityPlan, type PoolPlan, planCapacity } from '../pool/capacity-plan.ts';
import { type Prediction, predict, type WhatIf } from '../pool/prediction.ts';
import type { MeasuredLimit, PlannedPool } from './answers.ts';

export interface PlanRequest {
  /** Replaces the measured limit, bytes. */
  readonly memory: number | undefined;
  /** Replaces the measured use of others. */
  readonly others: number | undefined;
  readonly reserve: number;
  readonly whatIf: WhatIf | undefined;
}

export interface PoolOutlook {
  readonly plan: PoolPlan;
  /** With the current maximum of workers, and with the recommended one; undefined without requests. */
  readonly now: Prediction | undefined;
  readonly proposed: Prediction | undefined;
  /** For --what-if. */
  readonly whatIf: Prediction | undefined;
}

export interface WholePlan {
  readonly capacity: CapacityPlan;
  readonly budget: MemoryBudget | undefined;
  /** Origin of the limit. */
  readonly source: string;
  readonly reserve: number;
  readonly masterBytes: number;
  readonly pools: readonly PoolOutlook[];
}

export function makePlan(
  pools: readonly PlannedPool[],
  limit: MeasuredLimit | undefined,
  request: PlanRequest,
): WholePlan {
  const budget = budgetOf(limit, request);
  const capacity = planCapacity(pools, budget);
  const outlooks = capacity.pools.map((plan, index): PoolOutlook => {
    const { demand, durations, maxChildren } = pools[index]!;
    const look = (workers: number, whatIf?: WhatIf): Prediction | undefined =>
      demand === undefined ? undefined : predict(demand, durations, workers, whatIf);
    return {
      plan,
      now: look(maxChildren),
      proposed: look(plan.recommended),
      whatIf: request.whatIf === undefined ? undefined : look(maxChildren, request.whatIf),
    };
  });
  return {
    capacity,
    budget,
    source: request.memory === undefined ? (limit?.source ?? '') : '--memory',
    reserve: request.reserve,
    masterBytes: limit?.masterBytes ?? 0,
    pools: outlooks,
  };
}

/** The master is no pool: its memory is not theirs. */
function budgetOf(limit: MeasuredLimit | undefined, request: PlanRequest): MemoryBudget | undefined {
  const limitBytes = request.memory ?? limit?.limitBytes;
  if (limitBytes === undefined) return undefined;
  // For another machine, the use of others is unknown.
  const measured = request.memory === undefined ? limit?.othersBytes : 0;
  const othersBytes = (request.others ?? measured ?? 0) + (limit?.masterBytes ?? 0);
  return { limitBytes, othersBytes, reserve: request.reserve };
}
