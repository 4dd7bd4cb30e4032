/** The history as bytes, for the next master: a line of JSON, then the times, then the figures of all pools and of each. */

import { historyColumns } from '../figures/history.ts';

/** Beyond it the pools at the end are left out: the master waits for the write. */
export const longestDump = 8 << 20;
/** Names of pools have at most 4 KiB each, and there are fewer pools than that. */
const longestHead = 1 << 20;

/** Figures of one pool. */
export interface DumpedSeries {
  readonly name: string;
  readonly limit: number;
  readonly since: number;
  readonly restsSince: number | undefined;
  readonly figures: Float32Array;
}

export interface HistoryDump {
  /** Number of samples since the history began. */
  readonly taken: number;
  readonly times: Float64Array;
  readonly all: Float32Array;
  readonly pools: readonly DumpedSeries[];
}

/** Every number is in the byte order of this machine, which reads it as well. */
export function encodeHistory({ taken, times, all, pools }: HistoryDump): Buffer {
  const room = Math.max(0, longestDump - times.byteLength - all.byteLength);
  const kept = pools.slice(0, Math.floor(room / all.byteLength));
  const head = {
    columns: historyColumns,
    samples: times.length,
    taken,
    pools: kept.map(({ figures: _, ...pool }) => pool),
  };
  const parts = [times, all, ...kept.map(({ figures }) => figures)];
  return Buffer.concat([
    Buffer.from(`${JSON.stringify(head)}\n`),
    ...parts.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength)),
  ]);
}

/**
 * @param samples number of kept samples, of this version
 * @throws Error for bytes of another version or none of a history
 */
export function decodeHistory(bytes: Buffer, samples: number): HistoryDump {
  const end = bytes.indexOf(10);
  if (end < 0 || end > longestHead) throw new Error('it is no history');
  const head = JSON.parse(bytes.toString('utf8', 0, end));
  if (JSON.stringify(head.columns) !== JSON.stringify(historyColumns) || head.samples !== samples)
    throw new Error('it is the history of another version');
  if (!isCount(head.taken) || !Array.isArray(head.pools)) throw new Error('it is no history');
  const figuresBytes = samples * historyColumns.length * 4;
  if (bytes.length !== end + 1 + samples * 8 + figuresBytes * (1 + head.pools.length))
    throw new Error('it is not whole');
  // A copy: arrays of numbers begin at multiples of their size.
  const take = (at: number, length: number): ArrayBuffer =>
    new Uint8Array(bytes.subarray(at, at + length)).buffer;
  const first = end + 1 + samples * 8;
  const figures = (index: number): Float32Array =>
    new Float32Array(take(first + index * figuresBytes, figuresBytes));
  return {
    taken: head.taken,
    times: new Float64Array(take(end + 1, samples * 8)),
    all: figures(0),
    pools: head.pools.map((pool: Partial<DumpedSeries>, index: number): DumpedSeries => {
      const { name, limit, since, restsSince } = pool;
      const isWhole = typeof name === 'string' && Number.isFinite(limit) && isCount(since);
      if (!isWhole || (restsSince !== undefined && !isCount(restsSince))) throw new Error('it is no history');
      return { name, limit: Number(limit), since: Number(since), restsSince, figures: figures(index + 1) };
    }),
  };
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
