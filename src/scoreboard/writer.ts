/** Writing side of the scoreboard: the header for the master, the slots for the embedded host. */

import { ftruncateSync, readSync, writeSync } from 'node:fs';
import type { RequestTexts } from '../text/request-texts.ts';
import { epochMicros, monotonicMicros } from './clock.ts';
import { durationClass, peakPeriod, peakPeriods } from './durations.ts';
import {
  headerAt,
  headerSize,
  hostRegion,
  masterRegion,
  type OpcacheFieldName,
  opcacheRegion,
  routesPosition,
  type SlotStringName,
  scoreboardMagic,
  scoreboardSize,
  scoreboardVersion,
  slotAt,
  slotNumbersEnd,
  slotPosition,
  slotSize,
  slotUsedEnd,
  stringCapacity,
  warmAfterRequests,
} from './layout.ts';
import { readU64, writeU32, writeU64 } from './numbers.ts';
import { routeName } from './route-name.ts';
import { RoutesWriter } from './routes-writer.ts';
import { type ProcessManagerName, processManagerCodes, type WorkerStage, workerStages } from './states.ts';

/** The master's figures, written at every heartbeat. */
export interface MasterFigures {
  readonly generation: number;
  readonly processManager: ProcessManagerName;
  readonly maxChildren: number;
  readonly idle: number;
  readonly active: number;
  readonly listenQueue: number;
  readonly maxListenQueue: number;
  readonly listenQueueLength: number;
  readonly maxChildrenReached: number;
  readonly slowRequests: number;
}

/** Counters of a host that begin where those of an earlier one ended. */
export interface FirstCounts {
  readonly accepted: number;
  readonly maxActive: number;
  readonly memoryPeak: number;
}

/** Facts about a request with complete parameters; texts are cut to their field. */
export interface RequestInformation extends RequestTexts {
  readonly contentLength: number;
}

/** Facts about a request with a complete answer. */
export interface RequestResult {
  /** HTTP status of the answer. */
  readonly status: number;
  /** CPU time of the request in microseconds. */
  readonly cpuMicros: number;
  /** PHP's memory peak in the request, bytes. */
  readonly memoryPeak: number;
  /** Memory of the worker's instance, bytes; undefined leaves it unchanged. */
  readonly instanceBytes?: number;
  /** Replaces the user of the request information: PHP knows it later than the host. */
  readonly user?: string;
}

/** Stages without a request. */
const restingStages: ReadonlySet<number> = new Set(
  (['idle', 'creating', 'booting'] as const).map((stage) => workerStages[stage].code),
);

/** Counters of a slot: answers by class, durations. */
const countRanges = [
  [slotAt.responses, slotAt.boots],
  [slotAt.duration_sum_micros, slotSize],
] as const;

/**
 * Writes a scoreboard through its descriptor. The master is the only writer of the header's master region, the host of
 * the host region and the slots. Each keeps an image, changes it, and writes the changed range with one pwrite.
 *
 * A pwrite is one unit, so here the sequence number is always even. A reader in the middle of the kernel's copy is
 * saved by its second read (reader.ts). C writers use a mapping and need the odd value.
 *
 * Every method throws the system's error when the write fails: the file has its full size from the start, so that means
 * a closed descriptor.
 */
export class ScoreboardWriter {
  readonly slotCount: number;
  readonly #fd: number;
  readonly #header: Buffer;
  readonly #slots: Buffer;
  readonly #isGathering: boolean;
  /** Slots to write, with the end of their changed range. */
  readonly #changed = new Map<number, number>();
  /** For a host; the master's writer has none. */
  #routes: RoutesWriter | undefined;
  /** Route of the current request, by slot. */
  readonly #routeNames: string[] = [];
  #isHostChanged = false;
  #isScheduled = false;

