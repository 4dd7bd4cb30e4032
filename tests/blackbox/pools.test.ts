/** The process managers and the time-outs of requests, end to end: what clients, the status page and the log see. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { test as nodeTest } from 'node:test';
import { askAdmin } from '../admin/client.ts';
import { phpCli, requires } from '../harness/debian.ts';
import { pageParams, RequestLost, request, scriptParams } from '../harness/fastcgi.ts';
import type { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { type Server, type ServerOptions, serverKind, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild } from '../native/built-engine.ts';
import { crashingScript } from '../native/crashing-script.ts';

/** php-fpm has another engine and starts workers at another pace: these tests are about Hathi alone. */
const test = serverKind === 'php-fpm' ? nodeTest.skip : nodeTest;

/** Traps the engine: conversions that call themselves while the request ends use up the reserve of its own stack. */
const trap =
  '<?php class Endless { function __toString(): string { return (string) $this; } } register_shutdown_function(fn() => (string) new Endless()); ob_start(fn() => (string) new Endless());';
const { skip } = nativeBuild();
const endless = '<?php while (true);';
const hello = '<?php echo "hello";';

async function start(lines: string, options: Partial<ServerOptions> = {}): Promise<Server> {
  const pools = (to: TestFolder): string => poolText(to, 'www', `pm.status_path = /status\n${lines}`);
  return await startServer({ engine: 'embedded', pools, ...options });
}

let scripts = 0;
/** Status and body of a script's answer; how the request was lost where there is none. */
async function run(server: Server, code: string, pool = 'www'): Promise<string> {
  const script = server.folder.write(`www/script-${++scripts}.php`, code);
  try {
    const { status, body } = await request(server.socket(pool), scriptParams(script));
    return `${status} ${body.toString().trim()}`;
  } catch (error) {
    if (error instanceof RequestLost) return error.kind;
    throw error;
  }
}

type Figures = Record<
  'idle processes' | 'active processes' | 'total processes' | 'max children reached',
  number
>;

async function figures(server: Server, pool = 'www'): Promise<Figures> {
  const reply = await request(server.socket(pool), pageParams('/status', 'json'));
  return JSON.parse(reply.body.toString()) as Figures;
}

test('ondemand: none at first, one for a request, no more than allowed, none when idle', async () => {
  const reached = /server reached max_children setting \(2\), consider raising it$/;
  await using server = await start('pm = ondemand\npm.max_children = 2\npm.process_idle_timeout = 1s', {
    global: 'log_level = debug',
    expected: [reached],
  });
  assert.equal((await figures(server))['total processes'], 0);
  assert.equal(await run(server, hello), '200 hello');
  assert.equal((await figures(server))['total processes'], 1);
  const gate = server.folder.join('tmp/gate');
  const held = `<?php while (!file_exists('${gate}')) { usleep(5000); clearstatcache(); } echo "held";`;
  const burst = Array.from({ length: 10 }, () => run(server, held));
  await poll('two busy workers', async () => (await figures(server))['active processes'] === 2 || undefined);
  server.folder.write('tmp/gate', '');
  assert.deepEqual(await Promise.all(burst), Array(10).fill('200 held'));
  rmSync(gate);
  // Not asked on the status page, which would count as work of the idle worker that answers it.
  const gone = /child \d+ has been killed by the process management/;
  await poll('the end of the idle workers', () => server.log.count(gone) === 2 || undefined);
  assert.equal((await figures(server))['total processes'], 0);
  assert.equal(server.log.count(reached), 1);
  assert.equal((await figures(server))['max children reached'], 1);
  assert.equal(await run(server, hello), '200 hello');
  await server.stop();
});

