/**
 * Counters of a pool since the master's start. A scoreboard ends with its generation, a slot with its worker; these
 * continue.
 */

import type { PoolCounts } from '../figures/admin-snapshot.ts';
import type { RestartCause } from '../figures/answers.ts';
import type { SlotCounters } from '../scoreboard/decode.ts';
import {
  addRoutes,
  countedRequests,
  noRoutes,
  type RouteCounts,
  type RouteTable,
} from '../scoreboard/routes.ts';
import { addCounters, noCounters } from '../scoreboard/slot-counters.ts';
import { asBinary } from '../text/binary.ts';
import type { CountedHost, EndingHost } from './counted-host.ts';
import type { Generation } from './generation.ts';

/** Counts beside the scoreboards, for the next master. */
export interface SavedCounters {
  readonly restarts: Record<RestartCause, number>;
  readonly gone: SlotCounters;
  /** Slots of living hosts whose worker has ended and is counted, by the start of that worker. */
  readonly ended?: readonly (readonly [generation: number, slot: number, startedEpochMicros: number])[];
  readonly routes: Omit<RouteTable, 'routes'> & {
    readonly routes: readonly (readonly [string, RouteCounts])[];
  };
  readonly accepted: number;
  readonly maxChildrenReached: number;
  readonly slowRequests: number;
  readonly terminatedRequests: number;
  readonly faults: number;
  readonly busySeconds: number;
}

