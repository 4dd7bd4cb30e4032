/** `hathi reload` and `hathi stop`: exit codes tell what became of it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server as HttpServer, type RequestListener } from 'node:http';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { suite, test } from 'node:test';
import type { AdminIo } from '../../src/cli/watch/admin-command.ts';
import { askForReload, reloadCommand } from '../../src/cli/watch/reload.ts';
import { stopCommand } from '../../src/cli/watch/stop.ts';
import { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { exited } from '../harness/processes.ts';
import { run as runProgram, type Server, serverCommand, startServer } from '../harness/server.ts';
import { within } from '../harness/waiting.ts';

type Command = (args: string[], io: AdminIo) => Promise<number>;

async function run(command: Command, args: string[], env: NodeJS.ProcessEnv = {}) {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const code = await command(args, { stdout, stderr, env });
  stdout.end();
  stderr.end();
  return { code, stdout: await text(stdout), stderr: await text(stderr) };
}

/** An endpoint of the test's own. */
class Endpoint implements AsyncDisposable {
  readonly #folder = new TestFolder();
  readonly #server: HttpServer;
  readonly socket = this.#folder.join('admin.sock');
  readonly seen: (string | undefined)[] = [];

  constructor(listener: RequestListener) {
    this.#server = createServer((request, response) => {
      this.seen.push(`${request.method} ${request.url}`);
      listener(request, response);
    });
  }

  async open(): Promise<this> {
    await once(this.#server.listen(this.socket), 'listening');
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    this.#folder[Symbol.dispose]();
  }
}

const environment = (server: Server) => ({ HATHI_RUNTIME_DIR: server.folder.join('runtime') });

test('a reload that serves is 0, one that is refused 1 with its reasons, and nothing has changed then', async () => {
  await using server = await startServer({
    pools: (to) => poolText(to),
    expected: [
      /reload refused/,
      /unknown entry/,
      /failed to load/,
      /failed to (open|post process)/,
      /unable to bind/,
    ],
  });
  const args = ['-y', server.configFile];
  const env = environment(server);
  const valid = readFileSync(server.configFile, 'utf8');
  assert.deepEqual(await run(reloadCommand, args, env), { code: 0, stdout: '', stderr: '' });
  for (const [line, reason] of [
    ['bogus = 1', /^ {2}\[.*server\.conf:\d+\] unknown entry 'bogus'$/m],
    [
      'access.log = /nonexistent/access.log',
      /^ {2}failed to open access log \(\/nonexistent\/access\.log\)/m,
    ],
    ['listen = /nonexistent/www.sock', /^ {2}.*\/nonexistent\/www\.sock/m],
  ] as const) {
    writeFileSync(server.configFile, `${valid}${line}\n`);
    const { code, stdout, stderr } = await run(reloadCommand, args, env);
    assert.deepEqual([code, stdout], [1, ''], stderr);
    assert.match(stderr, /^hathi reload: refused: the running configuration stays in force\n/);
    assert.match(stderr, reason);
  }
  // The file names another socket than the one in force, or none: it is found, and answers from its new place then.
  const moved = `[global]\nadmin.listen = ${server.folder.join('run/moved.sock')}\n${valid}`;
  writeFileSync(server.configFile, moved);
  assert.deepEqual(await run(reloadCommand, args, env), { code: 0, stdout: '', stderr: '' });
  assert.equal((await run(reloadCommand, args, { HATHI_RUNTIME_DIR: '/nonexistent' })).code, 0);
  await server.stop();
});

test('stop waits until the master is gone', async () => {
  for (const flags of [[], ['--now']]) {
    await using server = await startServer({ pools: (to) => poolText(to) });
    const below = server.workers();
    const args = ['stop', ...flags, '-y', server.configFile];
    const { code, stdout, stderr } = await runProgram(serverCommand('hathi'), args, {
      env: { ...process.env, ...environment(server) },
    });
    assert.deepEqual([code, stdout, stderr], [0, '', '']);
    const verb = flags.length === 0 ? 'finish' : 'terminate';
    await server.log.waitFor(new RegExp(`admin endpoint: ${verb} asked for by`));
    await within(exited(server.child), () => server.log.text());
    await server.assertClean(below);
  }
});

