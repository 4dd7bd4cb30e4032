import assert from 'node:assert/strict';
import { ftruncateSync, writeSync } from 'node:fs';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import {
  headerAt,
  scoreboardSize,
  slotAt,
  slotPosition,
  stringCapacity,
} from '../../src/scoreboard/layout.ts';
import { ScoreboardReader } from '../../src/scoreboard/reader.ts';
import { workerStages } from '../../src/scoreboard/states.ts';
import { ScoreboardWriter } from '../../src/scoreboard/writer.ts';
import { temporaryFile } from './temporary-file.ts';

const stages = new Set<string>([...Object.keys(workerStages), 'unknown']);

function assertSane(reader: ScoreboardReader): void {
  const { header, slots } = reader.read();
  for (const [name, value] of Object.entries(header)) {
    if (typeof value === 'number') assert.ok(Number.isSafeInteger(value) && value >= 0, name);
  }
  assert.ok(slots.length <= reader.slotCount);
  for (const slot of slots) {
    assert.ok(slot.pid > 0);
    assert.ok(stages.has(slot.stage));
    for (const [name, value] of Object.entries(slot)) {
      if (typeof value === 'number') assert.ok(Number.isSafeInteger(value) && value >= 0, name);
    }
    assert.ok(slot.responses.every((count) => Number.isSafeInteger(count)));
    for (const name of Object.keys(stringCapacity) as (keyof typeof stringCapacity)[]) {
      const text = slot[name === 'request_id' ? 'requestId' : name];
      assert.ok(text.length <= stringCapacity[name], name);
    }
  }
}

test('any bytes at all read as sane values', () => {
  using file = temporaryFile();
  const reader = new ScoreboardReader(file.fd, 2, 'embedded');
  const size = scoreboardSize(2);
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 64, maxLength: 512 }), fc.nat(512), (pattern, shift) => {
      const bytes = Buffer.alloc(size + shift, pattern);
      writeSync(file.fd, bytes, shift, size, 0);
      assertSane(reader);
    }),
    { numRuns: 300 },
  );
});

test('lengths and numbers at their very limit are cut', () => {
  using file = temporaryFile();
  writeSync(file.fd, Buffer.alloc(scoreboardSize(1), 0xff), 0, scoreboardSize(1), 0);
  const reader = new ScoreboardReader(file.fd, 1, 'embedded');
  assertSane(reader);
  const slot = reader.readSlot(0);
  assert.equal(slot?.uri, '\xff'.repeat(512));
  assert.equal(slot?.requests, Number.MAX_SAFE_INTEGER);
  assert.equal(slot?.stage, 'unknown');
  assert.equal(reader.readHeader().processManager, 'unknown');
});

test('what only the other engine writes is not read', () => {
  using file = temporaryFile();
  writeSync(file.fd, Buffer.alloc(scoreboardSize(1), 0x77), 0, scoreboardSize(1), 0);
  const native = new ScoreboardReader(file.fd, 1, 'native');
  const embedded = new ScoreboardReader(file.fd, 1, 'embedded');
  const uncounted = [native, embedded].map((reader) => reader.readRoutes().uncounted > 0);
  assert.deepEqual(uncounted, [true, false]);
  // Symbols that a native host published.
  writeSync(file.fd, Buffer.from('HATHISY\0\x01\0\0\0\0\0\0\0', 'latin1'), 0, 16, headerAt.engine_symbols);
  assert.notEqual(native.readEngineSymbols(), undefined);
  assert.equal(embedded.readEngineSymbols(), undefined);
});

test('no more requests are in a queue than it can hold', () => {
  using file = temporaryFile();
  writeSync(file.fd, Buffer.alloc(scoreboardSize(1), 0x77), 0, scoreboardSize(1), 0);
  let most = 5;
  const reader = new ScoreboardReader(file.fd, 1, 'native', () => most);
  const queue = () => [reader.readHeader().queuedRequests, reader.readNumbers().header.maxQueuedRequests];
  assert.deepEqual(queue(), [5, 5]);
  most = 0;
  assert.deepEqual(queue(), [0, 0]);
});

test('a file that is too short reads as zeros', () => {
  using file = temporaryFile();
  const reader = new ScoreboardReader(file.fd, 3, 'embedded');
  assert.deepEqual(reader.read().slots, []);
  const writer = ScoreboardWriter.create(file.fd, 3);
  writer.created(2, 5);
  assert.equal(reader.read().slots.length, 1);
  ftruncateSync(file.fd, slotPosition(2) + slotAt.pid);
  assert.deepEqual(reader.read().slots, []);
});

test('a slot whose writer died in the middle of a change is taken as it is', () => {
  using file = temporaryFile();
  const writer = ScoreboardWriter.create(file.fd, 1);
  writer.created(0, 5);
  writeSync(file.fd, Buffer.from([7, 0, 0, 0]), 0, 4, slotPosition(0) + slotAt.sequence);
  assert.equal(new ScoreboardReader(file.fd, 1, 'embedded').readSlot(0)?.pid, 5);
});

// The writer fills every string with one letter, another one each time: a torn copy shows two. It rests between
// two changes, if far shorter than a worker does: a slot that changes without end has no steady copy.
const writerThread = `
  import { parentPort, workerData } from 'node:worker_threads';
  const { ScoreboardWriter } = await import(workerData.module);
  const writer = new ScoreboardWriter(workerData.fd, 1);
  const stop = new Int32Array(workerData.stop);
  parentPort.postMessage('started');
  for (let round = 0; Atomics.load(stop, 0) === 0; round += 1) {
    const letter = String.fromCharCode(97 + (round % 26));
    writer.running(0, {
      method: letter.repeat(16), uri: letter.repeat(512), query: letter.repeat(1536), path: letter,
      script: letter.repeat(512), user: letter.repeat(64), requestId: letter, contentLength: 0,
    });
    for (const until = performance.now() + 0.02; performance.now() < until; );
  }
`;

test('a copy that was taken while the slot changed is not returned', async () => {
  using file = temporaryFile();
  ScoreboardWriter.create(file.fd, 1).created(0, 1);
  const stop = new SharedArrayBuffer(4);
  const module = new URL('../../src/scoreboard/writer.ts', import.meta.url).href;
  const thread = new Worker(new URL(`data:text/javascript,${encodeURIComponent(writerThread)}`), {
    workerData: { fd: file.fd, module, stop },
  });
  const exited = new Promise<void>((resolve, reject) => {
    thread.once('exit', () => resolve());
    thread.once('error', reject);
  });
  await new Promise((resolve) => thread.once('message', resolve));
  const reader = new ScoreboardReader(file.fd, 1, 'embedded');
  const seen = new Set<string>();
  try {
    for (let read = 0; read < 1_500; read += 1) {
      const slot = reader.readSlot(0);
      const letters = new Set(`${slot?.method}${slot?.uri}${slot?.query}${slot?.script}${slot?.user}`);
      assert.ok(letters.size <= 1, `a torn copy with ${[...letters].join()}`);
      for (const letter of letters) seen.add(letter);
    }
  } finally {
    Atomics.store(new Int32Array(stop), 0, 1);
    await exited;
  }
  assert.ok(seen.size > 1, 'the writer was at work meanwhile');
});
