/** Decodes the bytes of a scoreboard to values. They are safe to use, whatever the bytes are, but may be untrue. */

import { asBinary, type BinaryString, binaryOf } from '../text/binary.ts';
import type { RequestTexts } from '../text/request-texts.ts';
import { type DurationCounts, type DurationPeaks, durationClasses, peakPeriods } from './durations.ts';
import { headerAt, type OpcacheFieldName, type SlotStringName, slotAt, stringCapacity } from './layout.ts';
import { readU64 } from './numbers.ts';
import type { OpcacheFigures } from './opcache-figures.ts';
import {
  type ProcessManagerName,
  processManagerFromCode,
  stageFromCode,
  type WorkerStage,
} from './states.ts';

/** The header, as numbers. Counters are at most 2^53-1. */
export interface ScoreboardHeader {
  readonly startEpochMicros: number;
  readonly generation: number;
  readonly processManager: ProcessManagerName | 'unknown';
  readonly maxChildren: number;
  readonly idleWorkers: number;
  readonly activeWorkers: number;
  readonly listenQueue: number;
  readonly maxListenQueue: number;
  readonly listenQueueLength: number;
  readonly maxChildrenReached: number;
  readonly slowRequests: number;
  /** The master's last look; 0 before the first one. */
  readonly heartbeatClockMicros: number;
  readonly acceptedRequests: number;
  readonly memoryPeak: number;
  readonly activeRequests: number;
  readonly maxActiveRequests: number;
  readonly queuedRequests: number;
  readonly maxQueuedRequests: number;
  readonly refusedRequests: number;
  readonly priorityRequests: number;
}

/** One worker's slot. Texts are at most as long as their field. */
export interface SlotSnapshot extends RequestTexts {
  readonly slot: number;
  readonly pid: number;
  readonly stage: WorkerStage;
  readonly startedEpochMicros: number;
  readonly requests: number;
  readonly acceptedClockMicros: number;
  readonly stageClockMicros: number;
  readonly durationMicros: number;
  readonly cpuMicros: number;
  readonly cpuWallMicros: number;
  readonly memoryPeak: number;
  /** Size of the worker's PHP instance; 0 for a native worker, which is a process. */
  readonly instanceBytes: number;
  /** Worker mode: number of boots of the application; 0 in a worker that runs scripts. */
  readonly boots: number;
  /** Duration of the last boot. */
  readonly bootMicros: number;
  /** `requests` at the last boot. */
  readonly bootRequests: number;
  /** PHP's memory in use after the last request; and after the 20th since the boot, 0 before. */
  readonly heapBytes: number;
  readonly warmHeapBytes: number;
  readonly contentLength: number;
  readonly httpStatus: number;
  /** Answers by class: 1xx, 2xx, 3xx, 4xx, 5xx. */
  readonly responses: readonly number[];
}

/** Counters of a worker since its start. */
export interface SlotCounters {
  /** Answers by class: 1xx, 2xx, 3xx, 4xx, 5xx. */
  readonly responses: readonly number[];
  readonly durations: DurationCounts;
}

export interface ScoreboardSnapshot {
  readonly header: ScoreboardHeader;
  /** Slots in use, in slot order. */
  readonly slots: readonly SlotSnapshot[];
}

/** The scoreboard of a pool without a host. */
export const emptyScoreboard: ScoreboardSnapshot = {
  header: {
    startEpochMicros: 0,
    generation: 0,
    processManager: 'unknown',
    maxChildren: 0,
    idleWorkers: 0,
    activeWorkers: 0,
    listenQueue: 0,
    maxListenQueue: 0,
    listenQueueLength: 0,
    maxChildrenReached: 0,
    slowRequests: 0,
    heartbeatClockMicros: 0,
    acceptedRequests: 0,
    memoryPeak: 0,
    activeRequests: 0,
    maxActiveRequests: 0,
    queuedRequests: 0,
    maxQueuedRequests: 0,
    refusedRequests: 0,
    priorityRequests: 0,
  },
  slots: [],
};

export function decodeHeader(bytes: Buffer): ScoreboardHeader {
  return {
    startEpochMicros: readU64(bytes, headerAt.start_epoch_micros),
    generation: bytes.readUInt32LE(headerAt.generation),
    processManager: processManagerFromCode(bytes.readUInt32LE(headerAt.process_manager)),
    maxChildren: bytes.readUInt32LE(headerAt.max_children),
    idleWorkers: bytes.readUInt32LE(headerAt.idle_workers),
    activeWorkers: bytes.readUInt32LE(headerAt.active_workers),
    listenQueue: bytes.readUInt32LE(headerAt.listen_queue),
    maxListenQueue: bytes.readUInt32LE(headerAt.max_listen_queue),
    listenQueueLength: bytes.readUInt32LE(headerAt.listen_queue_length),
    maxChildrenReached: bytes.readUInt32LE(headerAt.max_children_reached),
    slowRequests: readU64(bytes, headerAt.slow_requests),
    heartbeatClockMicros: readU64(bytes, headerAt.heartbeat_clock_micros),
    acceptedRequests: readU64(bytes, headerAt.accepted_requests),
    memoryPeak: readU64(bytes, headerAt.memory_peak),
    activeRequests: bytes.readUInt32LE(headerAt.active_requests),
    maxActiveRequests: bytes.readUInt32LE(headerAt.max_active_requests),
    queuedRequests: bytes.readUInt32LE(headerAt.queued_requests),
    maxQueuedRequests: bytes.readUInt32LE(headerAt.max_queued_requests),
    refusedRequests: readU64(bytes, headerAt.refused_requests),
    priorityRequests: readU64(bytes, headerAt.priority_requests),
  };
}

