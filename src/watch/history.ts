/**
 * The last hour of every pool, one sample every few seconds, in memory of a fixed size.
 *
 * All pools share one ring of times; a pool has a ring of figures beside it, 35 kB whatever happens, from its first
 * request on. One at rest is not told of again: what its samples would be is known. A pool that a reload removes takes its
 * figures with it, as it does in the metrics.
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
  type DurationCounts,
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
/** The clock of the heartbeat is not exact: a sample that is nearly due is taken now and not a heartbeat later. */
const earlyMs = 250;

const width = historyColumns.length;

type Figures = Readonly<Record<HistoryColumn, number>>;

const noCounts: PoolCounts = { accepted: 0, errors: 0, durations: noDurations };

/** What is known of the time from one sample to the next. */
interface Interval {
  readonly seconds: number;
  /** In which period of longest requests it began. */
  readonly period: number;
}

interface Series {
  /** Undefined for a pool that has been at rest since its first sample. */
  figures: Float32Array | undefined;
  /** At the last sample. */
  counts: PoolCounts;
  limit: number;
  /** Number of its first sample. */
  since: number;
  /** Number of the first sample of its rest; undefined while it is told of. */
  restsSince: number | undefined;
}

export class History {
  readonly #times = new Float64Array(historySamples);
  readonly #all = emptyFigures();
  readonly #pools = new Map<string, Series>();
  /** Those of them that are told of. */
  readonly #awake = new Set<string>();
  /** Limits of the others together. */
  #restingLimit = 0;
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
   * Takes a sample of all pools: these, and those at rest, which are not told of again. Others are forgotten.
   *
   * @param at milliseconds since 1970
   * @param clockMicros the same moment of CLOCK_MONOTONIC, by which the longest requests are known
   */
  add(at: number, pools: readonly PoolSample[], clockMicros = 0): void {
    // Times in the ring only rise: after a step back of the clock the history begins anew.
    if (at <= this.#lastAt) this.#clear();
    const interval = { seconds: (at - this.#lastAt) / 1000, period: this.#lastPeriod };
    const since: PoolCounts[] = [];
    const levels: Levels[] = [];
    for (const pool of pools) {
      if (this.#restsOn(pool)) continue;
      const level = levelsOf(pool);
      const growth = this.#growth(pool);
      store(this.#roused(pool), this.#taken, rowOf(level, growth, interval));
      levels.push(level);
      if (growth !== undefined) since.push(growth);
    }
    const resting = this.#pools.size - this.#awake.size;
    const growth = since.length === 0 && resting === 0 ? undefined : sumOfCounts(since);
    const level = sumOfLevels([...levels, levelsAtRest(this.#restingLimit)]);
    store(this.#all, this.#taken, rowOf(level, growth, interval));
    this.#times[this.#taken % historySamples] = at;
    this.#taken += 1;
    this.#lastPeriod = peakPeriod(clockMicros);
    this.#forgetOthers(pools);
    for (const { name, isAtRest } of pools) if (isAtRest === true) this.#rest(name);
  }

  /** The pool is none any more. */
  forget(name: string): void {
    const series = this.#pools.get(name);
    if (series?.restsSince !== undefined) this.#restingLimit -= series.limit;
    this.#pools.delete(name);
    this.#awake.delete(name);
  }

  /**
   * Samples of a pool, or of all pools together.
   *
   * @param since only samples after this time, milliseconds since 1970; all of them when it is still to come, which
   *   tells who asks that the clock was set back
   * @returns without figures for a pool of which there is no sample
   */
  read(pool: string | undefined, since: number): HistorySamples {
    const samples = this.#samplesAfter(since > this.#lastAt ? 0 : since);
    const rows = samples.map((sample) => this.#row(pool, sample));
    const columns = historyColumns.map((name, index) => [name, rows.map((row) => known(row?.[index]))]);
    return {
      pool,
      intervalMs: historyIntervalMs,
      at: samples.map((sample) => this.#times[sample % historySamples]!),
      ...(Object.fromEntries(columns) as Record<HistoryColumn, (number | null)[]>),
    };
  }

  get #lastAt(): number {
    return this.#taken === 0 ? Number.NEGATIVE_INFINITY : this.#times[(this.#taken - 1) % historySamples]!;
  }

  /** Numbers of the samples that are kept and came after a time. */
  #samplesAfter(since: number): number[] {
    const samples: number[] = [];
    for (let sample = this.#oldest; sample < this.#taken; sample += 1) {
      if (this.#times[sample % historySamples]! > since) samples.push(sample);
    }
    return samples;
  }

  get #oldest(): number {
    return Math.max(0, this.#taken - historySamples);
  }

  /** @returns undefined where nothing is known */
  #row(pool: string | undefined, sample: number): ArrayLike<number> | undefined {
    if (pool === undefined) return rowIn(this.#all, sample);
    const series = this.#pools.get(pool);
    if (series === undefined || sample < series.since) return undefined;
    const { figures, restsSince, limit } = series;
    if (restsSince !== undefined && sample >= restsSince) return rowAtRest(limit);
    return figures && rowIn(figures, sample);
  }

  /**
   * Whether there is nothing to write down: it has been at rest since the last sample, or it has never been anything
   * else.
   */
  #restsOn({ name, isAtRest, limit, counts }: PoolSample): boolean {
    if (isAtRest !== true) return false;
    const series = this.#pools.get(name);
    if (series !== undefined) {
      return (
        series.restsSince !== undefined &&
        series.limit === limit &&
        series.counts.accepted === counts.accepted
      );
    }
    if (counts.accepted > 0) return false;
    const now = this.#taken;
    this.#pools.set(name, { figures: undefined, counts, limit, since: now, restsSince: now });
    this.#restingLimit += limit;
    return true;
  }

  /** From the next sample on its samples are those of a pool at rest. */
  #rest(name: string): void {
    const series = this.#pools.get(name);
    if (series === undefined || series.restsSince !== undefined) return;
    series.restsSince = this.#taken;
    this.#restingLimit += series.limit;
    this.#awake.delete(name);
  }

  /** The figures of a pool that is told of, with those of its rest, if it comes from one. */
  #roused({ name, limit }: PoolSample): Float32Array {
    const series = this.#pools.get(name)!;
    series.figures ??= emptyFigures();
    if (series.restsSince !== undefined) {
      const row = rowAtRest(series.limit);
      for (let sample = Math.max(series.restsSince, this.#oldest); sample < this.#taken; sample += 1) {
        store(series.figures, sample, row);
      }
      this.#restingLimit -= series.limit;
      series.restsSince = undefined;
    }
    series.limit = limit;
    this.#awake.add(name);
    return series.figures;
  }

  /** What the pool's counts grew by; undefined at its first sample, when they may be those of any time. */
  #growth(pool: PoolSample): PoolCounts | undefined {
    const { name, counts, limit } = pool;
    const series = this.#pools.get(name);
    if (series === undefined) {
      const since = this.#taken;
      this.#pools.set(name, { figures: undefined, counts, limit, since, restsSince: undefined });
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
    const names = new Set(pools.map(({ name }) => name));
    for (const name of this.#awake) if (!names.has(name)) this.forget(name);
  }

  #clear(): void {
    this.#taken = 0;
    this.#all.fill(Number.NaN);
    for (const name of this.#awake) this.forget(name);
    for (const series of this.#pools.values()) {
      series.figures = undefined;
      series.since = 0;
      series.restsSince = 0;
    }
  }
}

/** NaN stands for what is not known. */
function emptyFigures(): Float32Array {
  return new Float32Array(historySamples * width).fill(Number.NaN);
}

/** Figures that are no growth. */
type Levels = Pick<Figures, 'busy' | 'busyMean' | 'limit' | 'fullest' | 'queue' | 'memoryBytes'>;

function levelsOf({ busy, busyMean, limit, queue, memoryBytes = Number.NaN }: PoolSample): Levels {
  return { busy, busyMean, limit, fullest: limit > 0 ? busy / limit : 0, queue, memoryBytes };
}

function levelsAtRest(limit: number): Levels {
  return { busy: 0, busyMean: 0, limit, fullest: 0, queue: 0, memoryBytes: 0 };
}

function sumOfLevels(levels: readonly Levels[]): Levels {
  const sum = (of: (level: Levels) => number) => levels.reduce((total, level) => total + of(level), 0);
  return {
    busy: sum(({ busy }) => busy),
    busyMean: sum(({ busyMean }) => busyMean),
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

/** Figures of a sample in the order of the columns. @param growth undefined where it is not known */
function rowOf(levels: Levels, growth: PoolCounts | undefined, { seconds, period }: Interval): number[] {
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
    meanMicros: growth === undefined ? Number.NaN : meanOf(growth.durations),
  };
  return historyColumns.map((name) => row[name]);
}

function rowAtRest(limit: number): number[] {
  return rowOf(levelsAtRest(limit), noCounts, { seconds: historyIntervalMs / 1000, period: 0 });
}

function store(figures: Float32Array, sample: number, row: readonly number[]): void {
  figures.set(row, (sample % historySamples) * width);
}

function rowIn(figures: Float32Array, sample: number): Float32Array {
  const from = (sample % historySamples) * width;
  return figures.subarray(from, from + width);
}

/** NaN where no request ended. */
function meanOf({ counts, sumMicros }: DurationCounts): number {
  return sumMicros / counts.reduce((sum, count) => sum + count, 0);
}

/** Five digits are more than a chart can show, and half the bytes of the answer. */
function known(value = Number.NaN): number | null {
  return Number.isNaN(value) ? null : Number(value.toPrecision(5));
}
