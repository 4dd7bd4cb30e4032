/** Clients of the admin endpoint that do not read their answers, and who else comes through beside them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { type AddressInfo, connect, type NetConnectOpts, type Socket } from 'node:net';
import { test } from 'node:test';
import { adminLimits, createAdminServer } from '../../src/admin/server.ts';
import type { AdminSource } from '../../src/figures/admin-source.ts';
import { TestFolder } from '../harness/folder.ts';
import { poll, within } from '../harness/waiting.ts';
import { askAdmin } from './client.ts';

/** Nothing that is asked for here looks at a master. */
const source = {} as AdminSource;
const faults: unknown[] = [];

/** The largest file of the dashboard; as all of them, it needs no token. */
const heavy = '/dashboard/uplot.js';
const pipelined = (path: string, count: number): string =>
  `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(count);

/** Connects and sends, and reads nothing ever. */
async function deafClient(where: NetConnectOpts, text: string): Promise<Socket> {
  const socket = connect(where);
  socket.pause();
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(text);
  return socket;
}

for (const [kind, at] of [
  ['TCP', () => ({ port: 0, host: '127.0.0.1' })],
  ['Unix', (folder: TestFolder) => ({ path: folder.join('admin.sock') })],
] as const) {
  test(`200 clients that pipeline and never read do not keep an operator out (${kind})`, async () => {
    using folder = new TestFolder();
    const server = createAdminServer({
      source,
      kind: 'admin',
      access: () => ({ token: undefined, admits: () => true }),
      onFault: (error) => faults.push(error),
    });
    server.listen(at(folder));
    await once(server, 'listening');
    const address = server.address() as AddressInfo | string;
    const where = typeof address === 'string' ? { path: address } : { port: address.port, host: '127.0.0.1' };
    const asked = typeof address === 'string' ? { socketPath: address } : where;
    const headers = { host: 'localhost' };
    const clients: Socket[] = [];
    try {
      for (const text of [
        pipelined(heavy, 100),
        pipelined('/healthz', 100),
        // As many as are allowed at a time, and the half of a next one.
        `${pipelined(heavy, adminLimits.at.pipelined)}GET / HT`,
        pipelined(heavy, 1),
      ]) {
        clients.push(...(await Promise.all(Array.from({ length: 200 }, () => deafClient(where, text)))));
        for (const path of ['/healthz', heavy]) {
          const { status } = await askAdmin({ ...asked, path, headers });
          assert.equal(status, 200, `${path} after ${JSON.stringify(text.slice(0, 60))}`);
        }
      }
      const open = (): Promise<number> =>
        new Promise((resolve, reject) =>
          server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
        );
      assert.ok((await open()) <= adminLimits.connections);
      assert.deepEqual(faults, []);
    } finally {
      for (const client of clients) client.destroy();
      server.close();
      server.closeAllConnections();
      await within(once(server, 'close'), 'the end of the server');
    }
  });
}

test('what a client sends at once is not parsed beyond what its connection may ask', async () => {
  using folder = new TestFolder();
  const server = createAdminServer({
    source,
    kind: 'admin',
    access: () => ({ token: undefined, admits: () => true }),
    onFault: (error) => faults.push(error),
  });
  let parsed = 0;
  server.on('request', () => {
    parsed += 1;
  });
  const path = folder.join('admin.sock');
  server.listen(path);
  await once(server, 'listening');
  const shortest = 'GET / HTTP/1.1\r\nHost:a\r\n\r\n';
  for (const text of [pipelined('/healthz', 3000), pipelined(heavy, 1500), shortest.repeat(3000)]) {
    parsed = 0;
    const client = await deafClient({ path }, text);
    const ended = new Promise<void>((resolve) => client.once('close', () => resolve()));
    client.resume();
    await within(ended, 'the end of the connection');
    const most = adminLimits.at.pipelined + adminLimits.pieceBytes / 25;
    assert.ok(parsed > 0 && parsed <= most, `${parsed} requests parsed`);
  }
  // A head and a body of the longest that is taken come in many pieces.
  const long = { 'x-long': 'x'.repeat(7500), connection: 'close' };
  const answer = await askAdmin({ socketPath: path, path: '/healthz', headers: long });
  assert.deepEqual([answer.status, answer.body], [200, 'ok\n']);
  const body = await askAdmin({ socketPath: path, path: '/healthz', method: 'POST' }, 'b'.repeat(4096));
  assert.equal(body.status, 405);
  assert.deepEqual(faults, []);
  server.close();
  server.closeAllConnections();
  await within(once(server, 'close'), 'the end of the server');
});

test('requests of one connection are answered in their order, one after the other', async () => {
  const server = createAdminServer({
    source,
    kind: 'admin',
    access: () => ({ token: undefined, admits: () => true }),
    onFault: (error) => faults.push(error),
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.setEncoding('latin1').on('data', (data: string) => {
    text += data;
  });
  socket.write(`${pipelined('/healthz', 1)}${pipelined('/none', 1)}${pipelined('/healthz', 1)}`);
  const codes = await poll('three answers', () => {
    const found = text.match(/^HTTP\/1\.1 \d+/gm) ?? [];
    return found.length === 3 ? found : undefined;
  });
  assert.deepEqual(codes, ['HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200']);
  socket.destroy();
  server.close();
});

test('more answers in the making than the master works on are refused', async () => {
  const { promise: release, resolve } = Promise.withResolvers<never>();
  const busy = { reload: () => release } as unknown as AdminSource;
  const server = createAdminServer({
    source: busy,
    kind: 'admin',
    access: () => ({ token: undefined, admits: () => true }),
    onFault: (error) => faults.push(error),
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const asked = Array.from({ length: adminLimits.at.asking }, () =>
    request({ port, host: '127.0.0.1', path: '/api/reload?wait=1', method: 'POST', agent: false }),
  );
  for (const one of asked) one.on('error', () => {}).end();
  const refused = await poll('a refusal', async () => {
    const { status } = await askAdmin({ port, host: '127.0.0.1', path: '/healthz' });
    return status === 503 || undefined;
  });
  assert.ok(refused);
  resolve({} as never);
  for (const one of asked) one.destroy();
  server.close();
  server.closeAllConnections();
});