suite('an endpoint that does not do as it should', () => {
  const answering = (status: number, body: string): RequestListener => {
    return (_, response) => response.writeHead(status).end(body);
  };
  const outcome = (name: string, reasons: readonly unknown[] = []) =>
    JSON.stringify({ at: 1, outcome: name, reasons });

  const cases: readonly (readonly [string, Command, RequestListener, number, RegExp])[] = [
    [
      'a pool that fails is 2',
      reloadCommand,
      answering(200, outcome('partial', ['pool www: no engine'])),
      2,
      /except for these pools\n {2}pool www: no engine\n$/,
    ],
    [
      'reasons are made harmless',
      reloadCommand,
      answering(200, outcome('refused', ['a\u001b[2Jb\nc'])),
      1,
      /^ {2}a\ufffd\[2Jb\n {2}c\n$/m,
    ],
    ['an unknown outcome is 69', reloadCommand, answering(200, outcome('toString')), 69, /tells no outcome/],
    ['an answer of another kind is 69', reloadCommand, answering(200, '[]'), 69, /tells no outcome/],
    [
      'a refusal to answer is 69',
      reloadCommand,
      answering(401, '{"error":"no token"}'),
      69,
      /status 401: no token/,
    ],
    [
      'a master that ends meanwhile is 69',
      reloadCommand,
      (request) => void request.socket.destroy(),
      69,
      /Cannot ask the master/,
    ],
    [
      'no outcome in time is 3',
      reloadCommand,
      (request, response) => void (request.url === '/api/pools' && response.end('[]')),
      3,
      /not over after 0\.05 s/,
    ],
    [
      'a master that does not stop is 3',
      stopCommand,
      answering(202, JSON.stringify({ pid: process.pid })),
      3,
      /still running after 0\.05 s/,
    ],
    [
      'an older master has no such path: 69',
      stopCommand,
      answering(404, '{"error":"no such path"}'),
      69,
      /status 404/,
    ],
  ];
  for (const [name, command, listener, code, says] of cases) {
    test(name, async () => {
      await using endpoint = await new Endpoint(listener).open();
      // Only those whose end is not told wait for it.
      const limit = code === 3 ? '0.05' : '30';
      const result = await run(command, ['--connect', endpoint.socket, '--timeout', limit]);
      assert.equal(result.code, code, result.stderr);
      assert.match(result.stderr, says);
      const path = command === reloadCommand ? '/api/reload?wait=1' : '/api/stop?how=quit';
      assert.equal(endpoint.seen[0], `POST ${path}`);
    });
  }
});

test('nobody there is 69, wrong arguments are 64', async () => {
  for (const command of [reloadCommand, stopCommand]) {
    assert.equal((await run(command, ['--connect', '/nonexistent/admin.sock'])).code, 69);
    for (const wrong of [['--colour'], ['word'], ['--timeout', 'x'], ['--timeout', '-1']]) {
      assert.equal((await run(command, wrong)).code, 64, wrong.join(' '));
    }
    assert.match((await run(command, ['--help'])).stdout, /^Usage: hathi (reload|stop) .*Exit codes: 0 /s);
  }
});

test('a trial is waited for beyond the limit, and its end is the outcome', async () => {
  let looks = 0;
  const trial = { share: 0.1, secondsLeft: 9 };
  await using endpoint = await new Endpoint((request, response) => {
    // The reload itself is not answered in time.
    if (request.url !== '/api/pools') return;
    looks += 1;
    const lastReload = {
      at: Date.now(),
      outcome: 'partial',
      reasons: ['pool www: on trial: 5 of its 9 requests failed'],
    };
    const pools = [{ name: 'www', ...(looks < 3 ? { trial } : {}) }];
    response.end(JSON.stringify({ pools, ...(looks < 3 ? {} : { lastReload }) }));
  }).open();
  const result = await run(reloadCommand, ['--connect', endpoint.socket, '--timeout', '0.1']);
  assert.equal(result.code, 2);
  assert.match(result.stderr, /pool www: on trial: 5 of its 9 requests failed/);
  assert.equal(looks, 3);
});

test('--abort asks for the end of a reload, and says when there is none', async () => {
  let status = 202;
  await using endpoint = await new Endpoint((_, response) => {
    response.statusCode = status;
    response.end(JSON.stringify(status === 202 ? { outcome: 'requested' } : { error: 'no new generation' }));
  }).open();
  const abort = () => run(reloadCommand, ['--abort', '--connect', endpoint.socket]);
  assert.deepEqual(await abort(), { code: 0, stdout: '', stderr: '' });
  status = 404;
  const vain = await abort();
  assert.equal(vain.code, 69);
  assert.match(vain.stderr, /no new generation/);
  assert.deepEqual(endpoint.seen, ['POST /api/abort-reload', 'POST /api/abort-reload']);
  assert.equal((await run(reloadCommand, ['--abort', '--changed'])).code, 64);
});

test('a reload that takes longer than a connection is kept is looked at until it is over', async () => {
  let looks = 0;
  const result = { outcome: 'partial', reasons: ['pool www: on trial: too slow'] };
  await using endpoint = await new Endpoint((request, response) => {
    if (request.url !== '/api/pools') return;
    looks += 1;
    const trial = { share: 0.1, secondsLeft: 1, fresh: {}, serving: {} };
    // An earlier one; a look that fails; one that is under way; its end.
    const answers = [
      { pools: [], lastReload: { ...result, at: 1 } },
      undefined,
      { pools: [{ name: 'www', trial }] },
    ];
    const answer =
      looks <= answers.length ? answers[looks - 1] : { pools: [], lastReload: { ...result, at: Date.now() } };
    if (answer === undefined) response.destroy();
    else response.end(JSON.stringify(answer));
  }).open();
  const wait = async (seconds: number) => {
    const stderr = new PassThrough();
    const options = { connect: endpoint.socket, limit: seconds * 1000, timeout: String(seconds) };
    const io = { stdout: new PassThrough(), stderr, env: {} };
    const told = await askForReload('reload', '/api/reload?wait=1', options, io, 50);
    stderr.end();
    return { told, stderr: await text(stderr) };
  };
  assert.deepEqual(await wait(60), { told: { ...result, unchanged: [] }, stderr: '' });
  assert.equal(looks, 4);
});
