import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { test } from 'node:test';
import { testEngines } from '../harness/engines.ts';
import { pageParams, request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { serverKind, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';

/** Waits for the file `go` to appear; marks that it runs by a file of its own. */
const holdScript = `<?php
$mark = tempnam($_SERVER['HOLD'], 'runs');
while (!file_exists($_SERVER['HOLD'] . '/go')) { usleep(5000); clearstatcache(); }
unlink($mark);
echo 'let go';`;

test('a pool whose workers are all busy leaves the other pool and its own status page alone', async (t) => {
  await using server = await startServer({
    engine: 'embedded',
    pools: (folder) =>
      poolText(
        folder,
        'full',
        'pm.max_children = 2\npm.status_path = /status\nrequest_terminate_timeout = 60',
      ) + poolText(folder, 'free'),
  });
  const hold = server.folder.mkdir('tmp/hold', 0o777);
  const holding = server.folder.write('www/hold.php', holdScript);
  const hello = server.folder.write('www/hello.php', '<?php echo "hello";');
  const params = scriptParams(holding, { HOLD: hold });
  const held = Array.from({ length: 5 }, () => request(server.socket('full'), params));
  await poll('two busy workers', () => readdirSync(hold).length === 2 || undefined);

  await t.test('the other pool answers as always', async () => {
    for (let i = 0; i < 20; i++) {
      const reply = await request(server.socket('free'), scriptParams(hello));
      assert.equal(reply.body.toString(), 'hello');
    }
    assert.equal(readdirSync(hold).length, 2, 'the other pool is full all the time');
  });

  // php-fpm answers the status page by a worker of the pool, so not while it is full.
  await t.test(
    'the full pool tells its state',
    { skip: serverKind === 'php-fpm' && 'the reference cannot' },
    async () => {
      const reply = await request(server.socket('full'), pageParams('/status'), '', 3000);
      assert.match(reply.body.toString(), /^active processes: {5}2$/m);
      assert.match(reply.body.toString(), /^idle processes: {7}0$/m);
    },
  );

  server.folder.write('tmp/hold/go', '');
  const bodies = (await Promise.all(held)).map((reply) => reply.body.toString());
  assert.deepEqual(bodies, Array(5).fill('let go'), 'those that waited are answered');
  await poll('an empty folder', () => readdirSync(hold).length === 1 || undefined);
  rmSync(hold, { recursive: true });
  await server.stop();
});

/** A start of an embedded worker is dear. */
const busy = { embedded: 2, native: 8 } as const;

testEngines(
  '12 connections that wait for busy workers are the listen queue of a Unix socket',
  { skip: serverKind === 'php-fpm' && 'the reference knows no queue of a Unix socket' },
  async (engine) => {
    await using server = await startServer({
      engine,
      pools: (to) =>
        poolText(
          to,
          'full',
          `listen.backlog = 100\npm.max_children = ${busy[engine]}\npm.status_path = /status
pm.status_listen = ${to.join('run/status.sock')}`,
        ),
    });
    const hold = server.folder.mkdir('tmp/hold', 0o777);
    const params = scriptParams(server.folder.write('www/hold.php', holdScript), { HOLD: hold });
    const held = Array.from({ length: 12 + busy[engine] }, () => request(server.socket('full'), params));
    await poll('busy workers', () => readdirSync(hold).length === busy[engine] || undefined);
    const field = async (name: string): Promise<number> => {
      const status = await request(server.socket('status'), pageParams('/status', 'json'), '', 3000);
      return (JSON.parse(status.body.toString()) as Record<string, number>)[name] ?? -1;
    };
    await poll('12 in the queue', async () => (await field('listen queue')) === 12 || undefined, 3000);
    // While the workers took theirs, more may have waited for a moment.
    const highest = await field('max listen queue');
    assert.ok(highest >= 12 && highest <= 12 + busy[engine], `max listen queue: ${highest}`);
    assert.equal(await field('listen queue len'), 100);
    server.folder.write('tmp/hold/go', '');
    for (const reply of await Promise.all(held)) assert.equal(reply.body.toString(), 'let go');
    assert.equal(await field('listen queue'), 0);
    assert.equal(await field('max listen queue'), highest);
    rmSync(hold, { recursive: true });
    await server.stop();
  },
);
