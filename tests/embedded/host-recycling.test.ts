/** pm.max_requests and engine.heap_limit: workers are renewed, and no request waits for a boot. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { HostMessage } from '../../src/engine/host-messages.ts';
import { FakeMaster } from './fake-master.ts';

/** Has the worker of slot 0 renewed whenever it ends. */
function renewAtOnce(master: FakeMaster): void {
  master.onMessage = (message) => {
    if (message.type !== 'ended') return;
    assert.deepEqual(message.end, { type: 'exit', code: 0 });
    master.send(['worker', '0']);
  };
}

test('workers are renewed within max_requests, and no request is lost by it', async () => {
  await using master = await FakeMaster.ready({ slots: 1, settings: [['pm.max_requests', '30']] });
  master.folder.write('id.php', '<?php echo getmypid();');
  await master.startWorker(0);
  master.send(['accept']);
  renewAtOnce(master);
  using client = await master.connect();
  const served = new Map<string, number>();
  for (let round = 0; round < 100; round++) {
    const { body, end } = await client.request({ params: master.params('id.php'), keep: true });
    assert.deepEqual(end, { appStatus: 0, protocolStatus: 0 });
    served.set(body, (served.get(body) ?? 0) + 1);
  }
  const [first = 0, ...others] = [...served.values()].slice(0, -1);
  assert.ok(first >= 15 && first <= 30, `the first worker served ${first}`);
  assert.ok(others.length >= 2, JSON.stringify(others));
  assert.ok(
    others.every((count) => count >= 27 && count <= 30),
    JSON.stringify(others),
  );
  assert.equal(client.closed, false);
});

test('a worker that is renewed leaves once its successor is there', async () => {
  await using master = await FakeMaster.ready({ slots: 2, settings: [['pm.max_requests', '8']] });
  master.folder.write('id.php', '<?php echo getmypid();');
  await master.startWorker(0);
  // The first worker was booted with the host; what a boot takes here and now shows the second.
  const bootFrom = performance.now();
  await master.startWorker(1);
  const boot = performance.now() - bootFrom;
  await master.endWorker(1, 'quit');
  master.send(['accept']);
  renewAtOnce(master);
  const threadsAt = new Map<HostMessage, readonly string[]>();
  const renew = master.onMessage;
  master.onMessage = (message) => {
    threadsAt.set(message, readdirSync(`/proc/${master.child.pid}/task`));
    renew?.(message);
  };
  using client = await master.connect();
  const successors = (): HostMessage[] => [...threadsAt.keys()].filter(({ type }) => type === 'up');
  while (successors().length < 2) {
    // Used up in less than a boot, a worker could not be replaced in time.
    await delay(boot);
    await client.request({ params: master.params('id.php'), keep: true });
  }
  const messages = [...threadsAt.keys()];
  for (const up of successors()) {
    const ended = messages[messages.indexOf(up) - 1];
    assert.ok(up.type === 'up' && ended?.type === 'ended', JSON.stringify(messages));
    assert.ok(
      threadsAt.get(ended)?.includes(String(up.pid)),
      'its thread came after the end of the one before',
    );
  }
});

/** How many workers served the requests of a pool, each of which takes 100 MB and more. */
async function workersOf(heapLimit: number): Promise<number> {
  const settings = [
    ['engine.heap_limit', String(heapLimit)],
    ['php_admin_value', 'memory_limit=300M'],
  ] as const;
  await using master = await FakeMaster.ready({ slots: 1, settings });
  master.folder.write('grow.php', "<?php $text = str_repeat('x', 100 << 20); unset($text); echo getmypid();");
  await master.startWorker(0);
  master.send(['accept']);
  renewAtOnce(master);
  using client = await master.connect();
  const served = new Set<string>();
  for (let round = 0; round < 3; round++) {
    const { body } = await client.request({ params: master.params('grow.php'), keep: true });
    served.add(body);
  }
  return served.size;
}

for (const [megabytes, workers] of [
  [100, 3],
  [512, 1],
  [2000, 1],
] as const) {
  test(`engine.heap_limit = ${megabytes}M: ${workers} workers serve 3 requests of more than 100 MB`, async () => {
    assert.equal(await workersOf(megabytes * 1024 * 1024), workers);
  });
}
