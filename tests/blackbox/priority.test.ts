/** queue.priority, and ping and status pages of a native pool: answered on the pool's own socket while it is full. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { askAdmin } from '../admin/client.ts';
import { engines, testEngines } from '../harness/engines.ts';
import { type Address, type Reply, request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { startServer } from '../harness/server.ts';
import { poll, within as withinCap } from '../harness/waiting.ts';
import { freePort } from '../harness/web-server.ts';
import { writeApplication } from '../worker-mode/application.ts';

/** ms: an embedded worker takes long to boot beside others. */
const patience = 60_000;

const within = <T>(promise: Promise<T>, what: string): Promise<T> => withinCap(promise, what, patience);

type Server = Awaited<ReturnType<typeof startServer>>;

/**
 * A script that runs until the folder has the file, and requests for it and its neighbours.
 *
 * @param addresses of pools that have no socket of their name
 */
function site(server: Server, addresses: Readonly<Record<string, Address>> = {}) {
  const addressOf = (pool: string): Address => addresses[pool] ?? server.socket(pool);
  const script = server.folder.write(
    'www/wait.php',
    `<?php $end = microtime(true) + 60; while (isset($_GET["f"]) && !file_exists("${server.folder.join('')}/" . $_GET["f"]) && microtime(true) < $end) { usleep(50000); clearstatcache(); } echo "done ", $_SERVER["REQUEST_URI"] ?? "";`,
  );
  const ask = (pool: string, uri: string, file?: string): Promise<Reply> =>
    request(
      addressOf(pool),
      { ...scriptParams(script, file === undefined ? {} : { QUERY_STRING: `f=${file}` }), REQUEST_URI: uri },
      '',
      patience,
    );
  const page = (pool: string, name: string): Promise<Reply> =>
    request(
      addressOf(pool),
      { ...scriptParams(script), SCRIPT_NAME: name, SCRIPT_FILENAME: name },
      '',
      patience,
    );
  const pools = async () =>
    JSON.parse(
      (await askAdmin({ socketPath: server.folder.join('run/admin.sock'), path: '/api/pools' })).body,
    ).pools;
  /** Fills a pool: two busy workers, and four requests that wait. */
  const fill = async (pool: string, file: string) => {
    const busy = [0, 1].map(() => ask(pool, '/busy', file));
    await poll(
      'two busy workers',
      async () => {
        const found = (await pools()).find(({ name }: { name: string }) => name === pool);
        return found.active === 2 ? true : undefined;
      },
      patience,
    );
    return { busy, waiting: [0, 1, 2, 3].map((number) => ask(pool, `/later/${number}`)) };
  };
  return { ask, page, pools, fill, script };
}

testEngines('what has priority is served while every worker is busy, in its own lane', {}, async (engine) => {
  await using server = await startServer({
    engine,
    pools: (to) =>
      `admin.listen = ${to.join('run/admin.sock')}\n${poolText(to, 'www', 'pm.max_children = 2\nqueue.priority[] = /health\nqueue.priority[] = /hooks/*\nping.path = /ping\npm.status_path = /status')}\n${poolText(to, 'sleepy', 'pm = ondemand\npm.max_children = 2\nqueue.priority[] = /health')}`,
    expected: [/\[pool sleepy\] server reached max_children setting \(2\)/],
  });
  const { ask, page, pools, fill, script } = site(server);
  const { busy, waiting } = await fill('www', 'go');
  const health = await within(ask('www', '/health?deep=1'), 'the health check');
  assert.equal(health.body.toString(), 'done /health?deep=1');
  assert.equal((await within(ask('www', '/hooks/a/b'), 'a path by its pattern')).status, 200);
  assert.equal((await within(page('www', '/ping'), 'ping')).body.toString(), 'pong');
  const status = (await within(page('www', '/status'), 'status')).body.toString();
  assert.match(status, /^active processes: +2$/m);
  assert.match(status, /^total processes: +2$/m);
  // What a client sends in pieces counts as well, and one that is silent holds up nobody.
  const silent = connect(server.socket('www'));
  const body = request(
    server.socket('www'),
    scriptParams(script, { REQUEST_URI: '/health', REQUEST_METHOD: 'POST' }),
    'a=b',
  );
  assert.equal((await within(body, 'a POST')).status, 200);
  silent.destroy();
  const [{ totals }] = await pools();
  assert.ok(totals.priority >= 3, JSON.stringify(totals.priority));
  assert.equal(totals.refused, 0);

  // A pool with `pm = ondemand` has no lane before it is full. That is for the master to know.
  const sleepy = engine === 'native' ? await fill('sleepy', 'go') : { busy: [], waiting: [] };
  if (engine === 'native') {
    const woken = await within(ask('sleepy', '/health'), 'the health check of a pool that slept');
    assert.equal(woken.body.toString(), 'done /health');
  }

  // Others wait for a worker all that time, and then they are served.
  server.folder.write('go', '');
  const replies = await within(Promise.all([...busy, ...waiting]), 'the others');
  assert.ok(replies.every(({ status }) => status === 200));
  assert.deepEqual(
    replies.slice(2).map(({ body }) => body.toString()),
    [0, 1, 2, 3].map((number) => `done /later/${number}`),
  );
  const slept = await within(Promise.all([...sleepy.busy, ...sleepy.waiting]), 'the others that slept');
  assert.ok(slept.every(({ status }) => status === 200));
  const byName = new Map<string, { totals: { priority: number } }>(
    (await pools()).map((pool: { name: string }) => [pool.name, pool]),
  );
  assert.equal(byName.get('sleepy')?.totals.priority, engine === 'native' ? 1 : 0);
  await server.stop();
});

