/** The input of a capacity plan, from checked answers of the admin endpoint. */

import type { WorkerMemory } from '../figures/memory.ts';
import type { MeasuredPool } from '../pool/capacity-plan.ts';
import { demandOf, type LoadSamples } from '../pool/demand.ts';
import { fieldsOf, isFields, number, text } from '../top/fields.ts';

/** A pool with the distribution of its service times. */
export interface PlannedPool extends MeasuredPool {
  readonly durations: readonly number[];
}

export interface MeasuredLimit {
  readonly source: string;
  readonly limitBytes: number;
  readonly othersBytes: number | undefined;
  /** Memory of the master itself. */
  readonly masterBytes: number;
}

/** An answer of a form that this version does not know. */
export class PlanError extends Error {
  override readonly name = 'PlanError';
}

/** @param answer of `GET /api/pools` */
export function limitOf(answer: unknown): MeasuredLimit | undefined {
  const { memory, master } = fieldsOf(answer);
  const { source, limitBytes, othersBytes } = fieldsOf(memory);
  const limit = number(limitBytes);
  if (limit === undefined) return undefined;
  return {
    source: text(source),
    limitBytes: limit,
    othersBytes: number(othersBytes),
    masterBytes: number(fieldsOf(master)['residentBytes']) ?? 0,
  };
}

/** @param answer of `GET /api/pools`. @throws PlanError */
export function namesOf(answer: unknown): string[] {
  const { pools } = fieldsOf(answer);
  if (!Array.isArray(pools))
    throw new PlanError('Cannot read the answer of the master: "pools" must be a list');
  return pools.filter(isFields).map(({ name }) => text(name));
}

/**
 * @param answer of `GET /api/pools`
 * @param history of `GET /api/history?pool=NAME`
 * @throws PlanError
 */
export function measuredPool(answer: unknown, name: string, history: unknown): PlannedPool {
  const { pools } = fieldsOf(answer);
  const pool = fieldsOf(
    Array.isArray(pools) ? pools.find((one) => fieldsOf(one)['name'] === name) : undefined,
  );
  const { counts } = fieldsOf(fieldsOf(fieldsOf(pool['totals'])['durations']));
  return {
    name,
    processManager: text(pool['processManager']),
    maxChildren: number(pool['maxChildren']) ?? 0,
    demand: demandOf(samplesOf(history)),
    workerMemory: workerMemoryOf(pool['workerMemory']),
    sharedBytes: number(pool['sharedBytes']),
    durations: Array.isArray(counts) ? counts.map((count) => number(count) ?? 0) : [],
  };
}

function workerMemoryOf(value: unknown): WorkerMemory | undefined {
  const fields = fieldsOf(value);
  const averageBytes = number(fields['averageBytes']);
  if (averageBytes === undefined) return undefined;
  return {
    averageBytes,
    measured: number(fields['measured']) ?? 0,
    largestBytes: number(fields['largestBytes']) ?? averageBytes,
    peakBytes: number(fields['peakBytes']) ?? averageBytes,
    growthBytesPerRequest: number(fields['growthBytesPerRequest']),
  };
}

const needed = [
  'requestsPerSecond',
  'meanMicros',
  'busyMean',
  'busy',
  'limit',
  'queue',
  'memoryBytes',
] as const;

function samplesOf(answer: unknown): LoadSamples {
  const fields = fieldsOf(answer);
  const { at } = fields;
  const isWhole = Array.isArray(at) && needed.every((name) => Array.isArray(fields[name]));
  if (!isWhole) {
    throw new PlanError(
      `Cannot read the history of the master: it has no ${needed.find((name) => !Array.isArray(fields[name])) ?? 'times'}, so it is of another version`,
    );
  }
  const columns = needed.map((name) => [
    name,
    (fields[name] as unknown[]).map((value) => number(value) ?? null),
  ]);
  return { ...Object.fromEntries(columns), at: at.map((value) => number(value) ?? 0) } as LoadSamples;
}
