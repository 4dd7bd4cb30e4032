/** A reload of what has changed: pools that would not become others keep their host, their workers and their counters. */
import assert from 'node:assert/strict';
import { renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Configuration, newGlobal, newPool, type PoolConfig } from '../../src/config/directives.ts';
import type { EngineCommand } from '../../src/engine/engine-command.ts';
import type { PoolIdentity } from '../../src/engine/host-settings.ts';
import type { PhpIniSource } from '../../src/engine/ini-files.ts';
import type { PreparedPool } from '../../src/generation/prepared-pool.ts';
import { poolFingerprint } from '../../src/master/pool-fingerprint.ts';
import { type PoolParts, preparePool } from '../../src/master/prepare-pool.ts';
import type { Listener } from '../../src/sockets/listener.ts';
import { askAdmin } from '../admin/client.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import type { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { run, type Server, serverCommand, startServer } from '../harness/server.ts';
import { folderFor } from './listener-support.ts';

/** Identity of a pool's worker. */
interface Seen {
  readonly generation: number;
  readonly startedAt: number;
  readonly accepted: number;
  readonly workers: readonly number[];
}

async function look(server: Server): Promise<Record<string, Seen>> {
  const socketPath = server.folder.join('run/admin.sock');
  const { pools } = JSON.parse((await askAdmin({ socketPath, path: '/api/pools' })).body);
  return Object.fromEntries(
    pools.map(({ name, generation, startedAt, accepted, workers }: Seen & { name: string }) => {
      const pids = (workers as unknown as { pid: number; draining: boolean }[]).filter(
        (one) => !one.draining,
      );
      return [name, { generation, startedAt, accepted, workers: pids.map(({ pid }) => pid) }];
    }),
  );
}

async function answer(server: Server, pool: string): Promise<string> {
  return (
    await request(server.socket(pool), scriptParams(server.folder.join('www/who.php')))
  ).body.toString();
}

/** Reloads what has changed, and returns the pools that were left alone. */
async function reloadChanged(server: Server): Promise<string[]> {
  const socketPath = server.folder.join('run/admin.sock');
  const path = '/api/reload?wait=1&changed=1';
  const result = JSON.parse((await askAdmin({ socketPath, path, method: 'POST' })).body);
  assert.equal(result.outcome, 'succeeded', JSON.stringify(result));
  return result.unchanged;
}

const pool = (to: TestFolder, name: string, lines = ''): string =>
  poolText(
    to,
    name,
    `env[WHO] = ${name}\nenv[PLACE] = größe\naccess.log = ${to.join(`log/${name}.access`)}\n${lines}`,
  );
const admin = (to: TestFolder): string => `admin.listen = ${to.join('run/admin.sock')}\n`;

test('unchanged pools are left alone byte for byte, the others get a new generation', async () => {
  await using server = await startServer({
    pools: (to) => {
      to.write('www/who.php', '<?php echo getenv("WHO"), " ", ini_get("user_agent");');
      to.write('php.ini', 'user_agent = one\n');
      to.write('conf.d/10-first.ini', '');
      return admin(to) + pool(to, 'a') + pool(to, 'b') + pool(to, 'c');
    },
    expected: [/ERROR/],
  });
  assert.equal(await answer(server, 'a'), 'a one');
  const first = await look(server);
  assert.equal(first['a']?.accepted, 1);

  // Nothing but blank lines and comments.
  server.configure((to) => `; moved\n\n${admin(to)}${pool(to, 'c')}${pool(to, 'a')}${pool(to, 'b')}`);
  assert.deepEqual(await reloadChanged(server), ['c', 'a', 'b']);
  assert.deepEqual(await look(server), first);

  // Directives that the master goes by itself, and that no host is sent.
  for (const line of ['listen.mode = 0640', 'request_terminate_timeout = 30', 'slowlog.format = detailed']) {
    server.configure((to) => admin(to) + pool(to, 'a') + pool(to, 'b', line) + pool(to, 'c'));
    assert.deepEqual(await reloadChanged(server), ['a', 'c'], line);
  }

  // A directive of one pool, a pool less and a pool more; nothing of the others.
  server.configure(
    (to) =>
      admin(to) + pool(to, 'a') + pool(to, 'b', 'listen.mode = 0600\npm.max_requests = 500') + pool(to, 'd'),
  );
  assert.deepEqual(await reloadChanged(server), ['a']);
  const second = await look(server);
  assert.deepEqual(second['a'], first['a']);
  assert.notEqual(second['b']?.generation, first['b']?.generation);
  assert.deepEqual(Object.keys(second).sort(), ['a', 'b', 'd']);
  assert.equal(server.socketStat('b').mode, 0o600);
  assert.equal(await answer(server, 'd'), 'd one');

  // A file of PHP's that came, and one that was written: nothing in the configuration has changed.
  for (const [path, content, agent] of [
    ['conf.d/20-second.ini', 'user_agent = two\n', 'two'],
    ['conf.d/20-second.ini', 'user_agent = three\n', 'three'],
  ] as const) {
    server.folder.write(path, content);
    assert.deepEqual(await reloadChanged(server), [], path);
    assert.equal(await answer(server, 'a'), `a ${agent}`);
  }

  // By the command, which tells what it left alone.
  const before = await look(server);
  const command = () =>
    run(serverCommand('hathi'), ['reload', '--changed', '--connect', server.folder.join('run/admin.sock')]);
  assert.deepEqual(await command(), { code: 0, stdout: 'unchanged: a, b, d\n', stderr: '' });
  assert.deepEqual(await look(server), before);
  server.configure((to) => `${admin(to)}${pool(to, 'a')}nonsense = 1\n`);
  assert.equal((await command()).code, 1);
  assert.deepEqual(await look(server), before);

  // USR2 gives every pool a new generation all the same.
  server.configure(
    (to) =>
      admin(to) + pool(to, 'a') + pool(to, 'b', 'listen.mode = 0600\npm.max_requests = 500') + pool(to, 'd'),
  );
  await server.reload();
  const last = await look(server);
  for (const name of ['a', 'b', 'd']) assert.notEqual(last[name]?.generation, before[name]?.generation, name);
  await server.stop();
});

