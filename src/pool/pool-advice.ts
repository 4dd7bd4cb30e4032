/** Recommended process manager directives of a pool for the measured load, with reasons. Pure. */

import type { Demand } from './demand.ts';
import { defaultSafety } from './staffing.ts';

export interface Advice {
  readonly directive: string;
  readonly value: string;
  readonly reason: string;
}

export interface AdviceInput {
  /** As it is. */
  readonly processManager: string;
  readonly demand: Demand | undefined;
  /** Maximum of its workers. */
  readonly workers: number;
  /** Private memory of a worker, and its growth per request; undefined when unknown. */
  readonly workerBytes: number | undefined;
  readonly growthBytesPerRequest: number | undefined;
}

/** A pool that is busy for a smaller share of the time, on average over the hour, needs no permanent workers. */
const rareLoad = 0.02;
/** Below this difference between mean and peak, workers that are idle now are needed soon. */
const steadyShare = 0.5;
/** Growth of a worker before it is renewed, as a share of its size. */
const growthShare = 0.5;
/** Smaller growth counts as zero: over 100,000 requests it is 6 MB. */
const noGrowthBytes = 64;

/** In file order. */
export function adviceFor(input: AdviceInput): Advice[] {
  return [...processManager(input), ...maxRequests(input)];
}

function processManager({ demand, workers, processManager: present }: AdviceInput): Advice[] {
  if (present === 'auto')
    return [{ directive: 'pm', value: 'auto', reason: 'it follows the load by itself' }];
  const limit = { directive: 'pm.max_children', value: String(workers), reason: 'see above' };
  const meanLoad = demand?.meanLoad ?? 0;
  const peakLoad = demand?.peak.load ?? 0;
  if (meanLoad < rareLoad && workers <= 2) {
    const reason =
      peakLoad === 0
        ? 'nothing was asked of it'
        : `it was busy for ${(100 * meanLoad).toFixed(1)} % of the time: a worker can be made when it is needed`;
    return [{ directive: 'pm', value: 'ondemand', reason }, limit];
  }
  if (meanLoad >= steadyShare * peakLoad) {
    const reason = `the load is steady: ${shown(meanLoad)} busy workers on average, ${shown(peakLoad)} in the busiest minute`;
    return [{ directive: 'pm', value: 'static', reason }, limit];
  }
  const spare = Math.min(workers, Math.max(1, Math.ceil(defaultSafety * Math.sqrt(meanLoad))));
  const most = Math.min(workers, Math.max(spare + 1, 2 * spare));
  const start = Math.min(most, Math.max(spare, Math.ceil(meanLoad + spare)));
  return [
    {
      directive: 'pm',
      value: 'dynamic',
      reason: `the load changes: ${shown(meanLoad)} busy workers on average, ${shown(peakLoad)} in the busiest minute`,
    },
    limit,
    {
      directive: 'pm.start_servers',
      value: String(start),
      reason: 'what is busy on average, and the spare ones',
    },
    {
      directive: 'pm.min_spare_servers',
      value: String(spare),
      reason: `${defaultSafety} x the square root of ${shown(meanLoad)}: by so much the load rises without warning`,
    },
    {
      directive: 'pm.max_spare_servers',
      value: String(most),
      reason: 'twice as many, so that workers are not made and ended in turn',
    },
  ];
}

function maxRequests({ workerBytes, growthBytesPerRequest: growth }: AdviceInput): Advice[] {
  if (growth === undefined || workerBytes === undefined) return [];
  const requests = requestsUntilRenewal(workerBytes, growth);
  const kilobytes = (growth / 1024).toFixed(1);
  return [
    requests === 0
      ? { directive: 'pm.max_requests', value: '0', reason: 'workers do not grow' }
      : {
          directive: 'pm.max_requests',
          value: String(requests),
          reason: `a request leaves its worker ${kilobytes} KB larger: after so many it has grown by half`,
        },
  ];
}

/** Requests after which a worker has grown by half, with two digits; 0 for never. */
export function requestsUntilRenewal(workerBytes: number, growthBytesPerRequest: number): number {
  if (growthBytesPerRequest < noGrowthBytes) return 0;
  const requests = Math.min(100_000, Math.max(100, (growthShare * workerBytes) / growthBytesPerRequest));
  return Number(requests.toPrecision(2));
}

function shown(load: number): string {
  return load.toFixed(load < 10 ? 1 : 0);
}
