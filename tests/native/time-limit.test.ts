/**
 * Limits in time. PHP's time limit with the worker's own timer behind it (native/worker/cpu_timer.c): as exact as PHP's, whatever earlier
 * requests left armed. The limit is one of processor time, so the scripts tell how much they had.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { monotonicMicros } from '../../src/scoreboard/clock.ts';
import { ScoreboardReader } from '../../src/scoreboard/reader.ts';
import { entered, installScripts, release } from '../contract/scripts.ts';
import { FakeMaster } from '../embedded/fake-master.ts';
import { encodeHead, encodeStdin, type PlainResponse } from '../engine/plain-fastcgi.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild } from './built-engine.ts';

const { command, skip } = nativeBuild();

const loop = `<?php
function used() { $u = getrusage(); return $u["ru_utime.tv_sec"] + $u["ru_stime.tv_sec"] + ($u["ru_utime.tv_usec"] + $u["ru_stime.tv_usec"]) / 1e6; }
$start = used();
register_shutdown_function(function () { global $start; printf("\\nused %.3f", used() - $start); });
function spend($seconds) { $end = used() + $seconds; while (used() < $end) for ($i = 0; $i < 1000; $i++); }
`;

suite('time limits', { skip, concurrency: true, timeout: 60_000 }, () => {
  let master: FakeMaster;
  before(async () => {
    const settings = [
      ['php_value', 'max_execution_time=1'],
      ['php_value', 'html_errors=0'],
    ] as const;
    master = await FakeMaster.serving({ command, slots: 2, settings });
    master.folder.write('quick.php', '<?php echo "quick";');
    master.folder.write('limit.php', `${loop} spend(9);`);
    master.folder.write(
      'changing.php',
      `${loop} spend(0.3); set_time_limit(0); spend(0.9); echo "none"; set_time_limit(1); spend(9);`,
    );
    // Timers are armed for the limit of these, and stay so.
    await Promise.all(Array.from({ length: 8 }, () => master.get('quick.php')));
  });
  after(() => master[Symbol.asyncDispose]());

  /** Output of a script, and its seconds. */
  async function run(script: string): Promise<[string, number]> {
    // On a machine that has other work a second of processor time takes long.
    using client = await master.connect();
    const { body } = await client.request({ params: master.params(script) });
    return [body, Number(/used ([\d.]+)$/.exec(body)?.[1])];
  }

  const isAbout = (used: number, wanted: number): void =>
    assert.ok(used >= wanted - 0.02 && used < wanted + 0.3, `${used} s instead of ${wanted} s`);

  test('the configured one', async () => {
    const [body, used] = await run('limit.php');
    assert.match(body, /Maximum execution time of 1 second exceeded/);
    isAbout(used, 1);
  });

  test('a script lifts its limit while the timer is armed for it, then sets a new one', async () => {
    const [body, used] = await run('changing.php');
    assert.match(body, /^none.*Maximum execution time of 1 second exceeded/s);
    isAbout(used, 2.2);
  });

  /** Where one worker is given up the others have it, and the next slow body is not in their way: so one a pool. */
  async function besideSteadyOne(
    script: string,
    method: string,
    check: (pool: FakeMaster, answer: PlainResponse) => void,
  ): Promise<void> {
    await using pool = await FakeMaster.serving({ command, slots: 2 });
    pool.folder.write('hello.php', '<?php echo "hello";');
    pool.folder.write('length.php', '<?php echo strlen(file_get_contents("php://input"));');
    pool.folder.write(
      'aborted.php',
      '<?php register_shutdown_function(fn() => file_put_contents(__DIR__ . "/status", connection_status())); fgets(fopen("php://input", "r")); touch(__DIR__ . "/ran");',
    );
    const total = 64 * 1024;
    using clients = new DisposableStack();
    const upload = async (to: string, how: string, pace: number): Promise<PlainResponse> => {
      const client = clients.use(await pool.connect());
      const params = pool.params(to, { REQUEST_METHOD: how, CONTENT_LENGTH: String(total) });
      const answer = client.response();
      client.socket.write(encodeHead({ params }));
      for (let sent = 0; sent < total && !client.closed; sent += pace / 10) {
        client.socket.write(encodeStdin(Buffer.alloc(pace / 10, 0x61)));
        await Promise.race([delay(100), answer]);
      }
      return answer;
    };
    const slow = upload(script, method, 100);
    const steady = upload('length.php', 'POST', 10_240);
    const scoreboard = new ScoreboardReader(pool.scoreboardFd, 2, 'native');
    const isBusy = (slot: number): boolean => scoreboard.readSlot(slot)?.stage !== 'idle';
    await poll('two busy workers', () => [0, 1].every(isBusy) || undefined);
    const others = await Promise.all([pool.get('hello.php'), pool.get('hello.php')]);
    assert.deepEqual(
      others.map(({ body }) => body),
      ['hello', 'hello'],
    );
    check(pool, await slow);
    assert.equal((await steady).body, String(total));
    const texts = pool.messages.flatMap((message) => (message.type === 'log' ? [message.text] : []));
    assert.match(
      texts.join('\n'),
      /given up: it comes too slowly while others wait \(\d+ of 65536 bytes of its body have come\)/,
    );
  }

  test('a slow body holds no worker while others wait; one that comes steadily is not given up', () =>
    besideSteadyOne('length.php', 'POST', (_pool, answer) => assert.match(answer.head, /^Status: 408 /)));

  test('the same when its script runs already: it ends as for a client that is gone', () =>
    besideSteadyOne('aborted.php', 'PUT', (pool, answer) => {
      assert.deepEqual([answer.body, answer.end], ['', undefined]);
      assert.equal(readFileSync(pool.folder.join('status'), 'utf8'), '1');
      assert.ok(!existsSync(pool.folder.join('ran')));
    }));

  test('the time for which its worker served another client is no part of a request', async () => {
    await using pool = await FakeMaster.serving({ command, slots: 1 });
    installScripts(pool);
    using late = await pool.connect();
    const long = pool.get('gate.php');
    await entered(pool);
    const answer = late.request({ params: pool.params('hello.php') });
    const released = monotonicMicros();
    release(pool);
    assert.deepEqual([(await long).body, (await answer).body], ['released', 'hello']);
    const slot = new ScoreboardReader(pool.scoreboardFd, 1, 'native').readSlot(0);
    assert.equal(slot?.requests, 2);
    assert.ok(slot.acceptedClockMicros >= released, `${slot.acceptedClockMicros} >= ${released}`);
  });
});
