/** The screen of `hathi top`: turns a snapshot and a state into rows; pure. */

import { terminalText } from '../text/terminal.ts';
import { paint } from './paint.ts';
import type { PoolView, Snapshot } from './parse-answer.ts';
import { totals } from './report.ts';
import { routeHeading, routeRow, selectRoutes, wholeTime } from './routes.ts';
import { modes, selectedWorker, type TopState } from './state.ts';
import {
  poolHeading,
  poolMood,
  poolRow,
  remarkRows,
  saturation,
  workerHeading,
  workerRow,
} from './tables.ts';
import { cut, left, wrap } from './terminal-text.ts';
import { duration } from './units.ts';
import { selectWorkers } from './workers.ts';

export interface Screen {
  readonly width: number;
  readonly height: number;
  readonly color: boolean;
}

export const helpLines: readonly string[] = [
  'q, Ctrl-C      quit',
  'up, down       choose a worker (k, j; PageUp, PageDown, Home, End)',
  'Enter, t       the stack of the chosen worker now; again for the next look',
  'e              end the chosen worker when its request is done (asks first)',
  'E              end it at once: its request is lost (asks first)',
  's              sort by time, cpu, memory, requests, pool',
  'r              reverse the order',
  '/              filter by pool, state, script or URI; Escape clears it',
  'i              hide and show idle workers',
  'u              the routes (URIs) that took most time; the filter applies to them',
  'space          pause and continue',
  'h, ?           this help; any key leaves it',
  '',
  'BUSY/SAT, QUEUE  now: workers at a request, of pm.max_children; waiting / room',
  'REQ/S, ~P50 ...  of the last 10 to 15 seconds; ~ marks an estimate',
  'TOTAL, MAXED (pm.max_children reached), SLOW, routes  since the master started',
  'MEM  of the process, else of the last request   *  ends after a reload',
];

/** At most `height` rows of at most `width` columns each. */
export function renderScreen(snapshot: Snapshot, state: TopState, screen: Screen): string[] {
  const { width, height } = screen;
  const top = [title(snapshot, state, width), cut(totals(snapshot), width)];
  const bottom = cut(footer(state), width);
  const room = Math.max(0, height - top.length - 1);
  const rows = [...top, ...fill(body(snapshot, state, screen, room), room), bottom];
  return rows.slice(0, height);
}

function body(snapshot: Snapshot, state: TopState, screen: Screen, room: number): string[] {
  const { width } = screen;
  if (state.mode === modes.help) return helpLines.map((line) => cut(line, width));
  if (state.mode === modes.stack) return stackRows(snapshot, state, width, room);
  if (state.mode === modes.routes) return routeRows(state, screen, room);
  // The head of each table, and at least as many workers as pools.
  const unsent = Math.max(0, snapshot.counts.matching - snapshot.pools.length);
  const pools = poolRows(snapshot.pools, unsent, screen, Math.max(1, Math.floor((room - 2) / 3)));
  const heading = (line: string): string => paint(left(line, width), 'heading', screen.color);
  return [
    heading(poolHeading(width)),
    ...pools,
    heading(cut(` ${workerHeading(width - 1)}`, width)),
    ...workerRows(snapshot, state, screen, Math.max(0, room - pools.length - 2)),
  ];
}

function title(
  { version, state, at, startedAt, lastReload }: Snapshot,
  top: TopState,
  width: number,
): string {
  const parts = [
    `hathi ${terminalText(version)}`,
    terminalText(state),
    ...(startedAt > 0 && at > startedAt ? [`up ${duration((at - startedAt) * 1000)}`] : []),
    ...(at > 0 ? [clock(at)] : []),
    ...(lastReload === undefined ? [] : [`last reload ${terminalText(lastReload)}`]),
    ...(top.isPaused ? ['PAUSED'] : []),
  ];
  return cut(parts.join('  '), width);
}

