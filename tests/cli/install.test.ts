/** `hathi install`: the drop-in, the services, and a running php-fpm that becomes Hathi under load. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { dropInText, removeDropIn, takenServices, writeDropIn } from '../../src/cli/install/drop-in.ts';
import { handOver, mountsOver } from '../../src/cli/install/hand-over.ts';
import { readArguments } from '../../src/cli/install/main.ts';
import { configurationOf, InstallError, parseService, serviceName } from '../../src/cli/install/unit.ts';
import { phpFpm, requires } from '../harness/debian.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { checkout, TestFolder } from '../harness/folder.ts';
import { LogLines } from '../harness/log-lines.ts';
import { poolText } from '../harness/pool.ts';
import { adopt, exited, killTree } from '../harness/processes.ts';
import { launcher } from '../harness/program.ts';
import { cleanEnv, isRoot } from '../harness/server.ts';
import { poll, within } from '../harness/waiting.ts';

const shown = (more: Record<string, string> = {}): string =>
  Object.entries({
    LoadState: 'loaded',
    ActiveState: 'active',
    MainPID: '4711',
    ExecStart:
      '{ path=/usr/sbin/php-fpm8.2 ; argv[]=/usr/sbin/php-fpm8.2 --nodaemonize --fpm-config /etc/php/8.2/fpm/php-fpm.conf ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }',
    ...more,
  })
    .map(([name, value]) => `${name}=${value}`)
    .join('\n');

test('a service is read from what systemctl shows', () => {
  const service = parseService('php8.2-fpm.service', shown());
  assert.deepEqual([service.isActive, service.mainPid], [true, 4711]);
  assert.equal(configurationOf(service), '/etc/php/8.2/fpm/php-fpm.conf');
  for (const words of ['-y /etc/a.conf', '-y=/etc/a.conf', '-y/etc/a.conf', '--fpm-config=/etc/a.conf']) {
    const ExecStart = `{ path=/x ; argv[]=/usr/sbin/php-fpm -F ${words} ; ignore_errors=no ; }`;
    assert.equal(configurationOf(parseService('x', shown({ ExecStart }))), '/etc/a.conf', words);
  }
  const stop = (path: string): string => `{ path=${path} ; argv[]=${path} remove x ; ignore_errors=yes ; }`;
  const both = parseService('x', `${shown()}\nExecStopPost=${stop('/a')}\nExecStopPost=${stop('/b')}`);
  assert.deepEqual(
    [service.afterStop, both.afterStop],
    [
      [],
      [
        ['/a', 'remove', 'x'],
        ['/b', 'remove', 'x'],
      ],
    ],
  );
  assert.equal(parseService('x', shown({ ActiveState: 'inactive', MainPID: '0' })).isActive, false);
  assert.throws(() => parseService('x', shown({ LoadState: 'not-found' })), /knows no service "x"/);
  assert.throws(() => parseService('x', shown({ ExecStart: '' })), InstallError);
  assert.throws(
    () =>
      configurationOf(parseService('x', shown({ ExecStart: '{ argv[]=/php-fpm -F ; ignore_errors=no }' }))),
    /names no configuration/,
  );
  assert.equal(serviceName('php8.2-fpm'), 'php8.2-fpm.service');
  assert.throws(() => serviceName('../x'), InstallError);
});

test('the drop-in keeps the words of the service, and is known again', () => {
  using folder = new TestFolder();
  const example = readFileSync(`${checkout}/examples/systemd/php8.2-fpm.service.d/hathi.conf`, 'utf8');
  const text = dropInText(example, {
    hathi: '/opt/ha thi/bin/hathi',
    configuration: '/etc/php/8.2/fpm/100%.conf',
    args: ['--nodaemonize', '--fpm-config', '/etc/php/8.2/fpm/100%.conf'],
    afterStop: [['/usr/lib/php/helper', 'remove', '/run/php/$a.sock'], ['/bin/true']],
  });
  const guard = `ExecStopPost=-/bin/sh -c 'case $$SERVICE_RESULT in success|timeout) exec "$$0" "$$@" ;; esac' `;
  const execs = text.split('\n').filter((line) => line.startsWith('Exec'));
  assert.deepEqual(execs, [
    'ExecStart=',
    'ExecStart="/opt/ha thi/bin/hathi" --nodaemonize --fpm-config /etc/php/8.2/fpm/100%%.conf',
    'ExecReload=',
    'ExecReload="/opt/ha thi/bin/hathi" reload --fpm-config /etc/php/8.2/fpm/100%%.conf',
    'ExecStopPost=',
    `${guard}/usr/lib/php/helper remove /run/php/$$a.sock`,
    `${guard}/bin/true`,
    'ExecStopPost=-"/opt/ha thi/bin/hathi" stop --orphans --fpm-config /etc/php/8.2/fpm/100%%.conf',
  ]);
  assert.deepEqual(takenServices(folder.path), []);
  writeDropIn('php8.2-fpm.service', text, folder.path);
  folder.write('other.service.d/hathi.conf', '[Service]\n');
  assert.deepEqual(takenServices(folder.path), ['php8.2-fpm.service']);
  assert.equal(removeDropIn('other.service', folder.path), false, 'one that somebody wrote by hand');
  assert.equal(removeDropIn('php8.2-fpm.service', folder.path), true);
  assert.equal(existsSync(folder.join('php8.2-fpm.service.d')), false);
});

test('the arguments: one thing to do, for one service or all', () => {
  const all = (...args: string[]) => readArguments(args)?.all;
  assert.deepEqual(
    [all('--give-back', '--all'), all('--all'), all('--give-back', 'a'), all('--take-over', 'a')],
    [true, true, false, false],
  );
  for (const args of [[], ['--give-back'], ['--take-over', '--all'], ['--give-back', 'a', '--all'], ['a']])
    assert.equal(readArguments(args), undefined, args.join(' '));
});

test('what a killed installer has mounted is known by its folder', () => {
  const lines = [
    '22 26 0:21 / /proc rw - proc proc rw',
    '90 26 0:30 /tmp/hathi-install-a1/php-fpm /usr/sbin/php-fpm8.2 rw - overlay overlay rw',
    '91 90 0:31 /hathi-install-b2/php-fpm//deleted /usr/sbin/php-fpm8.2 rw - tmpfs tmpfs rw',
    '92 26 0:31 /hathi-install-c3/php-fpm /usr/sbin/php-fpm8.4 rw - tmpfs tmpfs rw',
    '93 26 8:1 /opt/php-fpm /usr/sbin/php-fpm8.2 rw - ext4 /dev/sda1 rw',
    '',
  ].join('\n');
  assert.deepEqual(mountsOver('/usr/sbin/php-fpm8.2', lines), ['hathi-install-a1', 'hathi-install-b2']);
  assert.deepEqual(mountsOver('/usr/sbin/php-fpm', lines), []);
});

test('a running php-fpm becomes Hathi: the same process and sockets, no request lost', {
  skip: requires('php-fpm') || (!isRoot && 'needs root'),
}, async () => {
  using folder = new TestFolder();
  for (const name of ['run', 'log']) folder.mkdir(name, 0o777);
  // A copy, so that what is mounted over it is nobody else's.
  const program = folder.join('php-fpm');
  copyFileSync(phpFpm, program);
  const configuration = folder.join('fpm.conf');
  writeFileSync(
    configuration,
    `[global]\npid = ${folder.join('run/fpm.pid')}\nprocess_control_timeout = 10s\n` +
      poolText(folder, 'www', 'pm.max_children = 2'),
  );
  const child = spawn(program, ['-F', '-O', '-y', configuration], {
    cwd: folder.path,
    env: cleanEnv({ HATHI_RUNTIME_DIR: folder.mkdir('runtime') }),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  adopt(child);
  const log = LogLines.fromStream(child.stderr!);
  try {
    await log.waitFor(/ready to handle connections/);
    const pid = child.pid!;
    const socket = folder.join('run/www.sock');
    const script = folder.write(
      'www/x.php',
      '<?php usleep(20000); echo ini_get("display_errors"), php_sapi_name();',
    );
    let isOver = false;
    let answered = 0;
    const client = async (): Promise<void> => {
      while (!isOver) {
        const { body } = await request(socket, scriptParams(script));
        assert.match(body.toString(), /fpm-fcgi$/);
        answered += 1;
      }
    };
    const clients = [client(), client(), client()];
    const from = log.mark();
    const module = pathToFileURL(`${checkout}/src/cli/install/hand-over.ts`).href;
    const call = `await handOver(${pid}, ${JSON.stringify(launcher())})`;
    const installer = spawn(process.execPath, [
      '--input-type=module',
      '-e',
      `import { handOver, mountsOver } from ${JSON.stringify(module)}; ${call};`,
    ]);
    adopt(installer);
    const isMounted = () => readFileSync('/proc/self/mountinfo', 'latin1').includes(` ${program} `);
    // Impatience in between leaves nothing behind.
    await poll('the mount over php-fpm', () => isMounted() || undefined);
    installer.kill('SIGINT');
    await within(exited(installer), 'the end of the hand-over', 60_000);
    assert.deepEqual([installer.exitCode, isMounted()], [0, false]);
    await log.waitFor(/using inherited socket/);
    await log.waitFor(/ready to handle connections/, from);
    for (let more = 0; more < 20; more += 1) await request(socket, scriptParams(script));
    assert.ok(answered > 0);
    isOver = true;
    await Promise.all(clients);
    assert.match(readlinkSync(`/proc/${pid}/exe`), /node$/);
    assert.equal(readFileSync(folder.join('run/fpm.pid'), 'utf8').trim(), String(pid));
    child.kill('SIGQUIT');
    await within(exited(child), 'the end of the master', 15_000);
    assert.equal(child.exitCode, 0, log.text());
    assert.equal(existsSync(socket), false, 'the socket is removed at the end');
  } finally {
    await killTree(child);
    log.close();
  }
});

test('another instance of the same program keeps php-fpm from being replaced, and nothing has changed', {
  skip: requires('php-fpm') || (!isRoot && 'needs root'),
}, async () => {
  using folder = new TestFolder();
  for (const name of ['run', 'log']) folder.mkdir(name, 0o777);
  const program = folder.join('php-fpm');
  copyFileSync(phpFpm, program);
  const start = (name: string): ChildProcess => {
    const file = folder.write(
      `${name}.conf`,
      `[global]\nerror_log = ${folder.join(`log/${name}`)}\n${poolText(folder, name)}`,
    );
    const child = spawn(program, ['-F', '-y', file], { cwd: folder.path, env: cleanEnv(), stdio: 'ignore' });
    adopt(child);
    return child;
  };
  const children = ['one', 'two'].map(start);
  try {
    const script = folder.write('www/x.php', '<?php echo php_sapi_name();');
    const ask = async (name: string) =>
      (await request(folder.join(`run/${name}.sock`), scriptParams(script))).body.toString();
    const sockets = ['one', 'two'].map((name) => folder.join(`run/${name}.sock`));
    await poll('both', () => sockets.every((path) => existsSync(path)) || undefined);
    await assert.rejects(handOver(children[0]!.pid!, '/bin/false'), (error: Error) => {
      assert.match(error.message, /^php-fpm \d+ runs the same program/);
      return error instanceof InstallError;
    });
    assert.equal(readFileSync('/proc/self/mountinfo', 'latin1').includes(` ${program} `), false);
    assert.deepEqual([await ask('one'), await ask('two')], ['fpm-fcgi', 'fpm-fcgi']);
  } finally {
    for (const child of children) await killTree(child);
  }
});
