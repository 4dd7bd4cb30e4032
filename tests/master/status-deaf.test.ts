/** Clients of pm.status_listen that ask and do not read. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { encodeRequest } from '../engine/plain-fastcgi.ts';
import { pageParams, request } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';

test('clients that ask for pages and never read give way, and others are answered', async () => {
  await using server = await startServer({
    pools: (folder) =>
      poolText(
        folder,
        'www',
        `ping.path = /ping\npm.status_path = /status\npm.status_listen = ${folder.join('run/status.sock')}`,
      ),
  });
  const path = server.folder.join('run/status.sock');
  const ask = encodeRequest({ params: Object.entries(pageParams('/status', 'full&html')), keep: true });
  const many = Buffer.concat(Array.from({ length: 200 }, () => ask));
  const clients = await Promise.all(
    Array.from({ length: 200 }, async () => {
      const client = connect(path);
      client.pause();
      client.on('error', () => {});
      await once(client, 'connect');
      client.write(many);
      return client;
    }),
  );
  assert.equal((await request(path, pageParams('/ping'))).body.toString(), 'pong');
  assert.equal((await request(path, pageParams('/status'))).status, 200);
  // A client sees the end of its connection when it reads on.
  const first = clients.slice(0, 100);
  for (const client of first) client.resume();
  await poll('the end of those that gave way', () => first.every(({ destroyed }) => destroyed) || undefined);
  for (const client of clients) client.destroy();
  await server.stop();
});
