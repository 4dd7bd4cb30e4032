import assert from 'node:assert/strict';
import { fstatSync, readSync, writeSync } from 'node:fs';
import { test } from 'node:test';
import { monotonicMicros } from '../../src/scoreboard/clock.ts';
import type { SlotSnapshot } from '../../src/scoreboard/decode.ts';
import { addDurations, durationClass, longestSince, peakPeriod } from '../../src/scoreboard/durations.ts';
import {
  hostRegion,
  masterRegion,
  routesPosition,
  routeTableAt,
  scoreboardSize,
} from '../../src/scoreboard/layout.ts';
import { ScoreboardReader } from '../../src/scoreboard/reader.ts';
import { ScoreboardWriter } from '../../src/scoreboard/writer.ts';
import { asBinary } from '../../src/text/binary.ts';
import { noRequestTexts } from '../../src/text/request-texts.ts';
import { temporaryFile } from './temporary-file.ts';

const information = {
  method: asBinary('POST'),
  uri: asBinary('/index.php'),
  path: asBinary('/users/17'),
  query: asBinary('a=1'),
  script: asBinary('/srv/index.php'),
  user: asBinary('alice'),
  contentLength: 12,
  requestId: asBinary('id-1'),
};

function slotOf(reader: ScoreboardReader, slot: number): SlotSnapshot {
  const snapshot = reader.readSlot(slot);
  assert.ok(snapshot, `slot ${slot} is in use`);
  return snapshot;
}

test('a new scoreboard has its size, its start and no worker', () => {
  using file = temporaryFile();
  ScoreboardWriter.create(file.fd, 3, 1_700_000_000_000_000);
  assert.equal(fstatSync(file.fd).size, scoreboardSize(3));
  const { header, slots } = new ScoreboardReader(file.fd, 3, 'embedded').read();
  assert.equal(header.startEpochMicros, 1_700_000_000_000_000);
  assert.equal(header.processManager, 'unknown');
  assert.deepEqual(slots, []);
});

test('a request leaves its mark at every stage', () => {
  using file = temporaryFile();
  const writer = ScoreboardWriter.create(file.fd, 2);
  const reader = new ScoreboardReader(file.fd, 2, 'embedded');
  const before = monotonicMicros();

  writer.created(1, 4711);
  assert.equal(slotOf(reader, 1).stage, 'creating');
  writer.idle(1);
  assert.equal(slotOf(reader, 1).stage, 'idle');
  assert.equal(slotOf(reader, 1).pid, 4711);
  assert.equal(slotOf(reader, 1).requests, 0);

  const accepted = monotonicMicros() - 5000;
  writer.readingHeaders(1, accepted);
  assert.equal(slotOf(reader, 1).stage, 'readingHeaders');
  assert.equal(slotOf(reader, 1).requests, 1);
  assert.equal(slotOf(reader, 1).acceptedClockMicros, accepted);

  writer.requestInformation(1, information);
  const { contentLength, method, path, query, requestId, script, stage, uri, user } = slotOf(reader, 1);
  assert.equal(stage, 'requestInformation');
  assert.deepEqual({ contentLength, method, path, query, requestId, script, uri, user }, information);

  writer.running(1);
  assert.equal(slotOf(reader, 1).stage, 'running');
  assert.equal(slotOf(reader, 1).uri, '/index.php');
  writer.ending(1);
  assert.equal(slotOf(reader, 1).stage, 'ending');

  writer.finishing(1, { status: 404, cpuMicros: 1500, memoryPeak: 2 ** 33 });
  const finished = slotOf(reader, 1);
  assert.equal(finished.stage, 'finishing');
  assert.equal(finished.httpStatus, 404);
  assert.deepEqual(finished.responses, [0, 0, 0, 1, 0]);
  assert.equal(finished.cpuMicros, 1500);
  assert.equal(finished.memoryPeak, 2 ** 33);
  assert.equal(finished.user, 'alice');
  assert.ok(finished.durationMicros >= 5000);
  assert.equal(finished.cpuWallMicros, finished.durationMicros);
  assert.ok(finished.stageClockMicros >= before);

  assert.equal(reader.readCounters(1).durations.sumMicros, finished.durationMicros);
  assert.equal(reader.readCounters(1).durations.counts[durationClass(finished.durationMicros)], 1);

  writer.idle(1);
  assert.equal(slotOf(reader, 1).durationMicros, finished.durationMicros);
  writer.readingHeaders(1);
  const next = slotOf(reader, 1);
  assert.equal(next.requests, 2);
  assert.equal(`${next.method}${next.uri}${next.query}${next.script}${next.user}`, '');
  assert.equal(next.contentLength, 0);

  writer.free(1);
  assert.equal(reader.readSlot(1), undefined);
  assert.deepEqual(reader.read().slots, []);
});