test('dynamic: grows under load up to the limit, and shrinks to the spare ones', { skip }, async () => {
  const reached = /server reached pm\.max_children setting \(3\), consider raising it$/;
  await using server = await startServer({
    engine: 'native',
    pools: (to) =>
      `admin.listen = ${to.join('run/admin.sock')}\n${poolText(to, 'www', 'pm = dynamic\npm.max_children = 3\npm.start_servers = 1\npm.min_spare_servers = 1\npm.max_spare_servers = 1')}`,
    expected: [reached, /seems busy/],
  });
  const workers = async (): Promise<number> => {
    const { body } = await askAdmin({ socketPath: server.folder.join('run/admin.sock'), path: '/api/pools' });
    return JSON.parse(body).pools[0].workers.length;
  };
  const release = server.folder.join('tmp/release');
  const held = Array.from({ length: 4 }, () =>
    run(server, `<?php while (!file_exists('${release}')) { usleep(5000); clearstatcache(); } echo "held";`),
  );
  await server.log.waitFor(reached);
  assert.equal(await workers(), 3);
  server.folder.write('tmp/release', '');
  assert.deepEqual(await Promise.all(held), Array(4).fill('200 held'));
  await poll('the spare workers to go', async () => (await workers()) === 1 || undefined);
  execFileSync('/bin/rm', [release]);
  await server.stop();
});

test('pm.max_requests and crashes cost no request its worker: what did its work is replaced at once', async () => {
  const crash = [/the PHP engine crashed/, /exited on signal 11 \(SIGSEGV\)/];
  await using server = await start('pm.max_requests = 2', { expected: crash });
  for (let i = 0; i < 4; i++) assert.equal(await run(server, hello), '200 hello');
  for (let i = 0; i < 2; i++) assert.match(await run(server, trap), /^500 /);
  assert.equal(await run(server, hello), '200 hello');
  assert.equal(server.log.count(/exited on signal 11/), 2);
  // Only a replacement says so; a worker that the heartbeat had to add, since one was held back, does not.
  const ends = server.log.count(/child \d+ exited/);
  await poll(
    'a replacement for each',
    () => server.log.count(/child \d+ started$/) === ends || undefined,
    3000,
  );
  await server.stop();
});

test('process.max holds over all pools and is said once', { skip }, async () => {
  const limit = /WARNING: The maximum number of processes has been reached/;
  await using server = await startServer({
    engine: 'native',
    pools: (to) =>
      ['a', 'b']
        .map((name) => poolText(to, name, 'pm.max_children = 2\npm.status_path = /status'))
        .join('\n'),
    global: 'process.max = 3',
    expected: [limit],
  });
  // The master is ready when each pool has a worker; the third one may still boot.
  const workers = async (): Promise<number> =>
    (await figures(server, 'a'))['total processes'] + (await figures(server, 'b'))['total processes'];
  await poll('three workers', async () => (await workers()) === 3 || undefined);
  await server.log.waitFor(limit);
  assert.equal(await workers(), 3);
  assert.equal(server.log.count(limit), 1);
  await server.stop();
});

test('a request that takes too long is ended, its client told, and the slow log has it', async () => {
  await using server = await startServer({
    engine: 'embedded',
    pools: (to) =>
      `admin.listen = ${to.join('run/admin.sock')}\n` +
      poolText(
        to,
        'www',
        `pm.max_children = 2\nrequest_terminate_timeout = 1\nrequest_slowlog_timeout = 1\nslowlog = ${to.join('log/slow')}`,
      ),
    expected: [
      /'slowlog' is limited/,
      /no PHP stack in the slow log: the embedded/,
      /executing too slow/,
      /execution timed out/,
      /exited on signal 15/,
    ],
  });
  const [silent, begun] = await Promise.all([
    run(server, endless),
    run(server, `<?php echo str_repeat('x', 100000); flush(); while (true);`),
  ]);
  assert.match(silent, /^504 /);
  assert.equal(begun, 'cut', 'an answer that had begun must not look whole');
  assert.equal(await run(server, hello), '200 hello');
  assert.equal(server.log.count(/execution timed out \(1\.\d+ sec\), terminating$/), 2);
  const slow = readFileSync(server.folder.join('log/slow'), 'utf8');
  const entry =
    /\n\[[^\]]+\] {2}\[pool www\] pid \d+\nscript_filename = .*\/www\/script-\d+\.php\n\+\+\+ dump failed\n/;
  assert.match(slow, entry);
  const { body } = await askAdmin({ socketPath: server.folder.join('run/admin.sock'), path: '/api/slow' });
  const { requests } = JSON.parse(body);
  assert.equal(requests.length, 2);
  for (const { pool, method, durationMicros, reason } of requests) {
    assert.deepEqual([pool, method], ['www', 'GET']);
    assert.equal(reason, 'the embedded engine cannot be looked into while it runs');
    assert.ok(durationMicros >= 1_000_000);
  }
  await server.stop();
});

