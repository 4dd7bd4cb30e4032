/** Clients that send rubbish, nothing, or too much at once. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { testEngines } from '../harness/engines.ts';
import { RequestLost, request, scriptParams } from '../harness/fastcgi.ts';
import { checkout } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { type Server, serverKind, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { ask } from './hello.ts';

/** php-fpm has no hosts and other answers: these tests are about Hathi alone. */
const options = { skip: serverKind === 'php-fpm' && 'the reference answers otherwise' };
const embeddedOnly = { ...options, only: 'embedded' } as const;

/** Connections that send these bytes and stay open. */
function open(server: Server, payloads: readonly Uint8Array[]): Disposable & { readonly sockets: Socket[] } {
  const sockets = payloads.map((bytes) => {
    const socket = connect(server.socket());
    socket.on('error', () => {});
    socket.write(bytes);
    return socket;
  });
  return {
    sockets,
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

testEngines(
  'connections that would use up the descriptors of a host are refused in the log, and scripts go on',
  // A native worker has one connection; the others wait in the kernel.
  embeddedOnly,
  async (engine) => {
    const many = /WARNING: \[pool www\] more than \d+ connections are open: further ones are closed$/;
    await using server = await startServer({
      engine,
      pools: (to) => poolText(to, 'www', 'rlimit_files = 60'),
      expected: [many],
    });
    {
      using _idle = open(server, Array(60).fill(Buffer.alloc(0)));
      await server.log.waitFor(many);
    }
    const script = server.folder.write(
      'www/open.php',
      '<?php echo fopen(__FILE__, "r") ? "opened" : "none left";',
    );
    const answer = async (): Promise<string> =>
      (await request(server.socket(), scriptParams(script))).body.toString();
    await poll('a free connection', async () =>
      (await answer().catch(() => '')) === 'opened' ? true : undefined,
    );
    await server.stop();
  },
);

testEngines('malformed bytes, half requests and idle connections hold no worker', options, async (engine) => {
  await using server = await startServer({ engine, pools: poolText });
  const corpus = join(checkout, 'tests/fastcgi/corpus');
  const files = readdirSync(corpus).map((name) => readFileSync(join(corpus, name)));
  assert.ok(files.length > 20);
  using _rubbish = open(server, files);
  await server.log.waitFor(/NOTICE: \[pool www\] a connection was closed: Cannot read a FastCGI record/);
  assert.equal(await ask(server, 'www', 2000), 'hello');
  // The head of a request whose parameters never come.
  using _halves = open(server, Array(100).fill(Buffer.from([1, 1, 0, 1, 0, 8, 0, 0, 0, 1])));
  using _idle = open(server, Array(100).fill(Buffer.alloc(0)));
  assert.equal(await ask(server, 'www', 2000), 'hello');
  await server.stop();
});

testEngines(
  'more requests than listen.backlog: those that fit are served, the others are told at once',
  // Native pools wait in the listen queue, where the kernel says no.
  embeddedOnly,
  async (engine) => {
    const full =
      /WARNING: \[pool www\] 20 requests \(listen\.backlog\) wait for a worker: further ones are refused$/;
    await using server = await startServer({
      engine,
      pools: (to) =>
        poolText(to, 'www', 'pm.max_children = 2\npm.status_path = /status\nlisten.backlog = 20'),
      expected: [full],
    });
    const status = async () => (await request(server.socket(), scriptParams('/status'))).body.toString();
    await poll('both workers', async () => /total processes: +2/.test(await status()) || undefined);
    const script = server.folder.write('www/slow.php', '<?php usleep(50000); echo "served";');
    let refusedByKernel = 0;
    const bodies = await Promise.all(
      Array.from({ length: 300 }, async () => {
        try {
          return (await request(server.socket(), scriptParams(script))).body.toString();
        } catch (error) {
          // The kernel's own queue was full: nothing was accepted.
          if (!(error instanceof RequestLost) || error.kind !== 'refused') throw error;
          refusedByKernel += 1;
          return '';
        }
      }),
    );
    const served = bodies.filter((body) => body === 'served').length;
    assert.ok(served >= 22, `${served} were served`);
    // On a busy machine the host may take connections too slowly to have more than it may keep.
    if (served + refusedByKernel < bodies.length) assert.ok(server.log.count(full) >= 1, server.log.text());
    assert.equal(bodies.filter((body) => body === '').length, bodies.length - served, 'no other answer');
    assert.equal(await ask(server), 'hello');
    await server.stop();
  },
);
