/** pm.max_requests: workers are renewed, and no request waits for a boot. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeMaster } from './fake-master.ts';

test('workers are renewed within max_requests, and no request is lost by it', async () => {
  await using master = await FakeMaster.ready({ slots: 1, settings: [['pm.max_requests', '40']] });
  master.folder.write('id.php', '<?php echo getmypid();');
  await master.startWorker(0);
  master.send(['accept']);
  const renew = (): void => {
    void master.nextOf('ended').then(({ end }) => {
      assert.deepEqual(end, { type: 'exit', code: 0 });
      master.send(['worker', '0']);
      renew();
    });
  };
  renew();
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
