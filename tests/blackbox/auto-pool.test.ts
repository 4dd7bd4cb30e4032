/** `pm = auto`: workers come when connections wait, and every number has a reason. */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { planCommand } from '../../src/cli/watch/plan.ts';
import { askAdmin } from '../admin/client.ts';
import { testEngines } from '../harness/engines.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { type Server, startServer } from '../harness/server.ts';
import { poll, within } from '../harness/waiting.ts';
import { nativeBuild } from '../native/built-engine.ts';
import { makeMemoryGroup } from './memory-group.ts';

const poolOf = async (server: Server) => {
  const socketPath = server.folder.join('run/admin.sock');
  const { pools } = JSON.parse((await askAdmin({ socketPath, path: '/api/pools' })).body);
  return pools[0];
};

// The numbers are the master's, whatever runs the PHP: the engine that starts in a fifth of the time.
testEngines(
  'it grows when connections wait, up to its limit, and says why',
  { only: 'native' },
  async (engine) => {
    await using server = await startServer({
      engine,
      global: 'log_level = debug\n',
      pools: (to) =>
        `admin.listen = ${to.join('run/admin.sock')}\n${poolText(to, 'www', 'pm = auto\npm.min_children = 2\npm.max_children = 4\npm.status_path = /status')}`,
      expected: [/server reached pm\.max_children setting \(4\)/],
    });
    await poll('two workers', async () => ((await poolOf(server)).workers.length === 2 ? true : undefined));
    const script = server.folder.write('www/s.php', '<?php usleep(700000); echo "done";');
    let isEnough = false;
    const client = async (): Promise<void> => {
      while (!isEnough) {
        const { status } = await request(server.socket(), scriptParams(script));
        assert.equal(status, 200);
      }
    };
    const clients = Promise.all(Array.from({ length: 7 }, client));
    const grown = await poll(
      'four workers',
      async () => {
        const pool = await poolOf(server);
        return pool.active === 4 && pool.sizing.limit === 'maximum' ? pool : undefined;
      },
      30_000,
    );
    assert.equal(grown.processManager, 'auto');
    assert.match(grown.sizing.reason, /^pm\.max_children = 4, \d+ are wanted$/);
    await server.log.waitFor(/\[pool www\] pm = auto: [34] workers in place of [23]: /);
    await server.log.waitFor(/server reached pm\.max_children setting \(4\), consider raising it/);
    isEnough = true;
    await clients;
    const page = await request(server.socket(), {
      ...scriptParams(script),
      SCRIPT_NAME: '/status',
      SCRIPT_FILENAME: '/status',
    });
    assert.match(page.body.toString(), /process manager: +auto/);
    // What the master knows by now is enough for a plan.
    const stdout = new PassThrough();
    const args = ['--connect', server.folder.join('run/admin.sock'), '--json'];
    const plan = await poll(
      'a plan',
      async () => {
        assert.equal(await planCommand(args, { stdout, stderr: process.stderr, env: {} }), 0);
        const { pools } = JSON.parse(String(stdout.read()));
        return pools[0].plan.pool.demand === undefined ? undefined : pools[0].plan;
      },
      15_000,
    );
    assert.ok(plan.needed >= 1 && plan.workerBytes > 2 ** 17, JSON.stringify(plan));
    assert.deepEqual(plan.advice[0].value, 'auto');
    // Nobody goes at once.
    const kept = await poll(
      'patience',
      async () => {
        const pool = await poolOf(server);
        return pool.sizing.limit === 'patience' ? pool : undefined;
      },
      20_000,
    );
    assert.match(kept.sizing.reason, /^\d are needed, one goes in \d+ s$/);
    await server.stop();
  },
);

test('in a memory cgroup with PHP that leaks: the budget holds, nobody is killed', {
  skip: nativeBuild().skip,
}, async (t) => {
  const limit = 320 * 2 ** 20;
  using limited = makeMemoryGroup(limit);
  // Without a group the limit is the machine's: what is left of the test is that the pool lives under the load.
  if (limited === undefined) t.diagnostic('no memory cgroup can be made here: the limit is the machine');
  await using server = await startServer({
    engine: 'native',
    ...(limited && { through: limited.through }),
    global: 'memory.budget = 80%\n',
    pools: (to) =>
      `admin.listen = ${to.join('run/admin.sock')}\n${poolText(to, 'www', 'pm = auto\npm.max_children = 60\nphp_admin_value[memory_limit] = 64M')}`,
  });
  // Each request leaves a fifth of a megabyte in its worker: 40 MB a second in all.
  const script = server.folder.write(
    'www/leak.php',
    "<?php for ($i = 0; $i < 2; $i++) preg_match('/' . bin2hex(random_bytes(6000)) . '/', ''); usleep(100000); echo 'done';",
  );
  const until = performance.now() + 7000;
  const replies: number[] = [];
  const client = async (): Promise<void> => {
    while (performance.now() < until)
      replies.push((await request(server.socket(), scriptParams(script))).status);
  };
  await within(Promise.all(Array.from({ length: 40 }, client)), 'every answer', 60_000);
  assert.ok(replies.every((status) => status === 200));
  const { sizing, totals } = await poolOf(server);
  assert.equal(totals.restarts.signal, 0, 'none was killed');
  if (limited !== undefined) {
    assert.equal(limited.kills(), 0);
    assert.ok(limited.peak() <= limit * 0.95, `${limited.peak()}`);
  }
  assert.ok(['memory', 'processor', 'patience', 'load'].includes(sizing.limit), sizing.reason);
  await server.stop();
});
