/** listen.allowed_clients on a TCP pool. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeMaster } from './fake-master.ts';

test('a client that is not allowed is dropped and logged, one that is gets its answer', async () => {
  for (const [allowed, isAdmitted] of [
    ['10.0.0.0/8, 127.0.0.1', true],
    ['10.0.0.1', false],
  ] as const) {
    await using master = await FakeMaster.serving({
      slots: 1,
      tcp: true,
      accessLog: true,
      settings: [
        ['listen.allowed_clients', allowed],
        ['access.format', '%R'],
      ],
    });
    master.folder.write('hello.php', '<?php echo "hello";');
    const logged = isAdmitted ? undefined : master.nextOf('log');
    const answer = await master.get('hello.php');
    assert.equal(answer.body, isAdmitted ? 'hello' : '');
    const text = (await logged)?.text ?? '';
    if (!isAdmitted)
      assert.match(text, /Connection disallowed: IP address '127\.0\.0\.1' has been dropped\./);
    assert.equal(await master.drain(), 0);
    assert.deepEqual(master.readAccessLog(), isAdmitted ? ['127.0.0.1'] : []);
  }
});
