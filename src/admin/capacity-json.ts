/**
 * Needs of pools, and how long their connections wait. `hathi plan` predicts the same for all pools, and of more of the
 * hour, which takes more time than the master has.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PoolSnapshot } from '../figures/admin-snapshot.ts';
import type { AdminSource } from '../figures/admin-source.ts';
import type { CapacityAnswer } from '../figures/answers.ts';
import type { MemoryLimitFigures } from '../figures/memory.ts';
import { everyPool } from '../figures/pool-choice.ts';
import { defaultReserve, type MemoryBudget } from '../pool/capacity.ts';
import { type MeasuredPool, type PoolPlan, planCapacity } from '../pool/capacity-plan.ts';
import { type Demand, demandOf } from '../pool/demand.ts';
import { type Effort, type Prediction, predictInSteps } from '../pool/prediction.ts';

/** Pools of an answer: the history of each is some thousand numbers. */
const mostPools = 50;
/** Those of them whose waiting is predicted: the ones that the dashboard shows first. */
const mostPredicted = 6;
/** For one number of workers: 20 milliseconds of computing, in turns of two. */
const effort: Effort = { arrivals: 10_000, runs: 3 };
/** A minute with more is not simulated. */
const mostInMinute = 50_000;

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
  const predicted = new Map<string, Predicted>();
  for (const [index, each] of plan.pools.slice(0, mostPredicted).entries())
    predicted.set(each.pool.name, await predictedOf(each, pools[index]));
  return {
    reserve: defaultReserve,
    availableBytes,
    costBytes,
    pools: plan.pools.map((each) => ({ ...poolJson(each), ...predicted.get(each.pool.name) })),
    left: counts.matching - pools.length,
  };
}

type Predicted = Pick<CapacityAnswer['pools'][number], 'waitsNow' | 'waitsThen'>;

async function predictedOf(
  { pool: { demand }, recommended }: PoolPlan,
  snapshot: PoolSnapshot | undefined,
): Promise<Predicted> {
  const counts = snapshot?.totals.durations.counts;
  if (snapshot === undefined || counts === undefined || demand === undefined) return {};
  if (demand.peak.rate * demand.peak.seconds > mostInMinute) return {};
  const waitsNow = waitOf(await inTurns(demand, counts, snapshot.maxChildren));
  const isSame = recommended === snapshot.maxChildren;
  const waitsThen = isSame ? waitsNow : waitOf(await inTurns(demand, counts, recommended));
  return { waitsNow, waitsThen };
}

/** Other things have their turn at each pause. */
async function inTurns(
  demand: Demand,
  counts: readonly number[],
  workers: number,
): Promise<Prediction | undefined> {
  const steps = predictInSteps(demand, counts, workers, {}, effort);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    await nextTurn();
  }
}

function waitOf(prediction: Prediction | undefined): Predicted['waitsNow'] {
  if (prediction === undefined) return undefined;
  const { waited, p95, p99 } = prediction.peak;
  return { waited, p95Seconds: p95, p99Seconds: p99 };
}

/** Others use the rest: the master, and pools that the answer leaves out. */
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
