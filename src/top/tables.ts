/** The tables of pools and workers as rows of limited width. */

import { terminalText } from '../text/terminal.ts';
import type { PoolView } from './parse-answer.ts';
import { cut, cutStart, left, right } from './terminal-text.ts';
import { bytes, count, duration, percent, rate } from './units.ts';
import type { WorkerRow } from './workers.ts';

/** Emphasis of a row. */
export type Mood = 'alarm' | 'warning' | 'plain';

interface PoolColumn {
  readonly name: string;
  readonly size: number;
  /** Omitted on a narrow terminal. */
  readonly isWide?: true;
  readonly cell: (pool: PoolView) => string;
}

/** Columns after the pool's name. */
const poolColumns: readonly PoolColumn[] = [
  { name: 'BUSY', size: 7, cell: ({ active, maxChildren }) => `${active}/${maxChildren}` },
  { name: 'SAT', size: 4, cell: (pool) => `${saturation(pool)}%` },
  {
    name: 'QUEUE',
    size: 8,
    cell: ({ queue, queueLimit }) => (queueLimit === 0 ? `${queue}` : `${queue}/${queueLimit}`),
  },
  { name: 'REQ/S', size: 5, cell: ({ requestsPerSecond }) => rate(requestsPerSecond) },
  { name: 'ERR/S', size: 5, cell: ({ errorsPerSecond }) => rate(errorsPerSecond) },
  { name: '~P50', size: 6, isWide: true, cell: ({ p50Micros }) => duration(p50Micros) },
  { name: '~P95', size: 6, cell: ({ p95Micros }) => duration(p95Micros) },
  { name: '~P99', size: 6, isWide: true, cell: ({ p99Micros }) => duration(p99Micros) },
  { name: 'MEM', size: 5, cell: ({ memoryBytes }) => bytes(memoryBytes) },
  {
    name: 'CPU',
    size: 5,
    cell: ({ cpuPercent }) => (cpuPercent === undefined ? '-' : `${Math.floor(cpuPercent)}%`),
  },
  { name: 'TOTAL', size: 5, isWide: true, cell: ({ accepted }) => count(accepted) },
  { name: 'MAXED', size: 5, cell: ({ maxChildrenReached }) => count(maxChildrenReached) },
  { name: 'SLOW', size: 5, cell: ({ slowRequests }) => count(slowRequests) },
];
const narrowColumns = poolColumns.filter(({ isWide }) => isWide !== true);
/** Minimum width of a name. */
const leastName = 8;

function widthOf(columns: readonly PoolColumn[]): number {
  return columns.reduce((sum, { size }) => sum + size + 1, 0);
}

function columnsFor(width: number): readonly PoolColumn[] {
  return width >= leastName + widthOf(poolColumns) ? poolColumns : narrowColumns;
}

export function poolHeading(width: number): string {
  return poolLine('POOL', ({ name }) => name, width);
}

/** A pool without a serving host has no counts: the row shows the reason. */
export function poolRow(pool: PoolView, width: number): string {
  const name = `${terminalText(pool.name)}${pool.isDrained ? ' (drained)' : ''}${pool.isAsleep ? ' (asleep)' : ''}`;
  if (pool.trouble === undefined) return poolLine(name, ({ cell }) => cell(pool), width);
  return cut(`${left(name, nameWidth(width))} ${terminalText(pool.trouble)}`, width);
}

/**
 * Changes under way in pools, a row each: of `pm = auto` the number of workers and its reason, of `reload.canary` the
 * trial.
 */
export function remarkRows(pools: readonly PoolView[], width: number): string[] {
  return pools.flatMap(({ name, sizing, trial }) =>
    [sizing, trial]
      .filter((remark) => remark !== undefined)
      .map((remark) => cut(`${terminalText(name)}: ${terminalText(remark)}`, width)),
  );
}

export function poolMood(pool: PoolView): Mood {
  if (pool.queue > 0 || pool.trouble !== undefined) return 'alarm';
  return saturation(pool) >= 80 ? 'warning' : 'plain';
}

export function saturation({ active, maxChildren }: PoolView): number {
  return percent(active, maxChildren);
}

function poolLine(name: string, text: (column: PoolColumn) => string, width: number): string {
  const cells = columnsFor(width).map((column) => right(text(column), column.size));
  return cut([left(name, nameWidth(width)), ...cells].join(' '), width);
}

function nameWidth(width: number): number {
  return Math.min(40, Math.max(leastName, width - widthOf(columnsFor(width))));
}

const workerCells = ['PID', 'POOL', 'STATE', 'TIME', 'MEM', 'CPU', 'REQS'] as const;
/** Width of these cells with the blank after each. */
const workerCellsWidth = 55;
/** From this width on the requested path is shown beside the script. */
const requestWidth = 100;

export function workerHeading(width: number): string {
  return workerLine(workerCells, { method: 'METHOD', uri: 'URI', script: 'SCRIPT' }, width);
}

export function workerRow(worker: WorkerRow, width: number): string {
  const cells = [
    String(worker.pid),
    terminalText(worker.pool),
    `${worker.draining ? '*' : ''}${terminalText(worker.state)}`,
    duration(worker.durationMicros),
    bytes(worker.memoryBytes),
    worker.cpuPercent === undefined ? '-' : `${Math.floor(worker.cpuPercent)}%`,
    count(worker.requests),
  ];
  return workerLine(cells, worker, width);
}

function workerLine(
  [pid = '', pool = '', state = '', time = '', memory = '', cpu = '', requests = '']: readonly string[],
  request: Pick<WorkerRow, 'method' | 'uri' | 'script'>,
  width: number,
): string {
  const figures = [right(time, 6), right(memory, 5), right(cpu, 4), right(requests, 5)];
  const cells = [left(pid, 8), left(pool, 10), left(state, 10), ...figures, requestCells(request, width)];
  return cut(cells.join(' '), width);
}

/** The end of a path is more telling than its start. */
function requestCells(
  { method, uri, script }: Pick<WorkerRow, 'method' | 'uri' | 'script'>,
  width: number,
): string {
  const room = Math.max(0, width - workerCellsWidth);
  if (width < requestWidth - 1) return cutStart(terminalText(script === '' ? uri : script), room);
  const scriptSize = Math.floor(room / 3);
  const uriSize = room - scriptSize - 9;
  const cells = [
    left(terminalText(method), 7),
    left(terminalText(uri), uriSize),
    cutStart(terminalText(script), scriptSize),
  ];
  return cells.join(' ');
}
