/** Effects of a reload, and the unchanged state after a failed one. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { requires } from '../harness/debian.ts';
import { pageParams, request, scriptParams } from '../harness/fastcgi.ts';
import type { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { run, type Server, serverCommand, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild } from '../native/built-engine.ts';

/** Body of a script that names its pool, asked for on a pool's socket. */
async function ask(server: Server, pool = 'www'): Promise<string> {
  const script = server.folder.write('www/who.php', '<?php echo getenv("WHO"), " ", ini_get("user_agent");');
  return (await request(server.socket(pool), scriptParams(script))).body.toString();
}

const named = (folder: TestFolder, name: string, lines = ''): string =>
  poolText(folder, name, `env[WHO] = ${name}\n${lines}`);

test('pools are added, removed and renamed; the ones that stay answer all the while', async () => {
  await using server = await startServer({ pools: (to) => named(to, 'stays') + named(to, 'goes') });
  server.configure((to) => named(to, 'stays') + named(to, 'comes'));
  await server.reload();
  assert.equal(await ask(server, 'stays'), 'stays ');
  assert.equal(await ask(server, 'comes'), 'comes ');
  assert.equal(existsSync(server.socket('goes')), false);

  // Another name on the same address: the socket goes from one pool to the other.
  const before = statSync(server.socket('comes')).ino;
  server.configure(
    (to) => named(to, 'stays') + named(to, 'renamed', `listen = ${to.join('run/comes.sock')}`),
  );
  await server.reload();
  assert.equal(statSync(server.socket('comes')).ino, before, 'the socket was made anew');
  await poll('the renamed pool', async () =>
    (await ask(server, 'comes')) === 'renamed ' ? true : undefined,
  );
  await server.stop();
});

test('mode, owner, backlog and address of a socket follow', { skip: requires('root') }, async () => {
  await using server = await startServer({
    pools: (to) => named(to, 'www', 'listen.mode = 0600\nlisten.owner = www-data\npm.status_path = /status'),
  });
  const old = server.socketStat();
  server.configure((to) =>
    named(
      to,
      'www',
      'listen.mode = 0666\nlisten.owner = nobody\nlisten.backlog = 7\npm.status_path = /status',
    ),
  );
  await server.reload();
  const changed = server.socketStat();
  assert.match(
    (await request(server.socket(), pageParams('/status'))).body.toString(),
    /^listen queue len: +7$/m,
  );
  assert.deepEqual([old.mode, changed.mode], [0o600, 0o666]);
  assert.notEqual(changed.uid, old.uid);

  server.configure((to) => named(to, 'www', `listen = ${to.join('run/other.sock')}`));
  await server.reload();
  assert.equal(await ask(server, 'other'), 'www ');
  assert.equal(existsSync(server.socket()), false);
  await server.stop();
});

test('what a commit cannot apply is told by its place, and all the rest is in force', {
  skip: requires('root'),
}, async () => {
  const pools = (lines: string) => (to: TestFolder) =>
    ['a', 'b']
      .map(
        (name) => `[${name}]\npm = static\npm.max_children = 1\n${lines.replaceAll('NAME', name)}
listen = ${to.join(`run/${name}.sock`)}\n`,
      )
      .join('');
  await using server = await startServer({
    pools: pools('listen.mode = 0600'),
    // A user that may not give files away.
    through: ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'],
    expected: [/the socket '.*' keeps its settings/],
  });
  server.configure((to) =>
    pools('listen.mode = 0666\nenv[WHO] = NAME')(to).replace('[a]', '[a]\nlisten.owner = daemon'),
  );
  const command = ['reload', '--connect', server.folder.join(`runtime/${adminSocketName(server)}`)];
  const { code, stderr } = await run(serverCommand('hathi'), command);
  assert.equal(code, 2, stderr);
  const line =
    /the socket '.*\/a\.sock' keeps its settings: \[pool a\] failed to chown\(\) the socket '.*': Operation not permitted \(1\)/;
  assert.match(stderr, line);
  assert.match(server.log.text(), line);
  assert.deepEqual([server.socketStat('a').mode, server.socketStat('b').mode], [0o600, 0o666]);
  assert.deepEqual([await ask(server, 'a'), await ask(server, 'b')], ['a ', 'b ']);
  await server.stop();
});

/** Of the admin endpoint at its default place. */
function adminSocketName({ folder }: Server): string {
  const [name = ''] = readdirSync(folder.join('runtime')).filter((one) => one.endsWith('.sock'));
  return name;
}

test('the pid file moves with its directive', async () => {
  await using server = await startServer({ pools: poolText });
  const other = server.folder.join('run/other.pid');
  // Of a scalar that is given twice the last one counts.
  server.configure((to) => `pid = ${other}\n${poolText(to)}`);
  await server.reload();
  assert.equal(existsSync(server.pidFile), false);
  assert.equal(existsSync(other), true);
  await server.stop();
});

test('log_level and error_log of a new configuration count', async () => {
  await using server = await startServer({ pools: poolText });
  server.configure((to) => `log_level = debug\n${poolText(to)}`);
  const from = server.log.mark();
  server.signal('SIGUSR2');
  await server.log.waitFor(/DEBUG: .*switching to 'normal' state/, from);
  await server.stop();
});

