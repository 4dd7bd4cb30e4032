/** systemd, as far as a master sees it: notification over a real datagram socket, watchdog, socket activation. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync } from 'node:fs';
import { test } from 'node:test';
import { bind, listen, openSocket } from '../../src/posix/sockets.ts';
import { RunningCommand } from '../harness/child.ts';
import { phpCli, requires } from '../harness/debian.ts';
import { pageParams, request, scriptParams } from '../harness/fastcgi.ts';
import { TestFolder } from '../harness/folder.ts';
import { LogLines } from '../harness/log-lines.ts';
import { poolText } from '../harness/pool.ts';
import { adopt, exited, killTree } from '../harness/processes.ts';
import { cleanEnv, serverCommand, startServer } from '../harness/server.ts';
import { within } from '../harness/waiting.ts';

const skip = requires('php-cli');

/** Prints every datagram as a line of JSON. Node itself has no Unix datagram sockets. */
const receiver = `
$socket = stream_socket_server("udg://" . $argv[1], $code, $text, STREAM_SERVER_BIND);
echo "bound\\n";
while (($datagram = stream_socket_recvfrom($socket, 65536)) !== false) echo json_encode($datagram), "\\n";
`;

/** A notification socket with what arrives on it. */
async function notifySocket(path: string): Promise<RunningCommand> {
  const command = new RunningCommand(phpCli, ['-n', '-r', receiver, '--', path], {
    env: cleanEnv(),
  });
  await command.says(/^bound$/);
  return command;
}

/** The datagrams, each as its assignments. */
function messages(socket: RunningCommand): Map<string, string>[] {
  return socket.stdout.lines
    .filter((line) => line.startsWith('"'))
    .map((line) => {
      const assignments = (JSON.parse(line) as string).split('\n').filter((text) => text !== '');
      return new Map(
        assignments.map((text) => [text.split('=')[0] ?? '', text.slice(text.indexOf('=') + 1)]),
      );
    });
}

test('READY, RELOADING, READY, STOPPING: each at its time', { skip }, async () => {
  using folder = new TestFolder();
  await using socket = await notifySocket(folder.join('notify'));
  await using server = await startServer({
    pools: poolText,
    env: { NOTIFY_SOCKET: folder.join('notify') },
  });
  await socket.says(/READY=1/);
  await server.log.waitFor(/NOTICE: systemd monitor interval set to 10000ms$/);
  await server.reload();
  await socket.says(/RELOADING=1/);
  await server.stop();
  await socket.says(/STOPPING=1/);
  const [ready, reloading, again, stopping] = messages(socket);
  assert.deepEqual(
    [ready?.get('READY'), ready?.get('STATUS'), ready?.get('MAINPID')],
    ['1', 'Ready to handle connections', String(server.pid)],
  );
  // Type=notify-reload wants the time at which the reload began.
  assert.match(reloading?.get('MONOTONIC_USEC') ?? '', /^\d+$/);
  assert.equal(again?.get('READY'), '1');
  assert.equal(stopping?.get('STOPPING'), '1');
});

test('a reload that is refused ends with READY, or systemctl reload would wait', { skip }, async () => {
  using folder = new TestFolder();
  await using socket = await notifySocket(folder.join('notify'));
  await using server = await startServer({
    pools: poolText,
    env: { NOTIFY_SOCKET: folder.join('notify') },
    expected: [/unknown entry/, /failed to load/, /reload refused/],
  });
  server.configure((to) => poolText(to, 'www', 'nonsense = 1'));
  server.signal('SIGUSR2');
  await server.log.waitFor(/reload refused/);
  await server.stop();
  await socket.says(/STOPPING=1/);
  const kinds = messages(socket).map((message) => [...message.keys()][0]);
  assert.deepEqual(kinds, ['READY', 'RELOADING', 'READY', 'STOPPING']);
});

