/** The picture of `hathi status`: a snapshot and a view become rows of text, and nothing else. */
import type { PoolView, Snapshot, WorkerView } from './snapshot.ts';
import { columns, cut, cutStart, harmless, left, right } from './terminal-text.ts';
import { bytes, count, duration, percent } from './units.ts';

export interface View {
  readonly width: number;
  readonly color: boolean;
  /** Workers whose pool, state, script or URI holds this, whatever the case; '' is all. */
  readonly filter: string;
}

export interface WorkerRow extends WorkerView {
  readonly pool: string;
}

const styles = { alarm: '31;1', warning: '33' } as const;

/** Everything once, for a terminal, a pipe or a mail: no cursor, no limit of rows. */
export function renderReport(snapshot: Snapshot, view: View): string[] {
  return [
    summary(snapshot, view),
    '',
    poolHeading(view.width),
    ...snapshot.pools.map((pool) => poolRow(pool, view)),
    '',
    workerHeading,
    ...selectWorkers(snapshot, view.filter).map((worker) => workerLine(worker, view.width)),
  ].map((row) => row.trimEnd());
}

/** The workers of all pools that the filter lets through: busy ones first, longest first. */
function selectWorkers(snapshot: Snapshot, filter: string): WorkerRow[] {
  const wanted = filter.toLowerCase();
  return snapshot.pools
    .flatMap((pool) => pool.workers.map((worker) => ({ ...worker, pool: pool.name })))
    .filter(({ pool, state, script, uri }) =>
      [pool, state, script, uri].some((field) => field.toLowerCase().includes(wanted)),
    )
    .sort(
      (a, b) =>
        // The time of an idle worker is one that has passed.
        Number(isIdle(a)) - Number(isIdle(b)) || b.durationMicros - a.durationMicros || a.pid - b.pid,
    );
}

function isIdle({ state }: WorkerView): boolean {
  return state === 'Idle';
}

function summary({ pools }: Snapshot, { width, filter }: View): string {
  const sum = (value: (pool: PoolView) => number) => pools.reduce((total, pool) => total + value(pool), 0);
  const parts = [
    `hathi  pools ${pools.length}`,
    `busy ${sum((pool) => pool.active)}/${sum((pool) => pool.maxChildren)}`,
    `queue ${sum((pool) => pool.queue)}`,
    ...(filter === '' ? [] : [`filter ${harmless(filter)}`]),
  ];
  return cut(parts.join('  '), width);
}

/** Columns right of the pool's name. */
const poolColumns = [
  ['BUSY', 9],
  ['SAT', 4],
  ['QUEUE', 9],
  ['REQUESTS', 8],
  ['MAXED', 5],
  ['SLOW', 5],
] as const;
const poolColumnsWidth = poolColumns.reduce((sum, [, size]) => sum + size + 1, 0);

function poolNameWidth(width: number): number {
  return Math.min(40, Math.max(8, width - poolColumnsWidth));
}

function poolHeading(width: number): string {
  return poolLine(
    'POOL',
    poolColumns.map(([name]) => name),
    width,
  );
}

function poolLine(name: string, values: readonly string[], width: number): string {
  const cells = poolColumns.map(([, size], index) => right(values[index] ?? '', size));
  return cut([left(name, poolNameWidth(width)), ...cells].join(' '), width);
}

function poolRow(pool: PoolView, view: View): string {
  const saturation = percent(pool.active, pool.maxChildren);
  const line = poolLine(
    harmless(pool.name),
    [
      `${pool.active}/${pool.maxChildren}`,
      `${saturation}%`,
      pool.queueLimit === 0 ? `${pool.queue}` : `${pool.queue}/${pool.queueLimit}`,
      count(pool.accepted),
      count(pool.maxChildrenReached),
      count(pool.slowRequests),
    ],
    view.width,
  );
  if (pool.queue > 0) return paint(line, styles.alarm, view);
  return saturation >= 80 ? paint(line, styles.warning, view) : line;
}

const workerHeading = `${left('PID', 8)} ${left('POOL', 10)} ${left('STATE', 10)} ${right('TIME', 6)} ${right('MEM', 5)} ${right('CPU', 4)} SCRIPT`;
const scriptColumn = columns(workerHeading) - 'SCRIPT'.length;

function workerLine(worker: WorkerRow, width: number): string {
  const cpu = worker.cpuPercent === undefined ? '-' : `${Math.floor(worker.cpuPercent)}%`;
  const script = harmless(worker.script === '' ? worker.uri : worker.script);
  const cells = [
    left(String(worker.pid), 8),
    left(harmless(worker.pool), 10),
    left(harmless(worker.state), 10),
    right(duration(worker.durationMicros), 6),
    right(bytes(worker.memoryBytes), 5),
    right(cpu, 4),
    cutStart(script, Math.max(0, width - scriptColumn)),
  ];
  return cut(cells.join(' '), width);
}

function paint(line: string, style: string, { color }: Pick<View, 'color'>): string {
  return color ? `\x1b[${style}m${line}\x1b[0m` : line;
}
