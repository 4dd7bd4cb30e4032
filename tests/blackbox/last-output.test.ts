/** Output of workers before a stop is in the log, whatever ends them. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { testEngines } from '../harness/engines.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { signalProcess } from '../harness/processes.ts';
import { type EngineName, type Server, serverKind, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { ask } from './hello.ts';

const skip = serverKind === 'php-fpm' && 'the reference has no hosts';
const count = 2000;

/** Writes lines with its name in one go, so that the answer is there while the pipe is full of them. */
const writes = (name: string): string => `<?php
$text = '';
for ($i = 1; $i <= ${count}; $i++) $text .= "${name} $i\\n";
file_put_contents('php://stderr', $text . '${name} and the rest');`;

function start(engine: EngineName, global = '', workers = 1): Promise<Server> {
  return startServer({
    engine,
    log: 'file',
    global,
    expected: [/said into stderr/, /did not finish in time/],
    pools: (folder) => {
      folder.write('www/write.php', writes('write'));
      folder.write('www/stay.php', `${writes('stay')} touch($_SERVER['WRITTEN']); sleep(30);`);
      return poolText(folder, 'www', `catch_workers_output = yes\npm.max_children = ${workers}`);
    },
  });
}

/** @param name of the script */
function assertComplete(server: Server, name: string): void {
  const line = new RegExp(`said into stderr: "${name} (.*)"(?:, pipe is closed)?$`);
  const said = server.log.lines.flatMap((text) => line.exec(text)?.[1] ?? []);
  const wanted = Array.from({ length: count }, (_, index) => String(index + 1));
  assert.deepEqual(said, [...wanted, 'and the rest']);
}

for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) {
  // To the embedded host both are the same order.
  const options = signal === 'SIGINT' ? ({ only: 'native' } as const) : {};
  testEngines(`${signal} at the end of a request and while a script goes on`, options, async (engine) => {
    await using server = await start(engine, 'process_control_timeout = 1', 2);
    const written = server.folder.join('log/written');
    const params = scriptParams(server.folder.join('www/stay.php'), { WRITTEN: written });
    const answer = request(server.socket(), params).catch(() => {});
    await Promise.all([
      poll('the script has written', () => existsSync(written) || undefined),
      request(server.socket(), scriptParams(server.folder.join('www/write.php'))),
    ]);
    await server.stop(signal);
    await answer;
    for (const name of ['write', 'stay']) assertComplete(server, name);
  });
}

testEngines('a reload at the end of the request', {}, async (engine) => {
  await using server = await start(engine);
  await request(server.socket(), scriptParams(server.folder.join('www/write.php')));
  await server.reload();
  await poll('the old lines', () => server.log.count(/write and the rest/) > 0 || undefined);
  assertComplete(server, 'write');
  await server.stop();
});

/** The embedded host has the workers in it: stopped, it would stop them. */
testEngines('SIGTERM before the host has read any of it', { only: 'native', skip }, async (engine) => {
  await using server = await start(engine);
  const [host] = server.hosts();
  assert.ok(host !== undefined);
  // The host has told its workers to accept.
  await ask(server);
  signalProcess(host, 'SIGSTOP');
  await request(server.socket(), scriptParams(server.folder.join('www/write.php')));
  const stopped = server.stop();
  await server.log.waitFor(/Terminating/);
  signalProcess(host, 'SIGCONT');
  await stopped;
  assertComplete(server, 'write');
});