test('what goes on after fastcgi_finish_request counts only with track_finished', async () => {
  const over = /execution timed out/;
  const code =
    '<?php echo "answered"; fastcgi_finish_request(); $end = microtime(true) + 2.2; while (microtime(true) < $end);';
  const limits = { no: 0, yes: 1 } as const;
  await using server = await startServer({
    engine: 'embedded',
    pools: (to) =>
      Object.keys(limits)
        .map((track) =>
          poolText(
            to,
            track,
            `request_terminate_timeout = 1\nrequest_terminate_timeout_track_finished = ${track}`,
          ),
        )
        .join('\n'),
    expected: [over, /exited on signal 15/],
  });
  await Promise.all(
    Object.entries(limits).map(async ([track, times]) => {
      assert.equal(await run(server, code, track), '200 answered');
      // The only worker is at it still. The next request's wait does not count as its own time, although it exceeds the
      // limit.
      assert.equal(await run(server, '<?php usleep(400_000); echo "hello";', track), '200 hello');
      const lines = server.log.lines.filter((line) => line.includes(`[pool ${track}]`) && over.test(line));
      assert.equal(lines.length, times, `track_finished = ${track}`);
    }),
  );
  await server.stop();
});

test('emergency_restart_threshold: enough crashes make a reload', { skip }, async () => {
  const reached = /WARNING: failed processes threshold \(2 in 60 sec\) is reached, initiating reload$/;
  await using server = await start('', {
    engine: 'native',
    global: 'emergency_restart_threshold = 2\nemergency_restart_interval = 60',
    expected: [reached, /exited on signal 11/],
  });
  assert.match(await run(server, crashingScript), /^500 /);
  assert.equal(server.log.count(reached), 0);
  const from = server.log.mark();
  assert.match(await run(server, crashingScript), /^500 /);
  await server.log.waitFor(reached, from);
  await server.ready(from, 10_000);
  assert.equal(await run(server, hello), '200 hello');
  await server.stop();
});

test('a hostile request cannot break the status page in any format', {
  skip: requires('php-cli', 'php-xml'),
}, async () => {
  await using server = await start('');
  const release = server.folder.join('www/release');
  const script = server.folder.write(
    'www/hold.php',
    `<?php while (!file_exists('${release}')) { usleep(5000); clearstatcache(); }`,
  );
  const evil = `/a<script>"'&\xff\xfe\x80\x01]]>\x1b`;
  const held = request(
    server.socket(),
    scriptParams(script, {
      REQUEST_METHOD: 'G<E"T',
      REQUEST_URI: evil,
      SCRIPT_NAME: evil,
      QUERY_STRING: `<script>&\xc3\x28"'\\\n`,
      HTTP_AUTHORIZATION: `Basic ${Buffer.from('u<"\xff:p', 'latin1').toString('base64')}`,
    }),
  );
  const page = async (query: string): Promise<Buffer> =>
    (await request(server.socket(), pageParams('/status', query))).body;
  await poll('the request', async () => ((await page('full')).includes('/a<script>') ? true : undefined));
  const json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(await page('full&json')));
  assert.equal(json.processes.length, 1);
  assert.equal(/<script>/.test((await page('full&html')).toString()), false);
  const xml = server.folder.write('status.xml', await page('full&xml'));
  execFileSync(phpCli, ['-r', `exit((new DOMDocument)->load('${xml}') ? 0 : 1);`]);
  for (const line of (await page('full')).toString('latin1').split('\n')) {
    assert.equal(/[\x00-\x08\x0b-\x1f]/.test(line), false, `a control byte in ${JSON.stringify(line)}`);
  }
  server.folder.write('www/release', '');
  await held;
  await server.stop();
});
