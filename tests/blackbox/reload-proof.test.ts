/** A new generation is proven before it counts: by a request (reload.probe) and by a share of connections (reload.canary). */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { suite, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { AdminIo } from '../../src/cli/watch/admin-command.ts';
import { reloadCommand } from '../../src/cli/watch/reload.ts';
import { statusCommand } from '../../src/cli/watch/status.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import type { TestFolder } from '../harness/folder.ts';
import { startLoad } from '../harness/load.ts';
import { poolText } from '../harness/pool.ts';
import { type EngineName, type Server, serverKind, startServer } from '../harness/server.ts';
import { poll, within } from '../harness/waiting.ts';
import { nativeBuild } from '../native/built-engine.ts';
import { slowHello } from './hello.ts';

const skip = nativeBuild().skip || (serverKind === 'php-fpm' && 'php-fpm has neither');

/** On a busy machine the embedded engine takes its time to start. */
const patience = 60_000;

/** The application: which generation it is, how healthy, and whether it waits for a file. */
const application = `<?php
$home = __DIR__;
$who = getenv('WHO');
if ($_SERVER['HATHI_PROBE'] ?? false) {
  file_put_contents("$home/probed", "$_SERVER[REQUEST_METHOD] $_SERVER[REQUEST_URI] $_SERVER[QUERY_STRING] $who");
  while (file_exists("$home/hold") && !file_exists("$home/go")) { usleep(2000); clearstatcache(); }
}
if (file_exists("$home/bad-$who")) { http_response_code(500); echo "<h1>the database is away</h1>\\n$who"; return; }
if (file_exists("$home/slow-$who")) usleep(60000);
echo 'I am ', $who;`;

async function run(
  command: (args: string[], io: AdminIo) => Promise<number>,
  args: string[],
  server: Server,
) {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const env = { HATHI_RUNTIME_DIR: server.folder.join('runtime') };
  const code = await command(['-y', server.configFile, ...args], { stdout, stderr, env });
  stdout.end();
  stderr.end();
  return { code, stdout: await text(stdout), stderr: await text(stderr) };
}

const reload = (server: Server, ...args: string[]) => run(reloadCommand, args, server);

const pool =
  (who: string, lines = '') =>
  (folder: TestFolder): string =>
    poolText(folder, 'www', `pm.max_children = 1\nenv[WHO] = ${who}\n${lines}`);

const probe =
  (who: string, more = '') =>
  (folder: TestFolder) =>
    pool(
      who,
      `reload.probe = "/healthz?deep=1"\nreload.probe_script = ${folder.join('www/app.php')}\nreload.probe_timeout = 30s\n${more}`,
    )(folder);

async function start(engine: EngineName, pools: (folder: TestFolder) => string): Promise<Server> {
  const server = await startServer({
    engine,
    pools,
    expected: [
      /\[pool www\] cannot start: (reload\.probe|on trial|aborted|.*no database)/,
      /no database|booting\.php/,
      /exited on signal SIGKILL/,
    ],
  });
  server.folder.write('www/app.php', application);
  chmodSync(server.folder.join('www'), 0o777);
  return server;
}

async function who(server: Server): Promise<string> {
  const answer = await request(server.socket(), scriptParams(server.folder.join('www/app.php')));
  return answer.body.toString().split('\n').at(-1)?.replace('I am ', '') ?? '';
}

/** Clients that leave the processor to others. @param pause ms */
async function slowly(server: Server, pause = 10): Promise<string> {
  await setTimeout(pause);
  return await who(server);
}

const mark = (server: Server, name: string): void => void server.folder.write(`www/${name}`, '');
const unmark = (server: Server, name: string): void => rmSync(server.folder.join(`www/${name}`));

/** Answers that are not as expected. */
const unexpected = [
  ['reload.probe_text = I am five', /its answer does not contain "I am five"/],
  ['reload.probe_script = /no/such.php', /its answer has status 404: "File not found\."/],
  ['reload.probe_status = 204', /its answer has status 200: "I am four"/],
] as const;

suite('reload.probe', { skip }, () => {
  test('the answer decides, the old generation stays, and nobody loses a request', async () => {
    await using server = await start('native', probe('one'));
    const isProbed = (): boolean => existsSync(server.folder.join('www/probed'));
    assert.equal(await who(server), 'one');
    assert.equal(isProbed(), false, 'a start has nothing to keep');
    const load = startLoad({
      clients: 2,
      address: server.socket(),
      params: scriptParams(server.folder.write('www/hello.php', slowHello)),
      body: 'hello',
    });
    server.configure(probe('two', 'reload.probe_text = I am two'));
    assert.deepEqual(await reload(server), { code: 0, stdout: '', stderr: '' });
    assert.equal(await who(server), 'two');
    assert.equal(readFileSync(server.folder.join('www/probed'), 'utf8'), 'GET /healthz?deep=1 deep=1 two');

    mark(server, 'bad-three');
    server.configure(probe('three'));
    const failed = await reload(server);
    assert.equal(failed.code, 2);
    assert.match(
      failed.stderr,
      /pool www: reload\.probe GET \/healthz\?deep=1: its answer has status 500: "the database is away"/,
    );
    assert.equal(await who(server), 'two');
    server.configure(probe('three', 'reload.probe_status = 200,500-503\nreload.probe_method = HEAD'));
    assert.equal((await reload(server)).code, 0, 'that status is expected');
    assert.match(readFileSync(server.folder.join('www/probed'), 'utf8'), /^HEAD /);
    for (const [lines, reason] of unexpected) {
      server.configure(probe('four', lines));
      const { code, stderr } = await reload(server);
      assert.equal(code, 2);
      assert.match(stderr, reason);
    }
    assert.match(await who(server), /three/);
    const { counts, samples } = await load.stop();
    assert.deepEqual(Object.keys(counts), ['ok'], samples.join('\n'));
    await server.stop();
  });

  test('a probe without an answer ends at its limit, with --abort, or with the old host', async () => {
    await using server = await start('native', probe('one'));
    mark(server, 'hold');
    server.configure(probe('two', 'reload.probe_timeout = 1s'));
    assert.match((await reload(server)).stderr, /no answer came within 1 seconds/);
    assert.equal(await who(server), 'one');

    assert.equal((await reload(server, '--abort')).code, 69, 'nothing to abort');
    unmark(server, 'probed');
    server.configure(probe('two'));
    const aborted = reload(server);
    await poll('the probe', () => existsSync(server.folder.join('www/probed')) || undefined, patience);
    assert.equal((await reload(server, '--abort')).code, 0);
    const result = await within(aborted, 'the end of the reload', patience);
    assert.equal(result.code, 2);
    assert.match(result.stderr, /pool www: aborted by /);
    assert.equal(await who(server), 'one');

    unmark(server, 'probed');
    const left = reload(server);
    await poll('the probe', () => existsSync(server.folder.join('www/probed')) || undefined, patience);
    const [old] = server.hosts('www');
    process.kill(old?.pid ?? 0, 'SIGKILL');
    mark(server, 'go');
    assert.equal((await within(left, 'the end of the reload', patience)).code, 0);
    assert.equal(await who(server), 'two');
    await server.stop();
  });
});

/** Worker mode: which generation it is, booted before the first request, and whether it works. */
const booting = `<?php
$who = getenv('WHO');
if ($who === 'unbooted') throw new Exception('no database');
$served = 0;
while (hathi_handle_request(function () use ($who, &$served) {
  $served++;
  if ($_SERVER['HATHI_PROBE'] ?? false) {
    file_put_contents(__DIR__ . '/probed', "$_SERVER[REQUEST_URI] $who " . getmypid() . " $served");
    if ($who === 'bad') http_response_code(503);
  }
  echo $who, ' ', getmypid();
})) {}`;

test('reload.probe in worker mode: after the boot, in a worker of the new generation', { skip }, async () => {
  const proven =
    (who: string) =>
    (folder: TestFolder): string =>
      pool(
        who,
        `worker.script = ${folder.write('www/booting.php', booting)}\nreload.probe = /healthz\nreload.probe_timeout = 30s`,
      )(folder);
  await using server = await start('native', proven('one'));
  const answer = async () =>
    (await request(server.socket(), scriptParams(server.folder.join('www/booting.php')))).body.toString();
  const probed = () => readFileSync(server.folder.join('www/probed'), 'utf8');
  assert.match(await answer(), /^one \d+$/);
  server.configure(proven('two'));
  assert.deepEqual(await reload(server), { code: 0, stdout: '', stderr: '' });
  const [, pid] = (await answer()).split(' ');
  // The same worker, and nothing came before.
  assert.equal(probed(), `/healthz two ${pid} 1`);

  server.configure(proven('bad'));
  const failed = await reload(server);
  assert.equal(failed.code, 2);
  assert.match(failed.stderr, /pool www: reload\.probe GET \/healthz: its answer has status 503/);
  assert.match(probed(), /^\/healthz bad \d+ 1$/);
  assert.equal(await answer(), `two ${pid}`);
  unmark(server, 'probed');
  server.configure(proven('unbooted'));
  assert.match((await reload(server)).stderr, /no database/);
  assert.equal(existsSync(server.folder.join('www/probed')), false, 'nothing that has not booted is asked');
  assert.equal(await answer(), `two ${pid}`);
  await server.stop();
});

suite('reload.canary', { skip }, () => {
  test('a share of connections at first, then all; or back', async () => {
    await using server = await start('native', pool('one'));
    server.configure(pool('two', 'reload.canary = 20%\nreload.canary_time = 2s'));
    const succeeded = reload(server);
    await server.log.waitFor(/takes 20 % of connections on trial, for 2 seconds/, 0, patience);
    const seen: string[] = [];
    let isOver = false;
    void succeeded.then(() => {
      isOver = true;
    });
    while (!isOver) seen.push(await slowly(server));
    assert.deepEqual(await succeeded, { code: 0, stdout: '', stderr: '' });
    const fresh = seen.filter((name) => name === 'two').length / seen.length;
    assert.ok(fresh > 0.02 && fresh < 0.5, `${fresh} of ${seen.length}`);
    assert.equal(await who(server), 'two');

    // A generation that fails is given up as soon as that is clear, and what it has accepted is answered.
    mark(server, 'bad-three');
    server.configure(pool('three', 'reload.canary = 50%\nreload.canary_time = 600s'));
    const failed = reload(server);
    let isGivenUp = false;
    void failed.then(() => {
      isGivenUp = true;
    });
    while (!isGivenUp) await slowly(server);
    assert.equal((await failed).code, 2);
    assert.match(
      (await failed).stderr,
      /pool www: on trial: \d+ of its \d+ requests failed \(\d+\.\d %\), before it 0 of/,
    );
    assert.equal(await who(server), 'two');

    server.configure(pool('four', 'reload.canary = 1%\nreload.canary_time = 600s'));
    const aborted = reload(server);
    await server.log.waitFor(/takes 1 % of connections on trial/, 0, patience);
    const { stdout } = await run(statusCommand, [], server);
    assert.match(stdout, /www: a new generation is on trial for \d+ s more, with 1 % of connections: /);
    assert.equal((await reload(server, '--abort')).code, 0);
    assert.match((await within(aborted, 'the end of the trial', patience)).stderr, /pool www: aborted by /);
    assert.equal(await who(server), 'two');

    // The old host dies: what is on trial is all there is.
    const from = server.log.mark();
    server.signal('SIGUSR2');
    await server.log.waitFor(/takes 1 % of connections on trial/, from, patience);
    const [old] = server.hosts('www');
    process.kill(old?.pid ?? 0, 'SIGKILL');
    await server.log.waitFor(/ready to handle connections/, from, patience);
    assert.equal(await who(server), 'four');
    await server.stop();
  });
});

test('both, with the embedded engine', { skip: serverKind === 'php-fpm' }, async () => {
  await using server = await start('embedded', probe('one'));
  mark(server, 'bad-two');
  server.configure(probe('two'));
  assert.match((await reload(server)).stderr, /its answer has status 500: "the database is away"/);
  assert.equal(await who(server), 'one');
  server.configure(probe('three', 'reload.canary = 50%\nreload.canary_time = 3s'));
  const succeeded = reload(server);
  await server.log.waitFor(/takes 50 % of connections on trial, for 3 seconds/, 0, patience);
  const seen = new Set<string>();
  let isOver = false;
  void succeeded.then(() => {
    isOver = true;
  });
  // So few requests that their durations are not compared: those of an engine that warms up depend on the machine.
  while (!isOver) seen.add(await slowly(server, 200));
  assert.deepEqual([...seen].sort(), ['one', 'three']);
  assert.deepEqual(await within(succeeded, 'the end of the trial', patience), {
    code: 0,
    stdout: '',
    stderr: '',
  });
  assert.equal(await who(server), 'three');
  await server.stop();
});
