/** `metrics.listen`: probes and figures for other machines, and a master that leaves a balancer before it stops. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { suite, test } from 'node:test';
import { requires } from '../harness/debian.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { exited } from '../harness/processes.ts';
import { type Server, startServer } from '../harness/server.ts';
import { poll, within } from '../harness/waiting.ts';
import { freePort } from '../harness/web-server.ts';
import { type AdminReply, askAdmin } from './client.ts';
import { promtool } from './promtool.ts';

const holdScript = `<?php
$mark = tempnam($_SERVER['HOLD'], 'runs');
while (!file_exists($_SERVER['HOLD'] . '/go')) { usleep(5000); clearstatcache(); }
unlink($mark);`;

const ask = (port: number, path: string, options: object = {}): Promise<AdminReply> =>
  askAdmin({ port, host: '127.0.0.1', path, ...options });

async function ended(server: Server): Promise<void> {
  await within(exited(server.child), 'the end of the master', 10_000);
  assert.equal(server.child.exitCode, 0);
}

async function status(port: number, path: string): Promise<number> {
  return (await ask(port, path)).status;
}

/** As many requests as there are numbers, held until the returned function is called. */
async function hold(server: Server, count: number, busy: number): Promise<() => Promise<unknown>> {
  const folder = server.folder.mkdir('tmp/hold', 0o777);
  const script = server.folder.write('www/hold.php', holdScript);
  const held = Array.from({ length: count }, () =>
    request(server.socket(), scriptParams(script, { HOLD: folder })),
  );
  await poll(`${busy} busy workers`, () => readdirSync(folder).length === busy || undefined);
  return () => {
    server.folder.write('tmp/hold/go', '');
    return Promise.all(held);
  };
}

