/** Accepted memory of a worker, and the handling of everything else that a host may send. */
import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { WorkerStacks } from '../../src/generation/worker-stacks.ts';
import { isOpenDescriptor, memoryFile, sendDescriptor, socketPair } from '../../src/posix/descriptors.ts';
import { type FieldEngine, headerSize, scoreboardSize } from '../../src/scoreboard/layout.ts';
import { ScoreboardReader } from '../../src/scoreboard/reader.ts';
import { ScoreboardWriter } from '../../src/scoreboard/writer.ts';

/** The engine of a host whose channel the test holds. */
function stacksOf(
  engine: FieldEngine,
  use: (stacks: WorkerStacks, host: number, channel: number) => void,
): void {
  const scoreboard = memoryFile('scoreboard', scoreboardSize(1));
  ScoreboardWriter.create(scoreboard, 1);
  const [ours, theirs] = socketPair();
  const stacks = new WorkerStacks(new ScoreboardReader(scoreboard, 1, engine), engine);
  try {
    use(stacks, theirs, ours);
  } finally {
    stacks.close();
    for (const fd of [scoreboard, ours, theirs]) closeSync(fd);
  }
}

/** Sends a file and closes it here, as a host does. */
function send(host: number, path: string, flags = 'r'): void {
  const fd = openSync(path, flags);
  sendDescriptor(host, fd);
  closeSync(fd);
}

function openDescriptors(): number {
  return Array.from({ length: 200 }, (_, fd) => fd).filter(isOpenDescriptor).length;
}

test('memory of that process is taken, a later one takes its place, and none is leaked', () => {
  stacksOf('native', (stacks, host, channel) => {
    const before = openDescriptors();
    for (let time = 0; time < 3; time += 1) {
      send(host, '/proc/self/mem');
      stacks.take(0, process.pid, channel);
    }
    assert.equal(openDescriptors(), before + 1);
    stacks.drop(0);
    stacks.drop(0);
    assert.equal(openDescriptors(), before);
  });
});

test('nothing, other files and the memory of others are refused, and the entry says so', () => {
  stacksOf('native', (stacks, host, channel) => {
    const before = openDescriptors();
    assert.throws(() => stacks.take(0, process.pid, channel), /ETIMEDOUT|timed out/);
    for (const [path, pid] of [
      ['/dev/zero', process.pid],
      ['/proc/self/maps', process.pid],
      ['/proc/self/mem', process.pid + 1],
    ] as const) {
      send(host, path);
      assert.throws(() => stacks.take(0, pid, channel), /is not its memory/, path);
    }
    assert.equal(openDescriptors(), before);
    stacks.learn();
    assert.deepEqual(stacks.look(0, 20), { reason: 'the host has not published where to look' });
    assert.equal(stacks.glances(), undefined);
  });
});

test('why there is no stack is told', () => {
  stacksOf('embedded', (stacks) => {
    assert.equal(stacks.obstacle, 'the engine host is not ready yet');
    stacks.learn();
    assert.equal(stacks.obstacle, 'the embedded engine cannot be looked into while it runs');
    stacks.refuse(0, 'the worker cannot open /proc/self/mem: Permission denied');
    assert.deepEqual(stacks.look(0, 20), { reason: stacks.obstacle });
  });
});

test('a file that is shorter than a header publishes nothing', () => {
  const fd = memoryFile('scoreboard', headerSize - 1);
  assert.equal(new ScoreboardReader(fd, 1, 'native').readEngineSymbols(), undefined);
  closeSync(fd);
});
