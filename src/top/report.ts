/**
 * The output of `hathi status`: everything once, for a terminal, a pipe or a mail: without cursor control or a limit of
 * rows.
 */

import { terminalText } from '../text/terminal.ts';
import { paint } from './paint.ts';
import type { PoolView, Snapshot } from './parse-answer.ts';
import { poolHeading, poolMood, poolRow, remarkRows, workerHeading, workerRow } from './tables.ts';
import { cut } from './terminal-text.ts';
import { everything, selectWorkers } from './workers.ts';

export interface View {
  readonly width: number;
  readonly color: boolean;
  /** As in {@link Selection}. */
  readonly filter: string;
}

export function renderReport(snapshot: Snapshot, { width, color, filter }: View): string[] {
  const rows = snapshot.pools.map((pool) => {
    const row = poolRow(pool, width).trimEnd();
    const mood = poolMood(pool);
    return mood === 'plain' ? row : paint(row, mood, color);
  });
  const remarks = remarkRows(snapshot.pools, width);
  const rest = snapshot.counts.matching - rows.length;
  const workers = selectWorkers(snapshot, { ...everything, filter });
  return [
    cut(summary(snapshot, filter), width),
    '',
    poolHeading(width),
    ...rows,
    ...(rest > 0 ? [cut(`... and ${rest} more pools: hathi status --pool TEXT, or --all`, width)] : []),
    ...(remarks.length === 0 ? [] : ['', ...remarks]),
    '',
    workerHeading(width),
    ...workers.map((worker) => workerRow(worker, width).trimEnd()),
  ];
}

function summary(snapshot: Snapshot, filter: string): string {
  const { state, lastReload, rollbackTo } = snapshot;
  const parts = [
    'hathi',
    // The normal state is left out.
    ...(state === '' || state === 'normal' ? [] : [terminalText(state)]),
    totals(snapshot),
    ...(lastReload === undefined || lastReload === 'succeeded'
      ? []
      : [`last reload ${terminalText(lastReload)}`]),
    ...(rollbackTo === undefined ? [] : [`rolled back to configuration ${rollbackTo}`]),
    ...(filter === '' ? [] : [`filter ${terminalText(filter)}`]),
  ];
  return parts.join('  ');
}

/** Summary of all pools. */
export function totals({ pools, counts, at, startedAt }: Snapshot): string {
  const notes = [
    ...(counts.down === 0 ? [] : [`${counts.down} down`]),
    ...(counts.asleep === 0 ? [] : [`${counts.asleep} asleep`]),
  ];
  const parts = [
    `pools ${counts.pools}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}`,
    `busy ${counts.active}/${counts.maxChildren}${fullestOf(pools)}`,
    `queue ${counts.queue}`,
    `${counts.requestsPerSecond.toFixed(1)} req/s`,
    ...faultsOf(pools, counts.faults),
    ...(startedAt === 0 ? [] : [`counts since ${moment(startedAt, at)}`]),
  ];
  return parts.join('  ');
}

/** Number of hosts that had to be ended, and the pool that lost most of them. */
function faultsOf(pools: readonly PoolView[], all: number): string[] {
  const [worst] = [...pools].sort((a, b) => b.faults - a.faults);
  if (all === 0) return [];
  if (worst === undefined || worst.faults === 0) return [`faults ${all}`];
  return [`faults ${all} (most: ${cut(terminalText(worst.name), 20)} ${worst.faults})`];
}

/** The pool closest to its limit: the sum of all workers would hide a full pool. */
function fullestOf(pools: readonly PoolView[]): string {
  const [fullest] = [...pools].sort((a, b) => share(b) - share(a));
  if (pools.length < 2 || fullest === undefined || fullest.active === 0) return '';
  return ` (fullest: ${cut(terminalText(fullest.name), 20)} ${fullest.active}/${fullest.maxChildren})`;
}

function share({ active, maxChildren }: PoolView): number {
  return maxChildren === 0 ? 0 : active / maxChildren;
}

/** Local time of day, with the date if it was another day. */
function moment(at: number, now: number): string {
  const [time, today] = [new Date(at), new Date(now)];
  const two = (value: number) => String(value).padStart(2, '0');
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}`;
  if (time.toDateString() === today.toDateString()) return clock;
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${clock}`;
}
