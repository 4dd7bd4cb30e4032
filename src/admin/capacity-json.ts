/** Needs of pools, by formulas alone: `hathi plan` also predicts waiting, which takes more time than the master has. */

import type { PoolSnapshot } from '../figures/admin-snapshot.ts';
import type { AdminSource } from '../figures/admin-source.ts';
import type { CapacityAnswer } from '../figures/answers.ts';
import { defaultReserve } from '../pool/capacity.ts';
import { type MeasuredPool, type PoolPlan, planCapacity } from '../pool/capacity-plan.ts';
import { demandOf } from '../pool/demand.ts';

/** The answer of `GET /api/plan`. */
export function capacityJson(source: AdminSource): CapacityAnswer {
  const { memory, master, pools } = source.read('summary');
  const budget =
    memory?.othersBytes === undefined
      ? undefined
      : {
          limitBytes: memory.limitBytes,
          othersBytes: memory.othersBytes + master.residentBytes,
          reserve: defaultReserve,
        };
  const plan = planCapacity(
    pools.map((pool) => measured(pool, source)),
    budget,
  );
  const { availableBytes, costBytes } = plan;
  return { reserve: defaultReserve, availableBytes, costBytes, pools: plan.pools.map(poolJson) };
}

function measured(pool: PoolSnapshot, source: AdminSource): MeasuredPool {
  const { name, processManager, maxChildren, workerMemory, sharedBytes } = pool;
  const history = source.history(name, 0);
  const demand = history === undefined ? undefined : demandOf(history);
  return { name, processManager, maxChildren, demand, workerMemory, sharedBytes };
}

function poolJson({ pool, ...plan }: PoolPlan): CapacityAnswer['pools'][number] {
  const { demand } = pool;
  return {
    pool: pool.name,
    maxChildren: pool.maxChildren,
    ...plan,
    peakLoad: demand?.peak.load,
    meanLoad: demand?.meanLoad,
    peakAt: demand?.peak.at,
  };
}
