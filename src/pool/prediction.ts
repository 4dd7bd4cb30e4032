/** Predicts waiting times for a number of workers by simulating the measured load. Pure and repeatable. */

import type { Demand } from './demand.ts';
import { type LoadPhase, type Simulation, simulateInSteps, type Waiting } from './queue-simulation.ts';
import { measuredTimes, type ServiceTimes } from './service-times.ts';

/** The effort for a prediction. */
export interface Effort {
  /** Maximum of simulated arrivals, around the busiest minute. */
  readonly arrivals: number;
  /** The simulation is repeated this often with other random numbers, as far as the arrivals allow. */
  readonly runs: number;
}

/** A second of computing. */
const usualEffort: Effort = { arrivals: 500_000, runs: 20 };

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
  const steps = predictInSteps(demand, counts, workers, whatIf);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** The same, with a pause every few milliseconds in which the caller may do other work. */
export function* predictInSteps(
  demand: Demand,
  counts: readonly number[],
  workers: number,
  whatIf: WhatIf = {},
  effort: Effort = usualEffort,
): Generator<void, Prediction | undefined> {
  const times = measuredTimes(counts);
  if (times === undefined) return undefined;
  const phases = demand.minutes.map(({ seconds, rate, parts }): LoadPhase => {
    const factor = whatIf.rate ?? 1;
    return {
      seconds,
      rate: rate * factor,
      parts: parts.map((part) => ({
        seconds: part.seconds,
        arrivals: part.arrivals * factor,
        serviceSeconds: (part.serviceSeconds ?? times.meanSeconds) * (whatIf.service ?? 1),
      })),
    };
  });
  const peakAt = demand.minutes.indexOf(demand.peak);
  return yield* predictPhases(phases, peakAt, times, whatIf.workers ?? workers, effort);
}

function* predictPhases(
  phases: readonly LoadPhase[],
  peakAt: number,
  times: ServiceTimes,
  workers: number,
  effort: Effort,
): Generator<void, Prediction> {
  const { from, to } = windowAround(phases, peakAt, effort.arrivals);
  const inWindow = phases.slice(from, to);
  const arrivals = inWindow.reduce((sum, { rate, seconds }) => sum + rate * seconds, 0);
  const runs = Math.max(1, Math.min(effort.runs, Math.floor(effort.arrivals / Math.max(1, arrivals))));
  const simulations: Simulation[] = [];
  for (let run = 0; run < runs; run += 1) {
    simulations.push(yield* simulateInSteps({ workers, times, phases: inWindow, seed: run + 1 }));
    yield;
  }
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
function windowAround(
  phases: readonly LoadPhase[],
  peakAt: number,
  mostArrivals: number,
): { from: number; to: number } {
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
