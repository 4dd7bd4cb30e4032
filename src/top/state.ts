/** State of `hathi top` in addition to the snapshot, and the effect of keys on it. */

import type { EndMode } from '../engine/contract.ts';
import type { Snapshot } from './parse-answer.ts';
import { noRoutes, type RoutesView, selectRoutes } from './routes.ts';
import { everything, type Selection, selectWorkers, sortNames, type WorkerRow } from './workers.ts';

export const modes = {
  list: 'list',
  /** The filter is being typed. */
  filter: 'filter',
  help: 'help',
  /** A worker's stack. */
  stack: 'stack',
  /** The routes that took most time. */
  routes: 'routes',
  /** Asks whether to end a worker. */
  confirm: 'confirm',
} as const;
export type Mode = (typeof modes)[keyof typeof modes];

export interface Target {
  readonly pool: string;
  readonly pid: number;
}

export interface TopState {
  readonly mode: Mode;
  readonly selection: Selection;
  /** Undefined means the first worker of the list. */
  readonly selected: Target | undefined;
  readonly isPaused: boolean;
  /** A line about an action or an error; '' without one. */
  readonly notice: string;
  /** The text of {@link modes.stack}. */
  readonly stack: readonly string[];
  readonly routes: RoutesView;
  /** First visible line of either. */
  readonly scroll: number;
  /** How to end the worker in question. */
  readonly how: Extract<EndMode, 'quit' | 'term'>;
}

/** Actions for the program; everything else is drawing. */
export type Effect =
  | { readonly type: 'quit' }
  | { readonly type: 'suspend' }
  | { readonly type: 'redraw' }
  | { readonly type: 'routes' }
  | ({ readonly type: 'stack' } & Target)
  | ({ readonly type: 'end'; readonly how: 'quit' | 'term' } & Target);

export interface Step {
  readonly state: TopState;
  readonly effect?: Effect;
}

export function initialState(filter: string): TopState {
  return {
    mode: modes.list,
    selection: { ...everything, filter },
    selected: undefined,
    isPaused: false,
    notice: '',
    stack: [],
    routes: noRoutes,
    scroll: 0,
    how: 'quit',
  };
}

/** Longest filter. */
const filterMost = 100;
const pageRows = 10;

export function press(state: TopState, key: string, snapshot: Snapshot): Step {
  if (key === 'interrupt') return { state, effect: { type: 'quit' } };
  if (key === 'suspend' || key === 'redraw') return { state, effect: { type: key } };
  switch (state.mode) {
    case modes.list:
      return pressInList({ ...state, notice: '' }, key, snapshot);
    case modes.filter:
      return { state: typeFilter(state, key) };
    case modes.help:
      return { state: { ...state, mode: modes.list } };
    case modes.stack:
      return pressInStack(state, key);
    case modes.routes:
      return scrolled(state, key, selectRoutes(state.routes, state.selection.filter).length);
    case modes.confirm:
      return confirm(state, key);
    default:
      throw new Error(`no keys for the mode ${JSON.stringify(state.mode satisfies never)}`);
  }
}

/** The worker that keys act on: the chosen one, or the first if that has gone. */
export function selectedWorker(state: TopState, workers: readonly WorkerRow[]): WorkerRow | undefined {
  const { selected } = state;
  return workers.find(({ pool, pid }) => pool === selected?.pool && pid === selected.pid) ?? workers[0];
}

function pressInList(state: TopState, key: string, snapshot: Snapshot): Step {
  const steps: Readonly<Record<string, number>> = {
    up: -1,
    k: -1,
    down: 1,
    j: 1,
    pageup: -pageRows,
    pagedown: pageRows,
    home: Number.NEGATIVE_INFINITY,
    end: Number.POSITIVE_INFINITY,
  };
  const step = Object.hasOwn(steps, key) ? steps[key] : undefined;
  if (step !== undefined) return { state: move(state, step, snapshot) };
  const { selection } = state;
  const select = (change: Partial<Selection>): Step => ({
    state: { ...state, selection: { ...selection, ...change } },
  });
  switch (key) {
    case 'q':
      return { state, effect: { type: 'quit' } };
    case 'h':
    case '?':
      return { state: { ...state, mode: modes.help } };
    case 's':
      return select({ sort: after(selection.sort) });
    case 'r':
      return select({ reversed: !selection.reversed });
    case 'i':
      return select({ showsIdle: !selection.showsIdle });
    case 'escape':
      return select({ filter: '' });
    case 'u':
      return { state: { ...state, mode: modes.routes, scroll: 0 }, effect: { type: 'routes' } };
    case '/':
      return { state: { ...state, mode: modes.filter } };
    case ' ':
      return { state: { ...state, isPaused: !state.isPaused } };
    case 'enter':
    case 't':
      return withWorker(state, snapshot, (target) => ({
        // The worker stays chosen while the list changes.
        state: { ...state, selected: target },
        effect: { type: 'stack', ...target },
      }));
    case 'e':
    case 'E':
      return withWorker(state, snapshot, (target) => ({
        state: { ...state, selected: target, mode: modes.confirm, how: key === 'e' ? 'quit' : 'term' },
      }));
    default:
      return { state };
  }
}

function withWorker(state: TopState, snapshot: Snapshot, then: (target: Target) => Step): Step {
  const worker = selectedWorker(state, selectWorkers(snapshot, state.selection));
  return worker === undefined ? { state } : then({ pool: worker.pool, pid: worker.pid });
}

function move(state: TopState, step: number, snapshot: Snapshot): TopState {
  const workers = selectWorkers(snapshot, state.selection);
  const current = selectedWorker(state, workers);
  const index = current === undefined ? 0 : workers.indexOf(current);
  const next = workers[Math.max(0, Math.min(workers.length - 1, index + step))];
  return next === undefined ? state : { ...state, selected: { pool: next.pool, pid: next.pid } };
}

function after(sort: Selection['sort']): Selection['sort'] {
  return sortNames[(sortNames.indexOf(sort) + 1) % sortNames.length] ?? sort;
}

function typeFilter(state: TopState, key: string): TopState {
  const { filter } = state.selection;
  const typed = (text: string): TopState => ({ ...state, selection: { ...state.selection, filter: text } });
  if (key === 'enter') return { ...state, mode: modes.list };
  if (key === 'escape') return { ...typed(''), mode: modes.list };
  if (key === 'backspace') return typed([...filter].slice(0, -1).join(''));
  return [...key].length === 1 && filter.length < filterMost ? typed(filter + key) : state;
}

function pressInStack(state: TopState, key: string): Step {
  if (key !== 'enter' && key !== 't') return scrolled(state, key, state.stack.length);
  return state.selected === undefined ? { state } : { state, effect: { type: 'stack', ...state.selected } };
}

/** Keys for scrolling a text; any other key leaves it. */
function scrolled(state: TopState, key: string, lineCount: number): Step {
  const scroll = (lines: number): Step => ({
    state: { ...state, scroll: Math.max(0, Math.min(lineCount - 1, state.scroll + lines)) },
  });
  switch (key) {
    case 'up':
    case 'k':
      return scroll(-1);
    case 'down':
    case 'j':
      return scroll(1);
    case 'pageup':
      return scroll(-pageRows);
    case 'pagedown':
      return scroll(pageRows);
    default:
      return { state: { ...state, mode: modes.list } };
  }
}

function confirm(state: TopState, key: string): Step {
  const listed = { ...state, mode: modes.list };
  if (key !== 'y' || state.selected === undefined)
    return { state: { ...listed, notice: 'Nothing was ended.' } };
  return { state: listed, effect: { type: 'end', how: state.how, ...state.selected } };
}
