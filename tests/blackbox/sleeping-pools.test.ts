/** pm = ondemand: a pool that nobody uses is a listening socket and nothing else. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { askAdmin } from '../admin/client.ts';
import { engines } from '../harness/engines.ts';
import { pageParams, request, scriptParams } from '../harness/fastcgi.ts';
import type { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { type Server, serverKind, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild } from '../native/built-engine.ts';

const isReference = serverKind === 'php-fpm' && 'the reference has one master for all pools';
const names = ['a', 'b', 'c'];

function pools(lines = ''): (folder: TestFolder) => string {
  return (folder) =>
    `[global]\nadmin.listen = ${folder.join('run/admin.sock')}\n${names
      .map((name) =>
        poolText(
          folder,
          name,
          `pm = ondemand\npm.max_children = 2\npm.process_idle_timeout = 1s\npm.status_path = /status\npm.status_listen = ${folder.join(`run/${name}-status.sock`)}\n${lines}`,
        ),
      )
      .join('')}`;
}

async function ask(server: Server, pool: string): Promise<string> {
  const script = server.folder.join('www/hello.php');
  return (await request(server.socket(pool), scriptParams(script))).body.toString();
}

/** Hosts by the name of their pool. */
function awake(server: Server): string[] {
  return names.filter((name) => server.hosts(name).length > 0);
}

async function admin(server: Server, path: string): Promise<{ status: number; body: string }> {
  return await askAdmin({ socketPath: server.folder.join('run/admin.sock'), path });
}

/** The status page of a pool, at an address of the master. */
async function status(server: Server, pool: string): Promise<Record<string, unknown>> {
  const page = await request(server.folder.join(`run/${pool}-status.sock`), pageParams('/status', 'json'));
  return JSON.parse(page.body.toString()) as Record<string, unknown>;
}

async function states(server: Server): Promise<string[]> {
  const { body } = await admin(server, '/api/pools');
  return (JSON.parse(body) as { pools: { state: string }[] }).pools.map(({ state }) => state);
}

// Each waits for time-outs: they do so together.
suite('pools that sleep', { skip: isReference, concurrency: true }, () => {
  for (const { name: engine, skip } of engines) {
    test(`a host without work goes after engine.idle_timeout, and comes back; a reload wakes nobody (${engine})`, {
      skip,
    }, async () => {
      await using server = await startServer({ engine, pools: pools('engine.idle_timeout = 1s') });
      server.folder.write('www/hello.php', '<?php echo "hello";');
      const seen: Record<string, unknown>[] = [];
      for (let round = 0; round < 2; round++) {
        assert.equal(await ask(server, 'a'), 'hello');
        await poll('the pool to fall asleep', () => awake(server).length === 0 || undefined, 20_000);
        seen.push(await status(server, 'a'));
      }
      // As in PHP-FPM a pool counts on while it has no worker.
      const [first, second] = seen;
      assert.deepEqual([first?.['accepted conn'], second?.['accepted conn']], [1, 2]);
      assert.equal(second?.['start time'], first?.['start time']);
      assert.equal(second?.['max active processes'], 1);
      const { body } = await admin(server, '/api/pools?pool=a');
      const [counted] = (JSON.parse(body) as { pools: { totals: { accepted: number } }[] }).pools;
      assert.equal(counted?.totals.accepted, 2, 'each request once');
      await server.reload();
      assert.equal((await status(server, 'a'))['accepted conn'], 0, 'a reload begins anew');
      assert.deepEqual(awake(server), []);
      assert.equal(await ask(server, 'c'), 'hello');
      assert.deepEqual(awake(server), ['c']);
      await server.stop('SIGQUIT');
    });
  }

  // The master's part alone.
  const { skip } = nativeBuild();

  test('a connection wakes its pool alone; everybody who looks is told', { skip }, async () => {
    await using server = await startServer({ engine: 'native', pools: pools() });
    server.folder.write('www/hello.php', '<?php echo "hello";');
    assert.deepEqual(awake(server), []);
    assert.deepEqual(await states(server), ['asleep', 'asleep', 'asleep']);
    assert.equal((await admin(server, '/readyz')).status, 200);
    const { pool, 'total processes': total, 'listen queue len': length } = await status(server, 'b');
    assert.deepEqual([pool, total], ['b', 0]);
    assert.ok(Number(length) > 0);

    // Several at once, as a browser opens them.
    const answers = await Promise.all(Array.from({ length: 4 }, () => ask(server, 'b')));
    assert.deepEqual(answers, ['hello', 'hello', 'hello', 'hello']);
    assert.deepEqual(awake(server), ['b']);
    assert.deepEqual(await states(server), ['asleep', 'serving', 'asleep']);
    const { body } = await admin(server, '/metrics');
    const choice = async (query: string): Promise<unknown> => {
      const answer = JSON.parse((await admin(server, `/api/pools?${query}`)).body) as {
        pools: { name: string }[];
        counts: { pools: number; matching: number; asleep: number; down: number };
      };
      const { pools: all, matching, asleep, down } = answer.counts;
      return [answer.pools.map(({ name }) => name), all, matching, asleep, down];
    };
    assert.deepEqual(await choice('limit=1'), [['b'], 3, 3, 2, 0], 'one that is awake comes first');
    assert.deepEqual(await choice('pool=C&limit=5'), [['c'], 3, 1, 2, 0]);
    assert.deepEqual(await choice('limit=1&first=c'), [['c'], 3, 3, 2, 0]);
    assert.equal((await admin(server, '/api/pools?limit=x')).status, 400);
    assert.equal((await admin(server, '/api/pools?limit=1&offset=-1')).status, 400);
    assert.match(body, /^hathi_pool_asleep\{pool="a"\} 1$/m);
    assert.match(body, /^hathi_pool_asleep\{pool="b"\} 0$/m);
    assert.match(body, /^hathi_pool_serving\{pool="a"\} 1$/m);
    await server.stop();
  });

  test('with engine.idle_timeout = 0 a host that has come stays, and a reload keeps its socket', {
    skip,
  }, async () => {
    await using server = await startServer({ engine: 'native', pools: pools('engine.idle_timeout = 0') });
    server.folder.write('www/hello.php', '<?php echo "hello";');
    assert.equal(await ask(server, 'a'), 'hello');
    const [host] = server.hosts('a');
    await poll('the end of its worker', async () => {
      const { body } = await admin(server, '/api/pools');
      const [first] = (JSON.parse(body) as { pools: { workers: unknown[] }[] }).pools;
      return first?.workers.length === 0 || undefined;
    });
    assert.equal(server.hosts('a')[0]?.pid, host?.pid);
    // Nobody uses it: after a reload it sleeps.
    // One more than its client needed may be on its way, which nobody sees: the next reload finds it gone.
    await poll(
      'the end of the host',
      async () => {
        await server.reload();
        return awake(server).length === 0 || undefined;
      },
      20_000,
    );
    assert.equal(await ask(server, 'a'), 'hello');
    await server.stop();
  });
});