/** From the header; undefined where OPcache is off, or not asked yet. */
export function decodeOpcache(bytes: Buffer): OpcacheFigures | undefined {
  const figure = (name: OpcacheFieldName): number => readU64(bytes, headerAt[name]);
  if (figure('opcache_epoch_micros') === 0) return undefined;
  return {
    epochMicros: figure('opcache_epoch_micros'),
    hits: figure('opcache_hits'),
    misses: figure('opcache_misses'),
    scripts: figure('opcache_scripts'),
    keys: figure('opcache_keys'),
    keysLimit: figure('opcache_keys_limit'),
    restarts: {
      memory: figure('opcache_restarts_memory'),
      keys: figure('opcache_restarts_keys'),
      manual: figure('opcache_restarts_manual'),
    },
    memory: {
      used: figure('opcache_memory_used'),
      free: figure('opcache_memory_free'),
      wasted: figure('opcache_memory_wasted'),
    },
    strings: { used: figure('opcache_strings_used'), free: figure('opcache_strings_free') },
  };
}

/** From a slot. */
export function decodeCounters(bytes: Buffer): SlotCounters {
  return {
    responses: responseCounts(bytes),
    durations: {
      counts: Array.from({ length: durationClasses }, (_, index) =>
        readU64(bytes, slotAt.durations + 8 * index),
      ),
      sumMicros: readU64(bytes, slotAt.duration_sum_micros),
      peaks: readPeaks(bytes),
    },
  };
}

/** A slot; strings are empty unless requested. */
export function decodeSlot(slot: number, bytes: Buffer, withStrings: boolean): SlotSnapshot {
  const string = (name: SlotStringName): BinaryString =>
    withStrings ? readString(bytes, name) : asBinary('');
  return {
    slot,
    pid: bytes.readUInt32LE(slotAt.pid),
    stage: stageFromCode(bytes.readUInt32LE(slotAt.state)),
    startedEpochMicros: readU64(bytes, slotAt.started_epoch_micros),
    requests: readU64(bytes, slotAt.requests),
    acceptedClockMicros: readU64(bytes, slotAt.accepted_clock_micros),
    stageClockMicros: readU64(bytes, slotAt.stage_clock_micros),
    durationMicros: readU64(bytes, slotAt.duration_micros),
    cpuMicros: readU64(bytes, slotAt.cpu_micros),
    cpuWallMicros: readU64(bytes, slotAt.cpu_wall_micros),
    memoryPeak: readU64(bytes, slotAt.memory_peak),
    instanceBytes: readU64(bytes, slotAt.instance_bytes),
    boots: bytes.readUInt32LE(slotAt.boots),
    bootMicros: readU64(bytes, slotAt.boot_micros),
    bootRequests: readU64(bytes, slotAt.boot_requests),
    heapBytes: readU64(bytes, slotAt.heap_bytes),
    warmHeapBytes: readU64(bytes, slotAt.warm_heap_bytes),
    contentLength: readU64(bytes, slotAt.content_length),
    httpStatus: bytes.readUInt32LE(slotAt.http_status),
    responses: responseCounts(bytes),
    method: string('method'),
    uri: string('uri'),
    path: string('path'),
    query: string('query'),
    script: string('script'),
    user: string('user'),
    requestId: string('request_id'),
  };
}

/** Newest period first. */
function readPeaks(bytes: Buffer): DurationPeaks {
  const period = readU64(bytes, slotAt.peak_period);
  const micros = Array.from({ length: peakPeriods }, (_, age) =>
    readU64(bytes, slotAt.peaks_micros + 8 * (Math.max(0, period - age) % peakPeriods)),
  );
  return { period, micros };
}

function responseCounts(bytes: Buffer): number[] {
  return [0, 1, 2, 3, 4].map((index) => readU64(bytes, slotAt.responses + 8 * index));
}

/** The length comes from the worker, so it is limited to the field. */
function readString(bytes: Buffer, name: SlotStringName): BinaryString {
  const offset = slotAt[name];
  const length = Math.min(bytes.readUInt16LE(offset), stringCapacity[name]);
  return binaryOf(bytes.subarray(offset + 2, offset + 2 + length));
}
