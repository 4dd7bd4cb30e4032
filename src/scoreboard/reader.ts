/** Reading side of the scoreboard. Its results are safe to use, but may be untrue. */

import { readSync } from 'node:fs';
import { type DurationCounts, type DurationPeaks, durationClasses, peakPeriods } from './durations.ts';
import { type EngineSymbols, readEngineSymbols } from './engine-symbols.ts';
import {
  type Field,
  type FieldEngine,
  fieldBytes,
  headerAt,
  headerFields,
  headerSize,
  hostRegion,
  type OpcacheFieldName,
  routesPosition,
  routesSize,
  routeTableAt,
  routeTableFields,
  type SlotStringName,
  slotAt,
  slotNumbersEnd,
  slotPosition,
  slotSize,
  slotUsedEnd,
  stringCapacity,
} from './layout.ts';
import { readU64 } from './numbers.ts';
import type { OpcacheFigures } from './opcache-figures.ts';
import { type RouteTable, readRouteTable } from './routes.ts';
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
  readonly acceptedRequests: number;
  readonly memoryPeak: number;
  readonly activeRequests: number;
  readonly maxActiveRequests: number;
  readonly queuedRequests: number;
  readonly maxQueuedRequests: number;
}

/** One worker's slot. Strings are binary strings, at most as long as their field. */
export interface SlotSnapshot {
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
  /** Of the worker's PHP instance; 0 for a native worker, which is a process. */
  readonly instanceBytes: number;
  readonly contentLength: number;
  readonly httpStatus: number;
  /** Answers by class: 1xx, 2xx, 3xx, 4xx, 5xx. */
  readonly responses: readonly number[];
  readonly method: string;
  /** URI of the script. */
  readonly uri: string;
  /** Path that the client asked for. */
  readonly path: string;
  readonly query: string;
  readonly script: string;
  readonly user: string;
  readonly requestId: string;
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
    acceptedRequests: 0,
    memoryPeak: 0,
    activeRequests: 0,
    maxActiveRequests: 0,
    queuedRequests: 0,
    maxQueuedRequests: 0,
  },
  slots: [],
};

/** Slots per read. All readers share the buffers for two copies, since a read is never interrupted. */
const batchSlots = 16;
const batches = [Buffer.alloc(batchSlots * slotSize), Buffer.alloc(batchSlots * slotSize)] as const;

/** Reads of a slot under change before its copy is used as it is. */
const maxAttempts = 16;

/**
 * Reads a scoreboard through its descriptor with plain preads. The caller gives the slot count: sizes in the header are
 * ignored. No content that a worker can write makes a method throw; only an unreadable descriptor does. A short file
 * reads as zeros.
 */
export class ScoreboardReader {
  readonly slotCount: number;
  readonly #fd: number;
  readonly #foreign: readonly Field[];
  readonly #foreignOfRoutes: readonly Field[];
  readonly #header = Buffer.alloc(headerSize);
  readonly #first = Buffer.alloc(slotUsedEnd);
  readonly #second = Buffer.alloc(slotUsedEnd);

  /** @param engine the pool's engine; fields of the other engine read as zero */
  constructor(fd: number, slotCount: number, engine: FieldEngine) {
    this.#fd = fd;
    this.#foreign = fieldsOfOthers(headerFields, engine);
    this.#foreignOfRoutes = fieldsOfOthers(routeTableFields, engine);
    this.slotCount = slotCount;
  }

  /** Header and all slots in use. */
  read(): ScoreboardSnapshot {
    const slots: SlotSnapshot[] = [];
    for (let slot = 0; slot < this.slotCount; slot += 1) {
      const snapshot = this.readSlot(slot);
      if (snapshot !== undefined) slots.push(snapshot);
    }
    return { header: this.readHeader(), slots };
  }

  /** The same with empty strings: this is read every second, many slots at a time. */
  readNumbers(): ScoreboardSnapshot {
    const slots: SlotSnapshot[] = [];
    for (let slot = 0; slot < this.slotCount; slot += 1) {
      const inBatch = slot % batchSlots;
      if (inBatch === 0) this.#fillBatch(slot);
      const snapshot = this.#fromBatch(slot, inBatch * slotSize);
      if (snapshot !== undefined) slots.push(snapshot);
    }
    return { header: this.readHeader(), slots };
  }