test('systemd_interval: the status line counts requests; 0 sends none', { skip }, async () => {
  using folder = new TestFolder();
  await using socket = await notifySocket(folder.join('notify'));
  await using server = await startServer({
    pools: poolText,
    global: 'systemd_interval = 1',
    env: { NOTIFY_SOCKET: folder.join('notify') },
  });
  const script = server.folder.write('www/hello.php', '<?php echo "hello";');
  for (let count = 0; count < 3; count += 1) await request(server.socket(), scriptParams(script));
  await socket.says(
    /"STATUS=Processes active: 0, idle: 1, Requests: 3, slow: 0, Traffic: \d+\.\d\dreq\\?\/sec"/,
  );
  await server.stop();
});

test('a watchdog is served at half of its period, and overrules systemd_interval', { skip }, async () => {
  using folder = new TestFolder();
  await using socket = await notifySocket(folder.join('notify'));
  await using server = await startServer({
    pools: poolText,
    global: 'systemd_interval = 60',
    env: { NOTIFY_SOCKET: folder.join('notify'), WATCHDOG_USEC: '2004000' },
    expected: [/systemd_interval option ignored/],
  });
  await server.log.waitFor(/NOTICE: systemd watchdog configured to 1sec$/);
  await server.log.waitFor(/WARNING: systemd_interval option ignored$/);
  await server.log.waitFor(/NOTICE: systemd monitor interval set to 1002ms$/);
  await socket.says(/WATCHDOG=1/);
  await server.stop();
});

test('a notification socket that is not there costs a warning, not the start', async () => {
  await using server = await startServer({
    pools: poolText,
    env: { NOTIFY_SOCKET: '/nonexistent/hathi/notify' },
    expected: [/failed to notify start to systemd/],
  });
  await server.log.waitFor(/WARNING: failed to notify start to systemd$/);
  await server.stop();
});

/** Starts a master in whose descriptor 3 a socket listens at `path`. */
async function withSocket(
  folder: TestFolder,
  path: string,
  variables: string,
): Promise<{ child: ChildProcess; log: LogLines }> {
  const fd = openSocket('unix');
  bind(fd, { family: 'unix', path });
  listen(fd, 16);
  const text = poolText(
    folder,
    'www',
    `listen = ${path}\nlisten.mode = 0600\nlisten.backlog = 33\npm.status_path = /status`,
  );
  const config = folder.write('server.conf', `[global]\nerror_log = ${folder.join('error.log')}\n${text}`);
  // LISTEN_PID is the pid of the one who is meant, which the shell becomes.
  const script = `${variables} exec "$0" -F -O -y "$1"`;
  const child = spawn('/bin/sh', ['-c', script, serverCommand('hathi'), config], {
    env: cleanEnv(),
    stdio: ['ignore', 'ignore', 'pipe', fd],
  });
  adopt(child);
  closeSync(fd);
  return { child, log: LogLines.fromStream(child.stderr!) };
}

for (const [what, variables, stays] of [
  [
    'LISTEN_FDS: the socket of a socket unit is served and left to systemd',
    'LISTEN_FDS=1 LISTEN_PID=$$',
    true,
  ],
  [
    'FPM_SOCKETS: the socket of a predecessor is served and removed at the end',
    'FPM_SOCKETS="$PWD/x.sock=3"',
    false,
  ],
] as const) {
  test(what, async () => {
    using folder = new TestFolder();
    folder.mkdir('run', 0o777);
    const path = folder.join('run/x.sock');
    const { child, log } = await withSocket(folder, path, variables.replace('$PWD', folder.join('run')));
    try {
      await log.waitFor(/ready to handle connections/, 0, 30_000);
      assert.equal(log.count(/NOTICE: using inherited socket fd=3, ".*\/run\/x\.sock"$/), 1, log.text());
      const script = folder.write(
        'www/env.php',
        '<?php echo json_encode([getenv("LISTEN_FDS"), getenv("FPM_SOCKETS")]);',
      );
      assert.equal((await request(path, scriptParams(script))).body.toString(), '[false,false]');
      const status = (await request(path, pageParams('/status'))).body.toString();
      assert.match(status, new RegExp(`^listen queue len: +${stays ? 16 : 33}$`, 'm'));
      child.kill('SIGTERM');
      await within(exited(child), 'the end of the master');
      assert.equal(child.exitCode, 0);
      assert.equal(existsSync(path), stays);
    } finally {
      await killTree(child);
    }
  });
}
