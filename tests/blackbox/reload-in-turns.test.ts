/** A reload of many pools takes many turns of the master's loop: what happens between two of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { request, scriptParams } from '../harness/fastcgi.ts';
import type { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { Server, serverKind, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild } from '../native/built-engine.ts';

const skip = nativeBuild().skip || (serverKind === 'php-fpm' && 'about the master of this project');
/** So many that plan and commit of them take tens of milliseconds. */
const count = 250;
const last = `site${count - 1}`;

/** Pools that sleep, and `www` with a worker; `mark` tells which file is in force. */
function pools(mark: string, mode: string): (folder: TestFolder) => string {
  const lines = `env[MARK] = ${mark}\nlisten.mode = ${mode}\n`;
  return (folder) =>
    Array.from({ length: count }, (_, index) =>
      poolText(folder, `site${index}`, `pm = ondemand\n${lines}`),
    ).join('') + poolText(folder, 'www', `pm = static\n${lines}`);
}

async function start(): Promise<Server> {
  const server = await startServer({ engine: 'native', pools: pools('first', '0666'), startCap: 60_000 });
  server.folder.write('www/mark.php', '<?php echo getenv("MARK");');
  return server;
}

async function ask(server: Server, pool: string): Promise<string> {
  const script = server.folder.join('www/mark.php');
  return (await request(server.socket(pool), scriptParams(script))).body.toString();
}

/** The plan has begun: it announces the sockets that are there. */
async function untilPlan(server: Server, from: number): Promise<void> {
  await server.log.waitFor(/using inherited socket/, from);
}

/** The plan is committed, as the mode of its first socket tells, and the pools follow one after the other. */
async function untilCommit(server: Server, mode: number): Promise<void> {
  while (server.socketStat('site0').mode !== mode) await nextTurn();
}

test('a host that dies and pools that wake in between are served, and have what the reload brought', {
  skip,
}, async () => {
  await using server = await start();
  server.expect(/\[pool www\] the engine host \d+ exited on signal SIGKILL/);
  for (const [mark, mode, until] of [
    ['plan', 0o600, (from: number) => untilPlan(server, from)],
    ['commit', 0o666, () => untilCommit(server, 0o666)],
  ] as const) {
    server.configure(pools(mark, `0${mode.toString(8)}`));
    const from = server.log.mark();
    const isReady = server.ready.bind(server, from, 60_000);
    const [host] = server.hosts('www');
    server.signal('SIGUSR2');
    await until(from);
    process.kill(host?.pid ?? 0, 'SIGKILL');
    const answers = await Promise.all(['site0', last].map((pool) => ask(server, pool)));
    // Which file was in force for a request in the middle of a reload is a matter of chance.
    for (const answer of answers) assert.match(answer, /^(first|plan|commit)$/);
    await isReady();
    await poll('the pool of the host that died', async () =>
      (await ask(server, 'www').catch(() => '')) === mark ? true : undefined,
    );
    for (const pool of ['site0', 'site1', last]) assert.equal(await ask(server, pool), mark, pool);
  }
  await server.stop();
});

test('a second USR2 in between puts the latest file in force', { skip }, async () => {
  await using server = await start();
  for (const [mark, mode, until] of [
    ['plan', 0o600, (from: number) => untilPlan(server, from)],
    ['commit', 0o666, () => untilCommit(server, 0o666)],
  ] as const) {
    server.configure(pools('underway', `0${mode.toString(8)}`));
    const from = server.log.mark();
    server.signal('SIGUSR2');
    await until(from);
    server.configure(pools(mark, `0${mode.toString(8)}`));
    server.signal('SIGUSR2');
    await poll(
      'the latest file',
      async () => ((await ask(server, last)) === mark ? true : undefined),
      60_000,
    );
    await poll(
      'the end of both reloads',
      () => {
        const ends = server.log.lines
          .slice(from)
          .filter((line) => line.endsWith('ready to handle connections'));
        return ends.length >= 2 || undefined;
      },
      60_000,
    );
    for (const pool of ['www', 'site0']) assert.equal(await ask(server, pool), mark, pool);
  }
  await server.stop();
});

for (const [when, until] of [
  [
    'the file is being read',
    (server: Server, from: number) => server.log.waitFor(/reloading: reading/, from),
  ],
  ['the plan is being made', untilPlan],
  ['the pools follow one after the other', (server: Server) => untilCommit(server, 0o600)],
] as const) {
  test(`told to stop while ${when}, the master leaves nothing behind`, { skip }, async () => {
    await using server = await start();
    // One more pool and one less: sockets that are new, and one that nobody wants any more.
    server.configure((folder) => pools('next', '0600')(folder).replaceAll('site1.sock', 'fresh.sock'));
    const from = server.log.mark();
    server.signal('SIGUSR2');
    await until(server, from);
    await server.stop(when.startsWith('the plan') ? 'SIGQUIT' : 'SIGTERM', 30_000);
  });
}

test('told to stop while its first pools start, the master leaves nothing behind', { skip }, async () => {
  for (const line of [/fpm is running/, /NOTICE/]) {
    await using server = new Server({ engine: 'native', pools: pools('first', '0666') });
    await server.log.waitFor(line, 0, 60_000);
    await server.stop('SIGTERM', 30_000);
  }
});
