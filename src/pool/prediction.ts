/** How long connections would wait with so many workers, by simulation of what was measured. Pure and repeatable. */

import type { Demand } from './demand.ts';
import { type LoadPhase, type Simulation, simulate, type Waiting } from './queue-simulation.ts';
import { measuredTimes, type ServiceTimes } from './service-times.ts';

/** Arrivals that are simulated at most: a second of computing. */
const mostArrivals = 500_000;

export interface WhatIf {
  /** Workers; undefined: as planned. */
  readonly workers?: number | undefined;
  /** Factor of arrivals, 1 unless told. */
  readonly rate?: number | undefined;
  /** Factor of service times, 1 unless told. */
  readonly service?: number | undefined;
}

export interface Prediction {
  readonly workers: number;
  /** In the busiest minute; of all arrivals that were simulated where it is not among them. */
  readonly peak: Waiting;
  /** By minute of the demand; undefined for those that were left out to save time. */
  readonly minutes: readonly (Waiting | undefined)[];
  readonly all: Simulation;
}

/**
 * @param counts requests by class of duration: the shape of the service times
 * @returns undefined where no request was measured
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
  const all = simulate({ workers, times, phases: phases.slice(from, to) });
  const minutes = phases.map((_, index) =>
    index < from || index >= to ? undefined : all.phases[index - from],
  );
  return { workers, peak: minutes[peakAt] ?? all, minutes, all };
}

/** The phases around the busiest one, as many as can be simulated in a moment. */
function windowAround(phases: readonly LoadPhase[], peakAt: number): { from: number; to: number } {
  let [from, to] = [peakAt, peakAt + 1];
  const arrivals = (index: number): number => (phases[index]?.rate ?? 0) * (phases[index]?.seconds ?? 0);
  let sum = arrivals(peakAt);
  for (;;) {
    // What comes before fills the queue, what comes after only tells of its end.
    if (from > 0 && sum + arrivals(from - 1) <= mostArrivals) sum += arrivals(--from);
    else if (to < phases.length && sum + arrivals(to) <= mostArrivals) sum += arrivals(to++);
    else return { from, to };
  }
}