  #fillBatch(slot: number): void {
    const length = Math.min(batchSlots, this.slotCount - slot) * slotSize;
    for (const batch of batches) this.#fill(batch, slotPosition(slot), length);
  }

  /** A slot by the rule of steady copies; one that is not steady is read again alone. */
  #fromBatch(slot: number, at: number): SlotSnapshot | undefined {
    const [first, second] = batches;
    const end = at + slotNumbersEnd;
    const settled = (second.readUInt32LE(at + slotAt.sequence) & 1) === 0;
    if (!settled || second.compare(first, at, end, at, end) !== 0) return this.readSlotNumbers(slot);
    const bytes = second.subarray(at, end);
    return bytes.readUInt32LE(slotAt.pid) === 0 ? undefined : slotSnapshot(slot, bytes, false);
  }

  readHeader(): ScoreboardHeader {
    const bytes = this.#readHeader(hostRegion.end);
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
      acceptedRequests: readU64(bytes, headerAt.accepted_requests),
      memoryPeak: readU64(bytes, headerAt.memory_peak),
      activeRequests: bytes.readUInt32LE(headerAt.active_requests),
      maxActiveRequests: bytes.readUInt32LE(headerAt.max_active_requests),
      queuedRequests: bytes.readUInt32LE(headerAt.queued_requests),
      maxQueuedRequests: bytes.readUInt32LE(headerAt.max_queued_requests),
    };
  }

  /** Undefined where OPcache is off, or not asked yet. */
  readOpcache(): OpcacheFigures | undefined {
    const bytes = this.#readHeader(hostRegion.end);
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

  /** The symbols that the native host published; undefined without them. */
  readEngineSymbols(): EngineSymbols | undefined {
    return readEngineSymbols(this.#readHeader(headerSize).subarray(headerAt.engine_symbols));
  }

  /** One slot in full; undefined when it is free. */
  readSlot(slot: number): SlotSnapshot | undefined {
    const bytes = this.#steadyCopy(slot, slotUsedEnd);
    return bytes.readUInt32LE(slotAt.pid) === 0 ? undefined : slotSnapshot(slot, bytes, true);
  }

  /** One slot with empty strings: process managers and timers read it every second. */
  readSlotNumbers(slot: number): SlotSnapshot | undefined {
    const bytes = this.#steadyCopy(slot, slotNumbersEnd);
    return bytes.readUInt32LE(slotAt.pid) === 0 ? undefined : slotSnapshot(slot, bytes, false);
  }

  /** The slot of its latest worker in full. If that worker has ended, its pid is 0 and the stage is its last one. */
  readLatest(slot: number): SlotSnapshot {
    return slotSnapshot(slot, this.#steadyCopy(slot, slotUsedEnd), true);
  }

  /** Number of requests that the slot's latest worker began, even after its end. */
  readRequestCount(slot: number): number {
    return readU64(this.#steadyCopy(slot, slotNumbersEnd), slotAt.requests);
  }

  /** Counters of the slot's latest worker, even after its end. */
  readCounters(slot: number): SlotCounters {
    const bytes = this.#steadyCopy(slot, slotUsedEnd);
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

  /** Requests of the pool by route, since the start of its host. */
  readRoutes(): RouteTable {
    const position = routesPosition(this.slotCount);
    let [last, next] = [Buffer.alloc(routesSize), Buffer.alloc(routesSize)];
    this.#fill(last, position, routesSize);
    for (let attempt = 1; attempt < maxAttempts; attempt += 1) {
      this.#fill(next, position, routesSize);
      const settled = (next.readUInt32LE(routeTableAt.sequence) & 1) === 0;
      if (settled && next.equals(last)) break;
      [last, next] = [next, last];
    }
    erase(this.#foreignOfRoutes, last);
    return readRouteTable(last);
  }

  /**
   * Reads until two consecutive copies are equal and have an even sequence number. For writers that make the number odd
   * first it alone would do; the comparison catches those that write with one pwrite.
   */
  #steadyCopy(slot: number, length: number): Buffer {
    const position = slotPosition(slot);
    let [last, next] = [this.#first, this.#second];
    this.#fill(last, position, length);
    for (let attempt = 1; attempt < maxAttempts; attempt += 1) {
      this.#fill(next, position, length);
      const settled = (next.readUInt32LE(slotAt.sequence) & 1) === 0;
      if (settled && next.compare(last, 0, length, 0, length) === 0) return next;
      [last, next] = [next, last];
    }
    return last;
  }

  /** The header up to `end`, with fields of the other engine zeroed: workers can write there too. */
  #readHeader(end: number): Buffer {
    this.#fill(this.#header, 0, end);
    erase(this.#foreign, this.#header);
    return this.#header;
  }

  #fill(target: Buffer, position: number, length: number): void {
    const read = readSync(this.#fd, target, 0, length, position);
    if (read < length) target.fill(0, read, length);
  }
}

function fieldsOfOthers(fields: readonly Field[], engine: FieldEngine): Field[] {
  return fields.filter((field) => field.engine !== undefined && field.engine !== engine);
}

function erase(fields: readonly Field[], bytes: Buffer): void {
  for (const field of fields) bytes.fill(0, field.offset, field.offset + fieldBytes(field));
}

function slotSnapshot(slot: number, bytes: Buffer, withStrings: boolean): SlotSnapshot {
  const string = (name: SlotStringName): string => (withStrings ? readString(bytes, name) : '');
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
function readString(bytes: Buffer, name: SlotStringName): string {
  const offset = slotAt[name];
  const length = Math.min(bytes.readUInt16LE(offset), stringCapacity[name]);
  return bytes.toString('latin1', offset + 2, offset + 2 + length);
}
