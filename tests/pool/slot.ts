import type { SlotSnapshot } from '../../src/scoreboard/decode.ts';
import { asBinary } from '../../src/text/binary.ts';

/** A slot of a worker that runs GET /. */
export function slot(changes: Partial<SlotSnapshot>): SlotSnapshot {
  return {
    slot: 0,
    pid: 42,
    stage: 'running',
    startedEpochMicros: 1_700_000_000_500_000,
    requests: 1,
    acceptedClockMicros: 1,
    stageClockMicros: 1,
    durationMicros: 0,
    cpuMicros: 0,
    cpuWallMicros: 0,
    memoryPeak: 0,
    instanceBytes: 0,
    boots: 0,
    bootMicros: 0,
    bootRequests: 0,
    heapBytes: 0,
    warmHeapBytes: 0,
    contentLength: 0,
    httpStatus: 0,
    responses: [0, 0, 0, 0, 0],
    method: asBinary(changes.stage === 'readingHeaders' ? '' : 'GET'),
    uri: asBinary(''),
    path: asBinary(''),
    query: asBinary(''),
    script: asBinary(''),
    user: asBinary(''),
    requestId: asBinary(''),
    ...changes,
  };
}