/** Local time of day. */
function clock(at: number): string {
  const time = new Date(at);
  return [time.getHours(), time.getMinutes(), time.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}

/** If not all pools fit, those in trouble come first. */
function poolRows(
  pools: readonly PoolView[],
  unsent: number,
  { width, color }: Screen,
  room: number,
): string[] {
  const row = (pool: PoolView): string => {
    const mood = poolMood(pool);
    const line = poolRow(pool, width);
    return mood === 'plain' ? line : paint(line, mood, color);
  };
  if (pools.length + unsent <= room) {
    // Remarks, if there is room for all.
    const remarks = remarkRows(pools, width);
    return [...pools.map(row), ...(pools.length + remarks.length <= room ? remarks : [])];
  }
  const isDown = ({ trouble }: PoolView): number => Number(trouble !== undefined);
  const troubled = [...pools].sort(
    (a, b) => isDown(b) - isDown(a) || b.queue - a.queue || saturation(b) - saturation(a),
  );
  const shown = troubled.slice(0, Math.max(0, room - 1));
  return [...shown.map(row), cut(`... and ${pools.length + unsent - shown.length} more pools`, width)];
}

function workerRows(snapshot: Snapshot, state: TopState, { width, color }: Screen, room: number): string[] {
  const workers = selectWorkers(snapshot, state.selection);
  const chosen = selectedWorker(state, workers);
  const index = chosen === undefined ? 0 : workers.indexOf(chosen);
  // The chosen one is always visible.
  const first = Math.max(0, Math.min(index - Math.floor(room / 2), workers.length - room));
  return workers.slice(first, first + room).map((worker) => {
    const isChosen = worker === chosen;
    const line = cut(`${isChosen ? '>' : ' '}${workerRow(worker, width - 1)}`, width);
    return isChosen ? paint(left(line, width), 'selected', color) : line;
  });
}

function stackRows(
  snapshot: Snapshot,
  { selected, stack, scroll }: TopState,
  width: number,
  room: number,
): string[] {
  const pool = snapshot.pools.find(({ name }) => name === selected?.pool);
  const application = pool?.workers.find(({ pid }) => pid === selected?.pid)?.application;
  const head = `Stack of child ${selected?.pid} of pool ${terminalText(selected?.pool ?? '')}`;
  const lines = stack.slice(scroll).flatMap((line) => wrap(terminalText(line), width));
  const about = application === undefined ? '' : cut(`Application: ${terminalText(application)}`, width);
  return [cut(head, width), about, ...lines].slice(0, room);
}

function routeRows(
  { routes, selection, scroll }: TopState,
  { width, color }: Screen,
  room: number,
): string[] {
  const whole = wholeTime(routes);
  const rows = selectRoutes(routes, selection.filter).slice(scroll, scroll + room - 1);
  return [
    paint(left(routeHeading(width), width), 'heading', color),
    ...rows.map((route) => routeRow(route, whole, width)),
  ];
}

function footer(state: TopState): string {
  const { selection, selected, notice } = state;
  switch (state.mode) {
    case modes.filter:
      return `filter: ${terminalText(selection.filter)}_`;
    case modes.help:
      return 'any key: back';
    case modes.stack:
      return 'Enter: look again  up, down: scroll  any other key: back';
    case modes.routes:
      return state.notice === '' ? 'up, down: scroll  any other key: back' : terminalText(state.notice);
    case modes.confirm: {
      const when = state.how === 'quit' ? 'when its request is done' : 'at once, with its request';
      return `End child ${selected?.pid} of pool ${terminalText(selected?.pool ?? '')} ${when}? y/n`;
    }
    case modes.list:
      break;
    default:
      throw new Error(`no footer for the mode ${JSON.stringify(state.mode satisfies never)}`);
  }
  if (notice !== '') return terminalText(notice);
  const order = `${selection.sort}${selection.reversed ? ' (reversed)' : ''}`;
  const filter = selection.filter === '' ? 'filter' : `filter: ${terminalText(selection.filter)}`;
  const idle = selection.showsIdle ? 'hide idle' : 'show idle';
  return `q quit  h help  s sort: ${order}  / ${filter}  i ${idle}  u routes  Enter stack  e end`;
}

function fill(rows: readonly string[], room: number): string[] {
  return [...rows.slice(0, room), ...new Array(Math.max(0, room - rows.length)).fill('')];
}
