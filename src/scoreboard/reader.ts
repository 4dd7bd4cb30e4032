/** Reading side of the scoreboard. Its results are safe to use, but may be untrue. */

import { readSync } from 'node:fs';
import {
  decodeCounters,
  decodeHeader,
  decodeOpcache,
  decodeSlot,
  type ScoreboardHeader,
  type ScoreboardSnapshot,
  type SlotCounters,
  type SlotSnapshot,
} from './decode.ts';
import { type EngineSymbols, readEngineSymbols } from './engine-symbols.ts';
import {
  type Field,
  type FieldEngine,
  fieldBytes,
  headerAt,
  headerFields,
  headerSize,
  hostRegion,
  routesPosition,
  routesSize,
  routeTableAt,
  routeTableFields,
  scoreboardMagic,
  scoreboardVersion,
  slotAt,
  slotNumbersEnd,
  slotPosition,
  slotSize,
  slotUsedEnd,
} from './layout.ts';
import { readU64 } from './numbers.ts';
import type { OpcacheFigures } from './opcache-figures.ts';
import { type RouteTable, readRouteTable } from './routes.ts';

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
  readonly #mostQueued: () => number;
  readonly #header = Buffer.alloc(headerSize);
  readonly #first = Buffer.alloc(slotUsedEnd);
  readonly #second = Buffer.alloc(slotUsedEnd);

  /**
   * @param engine the pool's engine; fields of the other engine read as zero
   * @param mostQueued how many requests the queue of the pool's host can have now; higher figures read as this
   */
  constructor(
    fd: number,
    slotCount: number,
    engine: FieldEngine,
    mostQueued: () => number = () => Number.POSITIVE_INFINITY,
  ) {
    this.#fd = fd;
    this.#mostQueued = mostQueued;
    this.#foreign = fieldsOfOthers(headerFields, engine);
    this.#foreignOfRoutes = fieldsOfOthers(routeTableFields, engine);
    this.slotCount = slotCount;
  }

  /** Whether it is one of this layout. Its writer may be of another version of the program. */
  get isKnown(): boolean {
    const header = this.#readHeader(hostRegion.end);
    const magic = header.toString('latin1', headerAt.magic, headerAt.magic + scoreboardMagic.length);
    return magic === scoreboardMagic && header.readUInt32LE(headerAt.version) === scoreboardVersion;
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
    return bytes.readUInt32LE(slotAt.pid) === 0 ? undefined : decodeSlot(slot, bytes, false);
  }

  readHeader(): ScoreboardHeader {
    const header = decodeHeader(this.#readHeader(hostRegion.end));
    const most = this.#mostQueued();
    const queuedRequests = Math.min(header.queuedRequests, most);
    return { ...header, queuedRequests, maxQueuedRequests: Math.min(header.maxQueuedRequests, most) };
  }

  /** Undefined where OPcache is off, or not asked yet. */
  readOpcache(): OpcacheFigures | undefined {
    return decodeOpcache(this.#readHeader(hostRegion.end));
  }

  /** The symbols that the native host published; undefined without them. */
  readEngineSymbols(): EngineSymbols | undefined {
    return readEngineSymbols(this.#readHeader(headerSize).subarray(headerAt.engine_symbols));
  }

  /** One slot in full; undefined when it is free. */
  readSlot(slot: number): SlotSnapshot | undefined {
    const bytes = this.#steadyCopy(slot, slotUsedEnd);
    return bytes.readUInt32LE(slotAt.pid) === 0 ? undefined : decodeSlot(slot, bytes, true);
  }

  /** One slot with empty strings: process managers and timers read it every second. */
  readSlotNumbers(slot: number): SlotSnapshot | undefined {
    const bytes = this.#steadyCopy(slot, slotNumbersEnd);
    return bytes.readUInt32LE(slotAt.pid) === 0 ? undefined : decodeSlot(slot, bytes, false);
  }

  /** The slot of its latest worker in full. If that worker has ended, its pid is 0 and the stage is its last one. */
  readLatest(slot: number): SlotSnapshot {
    return decodeSlot(slot, this.#steadyCopy(slot, slotUsedEnd), true);
  }

  /** Number of requests that the slot's latest worker began, even after its end. */
  readRequestCount(slot: number): number {
    return readU64(this.#steadyCopy(slot, slotNumbersEnd), slotAt.requests);
  }

  /** Counters of the slot's latest worker, even after its end. */
  readCounters(slot: number): SlotCounters {
    return decodeCounters(this.#steadyCopy(slot, slotUsedEnd));
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
