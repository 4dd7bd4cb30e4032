/** Logs and the pid file in a folder that a pool's user may change, who puts other things in their place. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { lstatSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { requires } from '../harness/debian.ts';
import { testEngines } from '../harness/engines.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { type EngineName, type Server, serverKind, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';

/** The reference follows links and waits for FIFOs. The master opens the files, whatever runs the PHP. */
const options = {
  skip: requires('root') || (serverKind === 'php-fpm' && 'the reference is led astray'),
  only: 'native',
} as const;

const refused = [
  /(WARNING|ERROR): .*(access log|error_log|slow log|slowlog).*(FIFO|symbolic link|hard link)/,
  /ERROR: unable to re-opened (access|error) log file/,
  /executing too slow/,
  /no PHP stack in the slow log|'slowlog' is limited with the embedded engine/,
];

/** `www` has its logs in `log`, which is for all; `other` has none. The error log and the pid file are there as well. */
function start(engine: EngineName): Promise<Server> {
  return startServer({
    engine,
    log: 'file',
    expected: refused,
    pools: (folder) =>
      `pid = ${folder.join('log/pid')}\n` +
      poolText(
        folder,
        'www',
        `access.log = ${folder.join('log/access')}\naccess.format = "%r"\n` +
          `slowlog = ${folder.join('log/slow')}\nrequest_slowlog_timeout = 1\npm.max_children = 2`,
      ) +
      poolText(folder, 'other', 'user = nobody\ngroup = nogroup\npm.status_path = /status'),
  });
}

async function ask(server: Server, pool: string, name: string, code: string): Promise<string> {
  const script = server.folder.write(`www/${name}`, `<?php ${code}`);
  return (
    await request(server.socket(pool), scriptParams(script, { SCRIPT_NAME: `/${name}` }))
  ).body.toString();
}

/** The master itself answers: it is not held up. */
async function masterAnswers(server: Server): Promise<void> {
  const params = { SCRIPT_NAME: '/status', SCRIPT_FILENAME: '/status', REQUEST_METHOD: 'GET' };
  assert.match((await request(server.socket('other'), params)).body.toString(), /^pool: +other$/m);
}

/** A line of the access log comes after its answer, and those of two workers in any order. */
async function holds(path: string, lines: string): Promise<void> {
  const sorted = (text: string): string => text.split('\n').sort().join('\n');
  await poll(
    `${lines} in ${path}`,
    () => sorted(readFileSync(path, 'latin1')) === sorted(lines) || undefined,
  );
}

testEngines(
  'a FIFO, links and a hard link in place of the logs and the pid file',
  options,
  async (engine) => {
    await using server = await start(engine);
    const { folder, log } = server;
    const at = (name: string): string => folder.join('log', name);
    const secret = folder.write('secret', 'secret', 0o600);
    assert.equal(await ask(server, 'www', 'one.php', 'echo 1;'), '1');
    const swap = (name: string, put: (path: string) => void): void => {
      renameSync(at(name), at(`${name}.old`));
      put(at(name));
    };

    rmSync(at('slow'));
    execFileSync('mkfifo', [at('slow')]);
    // They last until both were looked at, which on a busy machine may be long after a second. One worker may have both of
    // them, one after the other, if their clients are late.
    const wait = `$end = microtime(true) + 5; while (!file_exists('${folder.join('tmp/go')}') && microtime(true) < $end) { usleep(5000); clearstatcache(); }`;
    const slow = ['a', 'b'].map((name) => ask(server, 'www', `slow-${name}.php`, wait));
    await poll('both traces', () => log.count(/finished trace of/) === 2 || undefined);
    folder.write('tmp/go', '');
    await Promise.all(slow);
    rmSync(folder.join('tmp/go'));
    await masterAnswers(server);
    const lines = log.lines.filter((line) => /unable to open slowlog/.test(line));
    assert.equal(lines.length, 1, lines.join('\n'));
    assert.match(
      lines[0] ?? '',
      /ERROR: unable to open slowlog \(\/.*\/log\/slow\): it is a FIFO and no regular file, in a folder .*: remove it, or/,
    );

    swap('access', (path) => symlinkSync(secret, path));
    swap('error.log', (path) => symlinkSync(secret, path));
    let from = log.mark();
    server.signal('SIGUSR1');
    await log.waitFor(/ERROR: unable to re-opened access log file/, from);
    const said = log.lines.slice(from).join('\n');
    assert.match(
      said,
      /ERROR: failed to open error_log \(.*\/log\/error.log\): '.*' is a symbolic link in a folder .*: remove it, or/,
    );
    assert.match(
      said,
      /ERROR: failed to open access log \(.*\/log\/access\): '.*' is a symbolic link in a folder .*: remove it, or/,
    );
    assert.equal(await ask(server, 'www', 'two.php', 'echo 2;'), '2');
    await holds(at('access.old'), '/one.php\n/slow-a.php\n/slow-b.php\n/two.php\n');

    // Faults for the next reload: one more link, in place of the pid file, and a name that two files share.
    rmSync(at('error.log'));
    renameSync(at('error.log.old'), at('error.log'));
    rmSync(at('slow'));
    execFileSync('ln', [secret, at('slow')]);
    swap('pid', (path) => symlinkSync(secret, path));
    from = log.mark();
    await server.reload();
    assert.match(
      log.lines.slice(from).join('\n'),
      /WARNING: \[pool www\] slow log \(.*\) is refused: it has a second name \(a hard link\)/,
    );
    assert.equal(await ask(server, 'www', 'three.php', 'echo 3;'), '3');
    assert.equal(await ask(server, 'other', 'three.php', 'echo 3;'), '3');
    assert.ok(lstatSync(at('pid')).isFile(), 'the link was replaced');
    assert.equal(readFileSync(at('pid'), 'latin1'), String(server.pid));

    assert.equal(readFileSync(secret, 'latin1'), 'secret');
    const { uid, mode } = statSync(secret);
    assert.deepEqual([uid, mode & 0o777], [0, 0o600]);

    // Once it is mended, rotation goes on.
    rmSync(at('access'));
    from = log.mark();
    server.signal('SIGUSR1');
    await log.waitFor(/NOTICE: access log file re-opened/, from);
    assert.equal(await ask(server, 'www', 'four.php', 'echo 4;'), '4');
    await holds(at('access'), '/four.php\n');
    await server.stop();
  },
);

testEngines(
  'a start with a link in place of an access log: the pool serves, without that log',
  options,
  async (engine) => {
    let secret = '';
    await using server = await startServer({
      engine,
      log: 'file',
      expected: refused,
      pools: (folder) => {
        secret = folder.write('secret', 'secret', 0o600);
        symlinkSync(secret, folder.join('log/access'));
        return (
          poolText(folder, 'www', `access.log = ${folder.join('log/access')}`) + poolText(folder, 'other')
        );
      },
    });
    const lines = server.log.lines.filter((line) => /access log \(.*is a symbolic link/.test(line));
    assert.ok(lines.length > 0 && lines.every((line) => /remove it, or/.test(line)), lines.join('\n'));
    assert.equal(await ask(server, 'www', 'one.php', 'echo 1;'), '1');
    assert.equal(await ask(server, 'other', 'one.php', 'echo 1;'), '1');
    assert.equal(readFileSync(secret, 'latin1'), 'secret');
    await server.stop();
  },
);