test('running with information writes both, finishing takes a user', () => {
  using file = temporaryFile();
  const writer = ScoreboardWriter.create(file.fd, 1);
  const reader = new ScoreboardReader(file.fd, 1, 'embedded');
  writer.created(0, 1);
  writer.readingHeaders(0);
  writer.running(0, information);
  assert.equal(slotOf(reader, 0).script, '/srv/index.php');
  writer.finishing(0, { status: 200, cpuMicros: 0, memoryPeak: 0, user: 'bob' });
  assert.equal(slotOf(reader, 0).user, 'bob');
});

test('a request is counted under its route and among the longest of its period', () => {
  using file = temporaryFile();
  const writer = ScoreboardWriter.create(file.fd, 2);
  const reader = new ScoreboardReader(file.fd, 2, 'embedded');
  const serve = (slot: number, status: number, path: string) => {
    writer.readingHeaders(slot, monotonicMicros() - 3_000_000);
    writer.running(slot, { ...information, path: asBinary(path) });
    writer.finishing(slot, { status, cpuMicros: 0, memoryPeak: 0 });
  };
  serve(0, 200, '/users/17');
  serve(1, 503, '/users/18');
  serve(1, 200, '/');
  const { routes } = reader.readRoutes();
  assert.deepEqual(
    [...routes].map(([name, { requests, errors }]) => [name, requests, errors]),
    [
      ['POST /users/{n}', 2, 1],
      ['POST /', 1, 0],
    ],
  );
  const counted = addDurations(reader.readCounters(0).durations, reader.readCounters(1).durations);
  const longest = longestSince(counted, peakPeriod(monotonicMicros()) - 1) ?? 0;
  assert.ok(longest >= 3_000_000 && longest < 4_000_000, `${longest}`);
});

test('routes that a host gathers are there when a worker is gone', () => {
  using file = temporaryFile();
  ScoreboardWriter.create(file.fd, 1);
  const host = new ScoreboardWriter(file.fd, 1, true);
  host.created(0, 9);
  host.readingHeaders(0);
  host.running(0, information);
  host.finishing(0, { status: 200, cpuMicros: 0, memoryPeak: 0 });
  host.free(0);
  const reader = new ScoreboardReader(file.fd, 1, 'embedded');
  assert.equal(reader.readRoutes().routes.get(asBinary('POST /users/{n}'))?.requests, 1);
  // No field of this engine: a worker in wrong hands wrote it.
  writeSync(file.fd, Buffer.alloc(8, 1), 0, 8, routesPosition(1) + routeTableAt.uncounted);
  assert.equal(reader.readRoutes().uncounted, 0);
  assert.notEqual(new ScoreboardReader(file.fd, 1, 'native').readRoutes().uncounted, 0);
});

test('strings keep their bytes and are cut to their field', () => {
  using file = temporaryFile();
  const writer = ScoreboardWriter.create(file.fd, 1);
  const reader = new ScoreboardReader(file.fd, 1, 'embedded');
  writer.created(0, 1);
  writer.requestInformation(0, {
    ...information,
    method: asBinary('M'.repeat(17)),
    uri: asBinary('\0\xff\n/'),
    path: asBinary('p'.repeat(513)),
    query: asBinary('q'.repeat(5000)),
    script: asBinary('s'.repeat(512)),
    user: asBinary('u'.repeat(65)),
  });
  const slot = slotOf(reader, 0);
  assert.equal(slot.method, 'M'.repeat(16));
  assert.equal(slot.uri, '\0\xff\n/');
  assert.equal(slot.path, 'p'.repeat(512));
  assert.equal(slot.query, 'q'.repeat(1536));
  assert.equal(slot.script, 's'.repeat(512));
  assert.equal(slot.user, 'u'.repeat(64));
});