export class PoolCounters {
  /** Something of {@link save} has changed, but for the busy seconds. */
  readonly #onChange: () => void;
  readonly #restarts: Record<RestartCause, number> = { exit: 0, signal: 0, timeout: 0, memory: 0, host: 0 };
  /** Of ended workers. */
  #gone: SlotCounters = noCounters;
  /** Starts of ended workers by slot, of generations with a host; undefined after a master that did not note them. */
  #ended: Map<string, readonly [generation: number, slot: number, startedEpochMicros: number]> | undefined =
    new Map();
  /** Of ended generations. */
  #routes = noRoutes;
  /** State when all requests had ended. */
  #settledRoutes: { readonly accepted: number; readonly table: RouteTable } | undefined = {
    accepted: 0,
    table: noRoutes,
  };
  #accepted = 0;
  /** Counters when all requests had ended. */
  #settled: { readonly accepted: number; readonly counters: SlotCounters } | undefined;
  #maxChildrenReached = 0;
  #slowRequests = 0;
  #terminatedRequests = 0;
  #faults = 0;
  #busySeconds = 0;
  #refused = 0;
  #priority = 0;
  /** Beside the pool's generations, until their end. */
  readonly #leftovers = new Set<CountedHost>();

  constructor(onChange: () => void = () => {}) {
    this.#onChange = onChange;
  }

  save(): SavedCounters {
    return {
      restarts: this.#restarts,
      gone: this.#gone,
      ...(this.#ended && { ended: [...this.#ended.values()] }),
      routes: { ...this.#routes, routes: [...this.#routes.routes] },
      accepted: this.#accepted,
      maxChildrenReached: this.#maxChildrenReached,
      slowRequests: this.#slowRequests,
      terminatedRequests: this.#terminatedRequests,
      faults: this.#faults,
      busySeconds: this.#busySeconds,
    };
  }

  /** The counts of the last master go on. Before anything is counted. */
  restore(saved: SavedCounters): void {
    Object.assign(this.#restarts, saved.restarts);
    this.#gone = saved.gone;
    this.#ended = saved.ended && new Map(saved.ended.map((one) => [`${one[0]} ${one[1]}`, one] as const));
    this.#routes = {
      ...saved.routes,
      routes: new Map(saved.routes.routes.map(([name, counts]) => [asBinary(name), counts])),
    };
    this.#settledRoutes = undefined;
    this.#accepted = saved.accepted;
    this.#maxChildrenReached = saved.maxChildrenReached;
    this.#slowRequests = saved.slowRequests;
    this.#terminatedRequests = saved.terminatedRequests;
    this.#faults = saved.faults;
    this.#busySeconds = saved.busySeconds;
  }

  /**
   * The counters as if these hosts had ended: for a master that cannot adopt them.
   *
   * @param generations those with a host
   */
  saveWith(generations: readonly Generation[]): SavedCounters {
    if (generations.length === 0) return this.save();
    const all = new PoolCounters();
    all.restore(this.save());
    for (const generation of generations) {
      for (const slot of generation.countedSlots) all.workerGone(generation, slot);
      all.generationGone(generation);
    }
    return all.save();
  }

  /** Something of the pool failed, and its host was ended. */
  faulted(): void {
    this.#faults += 1;
    this.#onChange();
  }

  /** @param seconds sum over all busy workers */
  wasBusy(seconds: number): void {
    this.#busySeconds += seconds;
    if (seconds > 0) this.#onChange();
  }

  get faults(): number {
    return this.#faults;
  }

  /** Connections answered with 503 because too many waited. */
  refused(count: number): void {
    this.#refused += count;
  }

  restarted(cause: RestartCause): void {
    this.#restarts[cause] += 1;
    this.#onChange();
  }

  terminated(): void {
    this.#terminatedRequests += 1;
    this.#onChange();
  }

  /** A worker has ended; call it before its slot is reused. */
  workerGone(generation: Generation, slot: number): void {
    const { startedEpochMicros } = generation.reader.readLatest(slot);
    generation.keepCounts(this.#addGone(generation, slot, startedEpochMicros));
    this.#onChange();
  }

  /**
   * An adopted host has named its workers. Of those that had ended, the last master has not heard of some: their slots
   * still have what they counted.
   */
  adopted(generation: Generation): void {
    if (this.#ended === undefined) return;
    for (let slot = 0; slot < generation.workers.slotCount; slot += 1) {
      if (generation.workers.get(slot) !== undefined) continue;
      const { startedEpochMicros } = generation.reader.readLatest(slot);
      const known = this.#ended.get(`${generation.number} ${slot}`)?.[2];
      if (startedEpochMicros !== 0 && startedEpochMicros !== known)
        generation.keepCounts(this.#addGone(generation, slot, startedEpochMicros));
    }
    this.#onChange();
  }

  #addGone(host: CountedHost, slot: number, startedEpochMicros: number): SlotCounters {
    const { number, reader } = host;
    const counters = reader.readCounters(slot);
    this.#gone = addCounters(this.#gone, counters);
    this.#ended?.set(`${number} ${slot}`, [number, slot, startedEpochMicros]);
    return counters;
  }

  /** A host that no generation goes on with counts until its end. */
  join(leftover: EndingHost): void {
    this.#leftovers.add(leftover);
    leftover.atEnd(() => {
      for (const slot of leftover.countedSlots)
        this.#addGone(leftover, slot, leftover.reader.readLatest(slot).startedEpochMicros);
      this.#leftovers.delete(leftover);
      this.generationGone(leftover);
    });
  }

  #with(generations: readonly Generation[]): readonly CountedHost[] {
    return this.#leftovers.size === 0 ? generations : [...generations, ...this.#leftovers];
  }

  /** The saved counters are out of date. */
  changed(): void {
    this.#onChange();
  }

  /** A host has ended with its workers; call it before the scoreboard is closed. */
  generationGone(generation: CountedHost): void {
    const { accepted, maxChildrenReached, slowRequests } = generation.ownCounts();
    this.#accepted += accepted;
    for (const [key, [number]] of this.#ended ?? [])
      if (number === generation.number) this.#ended?.delete(key);
    this.#maxChildrenReached += maxChildrenReached;
    this.#slowRequests += slowRequests;
    const { refusedRequests, priorityRequests } = generation.reader.readHeader();
    this.#refused += refusedRequests;
    this.#priority += priorityRequests;
    this.#routes = addRoutes(this.#routes, generation.reader.readRoutes());
    this.#onChange();
  }

  /** @param generations those with a host */
  routes(generations: readonly Generation[]): RouteTable {
    const accepted = this.accepted(generations);
    if (this.#settledRoutes?.accepted === accepted) return this.#settledRoutes.table;
    const table = this.#with(generations).reduce(
      (sum, { reader }) => addRoutes(sum, reader.readRoutes()),
      this.#routes,
    );
    // As below: most pools are at rest, and this is much to read.
    this.#settledRoutes = countedRequests(table) === accepted ? { accepted, table } : undefined;
    return table;
  }

  /** Requests begun. @param generations those with a host */
  accepted(generations: readonly Generation[]): number {
    return this.#with(generations).reduce((total, one) => total + one.ownCounts().accepted, this.#accepted);
  }

  /** @param generations those with a host */
  counts(generations: readonly Generation[]): PoolCounts {
    const accepted = this.accepted(generations);
    const hosts = this.#with(generations);
    const counted = this.#counted(accepted, hosts);
    const sum = (base: number, of: (host: CountedHost) => number): number =>
      hosts.reduce((total, generation) => total + of(generation), base);
    return {
      ...counted,
      accepted,
      maxChildrenReached: sum(this.#maxChildrenReached, (one) => one.ownCounts().maxChildrenReached),
      slowRequests: sum(this.#slowRequests, (one) => one.ownCounts().slowRequests),
      terminatedRequests: this.#terminatedRequests,
      restarts: { ...this.#restarts },
      faults: this.#faults,
      busySeconds: this.#busySeconds,
      refused: sum(this.#refused, ({ reader }) => reader.readHeader().refusedRequests),
      priority: sum(this.#priority, ({ reader }) => reader.readHeader().priorityRequests),
    };
  }

  /** Once every begun request has been counted, nothing can change until the next one begins. */
  #counted(accepted: number, hosts: readonly CountedHost[]): SlotCounters {
    if (this.#settled?.accepted === accepted) return this.#settled.counters;
    let counters = this.#gone;
    for (const { countedSlots, reader } of hosts)
      for (const slot of countedSlots) counters = addCounters(counters, reader.readCounters(slot));
    const ended = counters.durations.counts.reduce((sum, count) => sum + count, 0);
    this.#settled = ended === accepted ? { accepted, counters } : undefined;
    return counters;
  }
}
