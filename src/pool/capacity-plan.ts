/** Workers that each pool needs, their cost, what fits, and recommended settings. Pure. */

import { allot, availableBytes, fittingWorkers, type MemoryBudget } from './capacity.ts';
import type { Demand } from './demand.ts';
import type { WorkerMemory } from './memory-growth.ts';
import { type Advice, adviceFor } from './pool-advice.ts';
import { defaultSafety, workersFor } from './staffing.ts';

export interface MeasuredPool {
  readonly name: string;
  readonly processManager: string;
  readonly maxChildren: number;
  /** Undefined before the first complete minute. */
  readonly demand: Demand | undefined;
  readonly workerMemory: WorkerMemory | undefined;
  readonly sharedBytes: number | undefined;
}

export interface PoolPlan {
  readonly pool: MeasuredPool;
  /** Workers for the busiest minute, and the calculation. */
  readonly needed: number;
  readonly why: string;
  /** Private memory of one worker; undefined when unknown. */
  readonly workerBytes: number | undefined;
  /** Memory of the needed workers including shared memory; undefined when unknown. */
  readonly costBytes: number | undefined;
  /** Maximum memory with the current `pm.max_children`. */
  readonly worstBytes: number | undefined;
  /** Workers that fit beside those that other pools need; undefined when unknown. */
  readonly fits: number | undefined;
  /** Recommended number. */
  readonly recommended: number;
  readonly advice: readonly Advice[];
}

export interface CapacityPlan {
  /** Undefined when the limit is unknown. */
  readonly availableBytes: number | undefined;
  readonly costBytes: number | undefined;
  readonly pools: readonly PoolPlan[];
}

/** @param budget undefined when the limit is unknown: then all pools get what they need */
export function planCapacity(pools: readonly MeasuredPool[], budget: MemoryBudget | undefined): CapacityPlan {
  const available = budget === undefined ? undefined : availableBytes(budget);
  const needs = pools.map((pool) => ({ pool, needed: needOf(pool.demand) }));
  const claims = needs.flatMap(({ pool, needed }) => {
    const workerBytes = pool.workerMemory?.averageBytes;
    if (workerBytes === undefined) return [];
    const { name, sharedBytes = 0, demand } = pool;
    return [{ name, load: demand?.peak.load ?? 0, least: 1, wanted: needed, workerBytes, sharedBytes }];
  });
  const allotment = available === undefined ? undefined : allot(available, claims);
  const planned = needs.map(({ pool, needed }): PoolPlan => {
    const workerBytes = pool.workerMemory?.averageBytes;
    const sharedBytes = pool.sharedBytes ?? 0;
    const sizeOf = (workers: number): number | undefined =>
      workerBytes === undefined ? undefined : sharedBytes + workers * workerBytes;
    const recommended = allotment?.workers.get(pool.name) ?? needed;
    const others = claims
      .filter(({ name }) => name !== pool.name)
      .reduce((sum, claim) => sum + claim.sharedBytes + claim.workerBytes * claim.wanted, 0);
    return {
      pool,
      needed,
      why: reasonOf(pool.demand, needed),
      workerBytes,
      costBytes: sizeOf(needed),
      worstBytes: sizeOf(pool.maxChildren),
      fits:
        available === undefined || workerBytes === undefined
          ? undefined
          : fittingWorkers(available - others, sharedBytes, workerBytes),
      recommended,
      advice: adviceFor({
        processManager: pool.processManager,
        demand: pool.demand,
        workers: recommended,
        workerBytes,
        growthBytesPerRequest: pool.workerMemory?.growthBytesPerRequest,
      }),
    };
  });
  const costs = planned.map(({ costBytes }) => costBytes);
  const isKnown = costs.every((cost) => cost !== undefined);
  return {
    availableBytes: available,
    costBytes: isKnown ? costs.reduce((sum, cost) => sum + cost, 0) : undefined,
    pools: planned,
  };
}

function needOf(demand: Demand | undefined): number {
  return demand === undefined ? 1 : workersFor(demand.peak.load);
}

function reasonOf(demand: Demand | undefined, needed: number): string {
  if (demand === undefined) return 'no minute of it has been seen yet';
  const { load, rate, serviceSeconds } = demand.peak;
  if (load === 0) return 'nothing was asked of it';
  const shown = (value: number): string => value.toFixed(value < 10 ? 2 : 1);
  const times =
    serviceSeconds === undefined ? '' : `${shown(rate)} requests a second x ${timeText(serviceSeconds)} = `;
  return `${times}${shown(load)} busy, and ${defaultSafety} x its square root: ${needed}`;
}

function timeText(seconds: number): string {
  return seconds < 1 ? `${(seconds * 1000).toFixed(seconds < 0.01 ? 2 : 0)} ms` : `${seconds.toFixed(2)} s`;
}
