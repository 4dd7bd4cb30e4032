/**
 * Loads whose waiting is known, with the history that a master would have of them: for the quality of predictions over
 * many loads, where recorded-load.json is a single one. By hand, for the table in docs/sizing.md:
 *
 *     node tests/plan/simulated-load.ts
 */
import { demandOf, type LoadSamples } from '../../src/pool/demand.ts';
import { predict } from '../../src/pool/prediction.ts';
import { exponential, seededRandom } from '../../src/pool/random.ts';
import { lognormalTimes } from '../../src/pool/service-times.ts';
import { durationClass, noDurations } from '../../src/scoreboard/durations.ts';

export interface SimulatedLoad {
  readonly name: string;
  /** Moments of arrivals from `start` on. */
  readonly arrivals: (start: number, seconds: number, rate: number, random: () => number) => number[];
  /** Coefficient of variation of the service times. */
  readonly variation: number;
  /** Of the capacity, in the three phases. */
  readonly shares: readonly number[];
}

const workers = 4;
const meanService = 0.1;
const phaseSeconds = 90;
const intervalSeconds = 5;

function poisson(start: number, seconds: number, rate: number, random: () => number): number[] {
  const moments: number[] = [];
  for (let at = start + exponential(rate, random); at < start + seconds; at += exponential(rate, random))
    moments.push(at);
  return moments;
}

export const simulatedLoads: readonly SimulatedLoad[] = [
  { name: 'independent clients', arrivals: poisson, variation: 1, shares: [0.5, 0.9, 0.75] },
  {
    name: 'the same, with times that differ more',
    arrivals: poisson,
    variation: 2,
    shares: [0.5, 0.85, 0.7],
  },
  {
    name: 'a rate that goes up or down by 40 % every 10 seconds or so',
    variation: 1,
    shares: [0.43, 0.77, 0.64],
    arrivals: (start, seconds, rate, random) => {
      const moments: number[] = [];
      for (let at = start; at < start + seconds; ) {
        const end = Math.min(start + seconds, at + exponential(1 / 10, random));
        moments.push(...poisson(at, end - at, rate * (random() < 0.5 ? 1.4 : 0.6), random));
        at = end;
      }
      return moments;
    },
  },
  {
    name: 'pages that ask one to five times at once',
    variation: 1,
    shares: [0.45, 0.81, 0.68],
    arrivals: (start, seconds, rate, random) =>
      poisson(start, seconds, rate / 3, random)
        .flatMap((at) => Array.from({ length: 1 + Math.floor(random() * 5) }, () => at + 0.02 * random()))
        .sort((a, b) => a - b),
  },
];

interface Served {
  readonly at: number;
  readonly start: number;
  readonly end: number;
}

/** Predicted p95 of the wait to the real one, for one load. */
export function predictedToReal(load: SimulatedLoad, seed: number): number {
  const random = seededRandom(seed);
  const rateOf = (share: number): number => (share * workers) / meanService;
  const arrivals = load.shares.flatMap((share, phase) =>
    load.arrivals(phase * phaseSeconds, phaseSeconds, rateOf(share), random),
  );
  const served = serve(arrivals, lognormalTimes(meanService, load.variation).draw, random);
  const waits = served.map(({ at, start }) => start - at).sort((a, b) => a - b);
  const counts = [...noDurations.counts];
  for (const { start, end } of served) counts[durationClass((end - start) * 1e6)]! += 1;
  const demand = demandOf(historyOf(served, phaseSeconds * load.shares.length));
  const prediction = demand && predict(demand, counts, workers);
  return (prediction?.all.p95 ?? Number.NaN) / waits[Math.floor(0.95 * waits.length)]!;
}

function serve(
  arrivals: readonly number[],
  draw: (random: () => number) => number,
  random: () => number,
): Served[] {
  const free = Array.from({ length: workers }, () => 0);
  return arrivals.map((at) => {
    const first = free.indexOf(Math.min(...free));
    const start = Math.max(at, free[first]!);
    free[first] = start + draw(random);
    return { at, start, end: free[first] };
  });
}

/** What a master sees: counts each 5 seconds, and the queue and busy workers once a second. */
function historyOf(served: readonly Served[], seconds: number): LoadSamples {
  const count = Math.ceil(seconds / intervalSeconds);
  const samples = Array.from({ length: count }, (_, index) => {
    const [from, to] = [index * intervalSeconds, (index + 1) * intervalSeconds];
    const ended = served.filter(({ end }) => end >= from && end < to);
    const looks = Array.from({ length: intervalSeconds }, (_, second) => from + second + 1).map((now) => ({
      queue: served.filter(({ at, start }) => at <= now && start > now).length,
      busy: served.filter(({ start, end }) => start <= now && end > now).length,
    }));
    const time = ended.reduce((sum, { start, end }) => sum + end - start, 0);
    return {
      begun: served.filter(({ start }) => start >= from && start < to).length,
      meanMicros: ended.length === 0 ? null : (1e6 * time) / ended.length,
      queue: Math.max(...looks.map(({ queue }) => queue)),
      busy: Math.max(...looks.map(({ busy }) => busy)),
      busyMean: looks.reduce((sum, { busy }) => sum + busy, 0) / looks.length,
    };
  });
  const column = <T>(first: T, of: (sample: (typeof samples)[number]) => T): T[] => [
    first,
    ...samples.map(of),
  ];
  return {
    at: column(0, () => 0).map((_, index) => index * intervalSeconds * 1000),
    requestsPerSecond: column<number | null>(null, ({ begun }) => begun / intervalSeconds),
    meanMicros: column<number | null>(null, ({ meanMicros }) => meanMicros),
    busy: column(0, ({ busy }) => busy),
    busyMean: column(0, ({ busyMean }) => busyMean),
    limit: column(workers, () => workers),
    queue: column(0, ({ queue }) => queue),
    memoryBytes: column<number | null>(null, () => null),
  };
}

function main(): void {
  for (const load of simulatedLoads) {
    const ratios = Array.from({ length: 40 }, (_, seed) => predictedToReal(load, 77 * (seed + 1)));
    const sorted = ratios.toSorted((a, b) => a - b);
    const errors = ratios.map((ratio) => Math.exp(Math.abs(Math.log(ratio))) - 1).sort((a, b) => a - b);
    const at = (list: readonly number[], share: number): number => list[Math.floor(share * list.length)]!;
    process.stdout.write(
      `${load.name}: ${at(sorted, 0.5).toFixed(2)} times the real p95 in the middle; half are within ${(100 * at(errors, 0.5)).toFixed(0)} %, nine of ten within ${(100 * at(errors, 0.9)).toFixed(0)} %\n`,
    );
  }
}

if (import.meta.main) main();