test('numbers without strings come from the same slot', () => {
  using file = temporaryFile();
  const writer = ScoreboardWriter.create(file.fd, 1);
  const reader = new ScoreboardReader(file.fd, 1, 'embedded');
  assert.equal(reader.readSlotNumbers(0), undefined);
  writer.created(0, 9);
  writer.readingHeaders(0);
  writer.running(0, information);
  const full = slotOf(reader, 0);
  assert.deepEqual(reader.readSlotNumbers(0), { ...full, ...noRequestTexts });
});

test('numbers of many slots at once are those of each slot', () => {
  using file = temporaryFile();
  const writer = ScoreboardWriter.create(file.fd, 40);
  const reader = new ScoreboardReader(file.fd, 40, 'embedded');
  const used = [0, 1, 15, 16, 31, 39];
  for (const slot of used) {
    writer.created(slot, 100 + slot);
    writer.running(slot, information);
  }
  const { slots, header } = reader.readNumbers();
  assert.deepEqual(
    slots,
    used.map((slot) => reader.readSlotNumbers(slot)),
  );
  assert.deepEqual(header, reader.readHeader());
});

test('the header counts accepted and active requests over all workers', () => {
  using file = temporaryFile();
  const writer = ScoreboardWriter.create(file.fd, 3);
  const reader = new ScoreboardReader(file.fd, 3, 'embedded');
  const counts = (): number[] => {
    const { acceptedRequests, activeRequests, maxActiveRequests } = reader.readHeader();
    return [acceptedRequests, activeRequests, maxActiveRequests];
  };
  for (const slot of [0, 1, 2]) {
    writer.created(slot, slot + 1);
    writer.idle(slot);
  }
  assert.deepEqual(counts(), [0, 0, 0]);
  writer.readingHeaders(0);
  writer.readingHeaders(1);
  assert.deepEqual(counts(), [2, 2, 2]);
  writer.finishing(0, { status: 200, cpuMicros: 0, memoryPeak: 77 });
  assert.equal(reader.readHeader().memoryPeak, 77);
  writer.readingHeaders(0);
  assert.deepEqual(counts(), [3, 2, 2], 'the next read on a kept-alive connection is a request of its own');
  writer.idle(0);
  assert.deepEqual(counts(), [3, 1, 2]);
  writer.free(1);
  assert.deepEqual(counts(), [3, 0, 2], 'a worker that died at work is not active');
  writer.readingHeaders(2);
  writer.created(2, 9);
  assert.deepEqual(counts(), [4, 0, 2], 'nor is one whose slot was given to another');
});

test('the queue of the host keeps its highest figure', () => {
  using file = temporaryFile();
  const writer = ScoreboardWriter.create(file.fd, 1);
  writer.queued(5);
  writer.queued(2);
  const { queuedRequests, maxQueuedRequests } = new ScoreboardReader(file.fd, 1, 'embedded').readHeader();
  assert.deepEqual([queuedRequests, maxQueuedRequests], [2, 5]);
});

