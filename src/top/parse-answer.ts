/** The data of `hathi status` and `hathi top`: the admin endpoint's answers, checked and reduced. */

import { type Fields, fieldsOf, isFields, number, text } from './fields.ts';
import { duration } from './units.ts';

export interface WorkerView {
  readonly pid: number;
  /** Stage as on the status page: `Idle`, `Running` and so on. */
  readonly state: string;
  /** Belongs to a generation that a reload replaced. */
  readonly draining: boolean;
  readonly requests: number;
  readonly method: string;
  /** Requested path, without query. */
  readonly uri: string;
  readonly script: string;
  /** Microseconds of the running request so far, or of an idle worker's last one. */
  readonly durationMicros: number;
  /**
   * Bytes that would be free without the worker; while unknown, the resident size of its process, else the peak of its
   * last request; undefined when unknown.
   */
  readonly memoryBytes: number | undefined;
  /** Recent percentage of one CPU, else that of the last request; undefined when unknown. */
  readonly cpuPercent: number | undefined;
  /** Worker mode: its application in words; undefined for a worker that runs scripts. */
  readonly application: string | undefined;
}

export interface PoolView {
  readonly name: string;
  /** Why the pool has no serving host; undefined while it has one. */
  readonly trouble: string | undefined;
  /** It has no host because nobody uses it. */
  readonly isAsleep: boolean;
  /** An operator has removed it from load balancing. */
  readonly isDrained: boolean;
  readonly maxChildren: number;
  readonly active: number;
  readonly queue: number;
  /** Limit of the backlog in connections; 0 when unknown. */
  readonly queueLimit: number;
  /** Counters since the master's start. */
  readonly accepted: number;
  readonly slowRequests: number;
  readonly maxChildrenReached: number;
  /** Number of times that its host had to be ended. */
  readonly faults: number;
  /** Recent figures; undefined when unknown. Quantiles are estimates. */
  readonly requestsPerSecond: number | undefined;
  readonly p50Micros: number | undefined;
  readonly p95Micros: number | undefined;
  readonly p99Micros: number | undefined;
  /** 5xx answers a second; undefined when unknown. */
  readonly errorsPerSecond: number | undefined;
  /** Memory of all processes of the pool, shared memory counted once; undefined when unknown. */
  readonly memoryBytes: number | undefined;
  /** Percent of one CPU; undefined when unknown. */
  readonly cpuPercent: number | undefined;
  /** With `pm = auto`: the number of workers and its reason. */
  readonly sizing: string | undefined;
  /** Of `reload.canary`, while a new generation is on trial; undefined otherwise. */
  readonly trial: string | undefined;
  readonly workers: readonly WorkerView[];
}

export interface Snapshot {
  readonly version: string;
  /** State of the master. */
  readonly state: string;
  /** Milliseconds since 1970; 0 when unknown. */
  readonly at: number;
  readonly startedAt: number;
  /** Outcome of the last reload; undefined without one. */
  readonly lastReload: string | undefined;
  /** Number of the configuration that a rollback applied; undefined if the files are in effect. */
  readonly rollbackTo: number | undefined;
  readonly counts: CountsView;
  /** The requested pools. */
  readonly pools: readonly PoolView[];
}

/** Of all pools, whether shown or not. */
export interface CountsView {
  readonly pools: number;
  /** Number of pools that match the request. */
  readonly matching: number;
  readonly asleep: number;
  readonly down: number;
  readonly active: number;
  readonly maxChildren: number;
  readonly queue: number;
  readonly requestsPerSecond: number;
  readonly faults: number;
}

/** Above this number pools are not read every few seconds: the master sends the important ones. */
export const poolsAtOnce = 100;

/**
 * Path of the request for pools.
 *
 * @param pool only those whose name contains it, '' for all
 * @param first those whose name contains it come first
 */
export function poolsPath({
  pool = '',
  first = '',
  limit = poolsAtOnce,
}: {
  readonly pool?: string;
  readonly first?: string;
  readonly limit?: number | undefined;
} = {}): string {
  const query = new URLSearchParams({
    ...(limit === Number.POSITIVE_INFINITY ? {} : { limit: String(limit) }),
    ...(pool === '' ? {} : { pool }),
    ...(first === '' ? {} : { first }),
  });
  return query.size === 0 ? '/api/pools' : `/api/pools?${query}`;
}

/** An answer of a form that this version does not know. */
export class SnapshotError extends Error {
  override readonly name = 'SnapshotError';
}

/**
 * Reads an answer of `GET /api/pools`. Unknown fields are ignored and missing ones become 0, '' or undefined, so that
 * commands work with a master of another version.
 * @throws {SnapshotError} when the list of pools is missing.
 */
export function readSnapshot(answer: unknown): Snapshot {
  const fields = fieldsOf(answer);
  const pools = fields['pools'];
  if (!Array.isArray(pools)) {
    throw new SnapshotError('Cannot read the answer of the admin endpoint: "pools" must be a list');
  }
  const outcome = text(fieldsOf(fields['lastReload'])['outcome']);
  return {
    version: text(fields['version']),
    state: text(fields['state']),
    at: number(fields['at']) ?? 0,
    startedAt: number(fields['startedAt']) ?? 0,
    lastReload: outcome === '' ? undefined : outcome,
    rollbackTo: number(fieldsOf(fields['configuration'])['rollbackTo']),
    ...readPools(pools.filter(isFields).map(readPool), fields['counts']),
  };
}

