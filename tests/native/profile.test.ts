/** Live stacks and profiles of a real pool, over the admin endpoint and `hathi profile`. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { suite, test } from 'node:test';
import { profileCommand } from '../../src/cli/watch/profile.ts';
import { type AdminReply, askAdmin } from '../admin/client.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { type EngineName, type Server, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild } from './built-engine.ts';

const busyScript = `<?php
class Shop { function price() { for ($i = 0; $i < 200000; $i++) $x = md5("$i"); } }
function stock() { usleep(20000); }
while (!file_exists($_SERVER['GO'])) { (new Shop)->price(); stock(); clearstatcache(); }`;

function start(engine: EngineName, lines = ''): Promise<Server> {
  return startServer({
    engine,
    pools: (folder) => `admin.listen = ${folder.join('run/admin.sock')}\n${poolText(folder, 'www', lines)}`,
  });
}

function ask(server: Server, path: string): Promise<AdminReply> {
  return askAdmin({ socketPath: server.folder.join('run/admin.sock'), path });
}

/** `hathi profile` in this process. */
async function profile(server: Server, args: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const connect = ['--connect', server.folder.join('run/admin.sock')];
  const code = await profileCommand([...args, ...connect], { stdout, stderr, env: {} });
  stdout.end();
  stderr.end();
  return { code, stdout: await text(stdout), stderr: await text(stderr) };
}

const error = ({ status, body }: AdminReply): [number, string] => [status, JSON.parse(body).error];

suite('looking at a pool', { skip: nativeBuild().skip }, () => {
  test('a worker’s stack, and profiles in each form, while its request runs on', async () => {
    await using server = await start('native', 'pm.max_children = 2');
    const script = server.folder.write('www/busy.php', busyScript);
    const go = server.folder.join('www/go');
    const params = scriptParams(script, { GO: go, QUERY_STRING: 'password=hunter2' });
    const answer = request(server.socket(), params);
    // Where the test fails before it waits for it, that is what is to be told.
    answer.catch(() => {});
    const pid = await poll('a busy worker', async () => {
      const { pools } = JSON.parse((await ask(server, '/api/pools')).body);
      return pools[0].workers.find(({ state }: { state: string }) => state === 'Running')?.pid;
    });

    const { body } = await ask(server, `/api/stack?pool=www&pid=${pid}`);
    const stack = JSON.parse(body);
    assert.deepEqual(
      [stack.pid, stack.state, stack.script, stack.uri],
      [pid, 'Running', script, '/busy.php'],
    );
    assert.deepEqual([stack.frames.at(-1).function, stack.frames.at(-1).file], ['{main}', script]);
    assert.ok(stack.durationMicros > 0 && stack.memoryBytes > 1_000_000);
    assert.doesNotMatch(body, /hunter2/);
    assert.match((await ask(server, `/api/stack?pool=www&pid=${pid}&query=1`)).body, /hunter2/);
    assert.deepEqual(error(await ask(server, '/api/stack?pool=www&pid=1')), [404, 'no such worker']);
    assert.equal((await ask(server, '/api/stack?pool=www&pid=x')).status, 400);

    // The other worker is idle: no PHP code runs there.
    const busy = [pid, ...server.hosts().map((host) => host.pid)];
    const idle = server.workers().find((worker) => !busy.includes(worker.pid));
    assert.deepEqual(JSON.parse((await ask(server, `/api/stack?pool=www&pid=${idle?.pid}`)).body).frames, []);

    // Nobody waits for this one any more: the next one need not, either.
    const begun = server.log.mark();
    const left = connect(server.folder.join('run/admin.sock'));
    left.write('GET /api/profile?pool=www&seconds=60 HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await server.log.waitFor(/profile of pool "www" asked for/, begun);
    left.destroy();
    await poll('the end of that profile', async () => {
      const { status } = await ask(server, '/api/profile?pool=www&seconds=1&hz=1&format=folded');
      return status === 200 || undefined;
    });

    const out = server.folder.join('flame.svg');
    const mark = server.log.mark();
    const drawn = profile(server, ['www', '--seconds', '1', '--out', out]);
    await server.log.waitFor(/admin endpoint: profile of pool "www" asked for by uid \d+, pid \d+$/, mark);
    const second = await ask(server, '/api/profile?pool=www');
    assert.deepEqual(error(second), [409, 'a profile is being made already']);
    const { code, stdout, stderr } = await drawn;
    assert.deepEqual([code, stdout], [0, ''], stderr);
    assert.match(stderr, /^hathi profile: \d+ stacks, \d+ of them moved .* written to .*flame\.svg\n$/);
    const svg = readFileSync(out, 'utf8');
    const samples = Number(/<title>www: (\d+) samples in 1 s at 99 Hz<\/title>/.exec(svg)?.[1]);
    assert.ok(samples > 30 && samples <= 100, `${samples} samples of one worker in a second`);
    assert.match(svg, /<title>Shop::price: \d+ samples/);
    assert.match(svg, /<title>stock: \d+ samples/);

    server.folder.write('www/go', '');
    assert.equal((await answer).status, 200);
    // A figure of ours, also where the status page of that PHP has none.
    const [pool] = JSON.parse((await ask(server, '/api/pools')).body).pools;
    assert.ok(pool.memoryPeakBytes >= 2 ** 21, `a peak of ${pool.memoryPeakBytes} bytes`);
    await server.stop();
  });

  test('what cannot be profiled is refused with the reason', async () => {
    await using server = await start('embedded');
    assert.deepEqual(error(await ask(server, '/api/profile?pool=www')), [
      501,
      'pool "www" has no stacks: the embedded engine cannot be looked into while it runs',
    ]);
    assert.deepEqual(error(await ask(server, '/api/profile?pool=other')), [404, 'there is no pool "other"']);
    for (const query of [
      '',
      'pool=www&hz=0',
      'pool=www&hz=1001',
      'pool=www&seconds=1e3',
      'pool=www&format=pdf',
    ]) {
      assert.equal((await ask(server, `/api/profile?${query}`)).status, 400, query);
    }
    const refused = await profile(server, ['www']);
    assert.deepEqual([refused.code, refused.stdout], [1, '']);
    assert.match(refused.stderr, /pool "www" has no stacks: the embedded engine/);
    const nowhere = await profile(server, ['www', '--out', '/no/such/folder/flame.svg']);
    assert.match(nowhere.stderr, /Cannot write "\/no\/such\/folder\/flame\.svg"/);
    for (const args of [[], ['www', '--hz', '0'], ['www', '--out', 'flame.pdf'], ['www', 'other']]) {
      assert.equal((await profile(server, args)).code, 64, args.join(' '));
    }
    await server.stop();
  });
});