for (const [what, lines, reason] of [
  ['an unknown directive', 'nonsense = 1', /ERROR: \[.*server\.conf:\d+\] unknown entry 'nonsense'$/],
  [
    'a socket that cannot be bound',
    'listen = /nonexistent/hathi/x.sock',
    /ERROR: unable to bind listening socket for address '\/nonexistent\/hathi\/x\.sock': No such file or directory \(2\)$/,
  ],
  [
    'an access log that cannot be opened',
    'access.log = /nonexistent/hathi/a.log',
    /ERROR: failed to open access log \(\/nonexistent\/hathi\/a\.log\): No such file or directory \(2\)$/,
  ],
] as const) {
  test(`a reload with ${what} changes nothing and says why`, async () => {
    await using server = await startServer({
      pools: (to) => named(to, 'www', 'php_value[user_agent] = old'),
      expected: [reason, /reload refused/, /failed to (load|post process)/],
    });
    server.configure((to) => named(to, 'www', `php_value[user_agent] = new\n${lines}`));
    const from = server.log.mark();
    server.signal('SIGUSR2');
    await server.log.waitFor(/ERROR: reload refused: the running configuration stays in force$/, from);
    await server.log.waitFor(reason, from);
    assert.equal(await ask(server), 'www old');
    server.configure((to) => named(to, 'www', 'php_value[user_agent] = new'));
    await server.reload();
    await poll('the repaired file', async () => ((await ask(server)) === 'www new' ? true : undefined));
    await server.stop();
  });
}

test('pm.status_listen comes and goes', async () => {
  const page = (server: Server): Promise<string> =>
    request(server.folder.join('run/status.sock'), scriptParams('/status')).then(
      (reply) => reply.body.toString(),
      (error: Error) => error.message,
    );
  const lines = (to: TestFolder): string =>
    `pm.status_path = /status\npm.status_listen = ${to.join('run/status.sock')}`;
  await using server = await startServer({ pools: poolText });
  server.configure((to) => poolText(to, 'www', lines(to)));
  await server.reload();
  assert.match(await page(server), /^pool: +www$/m);
  await server.reload();
  assert.match(await page(server), /^pool: +www$/m);
  server.configure(poolText);
  await server.reload();
  assert.equal(existsSync(server.folder.join('run/status.sock')), false);
  await server.stop();
});

test('process.max that is used up does not keep a new generation from taking over', async () => {
  await using server = await startServer({
    pools: (to) => named(to, 'www', 'pm.max_children = 2'),
    global: 'process.max = 2',
  });
  server.configure((to) => named(to, 'www', 'pm.max_children = 2\nphp_value[user_agent] = new'));
  await server.reload();
  await poll('the new generation', async () => ((await ask(server)) === 'www new' ? true : undefined));
  await server.stop();
});

test('process_control_timeout bounds a request of the old generation', async () => {
  await using server = await startServer({
    pools: poolText,
    global: 'process_control_timeout = 1\nlog_level = debug',
  });
  const begun = server.folder.join('log/begun');
  const script = server.folder.write(
    'www/slow.php',
    `<?php touch('${begun}'); usleep(20000000); echo 'late';`,
  );
  const lost = request(server.socket(), scriptParams(script)).then(
    () => false,
    () => true,
  );
  await poll('the start of the script', () => existsSync(begun) || undefined);
  await server.reload();
  await server.log.waitFor(/requests did not finish in time, terminating them$/);
  assert.equal(await lost, true);
  await server.stop();
});

test('after the line of a reload every connection is the new generation’s', {
  skip: nativeBuild().skip,
}, async () => {
  const pools = (round: number) => (to: TestFolder) =>
    poolText(to, 'www', `pm = static\npm.max_children = 4\nenv[ROUND] = ${round}`);
  await using server = await startServer({ engine: 'native', pools: pools(0) });
  const params = scriptParams(server.folder.write('www/round.php', '<?php echo getenv("ROUND");'));
  const ask = async (): Promise<number> => Number((await request(server.socket(), params)).body);
  let isLoaded = true;
  // So that the old workers are woken by connections while they are told to end.
  const load = Array.from({ length: 2 }, async () => {
    while (isLoaded) await ask().then(() => delay(1));
  });
  for (let round = 1; round <= 4; round++) {
    server.configure(pools(round));
    await server.reload();
    assert.deepEqual(await Promise.all([ask(), ask(), ask(), ask()]), Array(4).fill(round));
  }
  isLoaded = false;
  await Promise.all(load);
  await server.stop();
});

test('reloads, refused reloads and log rotations leave no descriptor behind', {
  skip: nativeBuild().skip,
}, async () => {
  const pools = (more: string) => (to: TestFolder) =>
    poolText(
      to,
      'www',
      `access.log = ${to.join('log/access')}\npm.status_path = /status\npm.status_listen = ${to.join('run/status.sock')}\n${more}`,
    );
  await using server = await startServer({
    engine: 'native',
    pools: pools(''),
    expected: [/ERROR: unable to bind/, /ERROR: reload refused/],
  });
  const descriptors = (): number => readdirSync(`/proc/${server.pid}/fd`).length;
  const before = descriptors();
  for (let round = 0; round < 5; round++) {
    server.configure(pools(''));
    await server.reload();
    let from = server.log.mark();
    server.signal('SIGUSR1');
    await server.log.waitFor(/access log file re-opened$/, from);
    server.configure(pools('listen = /nonexistent/www.sock'));
    from = server.log.mark();
    server.signal('SIGUSR2');
    await server.log.waitFor(/reload refused/, from);
  }
  // The exit of the old hosts is handled a moment after they are gone.
  await poll(`${before} descriptors, as before`, () => descriptors() === before || undefined);
  await server.stop();
});
