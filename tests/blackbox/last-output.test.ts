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

/** Writes the lines in one go, so that the answer is there while the pipe is full of them. */
const writes = `<?php
$text = '';
for ($i = 1; $i <= ${count}; $i++) $text .= "line $i\\n";
file_put_contents('php://stderr', $text . 'and the rest');`;

function start(engine: EngineName, global = ''): Promise<Server> {
  return startServer({
    engine,
    log: 'file',
    global,
    expected: [/said into stderr/, /did not finish in time/],
    pools: (folder) => {
      folder.write('www/write.php', writes);
      folder.write('www/stay.php', `${writes} touch($_SERVER['WRITTEN']); sleep(30);`);
      return poolText(folder, 'www', 'catch_workers_output = yes\npm.max_children = 2');
    },
  });
}

function assertComplete(server: Server): void {
  const said = server.log.lines.flatMap(
    (line) => /said into stderr: "(.*)"(?:, pipe is closed)?$/.exec(line)?.[1] ?? [],
  );
  const wanted = Array.from({ length: count }, (_, index) => `line ${index + 1}`);
  assert.deepEqual(said, [...wanted, 'and the rest']);
}

for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) {
  testEngines(`${signal} at the end of the request`, {}, async (engine) => {
    await using server = await start(engine);
    await request(server.socket(), scriptParams(server.folder.join('www/write.php')));
    await server.stop(signal);
    assertComplete(server);
  });

  testEngines(`${signal} while the script goes on`, {}, async (engine) => {
    await using server = await start(engine, 'process_control_timeout = 1');
    const written = server.folder.join('log/written');
    const params = scriptParams(server.folder.join('www/stay.php'), { WRITTEN: written });
    const answer = request(server.socket(), params).catch(() => {});
    await poll('the script has written', () => existsSync(written) || undefined);
    await server.stop(signal);
    await answer;
    assertComplete(server);
  });
}

testEngines('a reload at the end of the request', {}, async (engine) => {
  await using server = await start(engine);
  await request(server.socket(), scriptParams(server.folder.join('www/write.php')));
  await server.reload();
  await poll('the old lines', () => server.log.count(/and the rest/) > 0 || undefined);
  assertComplete(server);
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
  assertComplete(server);
});
