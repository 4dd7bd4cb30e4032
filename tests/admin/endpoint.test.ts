/** `admin.listen` of a real master. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { run, type Server, serverCommand, startServer } from '../harness/server.ts';
import { poll, within } from '../harness/waiting.ts';
import { type AdminReply, askAdmin } from './client.ts';

const holdScript = `<?php
$mark = tempnam($_SERVER['HOLD'], 'runs');
while (!file_exists($_SERVER['HOLD'] . '/go')) { usleep(5000); clearstatcache(); }
unlink($mark);`;

/** A second [global] section adds to the first one, so that the folder is known. */
function withAdmin(folder: TestFolder, text: string, name = 'admin'): string {
  return `admin.listen = ${folder.join(`run/${name}.sock`)}\n${text}`;
}

function ask(server: Server, path: string, method = 'GET', body = ''): Promise<AdminReply> {
  return askAdmin({ socketPath: server.folder.join('run/admin.sock'), path, method }, body);
}

test('it answers while every worker is busy, and shows no secret unasked', async () => {
  await using server = await startServer({
    pools: (folder) => withAdmin(folder, poolText(folder, 'www', 'pm.max_children = 2')),
  });
  const hold = server.folder.mkdir('tmp/hold', 0o777);
  const script = server.folder.write('www/hold.php', holdScript);
  const params = scriptParams(script, {
    HOLD: hold,
    REQUEST_URI: '/hold.php?password=hunter2',
    QUERY_STRING: 'password=hunter2',
  });
  const held = Array.from({ length: 5 }, () => request(server.socket(), params));
  await poll('two busy workers', () => readdirSync(hold).length === 2 || undefined);

  const reply = await ask(server, '/api/pools');
  assert.deepEqual([reply.status, reply.type], [200, 'application/json; charset=utf-8']);
  assert.doesNotMatch(reply.body, /hunter2/);
  const answer = JSON.parse(reply.body);
  const [pool] = answer.pools;
  assert.deepEqual([answer.state, answer.pid], ['normal', server.pid]);
  assert.deepEqual(
    [pool.name, pool.state, pool.maxChildren, pool.active, pool.idle],
    ['www', 'serving', 2, 2, 0],
  );
  assert.equal(pool.workers.length, 2);
  for (const worker of pool.workers) {
    assert.deepEqual([worker.state, worker.script, worker.draining], ['Running', script, false]);
    assert.ok(worker.durationMicros > 0 && worker.pid > 0);
    assert.equal('memoryBytes' in worker, false, 'the last request is over, this one is not');
  }
  assert.match((await ask(server, '/api/pools?query=1')).body, /"query":"password=hunter2"/);

  assert.equal((await ask(server, '/healthz')).body, 'ok\n');
  assert.equal((await ask(server, '/readyz')).status, 200);
  const saturated = await ask(server, '/readyz?saturation=1');
  assert.deepEqual([saturated.status, saturated.body], [503, 'pool www: saturation 2.5 >= 1\n']);
  assert.equal((await ask(server, '/readyz?pool=other')).status, 503);
  assert.equal((await ask(server, '/readyz?queue=many')).status, 400);
  assert.equal((await ask(server, '/readyz?queu=1')).status, 400, 'a threshold that is none');

  server.folder.write('tmp/hold/go', '');
  await Promise.all(held);
  rmSync(hold, { recursive: true });
  await server.stop();
});

