/** `hathi status` against an admin endpoint of the test's own. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { suite, test } from 'node:test';
import { statusCommand } from '../../src/cli/watch/status.ts';
import { requires } from '../harness/debian.ts';
import { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { cleanEnv, run as runCommand, serverCommand, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';

const pools = [
  {
    name: 'www',
    maxChildren: 2,
    active: 1,
    idle: 1,
    workers: [{ pid: 7, state: 'Running', script: '/srv/\x1b[2J\x9b31mx.php' }],
  },
  { name: 'lost', state: 'starting', failure: 'no engine', totals: { faults: 3 }, workers: [] },
];
const answer = { state: 'reloading', lastReload: { outcome: 'refused' }, pools };

async function run(args: string[], env: NodeJS.ProcessEnv = {}) {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const code = await statusCommand(args, { stdout, stderr, env });
  stdout.end();
  stderr.end();
  return { code, stdout: await text(stdout), stderr: await text(stderr) };
}

/** A server on a Unix socket for the length of one look. */
async function serving(listener: RequestListener, look: (socket: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'hathi-test-'));
  const server = createServer(listener);
  try {
    const socket = path.join(folder, 'admin.sock');
    server.listen(socket);
    await once(server, 'listening');
    await look(socket);
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  }
}

suite('hathi status', () => {
  test('shows pools and workers, with hostile names made harmless, and sends the token', async () => {
    const seen: unknown[] = [];
    const listener: RequestListener = (request, response) => {
      seen.push([request.method, request.url, request.headers.authorization]);
      response.end(JSON.stringify(answer));
    };
    await serving(listener, async (socket) => {
      const plain = await run(['--connect', socket], { HATHI_ADMIN_TOKEN: 'secret' });
      assert.equal(plain.code, 0);
      assert.match(
        plain.stdout,
        /^hathi {2}reloading {2}pools 2 \(1 down\) .* faults 3 \(most: lost 3\) .*last reload refused$/m,
      );
      assert.match(plain.stdout, /^www +1\/2 +50% /m);
      assert.match(plain.stdout, /^lost +down: no engine$/m);
      assert.match(plain.stdout, /\/srv\/\ufffd\[2J\ufffd31mx\.php$/m);
      assert.doesNotMatch(plain.stdout, /[\x1b\x9b]/);
      const json = await run(['--json', '--connect', socket]);
      assert.deepEqual(JSON.parse(json.stdout), answer);
      assert.match(json.stdout, /^[\n\x20-\x7e]*$/);
    });
    assert.deepEqual(seen, [
      ['GET', '/api/pools?limit=100', 'Bearer secret'],
      ['GET', '/api/pools', undefined],
    ]);
  });

  test('says why a master could not be asked', async () => {
    const nobody = await run(['--connect', '/nonexistent/admin.sock']);
    assert.equal(nobody.code, 1);
    assert.match(nobody.stderr, /^hathi status: Cannot ask the master at "\/nonexistent\/admin\.sock": /);
    await serving(
      (_, response) => response.writeHead(401).end(),
      async (socket) => {
        const refused = await run(['--connect', socket]);
        assert.equal(refused.code, 1);
        assert.match(refused.stderr, /status 401/);
      },
    );
    await serving(
      (_, response) => response.end('<html>'),
      async (socket) => assert.match((await run(['--connect', socket])).stderr, /must be JSON/),
    );
  });

  test('refuses wrong arguments', async () => {
    assert.equal((await run(['--colour'])).code, 64);
    assert.match((await run(['--connect', 'host:99999'])).stderr, /must be the path of a socket/);
    assert.match((await run(['--help'])).stdout, /^Usage: hathi status/);
  });

  test('finds the endpoint and the token of a real master by its configuration, and makes no file', async () => {
    const token = 'a-token-of-this-test';
    await using server = await startServer({
      pools: (to) => `admin.listen = ${to.join('run/admin.sock')}\n${poolText(to)}`,
    });
    // A worker that is up may not have come to its first accept yet.
    const shown = await poll('an idle worker', async () => {
      const result = await run(['-y', server.configFile]);
      return result.code !== 0 || !result.stdout.includes('Creating') ? result : undefined;
    });
    assert.deepEqual([shown.code, shown.stderr], [0, '']);
    assert.match(shown.stdout, /^www +0\/1 +0% +0/m);
    assert.match(shown.stdout, /^\d+ +www +Idle /m);
    const asCommand = await runCommand(serverCommand('hathi'), ['status', '--json', '-y', server.configFile]);
    assert.equal(JSON.parse(asCommand.stdout).pid, server.pid);
    await server.stop();

    using folder = new TestFolder();
    const log = folder.join('error.log');
    const global = `[global]\nerror_log = ${log}\n`;
    const off = await run([
      '-y',
      folder.write('off.conf', `${global}admin.listen = off\n${poolText(folder)}`),
    ]);
    assert.match(off.stderr, /Cannot ask the master: ".*off\.conf" says admin\.listen = off/);
    const stopped = await run(['-y', folder.write('stopped.conf', global + poolText(folder))]);
    assert.match(
      stopped.stderr,
      /Cannot find the master of ".*stopped\.conf": there is no socket \/.*-y and -p/,
    );
    const none = await run(['-y', folder.join('none.conf')]);
    assert.match(
      none.stderr,
      /no socket .* The file cannot tell another place: failed to open configuration/,
    );
    await servingTcp(async (port, seen) => {
      const lines = `admin.listen = 127.0.0.1:${port}\nadmin.token = ${token}\n`;
      const asked = await run(['-y', folder.write('tcp.conf', global + lines + poolText(folder))]);
      assert.equal(asked.code, 0, asked.stderr);
      assert.deepEqual(seen, [`Bearer ${token}`]);
    });
    assert.equal(existsSync(log), false);
  });
});

suite('hathi status while the file on disk is not valid, which is when it is needed', () => {
  const broken: readonly (readonly [string, (valid: string) => string])[] = [
    ['an unknown entry', (valid) => `${valid}pm.max_childen = 3\n`],
    ['a syntax error in the first line', (valid) => `[www\n${valid}`],
    ['an unknown global entry', (valid) => valid.replace('[global]', '[global]\npm = static')],
    ['a log in a missing folder', (valid) => `${valid}access.log = /nonexistent/x.log\n`],
    ['no pool', (valid) => valid.slice(0, valid.indexOf('[www]'))],
    ['nothing at all', () => ''],
  ];

  test('the default socket is found by path and prefix alone', async () => {
    await using server = await startServer({ pools: (to) => poolText(to) });
    const env = { HATHI_RUNTIME_DIR: server.folder.join('runtime') };
    const valid = readFileSync(server.configFile, 'utf8');
    for (const [name, breakIt] of broken) {
      writeFileSync(server.configFile, breakIt(valid));
      const { code, stdout, stderr } = await run(['-y', server.configFile], env);
      assert.deepEqual([code, stderr], [0, ''], name);
      assert.match(stdout, /^www /m);
    }
    rmSync(server.configFile);
    assert.equal((await run(['-y', server.configFile], env)).code, 0, 'no file');
    writeFileSync(server.configFile, valid);
    await server.stop();
  });

  test('an admin.listen that stands before the mistake counts', async () => {
    await using server = await startServer({
      pools: (to) => `[global]\nadmin.listen = ${to.join('run/admin.sock')}\n${poolText(to)}`,
    });
    const valid = readFileSync(server.configFile, 'utf8');
    writeFileSync(server.configFile, `${valid}nonsense = 1\n`);
    const { code, stderr } = await run(['-y', server.configFile], { HATHI_RUNTIME_DIR: '/nonexistent' });
    assert.deepEqual([code, stderr], [0, '']);
    writeFileSync(server.configFile, valid);
    await server.stop();
  });
});

test('another user hears who may ask, whatever is closed to him', { skip: requires('root') }, async () => {
  await using server = await startServer({ pools: (to) => poolText(to) });
  chmodSync(server.folder.path, 0o755);
  const runtime = server.folder.join('runtime');
  const ask = () =>
    runCommand(
      '/usr/bin/setpriv',
      [
        ...['--reuid=65534', '--regid=65534', '--clear-groups', serverCommand('hathi')],
        ...['status', '-y', server.configFile],
      ],
      { env: cleanEnv({ HATHI_RUNTIME_DIR: runtime }) },
    );
  const closings: readonly (readonly [string, number])[] = [
    // The socket, its folder, the configuration.
    [runtime, 0o755],
    [runtime, 0o700],
    [server.configFile, 0o600],
  ];
  for (const [path, mode] of closings) {
    chmodSync(path, mode);
    const { code, stderr } = await ask();
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^hathi status: Cannot ask the master at ".*": only root may, and you are nobody\. Ask as root/,
    );
    assert.doesNotMatch(stderr, /EACCES/);
  }
  await server.stop();
});

/** The same over TCP; `seen` are the headers Authorization. */
async function servingTcp(look: (port: number, seen: unknown[]) => Promise<void>): Promise<void> {
  const seen: unknown[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.end(JSON.stringify({ pools }));
  });
  try {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    await look((server.address() as AddressInfo).port, seen);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
