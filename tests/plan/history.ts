/** An hour as the endpoint tells it, for tests. */
import type { HistorySamples } from '../../src/figures/history.ts';

export interface Moment {
  readonly rate: number;
  readonly meanMicros: number | null;
  readonly busy?: number;
  readonly busyMean?: number;
  readonly queue?: number;
}

const intervalMs = 5000;

/** @param momentAt what was at that minute */
export function hour(momentAt: (minute: number) => Moment, limit = 10, minutes = 60): HistorySamples {
  const count = minutes * 12 + 1;
  const at = Array.from({ length: count }, (_, index) => 1_800_000_000_000 + index * intervalMs);
  const moments = at.map((_, index) => momentAt(Math.floor((index - 1) / 12)));
  const column = (of: (moment: Moment) => number | null) => moments.map(of);
  const busy = ({ rate, meanMicros, busyMean }: Moment) => busyMean ?? (rate * (meanMicros ?? 0)) / 1e6;
  return {
    pool: 'www',
    intervalMs,
    at,
    requestsPerSecond: column(({ rate }) => rate).map((rate, index) => (index === 0 ? null : rate)),
    errorsPerSecond: column(() => 0),
    p50Micros: column(({ meanMicros }) => meanMicros),
    p95Micros: column(({ meanMicros }) => meanMicros),
    p99Micros: column(({ meanMicros }) => meanMicros),
    meanMicros: column(({ meanMicros }) => meanMicros),
    busy: column((moment) => moment.busy ?? Math.ceil(busy(moment))),
    busyMean: column(busy),
    limit: column(() => limit),
    fullest: column((moment) => busy(moment) / limit),
    queue: column(({ queue = 0 }) => queue),
    memoryBytes: column(() => 300 * 2 ** 20),
  };
}
