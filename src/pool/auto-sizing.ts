/**
 * Target number of workers of a pool with `pm = auto`. Pure: one step a heartbeat.
 *
 * - Up: by square-root staffing over the recent demand, and at once when a queue forms, by the number of waiting
 *   connections, at most to twice the current number.
 * - Not while the processor is the bottleneck: more workers would only make all of them slower. Requests that mostly
 *   wait (for a database) are exempt.
 * - Down: slowly, after a patience that doubles whenever ended workers were needed again soon after (uWSGI's lesson).
 * - Memory is a ceiling from outside. A worker that has a request is never killed for it.
 */

import { workersFor } from './staffing.ts';

/** Keys are the names of the directives. */
export interface AutoSettings {
  readonly 'pm.min_children': number;
  readonly 'pm.max_children': number;
}

export interface AutoInput {
  /** Milliseconds on a monotonic clock. */
  readonly now: number;
  /** Workers that were not asked to end, including starting ones. */
  readonly running: number;
  /** Workers with a request. */
  readonly active: number;
  /** Connections that wait. */
  readonly queue: number;
  /** Workers that fit into the memory; undefined when unknown. */
  readonly ceiling: number | undefined;
  readonly isProcessorBusy: boolean;
  /** Share of their time that requests use the processor, 0 to 1; undefined when unknown. */
  readonly processorShare: number | undefined;
}

/** The bound that determines the number. */
export type AutoLimit = 'load' | 'queue' | 'minimum' | 'maximum' | 'memory' | 'processor' | 'patience';

export interface AutoDecision {
  readonly target: number;
  /** Without limits. */
  readonly wanted: number;
  readonly load: number;
  readonly limit: AutoLimit;
  readonly reason: string;
  readonly memory: AutoMemory;
}

interface Sample {
  readonly at: number;
  readonly wanted: number;
}

export interface AutoMemory {
  readonly samples: readonly Sample[];
  /** Since when there have been more workers than needed. */
  readonly lowSince: number | undefined;
  readonly patienceMillis: number;
  readonly shrunkAt: number;
  /** When the patience last changed. */
  readonly patienceSince: number;
}

const windowMillis = 60_000;
const shortMillis = 10_000;
const leastPatience = 30_000;
const mostPatience = 480_000;
/** Growth within this time after a shrink means that the shrink came too early. */
const flapMillis = 60_000;
/** The patience halves after this time without flapping. */
const calmMillis = 600_000;
/** Between two steps down. */
const stepMillis = 5_000;
/** Requests below this share of processor time mostly wait for something else. */
const boundShare = 0.3;

export const freshAuto: AutoMemory = {
  samples: [],
  lowSince: undefined,
  patienceMillis: leastPatience,
  shrunkAt: Number.NEGATIVE_INFINITY,
  patienceSince: Number.NEGATIVE_INFINITY,
};

export function sizeAuto(settings: AutoSettings, memory: AutoMemory, input: AutoInput): AutoDecision {
  const { now, running, active, queue } = input;
  const samples = [...memory.samples, { at: now, wanted: active + queue }].filter(
    ({ at }) => now - at < windowMillis,
  );
  const load = Math.max(meanOf(samples), meanOf(samples.filter(({ at }) => now - at < shortMillis)));
  const need = needOf(load, input);
  const bounded = bound(settings, need, input);
  const calm = calmed({ ...memory, samples }, now);
  const result = { wanted: need.count, load };
  if (bounded.target > running) return { ...result, ...bounded, memory: grown(calm, now) };
  if (bounded.target === running) return { ...result, ...bounded, memory: { ...calm, lowSince: undefined } };
  // Workers that do not fit end at once, or after their request.
  if (bounded.limit === 'memory') return { ...result, ...bounded, memory: { ...calm, shrunkAt: now } };
  return { ...result, ...shrink(bounded.target, running, calm, now) };
}

interface Need {
  readonly count: number;
  readonly limit: AutoLimit;
  readonly reason: string;
}

function needOf(load: number, { running, active, queue }: AutoInput): Need {
  const count = workersFor(load);
  const byLoad = {
    count,
    limit: 'load',
    reason: `${load.toFixed(1)} are busy, and 1.5 x its square root`,
  } as const;
  if (queue === 0 || active < running) return byLoad;
  const atOnce = running + Math.min(queue, Math.max(1, running));
  if (atOnce <= count) return byLoad;
  return { count: atOnce, limit: 'queue', reason: `${queue} connections wait` };
}

interface Bounded {
  readonly target: number;
  readonly limit: AutoLimit;
  readonly reason: string;
}

function bound(settings: AutoSettings, need: Need, input: AutoInput): Bounded {
  const { running, ceiling, isProcessorBusy, processorShare } = input;
  const least = settings['pm.min_children'];
  const most = settings['pm.max_children'];
  let bounded: Bounded = { target: need.count, limit: need.limit, reason: need.reason };
  if (bounded.target < least)
    bounded = { target: least, limit: 'minimum', reason: `pm.min_children = ${least}` };
  if (bounded.target > most)
    bounded = {
      target: most,
      limit: 'maximum',
      reason: `pm.max_children = ${most}, ${need.count} are wanted`,
    };
  if (
    bounded.target > running &&
    running >= least &&
    isProcessorBusy &&
    (processorShare ?? 1) >= boundShare
  ) {
    const reason = `the processor is used up, ${need.count} are wanted but would only be slower`;
    bounded = { target: running, limit: 'processor', reason };
  }
  if (ceiling !== undefined && bounded.target > Math.max(least, ceiling)) {
    const reason = `${ceiling} fit into the memory, ${need.count} are wanted`;
    bounded = { target: Math.max(least, ceiling), limit: 'memory', reason };
  }
  return bounded;
}

function grown(memory: AutoMemory, now: number): AutoMemory {
  const isFlapping = now - memory.shrunkAt < flapMillis;
  if (!isFlapping) return { ...memory, lowSince: undefined };
  return {
    ...memory,
    lowSince: undefined,
    patienceMillis: Math.min(mostPatience, memory.patienceMillis * 2),
    patienceSince: now,
    // Each shrink is blamed only once.
    shrunkAt: Number.NEGATIVE_INFINITY,
  };
}

function shrink(
  target: number,
  running: number,
  memory: AutoMemory,
  now: number,
): Bounded & { readonly memory: AutoMemory } {
  const since = memory.lowSince ?? now;
  const left = memory.patienceMillis - (now - since);
  if (left > 0) {
    const reason = `${target} are needed, one goes in ${Math.ceil(left / 1000)} s`;
    return { target: running, limit: 'patience', reason, memory: { ...memory, lowSince: since } };
  }
  const step = Math.max(1, Math.floor(running / 10));
  const next = Math.max(target, running - step);
  const again = now - memory.patienceMillis + stepMillis;
  const reason = `${target} are needed for ${Math.round((now - since) / 1000)} s`;
  return { target: next, limit: 'load', reason, memory: { ...memory, lowSince: again, shrunkAt: now } };
}

function calmed(memory: AutoMemory, now: number): AutoMemory {
  if (memory.patienceMillis === leastPatience || now - memory.patienceSince < calmMillis) return memory;
  return {
    ...memory,
    patienceMillis: Math.max(leastPatience, memory.patienceMillis / 2),
    patienceSince: now,
  };
}

function meanOf(samples: readonly Sample[]): number {
  return samples.length === 0 ? 0 : samples.reduce((sum, { wanted }) => sum + wanted, 0) / samples.length;
}
