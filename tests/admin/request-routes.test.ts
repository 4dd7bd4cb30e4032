/** A front controller: what the client asked for is shown where an operator looks, and counted by route. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { adminSocketName } from '../../src/config/admin-place.ts';
import type { RouteAnswer, RoutesAnswer } from '../../src/figures/answers.ts';
import { testEngines } from '../harness/engines.ts';
import { pageParams, request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { type EngineName, type Server, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { askAdmin } from './client.ts';

const controller = `<?php
if (isset($_GET['fail'])) http_response_code(503);
if (isset($_GET['wait'])) { while (!file_exists(__DIR__ . '/go')) { usleep(10000); clearstatcache(); } }
echo $_SERVER['REQUEST_URI'];`;

const start = (engine: EngineName): Promise<Server> =>
  startServer({
    engine,
    pools: (folder) => {
      folder.write('www/index.php', controller);
      return poolText(
        folder,
        'www',
        `pm.max_children = 2
pm.status_path = /status
access.log = ${folder.join('log/access.json')}
access.log_format = json
slowlog = ${folder.join('log/slow.log')}
slowlog.format = detailed
request_slowlog_timeout = 1`,
      );
    },
    expected: [/executing too slow/, /no PHP stack in the slow log/],
  });

/** A web server's request for a front controller. */
const ask = (server: Server, uri: string, method = 'GET') => {
  const [, query = ''] = uri.split('?');
  return request(
    server.socket(),
    scriptParams(server.folder.join('www/index.php'), {
      SCRIPT_NAME: '/index.php',
      REQUEST_METHOD: method,
      REQUEST_URI: uri,
      QUERY_STRING: query,
    }),
  );
};

/** The default place. */
const adminSocket = (server: Server): string =>
  server.folder.join('runtime', adminSocketName({ file: server.configFile }));

async function read<Body>(server: Server, path: string): Promise<Body> {
  const { status, body } = await askAdmin({ socketPath: adminSocket(server), path });
  assert.equal(status, 200, body);
  return JSON.parse(body) as Body;
}

/** The routes, when that many requests are counted. */
const routesOf = (server: Server, requests: number): Promise<Map<string, RouteAnswer>> =>
  poll(`${requests} counted requests`, async () => {
    const { routes } = await read<RoutesAnswer>(server, '/api/routes?pool=www');
    const sum = routes.reduce((total, route) => total + route.requests, 0);
    return sum < requests ? undefined : new Map(routes.map((route) => [route.route, route]));
  });

testEngines('paths, not the controller, are shown and counted, also over a reload', {}, async (engine) => {
  await using server = await start(engine);
  for (const uri of [
    '/users/17?secret=1',
    '/users/18',
    '/orders/550e8400-e29b-41d4-a716-446655440000',
    '/orders?fail=1',
  ])
    assert.match((await ask(server, uri)).body.toString(), /\/(users|orders)/);
  await ask(server, '/users/19', 'POST');
  const routes = await routesOf(server, 5);
  assert.deepEqual([...routes.keys()].sort(), [
    'GET /orders',
    'GET /orders/{uuid}',
    'GET /users/{n}',
    'POST /users/{n}',
  ]);
  assert.equal(routes.get('GET /users/{n}')?.requests, 2);
  assert.equal(routes.get('GET /orders')?.errors, 1);
  const { p50Micros = 0, p95Micros = 0, maxMicros, sumMicros } = routes.get('GET /users/{n}')!;
  assert.ok(0 < p50Micros && p50Micros <= p95Micros && p95Micros <= maxMicros && maxMicros < sumMicros);

  const lines = readFileSync(server.folder.join('log/access.json'), 'utf8').trim().split('\n');
  const logged = lines.map((line) => JSON.parse(line) as { uri: string; script: string });
  assert.deepEqual(
    logged.slice(0, 2).map(({ uri }) => uri),
    ['/users/17', '/users/18'],
  );
  assert.ok(logged.every(({ script }) => script.endsWith('/www/index.php')));

  await server.reload();
  await ask(server, '/users/20');
  const after = await routesOf(server, 6);
  assert.equal(after.get('GET /users/{n}')?.requests, 3);
  assert.equal((await askAdmin({ socketPath: adminSocket(server), path: '/api/routes?pool=x' })).status, 404);
});

testEngines(
  'a running request is shown by its path, on the status page by its script',
  {},
  async (engine) => {
    await using server = await start(engine);
    const answer = ask(server, '/reports/9?wait=1');
    interface Shown {
      readonly pools: {
        readonly workers: { readonly uri: string; readonly query?: string; readonly state: string }[];
      }[];
    }
    const shown = await poll('the running request', async () => {
      const { pools } = await read<Shown>(server, '/api/pools');
      return pools[0]?.workers.find(({ state, uri }) => state === 'Running' && uri !== '');
    });
    assert.deepEqual([shown.uri, shown.query], ['/reports/9', undefined]);
    const withQuery = await read<Shown>(server, '/api/pools?query=1');
    assert.equal(withQuery.pools[0]?.workers.find(({ uri }) => uri === '/reports/9')?.query, 'wait=1');

    const page = await request(server.socket(), pageParams('/status', 'full'));
    assert.match(page.body.toString(), /^request URI: +\/index\.php\?wait=1$/m);

    const slow = await poll('the slow request', async () => {
      const { requests } = await read<{ requests: { uri: string; script: string }[] }>(server, '/api/slow');
      return requests[0];
    });
    assert.equal(slow.uri, '/reports/9');
    assert.match(slow.script, /\/index\.php$/);
    await poll('the slow log', () =>
      /request = "GET \/reports\/9"/.test(readFileSync(server.folder.join('log/slow.log'), 'utf8'))
        ? true
        : undefined,
    );
    server.folder.write('www/go', '');
    await answer;
  },
);