test('the socket is the master’s alone, survives a reload, moves with its directive and is gone at the end', async () => {
  await using server = await startServer({
    pools: (folder) => withAdmin(folder, poolText(folder)),
    expected: [/reload refused/, /unknown entry/, /failed to load|Unable to include/],
  });
  const path = server.folder.join('run/admin.sock');
  const before = statSync(path);
  assert.deepEqual([before.mode & 0o777, before.uid], [0o600, process.getuid?.()]);

  const mark = server.log.mark();
  const asked = await ask(server, '/api/reload', 'POST');
  assert.deepEqual([asked.status, asked.body], [202, '{"outcome":"requested"}\n']);
  const peer = new RegExp(
    `admin endpoint: reload asked for by uid ${process.getuid?.()}, pid ${process.pid}$`,
  );
  await server.log.waitFor(peer, mark);
  await server.ready(mark, 20_000);
  assert.equal(statSync(path).ino, before.ino);
  const loaded = JSON.parse((await ask(server, '/api/pools')).body);
  assert.deepEqual(loaded.reloads, { succeeded: 1, partial: 0, refused: 0 });
  assert.deepEqual([loaded.lastReload.outcome, loaded.lastReload.reasons], ['succeeded', []]);

  // A file that is refused leaves the endpoint where it was.
  server.configure((folder) => withAdmin(folder, `bogus = 1\n${poolText(folder)}`, 'moved'));
  const refused = await ask(server, '/api/reload?wait=1', 'POST');
  const result = JSON.parse(refused.body);
  assert.deepEqual([refused.status, result.outcome], [200, 'refused']);
  assert.match(result.reasons.join('\n'), /server\.conf:\d+\] unknown entry 'bogus'\nfailed to load/);
  const after = JSON.parse((await ask(server, '/api/pools')).body);
  assert.deepEqual([after.reloads, after.lastReload], [{ succeeded: 1, partial: 0, refused: 1 }, result]);

  server.configure((folder) => withAdmin(folder, poolText(folder), 'moved'));
  await server.reload();
  assert.equal(existsSync(path), false);
  const moved = { socketPath: server.folder.join('run/moved.sock'), path: '/readyz' };
  assert.equal((await askAdmin(moved)).status, 200);
  // Asserts that no file is left in run/.
  await server.stop();
});

test('the configuration in force is told without its secrets; a worker ends when asked to', async () => {
  const secrets = `env[DB_PASSWORD] = hunter2
php_admin_value[mysqli.default_pw] = hunter3
php_value[mysqli.default_user] = hunter4
php_flag[display_errors] = on`;
  await using server = await startServer({
    pools: (folder) => withAdmin(folder, poolText(folder, 'www', secrets)),
  });
  const answer = await ask(server, '/api/config');
  assert.doesNotMatch(answer.body, /hunter/);
  const { file, global, pools } = JSON.parse(answer.body);
  assert.equal(global.settings['admin.listen'], server.folder.join('run/admin.sock'));
  assert.match(global.places['admin.listen'], new RegExp(`^${file}:\\d+$`));
  const [{ name, settings, places }] = pools;
  assert.deepEqual(
    [name, settings.env, settings.php_admin_value, settings.php_value, settings['pm.max_requests']],
    ['www', ['DB_PASSWORD'], ['mysqli.default_pw'], ['mysqli.default_user', 'display_errors'], 0],
  );
  assert.equal('pm.max_requests' in places, false);

  const [worker] = JSON.parse((await ask(server, '/api/pools')).body).pools[0].workers;
  for (const [query, status] of [
    ['pool=www&pid=1', 404],
    [`pool=other&pid=${worker.pid}`, 404],
    ['pool=www&pid=-1', 400],
    [`pool=www&pid=${worker.pid}&how=kill`, 400],
    [`pool=www&pid=${worker.pid}`, 202],
  ] as const) {
    assert.equal((await ask(server, `/api/end-worker?${query}`, 'POST')).status, status, query);
  }
  await server.log.waitFor(
    new RegExp(`admin endpoint: end \\(quit\\) of child ${worker.pid} of pool www asked for by uid`),
  );
  await server.log.waitFor(new RegExp(`child ${worker.pid} exited`));
  await server.stop();
});

test('logs are opened anew on request', async () => {
  await using server = await startServer({
    log: 'file',
    pools: (folder) => withAdmin(folder, poolText(folder)),
  });
  rmSync(server.errorLog);
  assert.equal((await ask(server, '/api/reopen-logs', 'POST')).status, 202);
  await poll('a new log', () => existsSync(server.errorLog) || undefined);
  await server.stop();
});

