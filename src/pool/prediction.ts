/** Predicts waiting times for a number of workers by simulating the measured load. Pure and repeatable. */

import type { Demand } from './demand.ts';
import { type LoadPhase, simulate, type Waiting } from './queue-simulation.ts';
import { measuredTimes, type ServiceTimes } from './service-times.ts';

/** Maximum of simulated arrivals: a second of computing. */
const mostArrivals = 500_000;
/** A minute is one random sample: the simulation is repeated this often, as far as time allows. */
const mostRuns = 20;

export interface WhatIf {
  /** Workers; undefined: as planned. */
  readonly workers?: number | undefined;
  /** Factor for arrivals, default 1. */
  readonly rate?: number | undefined;
  /** Factor for service times, default 1. */
  readonly service?: number | undefined;
}

export interface Prediction {
  readonly workers: number;
  /** In the busiest minute. */
  readonly peak: Waiting;
  /** Seconds: p95 of the busiest minute in the runs with least and most waiting, without a tenth at each end. */
  readonly p95Range: readonly [low: number, high: number];
  /** Number of simulations; figures are their averages. */
  readonly runs: number;
  /** By minute of the demand; undefined for minutes skipped to save time. */
  readonly minutes: readonly (Waiting | undefined)[];
  readonly all: Waiting;
}

/**
 * @param counts requests by class of duration: the distribution of service times
 * @returns undefined if no request was measured
 */
export function predict(
  demand: Demand,
  counts: readonly number[],
  workers: number,
  whatIf: WhatIf = {},
): Prediction | undefined {
  const times = measuredTimes(counts);
  if (times === undefined) return undefined;
  const phases = demand.minutes.map((minute): LoadPhase => {
    const service = minute.serviceSeconds ?? times.meanSeconds;
    return {
      seconds: minute.seconds,
      rate: minute.rate * (whatIf.rate ?? 1),
      serviceSeconds: service * (whatIf.service ?? 1),
    };
  });
  const peakAt = demand.minutes.indexOf(demand.peak);
  const window = windowAround(phases, peakAt);
  return predictPhases(phases, window, peakAt, times, whatIf.workers ?? workers);
}

function predictPhases(
  phases: readonly LoadPhase[],
  { from, to }: { readonly from: number; readonly to: number },
  peakAt: number,
  times: ServiceTimes,
  workers: number,
): Prediction {
  const inWindow = phases.slice(from, to);
  const arrivals = inWindow.reduce((sum, { rate, seconds }) => sum + rate * seconds, 0);
  const runs = Math.max(1, Math.min(mostRuns, Math.floor(mostArrivals / Math.max(1, arrivals))));
  const simulations = Array.from({ length: runs }, (_, run) =>
    simulate({ workers, times, phases: inWindow, seed: run + 1 }),
  );
  const ofMinute = (index: number): Waiting => averageOf(simulations.map((one) => one.phases[index - from]!));
  const minutes = phases.map((_, index) => (index < from || index >= to ? undefined : ofMinute(index)));
  const p95 = simulations.map((one) => one.phases[peakAt - from]!.p95).sort((a, b) => a - b);
  const tenth = Math.floor(runs / 10);
  return {
    workers,
    peak: ofMinute(peakAt),
    p95Range: [p95[tenth]!, p95[runs - 1 - tenth]!],
    runs,
    minutes,
    all: averageOf(simulations),
  };
}

function averageOf(all: readonly Waiting[]): Waiting {
  const mean = (of: (one: Waiting) => number): number =>
    all.reduce((sum, one) => sum + of(one), 0) / all.length;
  return {
    arrivals: mean(({ arrivals }) => arrivals),
    refused: mean(({ refused }) => refused),
    waited: mean(({ waited }) => waited),
    mean: mean((one) => one.mean),
    p50: mean(({ p50 }) => p50),
    p95: mean(({ p95 }) => p95),
    p99: mean(({ p99 }) => p99),
  };
}

/** The phases around the busiest one, as many as can be simulated quickly. */
function windowAround(phases: readonly LoadPhase[], peakAt: number): { from: number; to: number } {
  let [from, to] = [peakAt, peakAt + 1];
  const arrivals = (index: number): number => (phases[index]?.rate ?? 0) * (phases[index]?.seconds ?? 0);
  let sum = arrivals(peakAt);
  for (;;) {
    // Earlier phases fill the queue, later ones only show its end.
    if (from > 0 && sum + arrivals(from - 1) <= mostArrivals) sum += arrivals(--from);
    else if (to < phases.length && sum + arrivals(to) <= mostArrivals) sum += arrivals(to++);
    else return { from, to };
  }
}
