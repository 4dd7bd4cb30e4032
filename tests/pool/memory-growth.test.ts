/** Sizes of workers, and their growth a request. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noGrowth, noteMemory, workerMemory } from '../../src/pool/memory-growth.ts';

const megabyte = 1024 * 1024;

test('the growth of the first requests is no leak, and a worker that goes takes nothing with it', () => {
  let memory = noteMemory(noGrowth, [{ pid: 1, bytes: 5 * megabyte, requests: 2 }]);
  assert.equal(workerMemory(memory)?.growthBytesPerRequest, undefined);
  memory = noteMemory(memory, [{ pid: 1, bytes: 30 * megabyte, requests: 400 }]);
  assert.equal(workerMemory(memory)?.growthBytesPerRequest, undefined, 'it was cold before');
  memory = noteMemory(memory, [{ pid: 1, bytes: 40 * megabyte, requests: 1424 }]);
  assert.equal(workerMemory(memory)?.growthBytesPerRequest, 10_240);
  // Its successor is small, and may have the same pid.
  memory = noteMemory(memory, [{ pid: 1, bytes: 6 * megabyte, requests: 30 }]);
  const figures = workerMemory(memory);
  assert.equal(figures?.growthBytesPerRequest, 10_240);
  assert.equal(figures?.peakBytes, 40 * megabyte);
  assert.equal(figures?.largestBytes, 6 * megabyte);
});

test('steady workers have no growth, whatever they do from one look to the next', () => {
  let memory = noGrowth;
  for (let look = 0; look < 50; look += 1) {
    memory = noteMemory(memory, [
      { pid: 1, bytes: (30 + (look % 3)) * megabyte, requests: 100 * (look + 1) },
      { pid: 2, bytes: (31 - (look % 3)) * megabyte, requests: 90 * (look + 1) },
    ]);
  }
  assert.ok((workerMemory(memory)?.growthBytesPerRequest ?? 1e9) < 1024);
});

test('a leak that was mended is forgotten', () => {
  let memory = noGrowth;
  let bytes = 10 * megabyte;
  const look = (count: number, growth: number, start: number) => {
    for (let index = 0; index < count; index += 1) {
      bytes += growth * 5000;
      memory = noteMemory(memory, [{ pid: 1, bytes, requests: start + 5000 * index }]);
    }
  };
  look(30, 1000, 5000);
  assert.ok((workerMemory(memory)?.growthBytesPerRequest ?? 0) > 900);
  look(60, 0, 200_000);
  assert.ok((workerMemory(memory)?.growthBytesPerRequest ?? 1000) < 100);
});

test('the average is that of workers that have warmed up', () => {
  const memory = noteMemory(noGrowth, [
    { pid: 1, bytes: 3, requests: 1 },
    { pid: 2, bytes: 30, requests: 200 },
    { pid: 3, bytes: 50, requests: 500 },
  ]);
  assert.deepEqual(workerMemory(memory), {
    measured: 3,
    averageBytes: 40,
    largestBytes: 50,
    peakBytes: 50,
    growthBytesPerRequest: undefined,
  });
  assert.equal(workerMemory(noteMemory(noGrowth, [{ pid: 1, bytes: 3, requests: 1 }]))?.averageBytes, 3);
  assert.equal(workerMemory(noteMemory(memory, [])), undefined);
});
