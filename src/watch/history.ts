/**
 * The last hour of every pool, one sample every few seconds, in memory of a fixed size.
 *
 * All pools share one ring of times; each pool has a ring of figures, 35 kB in any case, from its first request on. A
 * pool at rest is not reported again: its samples are known. A pool removed by a reload takes its figures with it, as
 * in the metrics.
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
import { type DumpedSeries, decodeHistory, encodeHistory } from './history-dump.ts';

/** Milliseconds between two samples. */
export const historyIntervalMs = 5000;
/** Number of kept samples: an hour. */
export const historySamples = 720;
/** The heartbeat's clock is inexact: a sample that is nearly due is taken now instead of a heartbeat later. */
const earlyMs = 250;

const width = historyColumns.length;

type Figures = Readonly<Record<HistoryColumn, number>>;

const noCounts: PoolCounts = { accepted: 0, errors: 0, durations: noDurations };

/** Facts about the time between two samples. */
interface Interval {
  readonly seconds: number;
  /** Its first period of longest requests. */
  readonly period: number;
}

interface Series {
  /** Undefined for a pool at rest since its first sample. */
  figures: Float32Array | undefined;
  /** At the last sample. */
  counts: PoolCounts;
  limit: number;
  /** Number of its first sample. */
  since: number;
  /** Number of the first sample of its rest; undefined while it is active. */
  restsSince: number | undefined;
}

export class History {
  readonly #times = new Float64Array(historySamples);
  readonly #all = emptyFigures();
  readonly #pools = new Map<string, Series>();
  /** Figures of the last master, of pools that have not been seen yet. */
  readonly #earlier = new Map<string, Omit<DumpedSeries, 'name'>>();
  /** Number of samples when they came. */
  #restoredAt = 0;
  /** The active pools among them. */
  readonly #awake = new Set<string>();
  /** Sum of the limits of the others. */
  #restingLimit = 0;
  /** Number of samples since the history began; the ring has the last ones. */
  #taken = 0;
  /** Period of longest requests at the last sample. */
  #lastPeriod = 0;

  /** @param now milliseconds since 1970 */
  isDue(now: number): boolean {
    const age = now - this.#lastAt;
    // Negative after the clock was set back.
    return age >= historyIntervalMs - earlyMs || age < 0;
  }

  /**
   * Takes a sample of all pools: the given ones, and those at rest, which are not reported again. Others are forgotten.
   *
   * @param at milliseconds since 1970
   * @param clockMicros the same time on CLOCK_MONOTONIC, the clock of the longest requests
   */
  add(at: number, pools: readonly PoolSample[], clockMicros = 0): void {
    // Times in the ring only rise: after a step back of the clock the history starts again.
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
    if (this.#taken - this.#restoredAt >= historySamples) this.#earlier.clear();
    for (const { name, isAtRest } of pools) if (isAtRest === true) this.#rest(name);
  }

  /** For the next master. */
  save(): Buffer {
    const pools = [...this.#pools].flatMap(([name, { figures, limit, since, restsSince }]) =>
      figures === undefined ? [] : [{ name, figures, limit, since, restsSince }],
    );
    return encodeHistory({ taken: this.#taken, times: this.#times, all: this.#all, pools });
  }

  /**
   * The hour of the last master goes on. Before anything is added; the first sample of each pool has no growth.
   *
   * @throws Error for bytes of another version or none of a history
   */
  restore(bytes: Buffer): void {
    const { taken, times, all, pools } = decodeHistory(bytes, historySamples);
    this.#taken = taken;
    this.#restoredAt = taken;
    this.#times.set(times);
    this.#all.set(all);
    for (const { name, ...series } of pools) this.#earlier.set(name, series);
  }

  /** The pool no longer exists. */
  forget(name: string): void {
    const series = this.#pools.get(name);
    if (series?.restsSince !== undefined) this.#restingLimit -= series.limit;
    this.#pools.delete(name);
    this.#awake.delete(name);
  }

  /**
   * Samples of a pool, or of all pools together.
   *
   * @param since only samples after this time, milliseconds since 1970; all of them if it is in the future, which tells
   *   the client that the clock was set back
   * @returns no figures for a pool without a sample
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

  /** Numbers of the kept samples after a time. */
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

  /** @returns undefined when unknown */
  #row(pool: string | undefined, sample: number): ArrayLike<number> | undefined {
    if (pool === undefined) return rowIn(this.#all, sample);
    const series = this.#pools.get(pool);
    if (series === undefined || sample < series.since) return undefined;
    const { figures, restsSince, limit } = series;
    if (restsSince !== undefined && sample >= restsSince) return rowAtRest(limit);
    return figures && rowIn(figures, sample);
  }

  /** Whether nothing needs to be recorded: at rest since the last sample, or always. */
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
    if (counts.accepted > 0 || this.#earlier.has(name)) return false;
    const now = this.#taken;
    this.#pools.set(name, { figures: undefined, counts, limit, since: now, restsSince: now });
    this.#restingLimit += limit;
    return true;
  }

  /** From the next sample on the pool counts as at rest. */
  #rest(name: string): void {
    const series = this.#pools.get(name);
    if (series === undefined || series.restsSince !== undefined) return;
    series.restsSince = this.#taken;
    this.#restingLimit += series.limit;
    this.#awake.delete(name);
  }

  /** The figures of an active pool, including those of its rest if it was resting. */
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

  /** Growth of the pool's counters; undefined at its first sample, when they may be of any age. */
  #growth(pool: PoolSample): PoolCounts | undefined {
    const { name, counts, limit } = pool;
    const series = this.#pools.get(name);
    if (series === undefined) {
      this.#goOn(name, counts, limit);
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

  /** Its first sample of this master. */
  #goOn(name: string, counts: PoolCounts, limit: number): void {
    const earlier = this.#earlier.get(name);
    this.#earlier.delete(name);
    const fresh = { figures: undefined, limit, since: this.#taken, restsSince: undefined };
    const series = { ...(earlier ?? fresh), counts };
    this.#pools.set(name, series);
    if (series.restsSince !== undefined) this.#restingLimit += series.limit;
  }

  #forgetOthers(pools: readonly PoolSample[]): void {
    const names = new Set(pools.map(({ name }) => name));
    for (const name of this.#awake) if (!names.has(name)) this.forget(name);
  }

  #clear(): void {
    this.#taken = 0;
    this.#earlier.clear();
    this.#all.fill(Number.NaN);
    for (const name of this.#awake) this.forget(name);
    for (const series of this.#pools.values()) {
      series.figures = undefined;
      series.since = 0;
      series.restsSince = 0;
    }
  }
}

/** NaN means unknown. */
function emptyFigures(): Float32Array {
  return new Float32Array(historySamples * width).fill(Number.NaN);
}

/** Figures other than growth. */
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
    // Unknown if it is unknown for one pool: a partial sum would be wrong.
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

/** Figures of a sample in column order. @param growth undefined when unknown */
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

/** NaN if no request ended. */
function meanOf({ counts, sumMicros }: DurationCounts): number {
  return sumMicros / counts.reduce((sum, count) => sum + count, 0);
}

/** Five digits are more than a chart can show, and half the size of the answer. */
function known(value = Number.NaN): number | null {
  return Number.isNaN(value) ? null : Number(value.toPrecision(5));
}