suite('the endpoint for figures', () => {
  test('answers probes under any name, takes no orders, and tells how full the pools are', async () => {
    const port = await freePort();
    await using server = await startServer({
      global: `metrics.listen = 127.0.0.1:${port}\nreadiness.saturation = yes\nmetrics.aliases = phpfpm`,
      pools: (folder) =>
        poolText(folder, 'www', 'pm.max_children = 2') + poolText(folder, 'idle', 'pm = ondemand'),
    });
    const foreign = { headers: { host: 'node-7.cluster.example:9180' } };
    for (const path of ['/livez', '/readyz', '/startupz', '/metrics', '/scale', '/scale?pool=www'])
      assert.equal((await ask(port, path, foreign)).status, 200, path);
    for (const path of ['/', '/api/pools', '/api/config', '/healthz', '/dashboard.js', '/scale/'])
      assert.equal(await status(port, path), 404, path);
    for (const path of ['/api/reload', '/metrics', '/livez'])
      assert.ok([404, 405].includes((await ask(port, path, { method: 'POST' })).status), path);
    assert.equal(await status(port, '/scale?pool=none'), 404);
    assert.equal(await status(port, '/readyz?saturation=x'), 400);

    const release = await hold(server, 3, 2);
    const scaled = async (path: string) => JSON.parse((await ask(port, path)).body);
    // Two workers have theirs; the third may not have connected yet.
    await poll('a request in the queue', async () =>
      (await scaled('/scale?pool=www')).waiting === 1 ? true : undefined,
    );
    assert.deepEqual(await scaled('/scale?pool=www'), {
      pool: 'www',
      saturation: 1.5,
      busy: 2,
      waiting: 1,
      limit: 2,
    });
    assert.deepEqual(await scaled('/scale'), { saturation: 1.5, busy: 2, waiting: 1, limit: 3 });
    const { body } = await ask(port, '/metrics');
    assert.match(body, /^hathi_pool_saturation\{pool="www"\} 1\.5$/m);
    assert.match(body, /^phpfpm_active_processes\{pool="www",scrape_uri="[^"]+"\} 2$/m);
    assert.match(
      body,
      /^phpfpm_process_state\{pool="www",scrape_uri="[^"]+",child="1",state="Running"\} 1$/m,
    );
    // Full for some seconds it is not ready, and alive all the same; free again it is ready.
    await poll('not ready', async () => (await status(port, '/readyz')) === 503 || undefined, 15_000);
    assert.equal((await ask(port, '/readyz')).body, 'pool www: saturated\n');
    assert.equal(await status(port, '/livez'), 200);
    await release();
    await poll('ready again', async () => (await status(port, '/readyz')) === 200 || undefined, 15_000);
  });

  test('moves with a reload, lets in whom it is told to, and stays as it was when a reload is refused', async () => {
    const [first, second] = [await freePort(), await freePort()];
    const configure = (lines: string) => (folder: Server['folder']) =>
      `[global]\n${lines}\n${poolText(folder)}`;
    await using server = await startServer({ pools: configure(`metrics.listen = 127.0.0.1:${first}`) });
    assert.equal(await status(first, '/livez'), 200);
    const reload = async (lines: string, outcome: RegExp): Promise<void> => {
      server.configure(configure(lines));
      const mark = server.log.mark();
      server.signal('SIGUSR2');
      await server.log.waitFor(outcome, mark);
    };
    await reload(
      `metrics.listen = 127.0.0.1:${second}\nmetrics.allowed_clients = 192.0.2.0/24, 198.51.100.7`,
      /ready to handle connections/,
    );
    const refused = await ask(second, '/livez');
    assert.equal(refused.status, 403);
    assert.match(refused.body, /metrics\.allowed_clients/);
    await assert.rejects(ask(first, '/livez'), /ECONNREFUSED/);
    server.expect(/Wrong IP address 'nowhere' in metrics\.allowed_clients/, /reload refused/);
    await reload(
      `metrics.listen = 127.0.0.1:${first}\nmetrics.allowed_clients = nowhere, 127.0.0.1`,
      /reload refused/,
    );
    assert.equal(await status(second, '/livez'), 403);
    await reload(
      `metrics.listen = 127.0.0.1:${second}\nmetrics.allowed_clients = 127.0.0.0/8`,
      /ready to handle connections/,
    );
    assert.equal(await status(second, '/livez'), 200);
  });

  test('the text of the exporter is one that Prometheus takes', {
    skip: requires('prometheus'),
  }, async () => {
    const port = await freePort();
    await using server = await startServer({
      global: `metrics.listen = ${port}\nmetrics.aliases = phpfpm`,
      pools: (folder) => poolText(folder),
    });
    await request(server.socket(), scriptParams(server.folder.write('www/a.php', 'a')));
    for (const accept of ['text/plain', 'application/openmetrics-text']) {
      const { body } = await ask(port, '/metrics', { headers: { accept } });
      assert.match(body, /^phpfpm_accepted_connections\{/m);
      if (accept === 'text/plain') promtool(['check', 'metrics'], body);
    }
  });
});

for (const signal of ['SIGTERM', 'SIGQUIT'] as const) {
  test(`shutdown.delay: after ${signal} it is not ready and serves, then it drains`, async () => {
    const port = await freePort();
    await using server = await startServer({
      global: `metrics.listen = 127.0.0.1:${port}\nshutdown.delay = 3s`,
      pools: (folder) => poolText(folder, 'www', 'pm.max_children = 2'),
    });
    const script = server.folder.write('www/a.php', '<?php echo "served";');
    const release = await hold(server, 1, 1);
    server.signal(signal);
    await server.log.waitFor(/Leaving: accepting for 3 more seconds/);
    const readiness = await ask(port, '/readyz');
    assert.deepEqual([readiness.status, readiness.body], [503, 'master: leaving\n']);
    assert.equal(await status(port, '/livez'), 200);
    const answer = await request(server.socket(), scriptParams(script));
    assert.match(answer.body.toString(), /served$/);
    // A reload changes nothing any more.
    server.signal('SIGUSR2');
    await server.log.waitFor(/Finishing \.\.\./);
    await release();
    await ended(server);
  });
}

test('shutdown.delay: a second signal ends it', async () => {
  await using server = await startServer({
    global: 'shutdown.delay = 1h',
    pools: (folder) => poolText(folder),
  });
  server.signal('SIGTERM');
  await server.log.waitFor(/Leaving/);
  server.signal('SIGTERM');
  await server.log.waitFor(/Terminating/);
  await ended(server);
});

test('addresses and aliases that are wrong are refused with what would be right', async () => {
  for (const [line, wanted] of [
    ['metrics.listen = 127.0.0.1:99999', /metrics\.listen '127\.0\.0\.1:99999' must be 'address:port'/],
    ['metrics.listen = 0', /metrics\.listen '0' must be/],
    ['metrics.aliases = telegraf', /metrics\.aliases 'telegraf' is unknown; known are: phpfpm/],
    ['shutdown.delay = soon', /shutdown\.delay/],
  ] as const) {
    await assert.rejects(
      startServer({ global: line, pools: (folder) => poolText(folder), expected: [/ERROR|ALERT/] }).then(
        async (server) => server[Symbol.asyncDispose](),
      ),
      wanted,
      line,
    );
  }
});
