/** Request bodies and responses of every size, from clients of every speed. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { encodeHead, encodeRequest, encodeStdin } from '../engine/plain-fastcgi.ts';
import { FakeMaster } from './fake-master.ts';

function residentKiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
}

suite('bodies', () => {
  let master: FakeMaster;
  before(async () => {
    master = await FakeMaster.serving({
      slots: 1,
      settings: [['php_admin_value', 'post_max_size=64M']],
    });
    master.folder.write('hello.php', '<?php echo "hello";');
    master.folder.write(
      'echo.php',
      '<?php $b = file_get_contents("php://input"); echo strlen($b), " ", md5($b);',
    );
    master.folder.write(
      'big.php',
      '<?php $p = str_repeat("0123456789abcdef", 4096); for ($i = 0; $i < 1600; $i++) echo $p;',
    );
  });
  after(() => master[Symbol.asyncDispose]());

  const post = (length: number): [string, string][] =>
    master.params('echo.php', {
      REQUEST_METHOD: 'POST',
      CONTENT_TYPE: 'application/octet-stream',
      CONTENT_LENGTH: String(length),
    });

  for (const length of [1, 65_535, 1024 * 1024, 1024 * 1024 + 1, 20_000_000]) {
    test(`a body of ${length} bytes arrives whole`, async () => {
      const body = randomBytes(length);
      const md5 = createHash('md5').update(body).digest('hex');
      assert.equal((await master.ask({ params: post(length), body })).body, `${length} ${md5}`);
    });
  }

  test('a client that sends its body slowly holds no worker', async () => {
    using slow = await master.connect();
    const body = Buffer.from('slow and steady');
    const answer = slow.response();
    slow.socket.write(encodeHead({ params: post(body.length) }));
    slow.socket.write(encodeStdin(body.subarray(0, 4)));
    assert.equal((await master.get('hello.php')).body, 'hello');
    slow.socket.write(encodeStdin(body.subarray(4)));
    slow.socket.write(encodeStdin(Buffer.alloc(0)));
    assert.match((await answer).body, /^15 /);
  });

  test('a client that vanishes in the middle of a large body frees the worker', async () => {
    using client = await master.connect();
    client.socket.write(encodeHead({ params: post(3_000_000) }));
    const piece = randomBytes(65_000);
    for (let sent = 0; sent < 2_000_000; sent += piece.length) client.socket.write(encodeStdin(piece));
    await new Promise((resolve) => client.socket.write(encodeStdin(piece), resolve));
    client.socket.destroy();
    assert.equal((await master.get('hello.php')).body, 'hello');
  });

  test('a kept connection is used again after a body', async () => {
    using client = await master.connect();
    for (const text of ['one', 'three']) {
      const answer = await client.request({ params: post(text.length), body: Buffer.from(text), keep: true });
      assert.match(answer.body, new RegExp(`^${text.length} `));
    }
  });

  test('100 MB go out at the pace of the client, without gathering in the host', async () => {
    await master.get('big.php');
    const { pid } = master.child;
    const before = residentKiB(pid ?? 0);
    let highest = before;
    let received = 0;
    using client = await master.connect();
    const answer = client.response((bytes) => {
      received += bytes.length;
      if (received % (16 * 1024 * 1024) < bytes.length) {
        highest = Math.max(highest, residentKiB(pid ?? 0));
        client.socket.pause();
        setTimeout(() => client.socket.resume(), 50);
      }
    });
    client.socket.write(encodeRequest({ params: master.params('big.php') }));
    const { end } = await answer;
    assert.deepEqual(end, { appStatus: 0, protocolStatus: 0 });
    assert.ok(received > 104_857_600);
    assert.ok(highest - before < 16 * 1024, `grew by ${highest - before} KiB`);
  });
});
