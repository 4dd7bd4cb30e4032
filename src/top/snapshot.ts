/** What `hathi status` and `hathi top` work on: the admin endpoint's answers, checked and reduced. */

import { type Fields, fieldsOf, isFields, number, text } from './fields.ts';

export interface WorkerView {
  readonly pid: number;
  /** Stage as on the status page: `Idle`, `Running` and so on. */
  readonly state: string;
  /** It belongs to a generation that a reload replaced. */
  readonly draining: boolean;
  readonly requests: number;
  readonly method: string;
  /** What the client asked for, without query. */
  readonly uri: string;
  readonly script: string;
  /** Microseconds: of the running request so far, of the last one while idle. */
  readonly durationMicros: number;
  /**
   * Bytes that would be free without it; until that is known those that the process has in memory, else those of its last
   * request; undefined when unknown.
   */
  readonly memoryBytes: number | undefined;
  /** Percent of one CPU, lately, else in the last request; undefined when unknown. */
  readonly cpuPercent: number | undefined;
}

export interface PoolView {
  readonly name: string;
  /** Why no host serves the pool; undefined while one does. */
  readonly trouble: string | undefined;
  /** An operator has taken it out of the balancing. */
  readonly isDrained: boolean;
  readonly maxChildren: number;
  readonly active: number;
  readonly queue: number;
  /** How many connections may wait; 0 when unknown. */
  readonly queueLimit: number;
  /** Counts since the master's start. */
  readonly accepted: number;
  readonly slowRequests: number;
  readonly maxChildrenReached: number;
  /** Times that its host had to be ended. */
  readonly faults: number;
  /** Of the last seconds; undefined when unknown. Quantiles are estimates. */
  readonly requestsPerSecond: number | undefined;
  readonly p50Micros: number | undefined;
  readonly p95Micros: number | undefined;
  readonly p99Micros: number | undefined;
  /** Answers 5xx a second; undefined when unknown. */
  readonly errorsPerSecond: number | undefined;
  /** Of all processes of the pool, what they share counted once; undefined when unknown. */
  readonly memoryBytes: number | undefined;
  /** Percent of one CPU; undefined when unknown. */
  readonly cpuPercent: number | undefined;
  readonly workers: readonly WorkerView[];
}

export interface Snapshot {
  readonly version: string;
  /** Of the master. */
  readonly state: string;
  /** Milliseconds since 1970; 0 when unknown. */
  readonly at: number;
  readonly startedAt: number;
  /** How the last reload ended; undefined without one. */
  readonly lastReload: string | undefined;
  readonly pools: readonly PoolView[];
}

/** An answer that has no form this version knows. */
export class SnapshotError extends Error {
  override readonly name = 'SnapshotError';
}

/**
 * Reads an answer of `GET /api/pools`. Unknown fields are ignored and missing ones become 0, '' or undefined, so that
 * a command of one version can look at a master of another.
 * @throws {SnapshotError} when there is no list of pools in it.
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
    pools: pools.filter(isFields).map(readPool),
  };
}

function readPool(pool: Fields): PoolView {
  const workers = Array.isArray(pool['workers']) ? pool['workers'] : [];
  const recent = fieldsOf(pool['recent']);
  // Counts are those since the master's start; an older master has those since the last reload alone.
  const totals = fieldsOf(pool['totals']);
  const total = (name: string) => number(totals[name]) ?? number(pool[name]) ?? 0;
  return {
    name: text(pool['name']),
    trouble: troubleOf(pool),
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
    workers: workers.filter(isFields).map(readWorker),
  };
}

/** A pool without a state is taken for one that is served. */
function troubleOf(pool: Fields): string | undefined {
  const state = text(pool['state']);
  if (state === '' || state === 'serving') return undefined;
  const failure = text(pool['failure']);
  return failure === '' ? state : `down: ${failure}`;
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
  };
}

/** An answer of `GET /api/stack`: a line a call, or why there is none. */
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
