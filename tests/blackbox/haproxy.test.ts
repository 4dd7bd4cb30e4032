/** HAProxy in front: FastCGI, and the agent check that takes a node out before it hurts. */
import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { test } from 'node:test';
import { requires } from '../harness/debian.ts';
import { startHaproxy } from '../harness/haproxy.ts';
import { poolText } from '../harness/pool.ts';
import { run, serverCommand, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { freePort } from '../harness/web-server.ts';

const holdScript = `<?php
if (!isset($_GET['hold'])) exit('served');
$mark = tempnam($_GET['hold'], 'runs');
while (file_exists($mark)) { usleep(5000); clearstatcache(); }
echo 'held';`;

/** Bytes received after connecting to an address. */
async function said(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

test('a pool tells HAProxy how much it takes: full, drained, put back, leaving', {
  skip: requires('haproxy'),
}, async () => {
  const [pool, agent] = [await freePort(), await freePort()];
  await using server = await startServer({
    global: 'shutdown.delay = 3s',
    pools: (folder) =>
      poolText(
        folder,
        'www',
        `listen = 127.0.0.1:${pool}\nagent.listen = 127.0.0.1:${agent}\npm.max_children = 6`,
      ),
  });
  server.folder.write('www/index.php', holdScript);
  const hold = server.folder.mkdir('tmp/hold', 0o777);
  await using haproxy = await startHaproxy(
    (port) => `
fcgi-app php
  docroot ${server.folder.join('www')}
  index index.php
frontend site
  bind 127.0.0.1:${port}
  default_backend nodes
backend nodes
  use-fcgi-app php
  server node 127.0.0.1:${pool} proto fcgi weight 100 check inter 500ms agent-check agent-port ${agent} agent-inter 100ms
`,
  );
  const get = async (path: string) => (await fetch(haproxy.url(path))).text();
  assert.equal(await said(agent), 'ready up 100%\n');
  assert.equal(await get('/'), 'served');
  await haproxy.server('node', ({ status, weight }) => status === 'UP' && weight === 100);

  const held = Array.from({ length: 6 }, () => get(`/?hold=${hold}`));
  await poll('six busy workers', () => readdirSync(hold).length === 6 || undefined);
  assert.match(await said(agent), /^ready up \d+%\n$/, 'full for a moment');
  await haproxy.server('node', ({ status, weight }) => status === 'UP' && weight < 100);
  await haproxy.server('node', ({ status }) => status.startsWith('DRAIN'));
  const letGo = (count: number) => {
    for (const name of readdirSync(hold).slice(0, count)) rmSync(`${hold}/${name}`);
  };
  letGo(1);
  assert.equal(await Promise.race(held), 'held');
  assert.equal(await said(agent), 'drain\n', 'one of six is not well below');
  letGo(1);
  await haproxy.server('node', ({ status }) => status === 'UP');
  letGo(4);
  assert.deepEqual(await Promise.all(held), Array(6).fill('held'));

  const env = { ...process.env, HATHI_RUNTIME_DIR: server.folder.join('runtime') };
  const hathi = (...args: string[]) => run(serverCommand(), [...args, '-y', server.configFile], { env });
  assert.equal((await hathi('drain', 'www')).code, 0);
  await haproxy.server('node', ({ status }) => status.startsWith('MAINT'));
  assert.match((await hathi('status')).stdout, /www \(drained\)/);
  await server.reload();
  assert.equal(await said(agent), 'maint\n', 'a reload does not put it back');
  const unknown = await hathi('drain', 'wwww');
  assert.notEqual(unknown.code, 0);
  assert.match(unknown.stderr, /no such pool/);
  assert.equal((await hathi('undrain', 'www')).code, 0);
  await haproxy.server('node', ({ status }) => status === 'UP');
  assert.equal(await get('/'), 'served');

  server.signal('SIGTERM');
  await haproxy.server('node', ({ status }) => status.startsWith('DRAIN'));
  await server.log.waitFor(/Finishing/);
});

test('agent.listen moves with a reload, and is for allowed clients only', async () => {
  const [first, second] = [await freePort(), await freePort()];
  const pool = await freePort();
  const configure = (agent: number, clients: string) => (folder: Parameters<typeof poolText>[0]) =>
    poolText(
      folder,
      'www',
      `listen = 127.0.0.1:${pool}\nlisten.allowed_clients = ${clients}\nagent.listen = 127.0.0.1:${agent}`,
    );
  await using server = await startServer({ pools: configure(first, '127.0.0.1') });
  assert.equal(await said(first), 'ready up 100%\n');
  server.configure(configure(second, '127.0.0.1'));
  await server.reload();
  assert.equal(await said(second), 'ready up 100%\n');
  await assert.rejects(said(first), /ECONNREFUSED/);
  server.configure(configure(second, '192.0.2.1'));
  await server.reload();
  assert.equal(await said(second).catch(() => ''), '', 'nobody else is told');
});
