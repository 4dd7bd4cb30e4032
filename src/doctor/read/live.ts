/** Answers of a running master, checked and reduced: it may be of another version. */

import { type Fields, fieldsOf, isFields, number, text } from '../../top/fields.ts';
import type { LiveFacts, LivePool } from '../live-facts.ts';

/** Asks the master by GET and parses the JSON answer. */
export type AskMaster = (path: string) => Promise<unknown>;

/** Maximum of busy workers sampled per pool: each takes the master a moment. */
const looks = 16;

/** @throws errors of `ask` for the pools; a missing stack counts as unknown */
export async function readLive(ask: AskMaster, progress: (step: string) => void): Promise<LiveFacts> {
  progress('pools of the running master');
  const answer = fieldsOf(await ask('/api/pools'));
  const pools = Array.isArray(answer['pools']) ? answer['pools'].filter(isFields) : [];
  const read: LivePool[] = [];
  for (const pool of pools) {
    progress(`stacks of pool ${text(pool['name'])}`);
    read.push(readPool(pool, await lookAtStacks(ask, pool)));
  }
  return { startedAt: number(answer['startedAt']) ?? 0, pools: read };
}

type Stacks = Pick<LivePool, 'busy' | 'answered' | 'stacks' | 'waitingForSession'>;

async function lookAtStacks(ask: AskMaster, pool: Fields): Promise<Stacks> {
  const workers = Array.isArray(pool['workers']) ? pool['workers'].filter(isFields) : [];
  const busy = workers.filter((worker) => text(worker['state']) !== 'Idle');
  // The stage after the answer takes a moment, unless the script goes on by fastcgi_finish_request().
  const answered = busy.filter((worker) => text(worker['state']) === 'Finishing').length;
  let stacks = 0;
  let waitingForSession = 0;
  for (const worker of busy.slice(0, looks)) {
    const query = new URLSearchParams({ pool: text(pool['name']), pid: String(number(worker['pid']) ?? 0) });
    const functions = await ask(`/api/stack?${query}`).then(functionsOf, () => []);
    if (functions.length > 0) stacks++;
    if (functions[0] === 'session_start') waitingForSession++;
  }
  return { busy: busy.length, answered, stacks, waitingForSession };
}

/** Innermost call first. */
function functionsOf(answer: unknown): string[] {
  const { frames } = fieldsOf(answer);
  return Array.isArray(frames) ? frames.filter(isFields).map((frame) => text(frame['function'])) : [];
}

function readPool(pool: Fields, stacks: Stacks): LivePool {
  const recent = fieldsOf(pool['recent']);
  const totals = fieldsOf(pool['totals']);
  const total = (name: string): number => number(totals[name]) ?? number(pool[name]) ?? 0;
  return {
    name: text(pool['name']),
    state: text(pool['state']),
    failure: text(pool['failure']),
    phpVersion: text(pool['phpVersion']) || undefined,
    processManager: text(pool['processManager']),
    maxChildren: number(pool['maxChildren']) ?? 0,
    maxActive: number(pool['maxActive']) ?? 0,
    maxQueue: number(pool['maxQueue']) ?? 0,
    maxChildrenReached: total('maxChildrenReached'),
    requestsPerSecond: number(recent['requestsPerSecond']) ?? 0,
    startedAt: number(pool['startedAt']),
    opcache: readOpcache(pool['opcache']),
    ...stacks,
  };
}

/** Undefined when a figure is missing: a part of them says nothing. */
function readOpcache(answer: unknown): LivePool['opcache'] {
  const figures = fieldsOf(answer);
  const [memory, strings, restarts] = ['memory', 'strings', 'restarts'].map((name) =>
    fieldsOf(figures[name]),
  );
  const values = {
    keys: number(figures['keys']),
    keysLimit: number(figures['keysLimit']),
    memoryUsed: number(memory?.['used']),
    memoryFree: number(memory?.['free']),
    memoryWasted: number(memory?.['wasted']),
    stringsUsed: number(strings?.['used']),
    stringsFree: number(strings?.['free']),
    restarts: (number(restarts?.['memory']) ?? 0) + (number(restarts?.['keys']) ?? 0),
  };
  return isWhole(values) ? values : undefined;
}

function isWhole<T extends Record<string, number | undefined>>(
  values: T,
): values is T & Record<keyof T, number> {
  return Object.values(values).every((value) => value !== undefined);
}
