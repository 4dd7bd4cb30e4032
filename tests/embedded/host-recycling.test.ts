/** pm.max_requests: workers are renewed, and no request waits for a boot. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { FakeMaster } from './fake-master.ts';

/** Has the worker of slot 0 renewed whenever it ends; the list gets the milliseconds until its successor is up. */
function renewAtOnce(master: FakeMaster): number[] {
  const waits: number[] = [];
  let endedAt = 0;
  master.onMessage = (message) => {
    if (message.type === 'ended') {
      assert.deepEqual(message.end, { type: 'exit', code: 0 });
      endedAt = performance.now();
      master.send(['worker', '0']);
    } else if (message.type === 'up') {
      waits.push(performance.now() - endedAt);
    }
  };
  return waits;
}

test('workers are renewed within max_requests, and no request is lost by it', async () => {
  await using master = await FakeMaster.ready({ slots: 1, settings: [['pm.max_requests', '40']] });
  master.folder.write('id.php', '<?php echo getmypid();');
  await master.startWorker(0);
  master.send(['accept']);
  renewAtOnce(master);
  using client = await master.connect();
  const served = new Map<string, number>();
  for (let round = 0; round < 200; round++) {
    const { body, end } = await client.request({ params: master.params('id.php'), keep: true });
    assert.deepEqual(end, { appStatus: 0, protocolStatus: 0 });
    served.set(body, (served.get(body) ?? 0) + 1);
  }
  const [first = 0, ...others] = [...served.values()].slice(0, -1);
  assert.ok(first >= 20 && first <= 40, `the first worker served ${first}`);
  assert.ok(others.length >= 3, JSON.stringify(others));
  assert.ok(
    others.every((count) => count >= 36 && count <= 40),
    JSON.stringify(others),
  );
  assert.equal(client.closed, false);
});

test('a renewed worker has its successor at once: neither its slot nor a request waits for a boot', async () => {
  await using master = await FakeMaster.ready({ slots: 2, settings: [['pm.max_requests', '8']] });
  master.folder.write('id.php', '<?php echo getmypid();');
  await master.startWorker(0);
  // The first worker was booted with the host; what a boot takes here and now shows the second.
  const bootFrom = performance.now();
  await master.startWorker(1);
  const boot = performance.now() - bootFrom;
  await master.endWorker(1, 'quit');
  master.send(['accept']);
  const waits = renewAtOnce(master);
  using client = await master.connect();
  let longest = 0;
  while (waits.length < 2) {
    // A worker so lives for two boots at least; used up faster than that, it could not be replaced in time.
    await delay(boot / 2);
    const from = performance.now();
    await client.request({ params: master.params('id.php'), keep: true });
    longest = Math.max(longest, performance.now() - from);
  }
  assert.ok(
    Math.max(...waits) < boot / 2,
    `successors after ${waits.join(', ')} ms, a boot takes ${boot} ms`,
  );
  assert.ok(longest < boot / 2, `a request took ${longest} ms, a boot ${boot} ms`);
});
