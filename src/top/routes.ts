/** The routes that took most time, from `GET /api/routes`, as rows of limited width. */

import { terminalText } from '../text/terminal.ts';
import { fieldsOf, isFields, number, text } from './fields.ts';
import { cut, left, right } from './terminal-text.ts';
import { count, duration, percent } from './units.ts';

export interface RouteView {
  readonly pool: string;
  /** Method and folded path. */
  readonly route: string;
  readonly requests: number;
  readonly errors: number;
  /** Microseconds: the sum of its requests, an estimate of the p95, the longest. */
  readonly sumMicros: number;
  readonly p95Micros: number | undefined;
  readonly maxMicros: number | undefined;
}

export interface RoutesView {
  readonly routes: readonly RouteView[];
  /** Routes without a row. */
  readonly others: RouteView;
}

export const noRoutes: RoutesView = { routes: [], others: readRoute({}) };

/** Parses the answer; unknown fields are ignored, missing ones become 0, '' or undefined. */
export function readRoutes(answer: unknown): RoutesView {
  const { routes, others } = fieldsOf(answer);
  const rows = Array.isArray(routes) ? routes.filter(isFields) : [];
  return {
    routes: rows.map(readRoute),
    others: { ...readRoute(fieldsOf(others)), route: '(all others)' },
  };
}

function readRoute(route: Readonly<Record<string, unknown>>): RouteView {
  return {
    pool: text(route['pool']),
    route: text(route['route']),
    requests: number(route['requests']) ?? 0,
    errors: number(route['errors']) ?? 0,
    sumMicros: number(route['sumMicros']) ?? 0,
    p95Micros: number(route['p95Micros']),
    maxMicros: number(route['maxMicros']),
  };
}

/** Routes whose pool or name matches the filter; with a filter the others have no row. */
export function selectRoutes({ routes, others }: RoutesView, filter: string): readonly RouteView[] {
  const wanted = filter.toLowerCase();
  const found = routes.filter((route) =>
    [route.pool, route.route].some((field) => field.toLowerCase().includes(wanted)),
  );
  return filter === '' && others.requests > 0 ? [...found, others] : found;
}

export function routeHeading(width: number): string {
  return cut(line(['POOL', 'REQS', '5XX', 'TIME', 'PART', '~P95', 'MAX', 'ROUTE']), width);
}

/** @param wholeMicros time of all requests */
export function routeRow(route: RouteView, wholeMicros: number, width: number): string {
  const { pool, requests, errors, sumMicros, p95Micros, maxMicros } = route;
  const cells = [
    terminalText(pool),
    count(requests),
    count(errors),
    duration(sumMicros),
    `${percent(sumMicros, wholeMicros)}%`,
    duration(p95Micros),
    duration(maxMicros),
    terminalText(route.route),
  ];
  return cut(line(cells), width);
}

/** Time of all requests. */
export function wholeTime({ routes, others }: RoutesView): number {
  return routes.reduce((sum, { sumMicros }) => sum + sumMicros, others.sumMicros);
}

const sizes = [5, 5, 6, 4, 6, 6] as const;

function line([pool = '', ...cells]: readonly string[]): string {
  const figures = sizes.map((size, index) => right(cells[index] ?? '', size));
  return [left(pool, 10), ...figures, cells[sizes.length] ?? ''].join(' ');
}
