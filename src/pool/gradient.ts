/**
 * An adaptive limit of requests in the system, served and waiting: Gradient2 of Netflix's concurrency-limits. Pure; one step a
 * second.
 *
 * The time that a request spends here is compared with what it has been over the last ten minutes. While it is not much
 * longer, the limit creeps up; where it is, requests wait, and the limit falls. So a queue is as long as it may be without
 * making requests much slower than they usually are.
 */

export interface GradientMemory {
  /** Requests, served and waiting. */
  readonly limit: number;
  /** The long average of their time, microseconds; undefined before the first one. */
  readonly longMicros: number | undefined;
  readonly shortMicros: number | undefined;
}

export interface GradientInput {
  /** Time of a request in the last second, waiting included, microseconds; undefined when none ended. */
  readonly micros: number | undefined;
  /** Requests served and waiting now. */
  readonly inside: number;
  readonly workers: number;
}

/** How much longer than usual requests may take. */
const tolerance = 1.5;
const smoothing = 0.2;
/** Requests by which the limit probes further. */
const probe = 4;
const longWindow = 600;
/** Usual times that are so much longer than the present ones are of another time. */
const outdated = 2;

export function newGradient(workers: number): GradientMemory {
  return { limit: 2 * workers + probe, longMicros: undefined, shortMicros: undefined };
}

export function stepGradient(
  memory: GradientMemory,
  { micros, inside, workers }: GradientInput,
): GradientMemory {
  if (micros === undefined || micros <= 0) return memory;
  const before = memory.longMicros ?? micros;
  const average = before + ((micros - before) * 2) / (longWindow + 1);
  const longMicros = average / micros > outdated ? average * 0.95 : average;
  // A limit that nobody comes near says nothing.
  if (inside < memory.limit / 2) return { limit: memory.limit, longMicros, shortMicros: micros };
  const gradient = Math.min(1, Math.max(0.5, (tolerance * longMicros) / micros));
  const next = (1 - smoothing) * memory.limit + smoothing * (memory.limit * gradient + probe);
  // Every worker may have a request, and there is always one for the next that is free.
  return { limit: Math.max(workers + 1, next), longMicros, shortMicros: micros };
}