test('what is not asked properly is refused, and the master lives on', async () => {
  await using server = await startServer({ pools: (folder) => withAdmin(folder, poolText(folder)) });
  const statuses = [
    (await ask(server, '/nothing')).status,
    (await ask(server, '/__proto__')).status,
    (await ask(server, '/api/reload')).status,
    (await ask(server, '/api/pools', 'POST')).status,
    (await ask(server, '/api/reload', 'POST', 'x'.repeat(5000))).status,
  ];
  assert.deepEqual(statuses, [404, 404, 405, 405, 413]);
  assert.equal((await ask(server, '/api/pools', 'POST')).headers['allow'], 'GET, HEAD');
  // Node closes with bytes unread after its 431, so a client may see a reset instead of the answer.
  const long = await ask(server, `/${'x'.repeat(9000)}`).then(
    ({ status }) => status,
    ({ code }) => code,
  );
  assert.ok([431, 'ECONNRESET', 'EPIPE'].includes(long), String(long));
  // `ssh -L` brings browsers to the socket: neither a name that was made to point here nor another page gets in.
  const answered = async (headers: Record<string, string>): Promise<number> =>
    (await askAdmin({ socketPath: server.folder.join('run/admin.sock'), path: '/api/pools', headers }))
      .status;
  assert.equal(await answered({ host: 'evil.example:9180' }), 403);
  assert.equal(await answered({ host: '127.0.0.1:9180', 'sec-fetch-site': 'cross-site' }), 403);
  assert.equal(await answered({ host: '127.0.0.1:9180', origin: 'http://evil.example' }), 403);
  assert.equal(await answered({ host: '127.0.0.1:9180', origin: 'http://127.0.0.1:9180' }), 200);
  assert.equal(await answered({ host: '' }), 200, 'a client that has no name for a socket');
  const socket = connect(server.folder.join('run/admin.sock'));
  const { promise, resolve } = Promise.withResolvers<void>();
  socket
    .on('data', () => {})
    .on('close', () => resolve())
    .on('error', () => {});
  socket.write('no http at all\r\n\r\n');
  await within(promise, 'the end of the connection');
  assert.equal((await ask(server, '/healthz')).status, 200);
  await server.stop();
});

test('over TCP it wants the token and a loopback name; probes do without the token', async () => {
  const port = await freePort();
  const token = 'a-token-of-this-test';
  await using server = await startServer({
    global: `admin.listen = 127.0.0.1:${port}\nadmin.token = ${token}`,
    pools: (folder) => poolText(folder),
  });
  const status = async (path: string, headers: Record<string, string>): Promise<number> =>
    (await askAdmin({ host: '127.0.0.1', port, path, headers })).status;
  assert.equal(await status('/api/pools', {}), 401);
  assert.equal(await status('/api/pools', { authorization: 'Bearer another-token-of-this' }), 401);
  assert.equal(await status('/api/pools', { authorization: `Bearer ${token}` }), 200);
  assert.equal(await status('/api/pools', { authorization: `Bearer ${token}`, host: 'evil.example' }), 403);
  assert.equal(await status('/healthz', {}), 200);

  // Every user of the machine can connect: whoever only holds connections does not keep others out.
  const held = Array.from({ length: 70 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  await Promise.all(held.map((socket) => once(socket, 'connect')));
  for (const socket of held) socket.write('GET /healthz HTTP/1.1\r\nX: ');
  for (let asked = 0; asked < 3; asked += 1) assert.equal(await status('/healthz', {}), 200);
  await poll('the end of the one that waited longest', () => held[0]?.destroyed || undefined);
  for (const socket of held) socket.destroy();
  await server.stop();
});

for (const [lines, reason] of [
  ['admin.listen = 0.0.0.0:9999', /must be the path of a Unix socket/],
  ['admin.listen = localhost:9999', /must be the path of a Unix socket/],
  ['admin.listen = 127.0.0.1:9999', /set admin\.token/],
  ['admin.listen = 127.0.0.1:9999\nadmin.token = short', /admin\.token must have at least 16/],
] as const) {
  test(`refused: ${lines.replace('\n', ', ')}`, async () => {
    using folder = new TestFolder();
    const text = `[global]\nerror_log = ${folder.join('log')}\n${lines}\n${poolText(folder)}`;
    const result = await run(serverCommand('hathi'), ['-t', '-y', folder.write('a.conf', text)]);
    assert.equal(result.code, 78);
    assert.match(result.stderr, reason);
    assert.doesNotMatch(result.stderr, /short/, 'the token is in the log');
  });
}

test('-tt does not print the token', async () => {
  using folder = new TestFolder();
  folder.mkdir('run');
  const lines = 'admin.listen = 127.0.0.1:9999\nadmin.token = a-token-of-this-test';
  const text = `[global]\nerror_log = ${folder.join('log')}\n${lines}\n${poolText(folder)}`;
  const result = await run(serverCommand('hathi'), ['-tt', '-y', folder.write('a.conf', text)]);
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stderr, /admin\.token = \*\*\*/);
  assert.doesNotMatch(result.stderr, /a-token-of/);
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
