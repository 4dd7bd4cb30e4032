/**
 * The requests of a pool by route, in a table of fixed size (weighted Space-Saving, Metwally and others 2005). The
 * weight of a route is the time of its requests. A new route takes the place of the lightest and inherits its weight;
 * the figures of the old one move to the route of all others. So each request counts in one route, and a route with
 * more than a hundredth of a pool's time is always in the table, whatever paths clients invent.
 */

import { type BinaryString, binaryOf } from '../text/binary.ts';
import { durationClass, durationClasses } from './durations.ts';
import {
  routeAt,
  routeCount,
  routeNameCapacity,
  routeSize,
  routesSize,
  routesStart,
  routeTableAt,
} from './layout.ts';
import { readU64, writeU32, writeU64 } from './numbers.ts';

/** Weight of a request in addition to its time, in microseconds: many short requests count as well. */
const weightOfRequest = 1000;

/** A route's requests. */
export interface RouteCounts {
  readonly requests: number;
  /** Answers with status 5xx. */
  readonly errors: number;
  /** By duration class. */
  readonly counts: readonly number[];
  readonly sumMicros: number;
  readonly maxMicros: number;
}

export interface RouteTable {
  /** By name. */
  readonly routes: ReadonlyMap<BinaryString, RouteCounts>;
  /** Requests of routes without a place of their own. */
  readonly others: RouteCounts;
  /** Requests counted in no route. */
  readonly uncounted: number;
}

export const noRequests: RouteCounts = {
  requests: 0,
  errors: 0,
  counts: new Array(durationClasses).fill(0),
  sumMicros: 0,
  maxMicros: 0,
};

export const noRoutes: RouteTable = { routes: new Map(), others: noRequests, uncounted: 0 };

export function addRoutes(left: RouteTable, right: RouteTable): RouteTable {
  const routes = new Map(left.routes);
  for (const [name, counts] of right.routes) {
    const known = routes.get(name);
    routes.set(name, known === undefined ? counts : addCounts(known, counts));
  }
  return heaviest({
    routes,
    others: addCounts(left.others, right.others),
    uncounted: left.uncounted + right.uncounted,
  });
}

/** All requests in a table. */
export function countedRequests({ routes, others, uncounted }: RouteTable): number {
  return [...routes.values()].reduce((sum, { requests }) => sum + requests, others.requests + uncounted);
}

/** Keeps as many routes as one table holds; the rest goes to the others. */
function heaviest({ routes, others, uncounted }: RouteTable): RouteTable {
  if (routes.size <= routeCount) return { routes, others, uncounted };
  const ordered = [...routes].sort(([, a], [, b]) => weightOf(b) - weightOf(a));
  return {
    routes: new Map(ordered.slice(0, routeCount)),
    others: ordered.slice(routeCount).reduce((sum, [, counts]) => addCounts(sum, counts), others),
    uncounted,
  };
}

function weightOf({ sumMicros, requests }: RouteCounts): number {
  return sumMicros + weightOfRequest * requests;
}

function addCounts(left: RouteCounts, right: RouteCounts): RouteCounts {
  return {
    requests: left.requests + right.requests,
    errors: left.errors + right.errors,
    counts: left.counts.map((count, index) => count + (right.counts[index] ?? 0)),
    sumMicros: left.sumMicros + right.sumMicros,
    maxMicros: Math.max(left.maxMicros, right.maxMicros),
  };
}

/** Reads the bytes of a table. They are untrusted: lengths are limited, numbers stay numbers. */
export function readRouteTable(bytes: Buffer): RouteTable {
  const routes = new Map<BinaryString, RouteCounts>();
  for (let place = 1; place <= routeCount; place += 1) {
    const at = placeOf(place);
    const name = readName(bytes, at);
    if (name !== '') routes.set(name, readCounts(bytes, at));
  }
  return {
    routes,
    others: readCounts(bytes, placeOf(0)),
    uncounted: readU64(bytes, routeTableAt.uncounted),
  };
}

