/** fastcgi_finish_request() on a connection that is to be kept: nothing waits for the script that goes on. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { entered, installScripts, release } from '../contract/scripts.ts';
import { FakeMaster } from '../embedded/fake-master.ts';
import { encodeHead, encodeRequest, encodeStdin, type PlainResponse } from '../engine/plain-fastcgi.ts';
import { poll, within } from '../harness/waiting.ts';
import { nativeBuild } from './built-engine.ts';

const { command, skip } = nativeBuild();

/** Ends the response and goes on until it is released. */
const finish = `<?php echo "early"; fastcgi_finish_request(); touch(__DIR__ . "/entered");
while (!file_exists(__DIR__ . "/release")) { clearstatcache(); usleep(2000); }
unlink(__DIR__ . "/release"); unlink(__DIR__ . "/entered");`;

for (const tcp of [false, true]) {
  suite(`fastcgi_finish_request() on a kept connection (${tcp ? 'TCP' : 'Unix'})`, { skip }, () => {
    let master: FakeMaster;
    before(async () => {
      master = await FakeMaster.serving({ command, slots: 1, tcp });
      installScripts(master);
      master.folder.write('finish.php', finish);
    });
    after(() => master[Symbol.asyncDispose]());

    for (const [what, body] of [
      ['no body', undefined],
      ['a body that the script does not read', Buffer.from('unread')],
    ] as const) {
      test(`the client sees the end of the connection while the script runs on: ${what}`, async () => {
        using client = await master.connect();
        const params = master.params('finish.php', {
          REQUEST_METHOD: 'PUT',
          CONTENT_LENGTH: String(body?.length ?? 0),
        });
        const answer = await within(
          client.request({ params, keep: true, ...(body && { body }) }),
          'the answer',
        );
        assert.deepEqual([answer.body, answer.end?.protocolStatus], ['early', 0]);
        await entered(master);
        await poll('the end of the connection', () => client.closed || undefined);
        release(master);
        assert.equal((await master.get('hello.php')).body, 'hello');
        assert.ok(master.hasWorker(0));
      });
    }

    test('a request that was sent behind it is served after the script', async () => {
      using client = await master.connect();
      const first = client.response();
      client.socket.write(
        Buffer.concat([
          encodeRequest({ params: master.params('finish.php'), keep: true }),
          encodeRequest({ params: master.params('hello.php'), keep: true }),
        ]),
      );
      assert.equal((await within(first, 'the first answer')).body, 'early');
      const second = client.response();
      await entered(master);
      release(master);
      assert.equal((await within(second, 'the second answer')).body, 'hello');
    });

    test('the rest of a body that comes later is read by the script', async () => {
      master.folder.write(
        'late.php',
        '<?php echo "early"; fastcgi_finish_request(); touch(__DIR__ . "/entered"); file_put_contents(__DIR__ . "/length", strlen(file_get_contents("php://input")));',
      );
      using client = await master.connect();
      const size = 100_000;
      const params = master.params('late.php', { REQUEST_METHOD: 'PUT', CONTENT_LENGTH: String(size) });
      const answer: Promise<PlainResponse> = client.response();
      client.socket.allowHalfOpen = true;
      client.socket.write(encodeHead({ params, keep: true }));
      assert.equal((await within(answer, 'the answer')).body, 'early');
      await entered(master);
      client.socket.write(
        Buffer.concat([encodeStdin(Buffer.alloc(size / 2)), encodeStdin(Buffer.alloc(size / 2))]),
      );
      assert.equal(
        await poll('the body', () =>
          existsSync(master.folder.join('length'))
            ? readFileSync(master.folder.join('length'), 'utf8') || undefined
            : undefined,
        ),
        String(size),
      );
    });
  });
}
