/**
 * Whether the processor is exhausted: by pressure (PSI) if the kernel reports it, throttling by a quota, else time
 * (proc_stat(5)).
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A reading of the counters. */
export interface ProcessorCounters {
  /** Ticks of all processors: busy, and in total. */
  readonly busy: number;
  readonly total: number;
  /** Microseconds for which the quota throttled our cgroup; 0 without a quota. */
  readonly throttledMicros: number;
  /** Percent of the last 10 seconds in which something waited for a processor; undefined when not reported. */
  readonly pressure: number | undefined;
  /** Milliseconds, monotonic. */
  readonly at: number;
}

/** From this share on it counts as exhausted. */
const busyShare = 0.95;
/** Programs that take turns always wait a little. */
const busyPressure = 60;
const throttledShare = 0.2;

/** @param root parent of `/proc` and `/sys`, for tests */
export function readProcessor(at: number, root = '/'): ProcessorCounters {
  const ticks =
    /^cpu +(.*)$/m
      .exec(read(root, 'proc/stat') ?? '')?.[1]
      ?.split(' ')
      .map(Number) ?? [];
  const total = ticks.slice(0, 8).reduce((sum, value) => sum + value, 0);
  // Idle, and waiting for a disk.
  const busy = total - (ticks[3] ?? 0) - (ticks[4] ?? 0);
  const group = /^0::(.*)$/m.exec(read(root, 'proc/self/cgroup') ?? '')?.[1] ?? '';
  const throttled = /^throttled_usec (\d+)$/m.exec(
    read(root, join('sys/fs/cgroup', group, 'cpu.stat')) ?? '',
  )?.[1];
  const pressure = /^some avg10=([\d.]+)/m.exec(read(root, 'proc/pressure/cpu') ?? '')?.[1];
  return {
    busy,
    total,
    throttledMicros: Number(throttled ?? 0),
    pressure: pressure === undefined ? undefined : Number(pressure),
    at,
  };
}

/** Compares two readings. Zero pressure on a busy machine counts as not reported, whatever the file says. */
export function isProcessorUsedUp(before: ProcessorCounters, now: ProcessorCounters): boolean {
  const ticks = now.total - before.total;
  const share = ticks > 0 ? (now.busy - before.busy) / ticks : 0;
  const micros = (now.at - before.at) * 1000;
  if (micros > 0 && (now.throttledMicros - before.throttledMicros) / micros > throttledShare) return true;
  if (now.pressure !== undefined && now.pressure > 0)
    return now.pressure >= busyPressure && share >= busyShare / 2;
  return share >= busyShare;
}

function read(root: string, path: string): string | undefined {
  try {
    return readFileSync(join(root, path), 'latin1');
  } catch {
    return undefined;
  }
}