test('a pool whose host has died is started, though nothing has changed', async () => {
  await using server = await startServer({
    pools: (to) => admin(to) + pool(to, 'a') + pool(to, 'b'),
    expected: [/the engine host \d+ exited on signal SIGKILL/],
  });
  const [host] = server.hosts('a');
  assert.ok(host !== undefined);
  const from = server.log.mark();
  process.kill(host.pid, 'SIGKILL');
  await server.log.waitFor(/exited on signal SIGKILL/, from);
  // Unless its host was back by then.
  const unchanged = await reloadChanged(server);
  assert.ok(unchanged.includes('b'), unchanged.join());
  const script = scriptParams(server.folder.write('www/x.php', '<?php echo 1;'));
  assert.equal((await request(server.socket('a'), script)).body.toString(), '1');
  await server.stop();
});

test('the fingerprint is made of settings, engine, its files and the files of PHP', (t) => {
  const folder = folderFor(t);
  const [engine, ini] = [join(folder, 'engine.so'), join(folder, 'php.ini')];
  writeFileSync(engine, 'x');
  writeFileSync(ini, 'x');
  const command: EngineCommand = { engine: 'native', file: '/x', args: ['a'], argv0: 'x', parts: [engine] };
  const settings = [['php.ini', ini] as const, ['pm', 'static'] as const];
  const config = newPool('www', { file: '/etc/fpm.conf', line: 3 });
  const of = (more = settings, other: Partial<EngineCommand> = {}, directives: Partial<PoolConfig> = {}) =>
    poolFingerprint({
      config: { ...config, ...directives },
      settings: more,
      command: { ...command, ...other },
    });
  const before = of();
  assert.equal(of(), before);
  assert.notEqual(of([['php.ini', ini], ['pm', 'dynamic'] as const] as unknown as typeof settings), before);
  assert.notEqual(of(settings, { args: ['b'] }), before);
  assert.notEqual(of(settings, { parts: [] }), before);
  assert.notEqual(of(settings, {}, { request_terminate_timeout: 3 }), before);
  assert.notEqual(of(settings, {}, { 'pm.status_listen': '/run/status.sock' }), before);
  // Places, too.
  assert.equal(of(settings, {}, { file: '/other', line: 9, places: new Map([['pm', config]]) }), before);
  // The title is for people only.
  assert.equal(of(settings, { argv0: 'y' }), before);
  for (const path of [engine, ini]) {
    const last = of();
    const { atimeMs, mtimeMs } = statSync(path);
    writeFileSync(path, 'y');
    // Of the same size and, for a clumsy clock, of the same time.
    utimesSync(path, atimeMs / 1000, mtimeMs / 1000);
    assert.notEqual(of(), last, path);
  }
  assert.notEqual(of(settings, { parts: [join(folder, 'missing')] }), of());
});

