/**
 * The last hour of every pool, one sample every few seconds, in memory of a fixed size.
 *
 * All pools share one ring of times; a pool has a ring of figures beside it, 29 kB whatever happens. A pool that a
 * reload removes takes its figures with it, as it does in the metrics.
 */

import {
  type HistoryColumn,
  type HistorySamples,
  historyColumns,
  type PoolCounts,
  type PoolSample,
} from '../figures/history.ts';
import {
  addDurations,
  durationQuantile,
  durationsSince,
  longestSince,
  noDurations,
  peakPeriod,
} from '../scoreboard/durations.ts';

/** Milliseconds from a sample to the next one. */
export const historyIntervalMs = 5000;
/** Samples that are kept: an hour. */
export const historySamples = 720;
/** The clock of the heartbeat is not exact: a sample that is nearly due is taken now and not a beat later. */
const earlyMs = 250;

const width = historyColumns.length;

type Figures = Readonly<Record<HistoryColumn, number>>;

const noCounts: PoolCounts = { accepted: 0, errors: 0, durations: noDurations };

interface Series {
  readonly figures: Float32Array;
  /** At the last sample. */
  counts: PoolCounts;
}

export class History {
  readonly #times = new Float64Array(historySamples);
  readonly #all = emptyFigures();
  readonly #pools = new Map<string, Series>();
  /** Samples since the history began; the ring holds the last ones. */
  #taken = 0;
  /** In which period of longest requests the last sample was taken. */
  #lastPeriod = 0;

  /** @param now milliseconds since 1970 */
  isDue(now: number): boolean {
    const age = now - this.#lastAt;
    // Negative once the clock was set back.
    return age >= historyIntervalMs - earlyMs || age < 0;
  }

  /**
   * Takes a sample of all pools; those that are not among them any more are forgotten.
   *
   * @param at milliseconds since 1970
   * @param clockMicros the same moment of CLOCK_MONOTONIC, by which the longest requests are known
   */
  add(at: number, pools: readonly PoolSample[], clockMicros = 0): void {
    // Times in the ring only rise: after a step back of the clock the history begins anew.
    if (at <= this.#lastAt) this.#clear();
    const interval = { seconds: (at - this.#lastAt) / 1000, period: this.#lastPeriod };
    const place = this.#taken % historySamples;
    const since: PoolCounts[] = [];
    const levels: Levels[] = [];
    for (const pool of pools) {
      const level = levelsOf(pool);
      const growth = this.#growth(pool);
      store(this.#pools.get(pool.name)!.figures, place, level, growth, interval);
      levels.push(level);
      if (growth !== undefined) since.push(growth);
    }
    store(
      this.#all,
      place,
      sumOfLevels(levels),
      since.length === 0 ? undefined : sumOfCounts(since),
      interval,
    );
    this.#forgetOthers(pools);
    this.#times[place] = at;
    this.#taken += 1;
    this.#lastPeriod = peakPeriod(clockMicros);
  }

  /**
   * Samples of a pool, or of all pools together.
   *
   * @param since only samples after this time, milliseconds since 1970; all of them when it is still to come, which
   *   tells who asks that the clock was set back
   * @returns without figures for a pool of which there is no sample
   */
  read(pool: string | undefined, since: number): HistorySamples {
    const figures = pool === undefined ? this.#all : this.#pools.get(pool)?.figures;
    const places = this.#placesAfter(since > this.#lastAt ? 0 : since);
    const columns = historyColumns.map((name, index) => [
      name,
      places.map((place) => known(figures?.[place * width + index])),
    ]);
    return {
      pool,
      intervalMs: historyIntervalMs,
      at: places.map((place) => this.#times[place]!),
      ...(Object.fromEntries(columns) as Record<HistoryColumn, (number | null)[]>),
    };
  }

  get #lastAt(): number {
    return this.#taken === 0 ? Number.NEGATIVE_INFINITY : this.#times[(this.#taken - 1) % historySamples]!;
  }

  #placesAfter(since: number): number[] {
    const places: number[] = [];
    for (let sample = Math.max(0, this.#taken - historySamples); sample < this.#taken; sample += 1) {
      const place = sample % historySamples;
      if (this.#times[place]! > since) places.push(place);
    }
    return places;
  }

  /** What the pool's counts grew by; undefined at its first sample, when they may be those of any time. */
  #growth(pool: PoolSample): PoolCounts | undefined {
    const { name, counts } = pool;
    const series = this.#pools.get(name);
    if (series === undefined) {
      this.#pools.set(name, { figures: emptyFigures(), counts });
      return undefined;
    }
    const growth = {
      // Never below 0, whatever a worker wrote.
      accepted: Math.max(0, counts.accepted - series.counts.accepted),
      errors: Math.max(0, counts.errors - series.counts.errors),
      durations: durationsSince(counts.durations, series.counts.durations),
    };
    series.counts = counts;
    return growth;
  }

  #forgetOthers(pools: readonly PoolSample[]): void {
    if (pools.length === this.#pools.size) return;
    const names = new Set(pools.map(({ name }) => name));
    for (const name of this.#pools.keys()) if (!names.has(name)) this.#pools.delete(name);
  }

  #clear(): void {
    this.#taken = 0;
    this.#all.fill(Number.NaN);
    this.#pools.clear();
  }
}

/** NaN stands for what is not known. */
function emptyFigures(): Float32Array {
  return new Float32Array(historySamples * width).fill(Number.NaN);
}

/** Figures that are no growth. */
type Levels = Pick<Figures, 'busy' | 'limit' | 'fullest' | 'queue' | 'memoryBytes'>;

function levelsOf({ busy, limit, queue, memoryBytes = Number.NaN }: PoolSample): Levels {
  return { busy, limit, fullest: limit > 0 ? busy / limit : 0, queue, memoryBytes };
}

function sumOfLevels(levels: readonly Levels[]): Levels {
  const sum = (of: (level: Levels) => number) => levels.reduce((total, level) => total + of(level), 0);
  return {
    busy: sum(({ busy }) => busy),
    limit: sum(({ limit }) => limit),
    fullest: Math.max(0, ...levels.map(({ fullest }) => fullest)),
    queue: sum(({ queue }) => queue),
    // Unknown where it is unknown of one pool: half a sum would be a lie.
    memoryBytes: sum(({ memoryBytes }) => memoryBytes),
  };
}

function sumOfCounts(counts: readonly PoolCounts[]): PoolCounts {
  return counts.reduce(
    (left, right) => ({
      accepted: left.accepted + right.accepted,
      errors: left.errors + right.errors,
      durations: addDurations(left.durations, right.durations),
    }),
    noCounts,
  );
}

function store(
  figures: Float32Array,
  place: number,
  levels: Levels,
  growth: PoolCounts | undefined,
  { seconds, period }: { readonly seconds: number; readonly period: number },
): void {
  const longest = growth && longestSince(growth.durations, period);
  const quantile = (part: number): number =>
    (growth && durationQuantile(growth.durations, part, longest)) ?? Number.NaN;
  const row: Figures = {
    ...levels,
    requestsPerSecond: growth === undefined ? Number.NaN : growth.accepted / seconds,
    errorsPerSecond: growth === undefined ? Number.NaN : growth.errors / seconds,
    p50Micros: quantile(0.5),
    p95Micros: quantile(0.95),
    p99Micros: quantile(0.99),
  };
  for (const [index, name] of historyColumns.entries()) figures[place * width + index] = row[name];
}

/** Five digits are more than a chart can show, and half the bytes of the answer. */
function known(value = Number.NaN): number | null {
  return Number.isNaN(value) ? null : Number(value.toPrecision(5));
}
