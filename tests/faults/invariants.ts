/** What holds over a fault of the master: seen before it, and compared with what is seen after it. */
import assert from 'node:assert/strict';
import { poll } from '../harness/waiting.ts';
import { processesOf } from './injectors.ts';
import type { Target } from './target.ts';

export interface Facts {
  /** Requests that were accepted, and answered. */
  readonly accepted: number;
  readonly ended: number;
  readonly startedAt: unknown;
  /** Of workers. */
  readonly pids: readonly number[];
  readonly maxChildren: number;
}

export async function factsOf(target: Target, name = 'www'): Promise<Facts> {
  const pool = await target.pool(name);
  const ended = pool.totals.responses.reduce((sum, count) => sum + count, 0);
  const pids = pool.workers.map(({ pid }) => pid);
  const { startedAt, maxChildren } = pool;
  return { accepted: pool.totals.accepted, ended, startedAt, pids, maxChildren };
}

/** No counter goes back. */
export function assertGoesOn(before: Facts, after: Facts): void {
  const text = JSON.stringify([before, after]);
  assert.ok(after.accepted >= before.accepted && after.ended >= before.ended, text);
}

/**
 * Every worker of before is there, and their pool is as old as it was. Those beside them, for the status page of a full
 * pool, come and go.
 */
export function assertKept(before: Facts, after: Facts): void {
  const text = JSON.stringify([before, after]);
  const gone = before.pids.filter((pid) => !after.pids.includes(pid));
  assert.ok(gone.length <= Math.max(0, before.pids.length - before.maxChildren), text);
  assert.equal(after.startedAt, before.startedAt, text);
}

/** No worker twice: the pool's processes are the workers that the master knows, once each. Native engine. */
export async function assertEachOnce(target: Target, name = 'www'): Promise<void> {
  const compare = async (): Promise<string> => {
    const { pids } = await factsOf(target, name);
    const there = processesOf(target, 'worker', name).map(({ pid }) => pid);
    const sorted = (list: readonly number[]): string => [...list].sort((a, b) => a - b).join(' ');
    return sorted(pids) === sorted(there) ? '' : `known: ${sorted(pids)}; there: ${sorted(there)}`;
  };
  let difference = '';
  // A generation that has finished takes a moment to go.
  await poll('each worker once', async () => {
    difference = await compare();
    return difference === '' || undefined;
  }).catch((error) => {
    throw new Error(`${(error as Error).message}: ${difference}`);
  });
}