/**
 * Fills the pool of an application that stays booted, and asks it what does not wait: of the application, which the lane's
 * worker has booted as well, and of another script.
 */
async function fillApplication(server: Server) {
  const script = server.folder.join('www/public/index.php');
  const send = (uri: string, query: string, file = script): Promise<Reply> =>
    request(
      server.socket('app'),
      { ...scriptParams(file, { QUERY_STRING: query }), REQUEST_URI: uri },
      '',
      patience,
    );
  const gate = `do=wait&file=${server.folder.join('go')}`;
  const busy = [0, 1].map(() => send('/busy', gate));
  await poll('both booted workers busy', async () => {
    const { pools } = JSON.parse(
      (await askAdmin({ socketPath: server.folder.join('run/admin.sock'), path: '/api/pools' })).body,
    );
    return pools.find(({ name }: { name: string }) => name === 'app').active === 2 ? true : undefined;
  });
  const waiting = [0, 1].map((number) => send(`/later/${number}`, 'do=hello'));
  const health = await within(send('/health', 'do=hello'), 'the health check of the application');
  assert.equal(health.body.toString(), 'hello');
  assert.deepEqual(health.headers.get('x-count'), ['1'], 'by a worker that has booted and served nothing');
  const classic = await within(
    send('/health', 'n=7', server.folder.join('www/public/classic.php')),
    'a script that is not the application',
  );
  assert.match(classic.body.toString(), /^classic \d+ 7$/);
  return { busy, waiting };
}

const native = engines.find(({ name }) => name === 'native');

test('a full native pool answers ping and status on its own socket, and what waits survives a reload', {
  skip: native?.skip ?? 'the reference',
}, async () => {
  const port = await freePort();
  await using server = await startServer({
    engine: 'native',
    pools: (to) =>
      `admin.listen = ${to.join('run/admin.sock')}\n${poolText(to, 'www', 'pm.max_children = 2\nping.path = /ping\npm.status_path = /status')}\n${poolText(to, 'limited', 'pm.max_children = 2\nqueue.max_length = 2\nqueue.priority[] = /health')}\n${poolText(to, 'tcp', `listen = 127.0.0.1:${port}\npm.max_children = 2\nqueue.priority[] = /health`)}\n${poolText(to, 'app', `pm.max_children = 2\nqueue.priority[] = /health\nworker.script = ${writeApplication(to)}`)}`,
    expected: [
      /\[pool limited\] overloaded: \d+ connections wait; those beyond queue\.max_length = 2 are answered/,
    ],
  });
  const { ask, page, pools, fill } = site(server, { tcp: { host: '127.0.0.1', port } });
  const { busy, waiting } = await fill('www', 'go');
  assert.equal((await within(page('www', '/ping'), 'ping without a limit')).body.toString(), 'pong');
  const status = (await within(page('www', '/status'), 'status without a limit')).body.toString();
  assert.match(status, /^listen queue: +4$/m);
  assert.match(status, /^total processes: +2$/m);

  // The lane refuses by the limits, and what has priority is served all the same.
  const full = await fill('limited', 'go');
  const health = await within(ask('limited', '/health'), 'the health check of the limited pool');
  assert.equal(health.status, 200);
  const refused = await within(
    Promise.any(
      full.waiting.map(async (one) => {
        const reply = await one;
        if (reply.status !== 503) throw new Error(String(reply.status));
        return reply;
      }),
    ),
    'a refusal',
  );
  assert.deepEqual(refused.headers.get('retry-after'), ['1']);

  const tcp = await fill('tcp', 'go');
  const overTcp = await within(ask('tcp', '/health'), 'the health check over TCP');
  assert.equal(overTcp.body.toString(), 'done /health');
  const app = await fillApplication(server);

  // Connections in the lane's queue belong to the old generation, which serves them to the last one.
  await server.reload();
  assert.equal((await within(ask('www', '/new'), 'a request of the new generation')).status, 200);
  server.folder.write('go', '');
  const replies = await within(Promise.all([...busy, ...waiting]), 'the old ones');
  assert.deepEqual(
    replies.map(({ status }) => status),
    [200, 200, 200, 200, 200, 200],
  );
  const others = await within(
    Promise.all([...tcp.busy, ...tcp.waiting, ...app.busy, ...app.waiting]),
    'those over TCP and of the application',
  );
  assert.ok(others.every(({ status }) => status === 200));
  const limited = await within(Promise.all([...full.busy, ...full.waiting]), 'the limited ones');
  assert.equal(limited.filter(({ status }) => status === 503).length, 2);
  assert.equal(limited.filter(({ status }) => status === 200).length, 4);
  const found = await pools();
  assert.equal(found[1].totals.refused, 2);
  const priorities = found.map(({ totals }: { totals: { priority: number } }) => totals.priority);
  // Of www also the pages; of the application the health check and the script.
  assert.ok(
    priorities[0] >= 2 && priorities.slice(1).every((count: number) => count >= 1),
    priorities.join(),
  );
  await server.stop();
});
