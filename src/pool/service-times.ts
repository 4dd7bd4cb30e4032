/** Measured service times: turns a histogram into a source of random durations. */

import { durationBounds } from '../scoreboard/durations.ts';

export interface ServiceTimes {
  readonly meanSeconds: number;
  /** A duration in seconds. */
  draw(random: () => number): number;
}

/**
 * @param counts requests by duration class; above the last bound they count as twice that
 * @param meanSeconds mean to scale to; default: their own mean
 * @returns undefined if no request was counted
 */
export function measuredTimes(counts: readonly number[], meanSeconds?: number): ServiceTimes | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  const ends: number[] = [];
  let own = 0;
  let below = 0;
  counts.forEach((count, index) => {
    below += count / total;
    ends.push(below);
    own += (count / total) * ((startOf(index) + endOf(index)) / 2);
  });
  const scale = meanSeconds === undefined ? 1 : meanSeconds / own;
  return {
    meanSeconds: own * scale,
    draw: (random) => {
      const rank = random();
      const index = classAt(ends, rank);
      const before = ends[index - 1] ?? 0;
      const width = (ends[index] ?? 1) - before;
      const part = width <= 0 ? 0 : (rank - before) / width;
      return (startOf(index) + (endOf(index) - startOf(index)) * Math.min(1, part)) * scale;
    },
  };
}

/**
 * Log-normal times with that mean and coefficient of variation: the shape of web requests, for use without
 * measurements.
 */
export function lognormalTimes(meanSeconds: number, variation: number): ServiceTimes {
  const sigma = Math.sqrt(Math.log(1 + variation * variation));
  const mu = Math.log(meanSeconds) - (sigma * sigma) / 2;
  return {
    meanSeconds,
    // Box and Muller.
    draw: (random) =>
      Math.exp(mu + sigma * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())),
  };
}

/** The first class that reaches the rank. */
function classAt(ends: readonly number[], rank: number): number {
  let [low, high] = [0, ends.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ends[middle] ?? 1) > rank) high = middle;
    else low = middle + 1;
  }
  return low;
}

function startOf(index: number): number {
  return (durationBounds[index - 1] ?? 0) / 1e6;
}

function endOf(index: number): number {
  return (durationBounds[index] ?? 2 * (durationBounds.at(-1) ?? 0)) / 1e6;
}
