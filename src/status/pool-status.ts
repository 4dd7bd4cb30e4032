/** Status page data of a pool: the master's figures, and the workers' from the scoreboard. */

import type { ScoreboardSnapshot, SlotSnapshot } from '../scoreboard/decode.ts';
import { leastGrowthRequests, warmAfterRequests } from '../scoreboard/layout.ts';
import { stageLabel } from '../scoreboard/states.ts';
import { encodeBinary } from '../text/binary.ts';
import { noRequestTexts } from '../text/request-texts.ts';
import type { ApplicationStatus, ProcessStatus, StatusSnapshot } from './status-snapshot.ts';

export interface PoolStatusInput {
  readonly pool: {
    /** Of a pool in worker mode. */
    readonly 'worker.script'?: string | undefined;
    readonly name: string;
    readonly pm: string;
    readonly 'pm.max_children': number;
  };
  readonly scoreboard: ScoreboardSnapshot;
  /** Workers that are up according to their host: other slots are ignored. */
  readonly workers: readonly { readonly slot: number; readonly pid: number }[];
  /** The slots from this one on are the lane's. */
  readonly firstLaneSlot?: number;
  /** Start of the pool, milliseconds since 1970. */
  readonly startedAt: number;
  /** Connections in the kernel's backlog; those that the host accepted and holds are in the scoreboard. */
  readonly listenQueue: number;
  readonly maxListenQueue: number;
  /** 0 when unknown. */
  readonly listenQueueLength: number;
  readonly maxChildrenReached: number;
  readonly slowRequests: number;
  /** Whether the status page of the pool's PHP has this figure. */
  readonly showsMemoryPeak: boolean;
  /** CLOCK_MONOTONIC in microseconds, the scoreboard's clock. */
  readonly nowMicros: number;
}

/** Builds a snapshot. Scoreboard data is used for workers only, never for the pool itself. */
export function poolStatus(input: PoolStatusInput): StatusSnapshot {
  const { header, slots } = input.scoreboard;
  const bySlot = new Map(slots.map((slot) => [slot.slot, slot]));
  const workers = [...input.workers].sort((left, right) => left.slot - right.slot);
  const maxChildren = input.pool['pm.max_children'];
  // The lane's workers are in the list, and no part of the pool's size.
  const counted = workers.filter(({ slot }) => slot < (input.firstLaneSlot ?? Number.POSITIVE_INFINITY));
  const idle = counted.filter(({ slot }) => bySlot.get(slot)?.stage === 'idle').length;
  const active = counted.length - idle;
  const listenQueue = input.listenQueue + header.queuedRequests;
  return {
    pool: encodeBinary(input.pool.name),
    processManager: input.pool.pm,
    startTime: Math.floor(input.startedAt / 1000),
    acceptedConnections: header.acceptedRequests,
    listenQueue,
    maxListenQueue: Math.max(listenQueue, input.maxListenQueue, header.maxQueuedRequests),
    listenQueueLength: input.listenQueueLength,
    idleProcesses: idle,
    activeProcesses: active,
    maxActiveProcesses: Math.max(active, Math.min(header.maxActiveRequests, maxChildren)),
    maxChildrenReached: input.maxChildrenReached,
    slowRequests: input.slowRequests,
    memoryPeak: input.showsMemoryPeak ? header.memoryPeak : undefined,
    maxChildren,
    isBooted: (input.pool['worker.script'] ?? '') !== '',
    processes: workers.map(({ slot, pid }) => processStatus(pid, bySlot.get(slot), input)),
  };
}

function processStatus(pid: number, slot: SlotSnapshot | undefined, input: PoolStatusInput): ProcessStatus {
  if (slot === undefined) return unwrittenProcess(pid, Math.floor(input.startedAt / 1000));
  const isIdle = slot.stage === 'idle';
  const running = slot.acceptedClockMicros === 0 ? 0 : input.nowMicros - slot.acceptedClockMicros;
  return {
    pid,
    state: stageLabel(slot.stage),
    startTime: Math.floor(slot.startedEpochMicros / 1_000_000),
    requests: slot.requests,
    requestDuration: isIdle ? slot.durationMicros : Math.max(0, running),
    method: slot.method,
    uri: slot.uri,
    query: slot.query,
    contentLength: slot.contentLength,
    user: slot.user,
    script: slot.script,
    path: slot.path,
    requestId: slot.requestId,
    lastRequestCpu: isIdle && slot.cpuWallMicros > 0 ? (100 * slot.cpuMicros) / slot.cpuWallMicros : 0,
    lastRequestMemory: isIdle ? slot.memoryPeak : 0,
    application: applicationStatus(slot),
  };
}

function applicationStatus(slot: SlotSnapshot): ApplicationStatus | undefined {
  if (slot.boots === 0) return undefined;
  const requests = Math.max(0, slot.requests - slot.bootRequests);
  return { boots: slot.boots, bootMicros: slot.bootMicros, requests, ...growthOf(slot, requests) };
}

/** The running request has left nothing yet. */
function growthOf(
  { stage, heapBytes, warmHeapBytes }: SlotSnapshot,
  requests: number,
): Pick<ApplicationStatus, 'growthBytesPerRequest'> {
  const over = requests - Number(stage !== 'idle') - warmAfterRequests;
  if (warmHeapBytes === 0 || over < leastGrowthRequests) return {};
  return { growthBytesPerRequest: Math.max(0, Math.round((heapBytes - warmHeapBytes) / over)) };
}

/** A worker that is up but has not written its slot. */
function unwrittenProcess(pid: number, startTime: number): ProcessStatus {
  return {
    pid,
    state: stageLabel('creating'),
    startTime,
    requests: 0,
    requestDuration: 0,
    ...noRequestTexts,
    contentLength: 0,
    lastRequestCpu: 0,
    lastRequestMemory: 0,
    application: undefined,
  };
}
