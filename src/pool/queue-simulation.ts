/**
 * Simulates a pool as a queue: connections arrive at random, at a rate or as many as were counted in each few seconds,
 * each takes a measured time, workers serve them in order of arrival, like the kernel's queue. Pure and repeatable.
 */

import { exponential, seededRandom } from './random.ts';
import type { ServiceTimes } from './service-times.ts';

/** A period of load: constant, unless there are parts. */
export interface LoadPhase {
  readonly seconds: number;
  /** Arrivals a second. */
  readonly rate: number;
  /** Scales service times to this mean; undefined: unscaled. */
  readonly serviceSeconds?: number | undefined;
  /** Counts, in place of all the above. */
  readonly parts?: readonly CountedLoad[] | undefined;
}

/**
 * A few seconds whose arrivals were counted. They come at random moments within, and take as long together as they
 * took: counts and times vary by chance already, and drawing them anew would add the same chance once more.
 */
export interface CountedLoad {
  readonly seconds: number;
  /** A fraction is rounded up with that probability. */
  readonly arrivals: number;
  /** Mean of their service times; undefined when unknown. */
  readonly serviceSeconds: number | undefined;
}

interface Arrival {
  readonly at: number;
  readonly service: number;
}

export interface SimulatedPool {
  readonly workers: number;
  readonly phases: readonly LoadPhase[];
  readonly times: ServiceTimes;
  readonly seed?: number;
  /** Arrivals that wait longer are rejected; undefined: no limit. */
  readonly maxWaitSeconds?: number | undefined;
  /** Arrivals at this queue length are rejected. */
  readonly maxLength?: number | undefined;
}

/** Results for arrivals, in total or of one phase. */
export interface Waiting {
  readonly arrivals: number;
  readonly refused: number;
  /** Share of arrivals that found no free worker. */
  readonly waited: number;
  /** Seconds from arrival to the start of service, for served ones; 0 if there were none. */
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export interface Simulation extends Waiting {
  /** By phase of arrival. */
  readonly phases: readonly Waiting[];
  /** Average of busy workers. */
  readonly busy: number;
}

/** Simulates it, starting with an empty queue. */
export function simulate(pool: SimulatedPool): Simulation {
  const steps = simulateInSteps(pool);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** Arrivals of a step: two milliseconds of computing. */
const stepArrivals = 1000;

/** The same, with pauses in which the caller may do other work. */
export function* simulateInSteps(pool: SimulatedPool): Generator<void, Simulation> {
  const random = seededRandom(pool.seed ?? 1);
  const workers = new FreeTimes(pool.workers);
  const starts = new StartQueue();
  const waits: number[][] = [];
  const refused: number[] = [];
  let phaseStart = 0;
  let busySeconds = 0;
  let count = 0;
  for (const phase of pool.phases) {
    const inPhase: number[] = [];
    let sentAway = 0;
    for (const { at, service } of arrivalsOf(phase, phaseStart, pool.times, random)) {
      if (++count % stepArrivals === 0) yield;
      const start = Math.max(at, workers.earliest);
      starts.forgetBefore(at);
      const isTooLong = start - at > (pool.maxWaitSeconds ?? Number.POSITIVE_INFINITY);
      if (isTooLong || (start > at && starts.size >= (pool.maxLength ?? Number.POSITIVE_INFINITY))) {
        sentAway += 1;
        continue;
      }
      workers.take(start + service);
      if (start > at) starts.add(start);
      busySeconds += service;
      inPhase.push(start - at);
    }
    waits.push(inPhase);
    refused.push(sentAway);
    phaseStart += secondsOf(phase);
  }
  return {
    ...waitingOf(
      waits.flat(),
      refused.reduce((sum, count) => sum + count, 0),
    ),
    phases: waits.map((inPhase, index) => waitingOf(inPhase, refused[index] ?? 0)),
    busy: phaseStart > 0 ? Math.min(pool.workers, busySeconds / phaseStart) : 0,
  };
}

function secondsOf({ seconds, parts }: LoadPhase): number {
  return parts === undefined ? seconds : parts.reduce((sum, part) => sum + part.seconds, 0);
}

function* arrivalsOf(
  phase: LoadPhase,
  phaseStart: number,
  times: ServiceTimes,
  random: () => number,
): Generator<Arrival> {
  if (phase.parts !== undefined) {
    let start = phaseStart;
    for (const part of phase.parts) {
      yield* countedArrivals(part, start, times, random);
      start += part.seconds;
    }
    return;
  }
  const end = phaseStart + phase.seconds;
  const scale = phase.serviceSeconds === undefined ? 1 : phase.serviceSeconds / times.meanSeconds;
  let at = phase.rate > 0 ? phaseStart + exponential(phase.rate, random) : end;
  for (; at < end; at += exponential(phase.rate, random)) {
    yield { at, service: times.draw(random) * scale };
  }
}

function countedArrivals(
  { seconds, arrivals, serviceSeconds }: CountedLoad,
  start: number,
  times: ServiceTimes,
  random: () => number,
): Arrival[] {
  const count = Math.floor(arrivals + random());
  const moments = Float64Array.from({ length: count }, () => start + random() * seconds).sort();
  const drawn = Array.from(moments, () => times.draw(random));
  const mean = drawn.reduce((sum, service) => sum + service, 0) / Math.max(1, count);
  const scale = serviceSeconds === undefined || mean === 0 ? 1 : serviceSeconds / mean;
  return drawn.map((service, index) => ({ at: moments[index]!, service: service * scale }));
}

function waitingOf(waits: readonly number[], refused: number): Waiting {
  const sorted = Float64Array.from(waits).sort();
  const quantile = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
  const arrivals = waits.length + refused;
  return {
    arrivals,
    refused,
    waited: arrivals === 0 ? 0 : (waits.filter((wait) => wait > 0).length + refused) / arrivals,
    mean: waits.length === 0 ? 0 : waits.reduce((sum, wait) => sum + wait, 0) / waits.length,
    p50: quantile(0.5),
    p95: quantile(0.95),
    p99: quantile(0.99),
  };
}

/** Times at which workers become free, earliest on top: a binary heap. */
class FreeTimes {
  readonly #times: Float64Array;

  constructor(workers: number) {
    this.#times = new Float64Array(Math.max(1, workers));
  }

  get earliest(): number {
    return this.#times[0]!;
  }

  /** The worker that is free first is busy until then. */
  take(until: number): void {
    const times = this.#times;
    let place = 0;
    for (;;) {
      const left = 2 * place + 1;
      const right = left + 1;
      const child = right < times.length && times[right]! < times[left]! ? right : left;
      if (child >= times.length || times[child]! >= until) break;
      times[place] = times[child]!;
      place = child;
    }
    times[place] = until;
  }
}

/** Start times of waiting arrivals; they are served in order of arrival, so the times only rise. */
class StartQueue {
  #starts: number[] = [];
  #first = 0;

  get size(): number {
    return this.#starts.length - this.#first;
  }

  add(start: number): void {
    this.#starts.push(start);
  }

  forgetBefore(now: number): void {
    while (this.#first < this.#starts.length && this.#starts[this.#first]! <= now) this.#first += 1;
    if (this.#first < 1024) return;
    this.#starts = this.#starts.slice(this.#first);
    this.#first = 0;
  }
}