  /**
   * Takes over an existing scoreboard; its counters continue.
   *
   * @param isGathering writes the changes of one turn of the event loop at its end, once a slot: a busy worker ends a
   *   request and begins the next one in the same turn.
   * @throws Error for another version or number of slots, or when the file is no scoreboard.
   */
  constructor(fd: number, slotCount: number, isGathering = false) {
    this.#fd = fd;
    this.#isGathering = isGathering;
    this.slotCount = slotCount;
    this.#header = Buffer.alloc(headerSize);
    this.#slots = Buffer.alloc(slotCount * slotSize);
    readSync(fd, this.#header, 0, headerSize, 0);
    const magic = this.#header.toString('latin1', headerAt.magic, headerAt.magic + scoreboardMagic.length);
    const version = this.#header.readUInt32LE(headerAt.version);
    const count = this.#header.readUInt32LE(headerAt.slot_count);
    if (magic !== scoreboardMagic || version !== scoreboardVersion) {
      throw new Error(`cannot use the scoreboard: its version is ${version}, want ${scoreboardVersion}`);
    }
    if (count !== slotCount)
      throw new Error(`cannot use the scoreboard: it has ${count} slots, want ${slotCount}`);
    readSync(fd, this.#slots, 0, this.#slots.length, headerSize);
  }

  /**
   * Initialises an empty file as a scoreboard. Writes every page, because on a full tmpfs the error would otherwise
   * come with the first request, for a native worker as SIGBUS.
   *
   * @param startEpochMicros start of the pool, CLOCK_REALTIME.
   * @param counts what the host's counters begin at
   */
  static create(
    fd: number,
    slotCount: number,
    startEpochMicros: number = epochMicros(),
    counts: FirstCounts = { accepted: 0, maxActive: 0, memoryPeak: 0 },
  ): ScoreboardWriter {
    const bytes = Buffer.alloc(scoreboardSize(slotCount));
    bytes.write(scoreboardMagic, headerAt.magic, 'latin1');
    writeU32(bytes, scoreboardVersion, headerAt.version);
    writeU32(bytes, headerSize, headerAt.header_size);
    writeU32(bytes, slotSize, headerAt.slot_size);
    writeU32(bytes, slotCount, headerAt.slot_count);
    writeU64(bytes, startEpochMicros, headerAt.start_epoch_micros);
    writeU64(bytes, counts.accepted, headerAt.accepted_requests);
    writeU32(bytes, counts.maxActive, headerAt.max_active_requests);
    writeU64(bytes, counts.memoryPeak, headerAt.memory_peak);
    ftruncateSync(fd, bytes.length);
    let written = 0;
    while (written < bytes.length) {
      written += writeSync(fd, bytes, written, bytes.length - written, written);
    }
    return new ScoreboardWriter(fd, slotCount);
  }

  /** Publishes the master's figures in one write. */
  master(figures: MasterFigures): void {
    const header = this.#header;
    writeU32(header, figures.generation, headerAt.generation);
    writeU32(header, processManagerCodes[figures.processManager], headerAt.process_manager);
    writeU32(header, figures.maxChildren, headerAt.max_children);
    writeU32(header, figures.idle, headerAt.idle_workers);
    writeU32(header, figures.active, headerAt.active_workers);
    writeU32(header, figures.listenQueue, headerAt.listen_queue);
    writeU32(header, figures.maxListenQueue, headerAt.max_listen_queue);
    writeU32(header, figures.listenQueueLength, headerAt.listen_queue_length);
    writeU32(header, figures.maxChildrenReached, headerAt.max_children_reached);
    writeU64(header, figures.slowRequests, headerAt.slow_requests);
    writeU64(header, monotonicMicros(), headerAt.heartbeat_clock_micros);
    writeSync(
      this.#fd,
      header,
      masterRegion.start,
      masterRegion.end - masterRegion.start,
      masterRegion.start,
    );
  }

  /** Publishes the number of slow requests at once: the next master must not count or log one again. */
  slowed(slowRequests: number): void {
    const header = this.#header;
    writeU64(header, slowRequests, headerAt.slow_requests);
    writeU64(header, monotonicMicros(), headerAt.heartbeat_clock_micros);
    for (const at of [headerAt.slow_requests, headerAt.heartbeat_clock_micros])
      writeSync(this.#fd, header, at, 8, at);
  }

  /** A host without a master has looked at the backlog: the next master goes on from these figures. */
  lookedAtBacklog(queue: Pick<MasterFigures, 'listenQueue' | 'maxListenQueue' | 'listenQueueLength'>): void {
    const header = this.#header;
    writeU32(header, queue.listenQueue, headerAt.listen_queue);
    writeU32(header, queue.maxListenQueue, headerAt.max_listen_queue);
    writeU32(header, queue.listenQueueLength, headerAt.listen_queue_length);
    for (const at of [headerAt.listen_queue, headerAt.max_listen_queue, headerAt.listen_queue_length])
      writeSync(this.#fd, header, at, 4, at);
  }

  /** Sets the number of requests that wait in the host, and updates its maximum. */
  queued(requests: number): void {
    writeU32(this.#header, requests, headerAt.queued_requests);
    const highest = Math.max(requests, this.#header.readUInt32LE(headerAt.max_queued_requests));
    writeU32(this.#header, highest, headerAt.max_queued_requests);
    this.#hostChanged();
  }

  /** A request was refused because too many were waiting. */
  refused(): void {
    this.#count(headerAt.refused_requests);
  }

  /** A request is served before those that wait. */
  tookPriority(): void {
    this.#count(headerAt.priority_requests);
  }

  #count(at: number): void {
    writeU64(this.#header, readU64(this.#header, at) + 1, at);
    // Separate from fields that change with each request, and rare.
    writeSync(this.#fd, this.#header, at, 8, at);
  }

  /**
   * A new worker uses the slot; all data of the previous one is cleared.
   *
   * @param keepsCounts but for its counters, which nobody has read: those of the new worker go on from there
   */
  created(slot: number, pid: number, keepsCounts = false): void {
    const at = this.#start(slot);
    if (this.#isActive(at)) this.#countActive(-1);
    const sequence = this.#slots.readUInt32LE(at + slotAt.sequence);
    const last = keepsCounts ? Buffer.from(this.#slots.subarray(at, at + slotSize)) : undefined;
    this.#slots.fill(0, at, at + slotSize);
    for (const [from, to] of last === undefined ? [] : countRanges)
      last?.copy(this.#slots, at + from, from, to);
    this.#slots.writeUInt32LE(sequence, at + slotAt.sequence);
    writeU32(this.#slots, pid, at + slotAt.pid);
    writeU64(this.#slots, epochMicros(), at + slotAt.started_epoch_micros);
    this.#enter(slot, 'creating', slotUsedEnd);
    this.flush();
  }

  /** Worker mode: the application boots. */
  booting(slot: number): void {
    const at = this.#start(slot);
    if (this.#isActive(at)) this.#countActive(-1);
    writeU32(this.#slots, this.#slots.readUInt32LE(at + slotAt.boots) + 1, at + slotAt.boots);
    writeU64(this.#slots, readU64(this.#slots, at + slotAt.requests), at + slotAt.boot_requests);
    writeU64(this.#slots, 0, at + slotAt.heap_bytes);
    writeU64(this.#slots, 0, at + slotAt.warm_heap_bytes);
    this.#enter(slot, 'booting', slotNumbersEnd);
    this.flush();
  }

  /** Worker mode: the application waits for its first request. */
  booted(slot: number): void {
    const at = this.#start(slot);
    const began = readU64(this.#slots, at + slotAt.stage_clock_micros);
    writeU64(this.#slots, monotonicMicros() - began, at + slotAt.boot_micros);
  }

  /** Worker mode: PHP's memory in use behind the last of so many requests since the boot; written with what follows. */
  heap(slot: number, bytes: number, served: number): void {
    const at = this.#start(slot);
    writeU64(this.#slots, bytes, at + slotAt.heap_bytes);
    if (served === warmAfterRequests) writeU64(this.#slots, bytes, at + slotAt.warm_heap_bytes);
  }

  /** The worker waits for a connection. */
  idle(slot: number): void {
    if (this.#isActive(this.#start(slot))) this.#countActive(-1);
    this.#enter(slot, 'idle', slotNumbersEnd);
  }

  /**
   * A connection was accepted, or the next read on a kept-alive one starts: counts a request and clears the data of the
   * previous one.
   *
   * @param acceptedClock CLOCK_MONOTONIC in microseconds, when the worker got the request earlier.
   */
  readingHeaders(slot: number, acceptedClock: number = monotonicMicros()): void {
    const at = this.#start(slot);
    writeU64(this.#slots, readU64(this.#slots, at + slotAt.requests) + 1, at + slotAt.requests);
    writeU64(this.#slots, acceptedClock, at + slotAt.accepted_clock_micros);
    writeU64(this.#slots, 0, at + slotAt.content_length);
    for (const name of Object.keys(stringCapacity)) {
      this.#slots.writeUInt16LE(0, at + slotAt[name as SlotStringName]);
    }
    this.#routeNames[slot] = '';
    const accepted = readU64(this.#header, headerAt.accepted_requests) + 1;
    writeU64(this.#header, accepted, headerAt.accepted_requests);
    this.#countActive(this.#isActive(at) ? 0 : 1);
    this.#enter(slot, 'readingHeaders', slotUsedEnd);
  }

  /** The parameters are complete. */
  requestInformation(slot: number, information: RequestInformation): void {
    this.#describe(slot, information);
    this.#enter(slot, 'requestInformation', slotUsedEnd);
  }

  /** The script (or status or ping page) runs. With information, writes the previous stage as well. */
  running(slot: number, information?: RequestInformation): void {
    if (information !== undefined) this.#describe(slot, information);
    this.#enter(slot, 'running', information === undefined ? slotNumbersEnd : slotUsedEnd);
  }

  /** The worker's instance has grown during its request. */
  grown(slot: number, instanceBytes: number): void {
    const at = this.#start(slot);
    const sequence = this.#slots.readUInt32LE(at + slotAt.sequence);
    this.#slots.writeUInt32LE((sequence + 2) >>> 0, at + slotAt.sequence);
    writeU64(this.#slots, instanceBytes, at + slotAt.instance_bytes);
    this.#changed.set(slot, Math.max(slotNumbersEnd, this.#changed.get(slot) ?? 0));
    this.#schedule();
  }

  /** The script has ended; shutdown functions and the flush of output remain. */
  ending(slot: number): void {
    this.#enter(slot, 'ending', slotNumbersEnd);
  }

  /** The answer is complete; records its cost. */
  finishing(slot: number, result: RequestResult): void {
    const at = this.#start(slot);
    const duration = monotonicMicros() - readU64(this.#slots, at + slotAt.accepted_clock_micros);
    writeU32(this.#slots, result.status, at + slotAt.http_status);
    writeU64(this.#slots, duration, at + slotAt.duration_micros);
    writeU64(this.#slots, result.cpuMicros, at + slotAt.cpu_micros);
    writeU64(this.#slots, duration, at + slotAt.cpu_wall_micros);
    writeU64(this.#slots, result.memoryPeak, at + slotAt.memory_peak);
    if (result.instanceBytes !== undefined)
      writeU64(this.#slots, result.instanceBytes, at + slotAt.instance_bytes);
    const statusClass = Math.floor(result.status / 100);
    if (statusClass >= 1 && statusClass <= 5) this.#add(at + slotAt.responses + 8 * (statusClass - 1), 1);
    this.#add(at + slotAt.durations + 8 * durationClass(duration), 1);
    this.#add(at + slotAt.duration_sum_micros, duration);
    this.#raisePeak(at, duration);
    this.#routes ??= new RoutesWriter(this.#fd, routesPosition(this.slotCount), this.#isGathering);
    this.#routes.count(this.#routeNames[slot] ?? '', duration, statusClass === 5);
    if (result.user !== undefined) this.#putString(at, 'user', result.user);
    if (result.memoryPeak > readU64(this.#header, headerAt.memory_peak)) {
      writeU64(this.#header, result.memoryPeak, headerAt.memory_peak);
      this.#hostChanged();
    }
    this.#enter(slot, 'finishing', slotUsedEnd);
  }

  /** The response is complete and the script goes on; {@link finishing} counts the request at its end. */
  goesOn(slot: number): void {
    this.#start(slot);
    this.#enter(slot, 'finishing', slotUsedEnd);
  }

  /** Writes OPcache's figures of the whole pool by header field. */
  opcache(figures: Iterable<readonly [OpcacheFieldName, number]>): void {
    for (const [name, value] of figures) writeU64(this.#header, value, headerAt[name]);
    writeU64(this.#header, epochMicros(), headerAt.opcache_epoch_micros);
    const { start, end } = opcacheRegion;
    writeSync(this.#fd, this.#header, start, end - start, start);
  }

  /** The worker has ended. */
  free(slot: number): void {
    const at = this.#start(slot);
    if (this.#isActive(at)) this.#countActive(-1);
    writeU32(this.#slots, 0, at + slotAt.pid);
    this.#enter(slot, 'creating', slotNumbersEnd);
    this.flush();
    this.#routes?.flush();
  }

  /** Writes pending changes; call it before others are told to read the scoreboard. */
  flush(): void {
    for (const [slot, end] of this.#changed) {
      writeSync(this.#fd, this.#slots, this.#start(slot), end, slotPosition(slot));
    }
    this.#changed.clear();
    if (this.#isHostChanged) writeSync(this.#fd, this.#header, hostRegion.start, 32, hostRegion.start);
    this.#isHostChanged = false;
  }

  #start(slot: number): number {
    if (!Number.isInteger(slot) || slot < 0 || slot >= this.slotCount) {
      throw new RangeError(`cannot write slot ${slot} of a scoreboard with ${this.slotCount} slots`);
    }
    return slot * slotSize;
  }

  #isActive(at: number): boolean {
    const state = this.#slots.readUInt32LE(at + slotAt.state);
    return !restingStages.has(state);
  }

  #countActive(change: number): void {
    const active = Math.max(0, this.#header.readUInt32LE(headerAt.active_requests) + change);
    const highest = Math.max(active, this.#header.readUInt32LE(headerAt.max_active_requests));
    writeU32(this.#header, active, headerAt.active_requests);
    writeU32(this.#header, highest, headerAt.max_active_requests);
    this.#hostChanged();
  }

  #add(offset: number, amount: number): void {
    writeU64(this.#slots, readU64(this.#slots, offset) + amount, offset);
  }

  #describe(slot: number, information: RequestInformation): void {
    const at = this.#start(slot);
    this.#routeNames[slot] = routeName(information.method, information.path);
    const { requestId, ...same } = information;
    const strings: Readonly<Record<SlotStringName, string>> = { ...same, request_id: requestId };
    for (const name of Object.keys(stringCapacity) as SlotStringName[]) {
      this.#putString(at, name, strings[name]);
    }
    writeU64(this.#slots, information.contentLength, at + slotAt.content_length);
  }

  #putString(at: number, name: SlotStringName, text: string): void {
    const offset = at + slotAt[name];
    const length = this.#slots.write(text, offset + 2, stringCapacity[name], 'latin1');
    this.#slots.writeUInt16LE(length, offset);
  }

  #enter(slot: number, stage: Exclude<WorkerStage, 'unknown'>, end: number): void {
    const at = this.#start(slot);
    const sequence = this.#slots.readUInt32LE(at + slotAt.sequence);
    this.#slots.writeUInt32LE((sequence + 2) >>> 0, at + slotAt.sequence);
    writeU32(this.#slots, workerStages[stage].code, at + slotAt.state);
    writeU64(this.#slots, monotonicMicros(), at + slotAt.stage_clock_micros);
    this.#changed.set(slot, Math.max(end, this.#changed.get(slot) ?? 0));
    this.#schedule();
  }

  #hostChanged(): void {
    this.#isHostChanged = true;
    this.#schedule();
  }

  #raisePeak(at: number, duration: number): void {
    const now = peakPeriod(monotonicMicros());
    const last = readU64(this.#slots, at + slotAt.peak_period);
    const peakAt = (period: number) => at + slotAt.peaks_micros + 8 * (period % peakPeriods);
    for (let period = Math.max(last, now - peakPeriods) + 1; period <= now; period += 1) {
      writeU64(this.#slots, 0, peakAt(period));
    }
    writeU64(this.#slots, now, at + slotAt.peak_period);
    writeU64(this.#slots, Math.max(duration, readU64(this.#slots, peakAt(now))), peakAt(now));
  }

  #schedule(): void {
    if (!this.#isGathering) {
      this.flush();
    } else if (!this.#isScheduled) {
      this.#isScheduled = true;
      queueMicrotask(() => {
        this.#isScheduled = false;
        this.flush();
      });
    }
  }
}