test("the master's figures and the host's do not touch each other's region", () => {
  using file = temporaryFile();
  const master = ScoreboardWriter.create(file.fd, 1);
  const host = new ScoreboardWriter(file.fd, 1);
  host.queued(3);
  const figures = {
    generation: 2,
    processManager: 'ondemand',
    maxChildren: 30,
    idle: 4,
    active: 5,
    listenQueue: 6,
    maxListenQueue: 7,
    listenQueueLength: 511,
    maxChildrenReached: 8,
    slowRequests: 2 ** 40,
  } as const;
  master.master(figures);
  host.queued(4);
  const header = new ScoreboardReader(file.fd, 1, 'embedded').readHeader();
  const { generation, processManager, maxChildren, listenQueue, maxListenQueue } = header;
  const { listenQueueLength, maxChildrenReached, slowRequests } = header;
  assert.deepEqual(
    {
      generation,
      processManager,
      maxChildren,
      listenQueue,
      maxListenQueue,
      listenQueueLength,
      maxChildrenReached,
      slowRequests,
      idle: header.idleWorkers,
      active: header.activeWorkers,
    },
    figures,
  );
  assert.equal(header.queuedRequests, 4);
  assert.equal(header.maxQueuedRequests, 4);
  assert.ok(masterRegion.end <= hostRegion.start);
});

test('a second host goes on with the counters of the first', () => {
  using file = temporaryFile();
  const first = ScoreboardWriter.create(file.fd, 1);
  first.created(0, 1);
  first.readingHeaders(0);
  const second = new ScoreboardWriter(file.fd, 1);
  second.created(0, 2);
  second.readingHeaders(0);
  const { acceptedRequests, activeRequests } = new ScoreboardReader(file.fd, 1, 'embedded').readHeader();
  assert.deepEqual([acceptedRequests, activeRequests], [2, 1]);
});

test('the writer refuses what is no scoreboard of its kind', () => {
  using file = temporaryFile();
  assert.throws(
    () => new ScoreboardWriter(file.fd, 1),
    /cannot use the scoreboard: its version is 0, want 2/,
  );
  ScoreboardWriter.create(file.fd, 2);
  assert.throws(() => new ScoreboardWriter(file.fd, 3), /cannot use the scoreboard: it has 2 slots, want 3/);
});

test('the writer refuses a slot that is not there', () => {
  using file = temporaryFile();
  const writer = ScoreboardWriter.create(file.fd, 2);
  for (const slot of [-1, 2, 0.5, Number.NaN]) {
    assert.throws(() => writer.created(slot, 1), RangeError);
    assert.throws(() => writer.idle(slot), RangeError);
  }
});

test('every change of a slot raises an even sequence number', () => {
  using file = temporaryFile();
  const writer = ScoreboardWriter.create(file.fd, 1);
  const bytes = Buffer.alloc(4);
  let last = 0;
  for (const change of [
    () => writer.created(0, 1),
    () => writer.idle(0),
    () => writer.readingHeaders(0),
    () => writer.running(0, information),
    () => writer.finishing(0, { status: 200, cpuMicros: 0, memoryPeak: 0 }),
    () => writer.created(0, 2),
    () => writer.free(0),
  ]) {
    change();
    readSync(file.fd, bytes, 0, 4, 4096);
    const sequence = bytes.readUInt32LE();
    assert.ok(sequence > last && sequence % 2 === 0, `${last} then ${sequence}`);
    last = sequence;
  }
});

test('a gathering writer writes what happened in one turn at its end, or when it is asked to', async () => {
  using file = temporaryFile();
  ScoreboardWriter.create(file.fd, 2);
  const writer = new ScoreboardWriter(file.fd, 2, true);
  const reader = new ScoreboardReader(file.fd, 2, 'embedded');
  writer.created(0, 4711);
  assert.equal(slotOf(reader, 0).stage, 'creating', 'workers are there at once');

  writer.readingHeaders(0);
  writer.running(0, information);
  assert.equal(slotOf(reader, 0).stage, 'creating');
  await Promise.resolve();
  assert.equal(slotOf(reader, 0).stage, 'running');
  assert.equal(slotOf(reader, 0).uri, '/index.php');
  assert.equal(reader.read().header.activeRequests, 1);

  writer.finishing(0, { status: 200, cpuMicros: 0, memoryPeak: 0 });
  writer.idle(0);
  writer.flush();
  assert.equal(slotOf(reader, 0).stage, 'idle');
  assert.equal(slotOf(reader, 0).uri, '/index.php');
  assert.equal(reader.read().header.activeRequests, 0);
  writer.free(0);
  assert.equal(reader.readSlot(0), undefined);
});