test('of files of their own exactly the changed one counts: same length, at once, replaced, swapped, with other folders', async () => {
  const text = (to: TestFolder, name: string, who: string): string =>
    poolText(to, name, `env[WHO] = ${who}\nchdir = ${to.join('www')}`);
  await using server = await startServer({
    pools: (to) => {
      to.write('www/who.php', '<?php echo getenv("WHO");');
      for (const name of ['a', 'b', 'c']) to.write(`pool.d/${name}.conf`, text(to, name, 'one'));
      return `${admin(to)}include = ${to.join('pool.d')}/*.conf\n`;
    },
    expected: [/ERROR/],
  });
  const { folder } = server;
  const file = (name: string): string => folder.join(`pool.d/${name}.conf`);
  // The memory is that of the start, of a reload, and of the reload just before.
  for (const who of ['two', 'six', 'ten', 'one']) {
    writeFileSync(file('b'), text(folder, 'b', who));
    assert.deepEqual(await reloadChanged(server), ['a', 'c'], who);
    assert.equal(await answer(server, 'b'), who);
  }
  folder.write('pool.d/b.conf', text(folder, 'b', 'two'));
  assert.deepEqual(await reloadChanged(server), ['a', 'c']);
  assert.equal(await answer(server, 'b'), 'two');
  assert.deepEqual(await reloadChanged(server), ['a', 'b', 'c']);

  // The places of their lines are no part of them.
  renameSync(file('a'), file('x'));
  renameSync(file('c'), file('a'));
  renameSync(file('x'), file('c'));
  assert.deepEqual(await reloadChanged(server), ['c', 'b', 'a']);

  // What their files do not say.
  renameSync(folder.join('www'), folder.join('gone'));
  const socketPath = folder.join('run/admin.sock');
  const path = '/api/reload?wait=1&changed=1';
  const refused = JSON.parse((await askAdmin({ socketPath, path, method: 'POST' })).body);
  assert.equal(refused.outcome, 'refused');
  assert.match(refused.reasons.join(), /the chdir path '.*\/www' does not exist or is not a directory/);
  renameSync(folder.join('gone'), folder.join('www'));
  assert.deepEqual(await reloadChanged(server), ['c', 'b', 'a']);
});

test('what was made of a pool is kept as long as nothing that it is made of has changed', (t) => {
  const folder = folderFor(t);
  const [engine, ini, other] = [
    join(folder, 'engine.so'),
    join(folder, 'php.ini'),
    join(folder, 'other.ini'),
  ];
  for (const file of [engine, ini, other]) writeFileSync(file, 'x');
  const command: EngineCommand = { engine: 'native', file: '/x', args: ['a'], argv0: 'x', parts: [engine] };
  const config = newPool('www', { file: '/etc/fpm.conf', line: 3 });
  const identity: PoolIdentity = { uid: 1, gid: 2, groups: [2], user: 'a', home: '/a', dropsRights: true };
  const listener = { kind: 'unix', origin: 'own' } as unknown as Listener;
  const parts: PoolParts = { config, identity, command, listener };
  const php: PhpIniSource = {
    files: [ini],
    hasScanFolder: true,
    folder: undefined,
    ignored: false,
    defines: [],
  };
  const configuration = { global: newGlobal(), pools: [config], file: '/etc/fpm.conf' };
  const prepare = (more: Partial<PoolParts> = {}, source = php, whole: Configuration = configuration) =>
    preparePool({ ...parts, ...more }, whole, source, { env: {} }, known);
  let known: PreparedPool | undefined;
  known = prepare();
  assert.equal(prepare(), known);
  assert.equal(
    prepare({ identity: { ...identity, groups: [2] }, command: { ...command, args: ['a'] } }),
    known,
  );
  const json = { ...configuration, global: { ...newGlobal(), log_level: 'debug' as const } };
  const changes: Record<string, () => PreparedPool> = {
    configuration: () => prepare({ config: { ...config } }),
    user: () => prepare({ identity: { ...identity, uid: 3 } }),
    groups: () => prepare({ identity: { ...identity, groups: [2, 4] } }),
    'no user': () => prepare({ identity: undefined }),
    arguments: () => prepare({ command: { ...command, args: ['b'] } }),
    socket: () => prepare({ listener: { ...listener } as Listener }),
    'ini files': () => prepare({}, { ...php, files: [other] }),
    definitions: () => prepare({}, { ...php, defines: ['a=b'] }),
    'log level': () => prepare({}, php, json),
    'the engine itself': () => {
      writeFileSync(engine, 'yy');
      return prepare();
    },
    'php.ini itself': () => {
      known = prepare();
      writeFileSync(ini, 'yy');
      return prepare();
    },
  };
  for (const [what, change] of Object.entries(changes)) assert.notEqual(change(), known, what);
  // Its files are looked at each time.
  const application = { config: { ...config, 'worker.script': join(folder, 'app.php') } };
  known = prepare(application);
  assert.notEqual(prepare(application), known);
});
