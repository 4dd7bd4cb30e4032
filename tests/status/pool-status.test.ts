import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ScoreboardHeader } from '../../src/scoreboard/decode.ts';
import { type PoolStatusInput, poolStatus } from '../../src/status/pool-status.ts';
import { slot } from '../pool/slot.ts';

const header: ScoreboardHeader = {
  startEpochMicros: 0,
  generation: 1,
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
  acceptedRequests: 17,
  memoryPeak: 4096,
  activeRequests: 0,
  maxActiveRequests: 2,
  queuedRequests: 3,
  maxQueuedRequests: 9,
  refusedRequests: 0,
  priorityRequests: 0,
};

const base: PoolStatusInput = {
  pool: { name: 'www', pm: 'dynamic', 'pm.max_children': 5 },
  scoreboard: { header, slots: [] },
  workers: [],
  startedAt: 1_700_000_000_999,
  listenQueue: 1,
  maxListenQueue: 4,
  listenQueueLength: 511,
  maxChildrenReached: 6,
  slowRequests: 7,
  showsMemoryPeak: true,
  nowMicros: 10_000_000,
};

test("the pool's figures are the master's, the counters the scoreboard's", () => {
  assert.deepEqual(poolStatus(base), {
    pool: 'www',
    processManager: 'dynamic',
    startTime: 1_700_000_000,
    acceptedConnections: 17,
    listenQueue: 4,
    maxListenQueue: 9,
    listenQueueLength: 511,
    idleProcesses: 0,
    activeProcesses: 0,
    maxActiveProcesses: 2,
    maxChildrenReached: 6,
    slowRequests: 7,
    memoryPeak: 4096,
    maxChildren: 5,
    isBooted: false,
    processes: [],
  });
});

test('workers are those that the host told of, in slot order, with their own pid', () => {
  const slots = [
    slot({ slot: 0, pid: 1, stage: 'idle' }),
    slot({ slot: 1, pid: 999, stage: 'running' }),
    slot({ slot: 3, pid: 4, stage: 'idle' }),
  ];
  const workers = [
    { slot: 2, pid: 12 },
    { slot: 1, pid: 11 },
    { slot: 0, pid: 10 },
  ];
  const status = poolStatus({ ...base, scoreboard: { header, slots }, workers });
  assert.deepEqual(
    status.processes.map(({ pid, state }) => `${pid} ${state}`),
    ['10 Idle', '11 Running', '12 Creating'],
  );
  assert.equal(status.idleProcesses, 1);
  assert.equal(status.activeProcesses, 2);
});

test('an idle worker shows its last request, a busy one the time so far', () => {
  const done = { durationMicros: 2000, cpuMicros: 500, cpuWallMicros: 2000, memoryPeak: 77 };
  const slots = [
    slot({ slot: 0, stage: 'idle', ...done }),
    slot({ slot: 1, stage: 'running', ...done, acceptedClockMicros: 9_000_000 }),
    slot({ slot: 2, stage: 'idle', cpuMicros: 5, cpuWallMicros: 0 }),
    slot({ slot: 3, stage: 'creating', acceptedClockMicros: 0 }),
    slot({ slot: 4, stage: 'running', acceptedClockMicros: 11_000_000 }),
  ];
  const workers = slots.map(({ slot }) => ({ slot, pid: 100 + slot }));
  const { processes } = poolStatus({ ...base, scoreboard: { header, slots }, workers });
  assert.deepEqual(
    processes.map((process) => [process.requestDuration, process.lastRequestCpu, process.lastRequestMemory]),
    [
      [2000, 25, 77],
      [1_000_000, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
    ],
  );
  assert.equal(processes[0]?.startTime, 1_700_000_000);
});

test('worker mode: the application of each worker, its growth from the 20th request on', () => {
  const booted = { boots: 1, bootMicros: 3000, requests: 130, bootRequests: 10 };
  const slots = [
    slot({ slot: 0, stage: 'idle', ...booted, heapBytes: 2_000_000, warmHeapBytes: 1_000_000 }),
    slot({
      slot: 1,
      stage: 'running',
      ...booted,
      requests: 131,
      heapBytes: 1_000_500,
      warmHeapBytes: 1_000_000,
    }),
    // Smaller than before, too few requests, a boot that has had none, a worker that runs scripts.
    slot({ slot: 2, stage: 'idle', ...booted, heapBytes: 1_000_000, warmHeapBytes: 2_000_000 }),
    slot({ slot: 3, stage: 'idle', ...booted, requests: 49, heapBytes: 5, warmHeapBytes: 4 }),
    slot({ slot: 4, stage: 'booting', boots: 2, bootRequests: 7, requests: 7 }),
    slot({ slot: 5, stage: 'idle' }),
  ];
  const workers = slots.map(({ slot }) => ({ slot, pid: 100 + slot }));
  const pool = { ...base.pool, 'worker.script': '/srv/index.php' };
  const status = poolStatus({ ...base, pool, scoreboard: { header, slots }, workers });
  assert.equal(status.isBooted, true);
  assert.deepEqual(
    status.processes.map(({ application }) => [application?.requests, application?.growthBytesPerRequest]),
    [
      [120, 10_000],
      [121, 5],
      [120, 0],
      [39, undefined],
      [0, undefined],
      [undefined, undefined],
    ],
  );
  assert.equal(status.processes[4]?.state, 'Booting');
});

test('the pool has its name in bytes, as every string of the page', () => {
  assert.equal(poolStatus({ ...base, pool: { ...base.pool, name: 'é' } }).pool, '\xc3\xa9');
});

test('a lie about the highest number of active workers stays within the pool', () => {
  const lying = { ...header, maxActiveRequests: 4_000_000_000 };
  assert.equal(poolStatus({ ...base, scoreboard: { header: lying, slots: [] } }).maxActiveProcesses, 5);
});
