/** The master's action for each signal, and the caller's view of its start (behaviour of php-fpm's manual page). */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { test } from 'node:test';
import { testEngines } from '../harness/engines.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { TestFolder } from '../harness/folder.ts';
import { LogLines } from '../harness/log-lines.ts';
import { poolText } from '../harness/pool.ts';
import { identify } from '../harness/processes.ts';
import { run, serverCommand, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';

/** What the master does alone, without its hosts' part. */
const ofMaster = { only: 'native' } as const;

const stamp = String.raw`^\[\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d\] `;

testEngines(
  'the start says what it is about, in the order that monitoring knows',
  ofMaster,
  async (engine) => {
    await using server = await startServer({ engine, pools: poolText });
    const running = server.log.lines.findIndex((line) =>
      new RegExp(`${stamp}NOTICE: fpm is running, pid ${server.pid}$`).test(line),
    );
    const ready = server.log.lines.findIndex((line) =>
      new RegExp(`${stamp}NOTICE: ready to handle connections$`).test(line),
    );
    assert.ok(running >= 0 && ready > running, server.log.text());
    assert.equal(server.readPidFile(), String(server.pid), 'the pid file holds the pid and no newline');
    await server.stop();
  },
);

for (const [signal, line] of [
  ['SIGTERM', 'Terminating ...'],
  ['SIGINT', 'Terminating ...'],
  ['SIGQUIT', 'Finishing ...'],
] as const) {
  testEngines(`${signal} ends the master in order`, signal === 'SIGTERM' ? {} : ofMaster, async (engine) => {
    await using server = await startServer({ engine, pools: poolText });
    await server.stop(signal);
    const notices = server.log.lines.map((text) => text.replace(/^\[[^\]]*\] /, ''));
    assert.deepEqual(notices.slice(-2), [`NOTICE: ${line}`, 'NOTICE: exiting, bye-bye!']);
  });
}

testEngines('SIGQUIT lets a running request end', {}, async (engine) => {
  await using server = await startServer({ engine, pools: poolText, global: 'process_control_timeout = 10' });
  const started = server.folder.join('tmp/started');
  const script = server.folder.write(
    'www/slow.php',
    `<?php touch('${started}'); for ($i = 0; $i < 50; $i++) usleep(10000); unlink('${started}'); echo 'whole';`,
  );
  const reply = request(server.socket(), scriptParams(script));
  await poll('the start of the script', () => existsSync(started) || undefined);
  const [answer] = await Promise.all([reply, server.stop('SIGQUIT')]);
  assert.equal(answer.body.toString(), 'whole');
});

for (const signal of ['SIGUSR2', 'SIGHUP'] as const) {
  const engines = signal === 'SIGUSR2' ? {} : ofMaster;
  testEngines(`${signal} reloads: the pid stays, a changed value counts`, engines, async (engine) => {
    const pools = (value: string) => (folder: TestFolder) =>
      poolText(folder, 'www', `php_admin_value[user_agent] = ${value}`);
    await using server = await startServer({
      engine,
      pools: pools('before'),
      global: 'process_control_timeout = 10',
    });
    const script = server.folder.write('www/value.php', `<?php echo ini_get('user_agent');`);
    const ask = async () => (await request(server.socket(), scriptParams(script))).body.toString();
    assert.equal(await ask(), 'before');

    server.configure(pools('after'));
    const from = server.log.mark();
    server.signal(signal);
    await server.ready(from, 20_000);
    await poll('the new value', async () => ((await ask()) === 'after' ? true : undefined));
    assert.ok(
      server.log.lines.slice(from).some((line) => line.endsWith('NOTICE: Reloading in progress ...')),
    );
    assert.equal(server.readPidFile(), String(server.pid));
    await server.stop();
  });
}

testEngines('SIGUSR1 opens the logs anew after they were moved away', {}, async (engine) => {
  await using server = await startServer({
    engine,
    log: 'file',
    pools: (folder) => poolText(folder, 'www', `access.log = ${folder.join('log/access.log')}`),
  });
  const script = server.folder.write('www/hello.php', '<?php echo "hello";');
  const access = server.folder.join('log/access.log');
  await request(server.socket(), scriptParams(script));
  await poll('the first line', () => readFileSync(access, 'utf8').includes('hello.php') || undefined);

  renameSync(access, `${access}.1`);
  renameSync(server.errorLog, `${server.errorLog}.1`);
  using closing = new DisposableStack();
  const fresh = LogLines.fromFile(server.errorLog);
  closing.defer(() => fresh.close());
  server.signal('SIGUSR1');
  await fresh.waitFor(/NOTICE: error log file re-opened$/);
  await fresh.waitFor(/NOTICE: access log file re-opened$/);
  await poll('a line in the new access log', async () => {
    await request(server.socket(), scriptParams(script));
    return readFileSync(access, 'utf8').includes('hello.php') || undefined;
  });
  assert.equal(readFileSync(`${access}.1`, 'utf8').trim().split('\n').length >= 1, true);
  await server.stop();
});

/** A folder with a configuration for a master that is started by hand. */
function prepared(lines = ''): { folder: TestFolder; config: string; pidFile: string } {
  const folder = new TestFolder();
  folder.mkdir('run', 0o777);
  const pidFile = folder.join('run/server.pid');
  const config = folder.write(
    'server.conf',
    `[global]\npid = ${pidFile}\nerror_log = ${folder.join('error.log')}\n${poolText(folder, 'www', lines)}`,
  );
  return { folder, config, pidFile };
}

test('-D returns 0 once the master serves, and the pid file names the master', async () => {
  const { folder, config, pidFile } = prepared();
  using _folder = folder;
  const result = await run(serverCommand(), ['-D', '-y', config]);
  assert.equal(result.code, 0, result.stderr);
  const pid = Number(readFileSync(pidFile, 'utf8'));
  const master = identify(pid);
  try {
    const script = folder.write('www/hello.php', '<?php echo "hello";');
    assert.equal((await request(folder.join('run/www.sock'), scriptParams(script))).body.toString(), 'hello');
  } finally {
    process.kill(pid, 'SIGTERM');
    await poll('the end of the master', () => identify(pid)?.startTime !== master?.startTime || undefined);
  }
  assert.equal(existsSync(pidFile), false);
  assert.equal(existsSync(folder.join('run/www.sock')), false);
});

test('-D returns 70 when the sockets cannot be made, -F returns 78', async () => {
  const { folder, config } = prepared('listen = /nonexistent/hathi/www.sock');
  using _folder = folder;
  assert.equal((await run(serverCommand(), ['-D', '-y', config])).code, 70);
  assert.equal((await run(serverCommand(), ['-F', '-y', config])).code, 78);
});

test('a configuration that does not validate ends with 78, before and after daemonizing', async () => {
  const { folder, config } = prepared('pm.max_childen = 3');
  using _folder = folder;
  for (const flag of ['-D', '-F', '-t']) {
    const result = await run(serverCommand(), [flag, '-y', config]);
    assert.equal(result.code, 78, flag);
    assert.match(result.stderr, /ERROR: .*unknown entry 'pm.max_childen'/, flag);
  }
});
