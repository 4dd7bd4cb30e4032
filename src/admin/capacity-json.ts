/** Needs of pools, by formulas alone: `hathi plan` also predicts waiting, which takes more time than the master has. */

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PoolSnapshot } from '../figures/admin-snapshot.ts';
import type { AdminSource } from '../figures/admin-source.ts';
import type { CapacityAnswer } from '../figures/answers.ts';
import type { MemoryLimitFigures } from '../figures/memory.ts';
import { everyPool } from '../figures/pool-choice.ts';
import { defaultReserve, type MemoryBudget } from '../pool/capacity.ts';
import { type MeasuredPool, type PoolPlan, planCapacity } from '../pool/capacity-plan.ts';
import { demandOf } from '../pool/demand.ts';

/** Pools of an answer: the history of each is some thousand numbers. */
const mostPools = 50;

/**
 * The answer of `GET /api/plan`. Other things have their turn between two pools.
 *
 * @param first the pool that is not to be missing; '' for none
 */
export async function capacityJson(source: AdminSource, first: string): Promise<CapacityAnswer> {
  const { memory, pools, counts } = source.read('summary', { ...everyPool, first, limit: mostPools });
  const measuredPools: MeasuredPool[] = [];
  for (const pool of pools) {
    measuredPools.push(measured(pool, source));
    await nextTurn();
  }
  const plan = planCapacity(measuredPools, memory === undefined ? undefined : budgetOf(memory, pools));
  const { availableBytes, costBytes } = plan;
  return {
    reserve: defaultReserve,
    availableBytes,
    costBytes,
    pools: plan.pools.map(poolJson),
    left: counts.matching - pools.length,
  };
}

/** What the pools of the answer do not use is used by others: the master and pools that are left out included. */
function budgetOf(memory: MemoryLimitFigures, pools: readonly PoolSnapshot[]): MemoryBudget | undefined {
  const own = pools.map(({ memoryBytes }) => memoryBytes);
  if (!own.every((bytes) => bytes !== undefined)) return undefined;
  const othersBytes = Math.max(0, memory.usedBytes - own.reduce((sum, bytes) => sum + bytes, 0));
  return { limitBytes: memory.limitBytes, othersBytes, reserve: defaultReserve };
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
