import assert from 'node:assert/strict';
import { writeSync } from 'node:fs';
import { test } from 'node:test';
import { RequestMemory } from '../../src/cli/serve/memory.ts';

function log(memory: RequestMemory, text: string): void {
  const fd = Number(/fd\/(\d+)/.exec(memory.directives[0] ?? '')?.[1]);
  writeSync(fd, text);
}

test('the memory of a request is found by its id, whichever comes first', async () => {
  const memory = new RequestMemory();
  try {
    const asked = memory.of('b');
    log(memory, 'a 1024\nb 20');
    log(memory, '48\n');
    assert.equal(await asked, 2048);
    assert.equal(await memory.of('a'), 1024);
  } finally {
    memory.close();
  }
});

test('a request that is not logged is not waited for', async () => {
  const memory = new RequestMemory();
  assert.equal(await memory.of('nobody'), undefined);
  memory.close();
});