function placeOf(place: number): number {
  return routesStart + place * routeSize;
}

function readName(bytes: Buffer, at: number): BinaryString {
  const start = at + routeAt.name + 2;
  const length = Math.min(bytes.readUInt16LE(at + routeAt.name), routeNameCapacity);
  return binaryOf(bytes.subarray(start, start + length));
}

function readCounts(bytes: Buffer, at: number): RouteCounts {
  return {
    requests: readU64(bytes, at + routeAt.requests),
    errors: readU64(bytes, at + routeAt.errors),
    counts: Array.from({ length: durationClasses }, (_, index) =>
      bytes.readUInt32LE(at + routeAt.durations + 4 * index),
    ),
    sumMicros: readU64(bytes, at + routeAt.duration_sum_micros),
    maxMicros: readU64(bytes, at + routeAt.duration_max_micros),
  };
}

/** The table of an embedded host, its only writer. */
export class RouteCounter {
  readonly bytes = Buffer.alloc(routesSize);
  /** Place by name. */
  readonly #places = new Map<string, number>();
  readonly #weights = new Float64Array(routeCount + 1);
  /** Places changed since the last takeChanges(). */
  #changed = new Set<number>();

  /** A request has ended. @param name empty when its path is unknown */
  count(name: string, durationMicros: number, isError: boolean): void {
    const place = name === '' ? 0 : (this.#places.get(name) ?? this.#newPlace(name));
    const at = placeOf(place);
    this.#add(at + routeAt.requests, 1);
    if (isError) this.#add(at + routeAt.errors, 1);
    this.#add(at + routeAt.duration_sum_micros, durationMicros);
    this.#raise(at + routeAt.duration_max_micros, durationMicros);
    this.#add32(at + routeAt.durations + 4 * durationClass(durationMicros), 1);
    this.#weights[place]! += durationMicros + weightOfRequest;
    this.#changed.add(place);
  }

  /** Byte ranges changed since the last call. */
  takeChanges(): { readonly start: number; readonly end: number }[] {
    const places = [...this.#changed];
    this.#changed = new Set();
    return places.map((place) => ({ start: placeOf(place), end: placeOf(place + 1) }));
  }

  #newPlace(name: string): number {
    const place = this.#places.size < routeCount ? this.#places.size + 1 : this.#lightest();
    const at = placeOf(place);
    const old = readName(this.bytes, at);
    if (old !== '') {
      this.#places.delete(old);
      this.#giveToOthers(at);
    }
    this.bytes.fill(0, at, at + routeSize);
    const length = this.bytes.write(name, at + routeAt.name + 2, routeNameCapacity, 'latin1');
    this.bytes.writeUInt16LE(length, at + routeAt.name);
    this.#places.set(name, place);
    return place;
  }

  #lightest(): number {
    let lightest = 1;
    for (let place = 2; place <= routeCount; place += 1) {
      if (this.#weights[place]! < this.#weights[lightest]!) lightest = place;
    }
    return lightest;
  }

  #giveToOthers(from: number): void {
    const to = placeOf(0);
    for (const field of [routeAt.requests, routeAt.errors, routeAt.duration_sum_micros]) {
      this.#add(to + field, readU64(this.bytes, from + field));
    }
    this.#raise(to + routeAt.duration_max_micros, readU64(this.bytes, from + routeAt.duration_max_micros));
    for (let at = routeAt.durations; at < routeAt.durations + 4 * durationClasses; at += 4) {
      const count = this.bytes.readUInt32LE(from + at);
      if (count > 0) this.#add32(to + at, count);
    }
    this.#changed.add(0);
  }

  #add(offset: number, amount: number): void {
    writeU64(this.bytes, readU64(this.bytes, offset) + amount, offset);
  }

  #raise(offset: number, value: number): void {
    if (value > readU64(this.bytes, offset)) writeU64(this.bytes, value, offset);
  }

  #add32(offset: number, amount: number): void {
    writeU32(this.bytes, this.bytes.readUInt32LE(offset) + amount, offset);
  }
}
