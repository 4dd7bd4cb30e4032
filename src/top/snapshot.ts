/** What `hathi status` works on: the admin endpoint's answer, checked and reduced. */

export interface WorkerView {
  readonly pid: number;
  /** Stage as on the status page: `Idle`, `Running` and so on. */
  readonly state: string;
  readonly uri: string;
  readonly script: string;
  /** Microseconds: of the running request so far, of the last one while idle. */
  readonly durationMicros: number;
  /** Bytes; undefined when unknown. */
  readonly memoryBytes: number | undefined;
  /** Percent of one CPU; undefined when unknown. */
  readonly cpuPercent: number | undefined;
}

export interface PoolView {
  readonly name: string;
  readonly maxChildren: number;
  readonly active: number;
  readonly queue: number;
  /** How many connections may wait; 0 when unknown. */
  readonly queueLimit: number;
  readonly accepted: number;
  readonly slowRequests: number;
  readonly maxChildrenReached: number;
  readonly workers: readonly WorkerView[];
}

export interface Snapshot {
  readonly pools: readonly PoolView[];
}

/** An answer that has no form this version knows. */
export class SnapshotError extends Error {
  override readonly name = 'SnapshotError';
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads an answer of `GET /api/pools`. Unknown fields are ignored and missing ones become 0, '' or undefined, so that
 * a command of one version can look at a master of another.
 * @throws {SnapshotError} when there is no list of pools in it.
 */
export function readSnapshot(answer: unknown): Snapshot {
  const pools = isFields(answer) ? answer['pools'] : undefined;
  if (!Array.isArray(pools)) {
    throw new SnapshotError('Cannot read the answer of the admin endpoint: "pools" must be a list');
  }
  return { pools: pools.filter(isFields).map(readPool) };
}

function readPool(pool: Fields): PoolView {
  const workers = Array.isArray(pool['workers']) ? pool['workers'] : [];
  return {
    name: text(pool['name']),
    maxChildren: number(pool['maxChildren']) ?? 0,
    active: number(pool['active']) ?? 0,
    queue: number(pool['queue']) ?? 0,
    queueLimit: number(pool['queueLimit']) ?? 0,
    accepted: number(pool['accepted']) ?? 0,
    slowRequests: number(pool['slowRequests']) ?? 0,
    maxChildrenReached: number(pool['maxChildrenReached']) ?? 0,
    workers: workers.filter(isFields).map(readWorker),
  };
}

function readWorker(worker: Fields): WorkerView {
  return {
    pid: number(worker['pid']) ?? 0,
    state: text(worker['state']),
    uri: text(worker['uri']),
    script: text(worker['script']),
    durationMicros: number(worker['durationMicros']) ?? 0,
    memoryBytes: number(worker['memoryBytes']),
    cpuPercent: number(worker['cpuPercent']),
  };
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A number that can be shown; nothing in a pool is below 0. */
function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