/** An older master has no counts and sends all of its pools. */
function readPools(pools: readonly PoolView[], counts: unknown): Pick<Snapshot, 'pools' | 'counts'> {
  const sum = (of: (pool: PoolView) => number): number => pools.reduce((total, pool) => total + of(pool), 0);
  const own = {
    pools: pools.length,
    matching: pools.length,
    asleep: sum(({ isAsleep }) => Number(isAsleep)),
    down: sum(({ trouble }) => Number(trouble !== undefined)),
    active: sum(({ active }) => active),
    maxChildren: sum(({ maxChildren }) => maxChildren),
    queue: sum(({ queue }) => queue),
    requestsPerSecond: sum(({ requestsPerSecond }) => requestsPerSecond ?? 0),
    faults: sum(({ faults }) => faults),
  };
  const told = fieldsOf(counts);
  const known = Object.entries(own).map(([name, value]) => [name, number(told[name]) ?? value]);
  return { pools, counts: Object.fromEntries(known) as typeof own };
}

function readPool(pool: Fields): PoolView {
  const workers = Array.isArray(pool['workers']) ? pool['workers'] : [];
  const recent = fieldsOf(pool['recent']);
  // Counters since the master's start; an older master has only those since the last reload.
  const totals = fieldsOf(pool['totals']);
  const total = (name: string) => number(totals[name]) ?? number(pool[name]) ?? 0;
  return {
    name: text(pool['name']),
    trouble: troubleOf(pool),
    isAsleep: text(pool['state']) === 'asleep',
    isDrained: pool['isDrained'] === true,
    maxChildren: number(pool['maxChildren']) ?? 0,
    active: number(pool['active']) ?? 0,
    queue: number(pool['queue']) ?? 0,
    queueLimit: number(pool['queueLimit']) ?? 0,
    accepted: total('accepted'),
    slowRequests: total('slowRequests'),
    maxChildrenReached: total('maxChildrenReached'),
    faults: total('faults'),
    requestsPerSecond: number(recent['requestsPerSecond']),
    p50Micros: number(recent['p50Micros']),
    p95Micros: number(recent['p95Micros']),
    p99Micros: number(recent['p99Micros']),
    errorsPerSecond: number(recent['errorsPerSecond']),
    memoryBytes: number(pool['memoryBytes']),
    cpuPercent: number(pool['cpuPercent']),
    sizing: sizingOf(pool['sizing']),
    trial: trialOf(pool['trial']),
    workers: workers.filter(isFields).map(readWorker),
  };
}

/** A pool without a state counts as served. */
function troubleOf(pool: Fields): string | undefined {
  const state = text(pool['state']);
  if (state === '' || state === 'serving' || state === 'asleep') return undefined;
  const failure = text(pool['failure']);
  return failure === '' ? state : `down: ${failure}`;
}

/** `booted in 12ms, 345 requests since, grows 0 bytes a request`. */
function applicationOf(application: Fields): string | undefined {
  const boots = number(application['boots']);
  if (boots === undefined) return undefined;
  const growth = number(application['growthBytesPerRequest']);
  const parts = [
    `booted in ${duration(number(application['bootMicros']) ?? 0)}`,
    ...(boots > 1 ? [`boot ${boots} of this worker`] : []),
    `${number(application['requests']) ?? 0} requests since`,
    ...(growth === undefined ? [] : [`grows ${growth} bytes a request`]),
  ];
  return parts.join(', ');
}

function readWorker(worker: Fields): WorkerView {
  return {
    pid: number(worker['pid']) ?? 0,
    state: text(worker['state']),
    draining: worker['draining'] === true,
    requests: number(worker['requests']) ?? 0,
    method: text(worker['method']),
    uri: text(worker['uri']),
    script: text(worker['script']),
    durationMicros: number(worker['durationMicros']) ?? 0,
    memoryBytes:
      number(worker['privateBytes']) ?? number(worker['residentBytes']) ?? number(worker['memoryBytes']),
    cpuPercent: number(worker['processCpuPercent']) ?? number(worker['cpuPercent']),
    application: applicationOf(fieldsOf(worker['application'])),
  };
}

/** Parses an answer of `GET /api/stack`: a line a call, or the reason why it is missing. */
export function readStack(answer: unknown): string[] {
  const { frames, reason } = fieldsOf(answer);
  if (!Array.isArray(frames)) return [text(reason) || 'The answer of the master holds no stack.'];
  if (frames.length === 0) return ['No PHP code runs.'];
  return frames.filter(isFields).map((frame, index) => {
    const scope = text(frame['class']);
    const name = `${scope === '' ? '' : `${scope}::`}${text(frame['function'])}`;
    const place = `${text(frame['file'])}:${number(frame['line']) ?? 0}`;
    return `#${index} ${name}  ${place === ':0' ? '' : place}`.trimEnd();
  });
}

/** `12 workers: 14 connections wait`. */
function sizingOf(value: unknown): string | undefined {
  const { target, reason } = fieldsOf(value);
  const count = number(target);
  return count === undefined ? undefined : `${count} workers: ${text(reason)}`;
}

/** `on trial for 12 s more with 10 %: 40 requests, 1 error, p95 12 ms; before it 360, 0, 11 ms`. */
function trialOf(value: unknown): string | undefined {
  const { share, secondsLeft, fresh, serving } = fieldsOf(value);
  if (number(share) === undefined) return undefined;
  const [now, before] = [fieldsOf(fresh), fieldsOf(serving)];
  const p95 = ({ p95Micros }: Fields): string =>
    number(p95Micros) === undefined ? '' : `, p95 ${((number(p95Micros) ?? 0) / 1000).toFixed(0)} ms`;
  const of = (counts: Fields): string =>
    `${number(counts['requests']) ?? 0} requests, ${number(counts['errors']) ?? 0} errors${p95(counts)}`;
  return `a new generation is on trial for ${number(secondsLeft) ?? 0} s more, with ${Math.round((number(share) ?? 0) * 100)} % of connections: ${of(now)}; the old one: ${of(before)}`;
}
