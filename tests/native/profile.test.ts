/** Live stacks and profiles of a real pool, over the admin endpoint and `hathi profile`. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { type AdminReply, askAdmin } from '../admin/client.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { type EngineName, run, type Server, serverCommand, startServer } from '../harness/server.ts';
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
    const idle = server.workers().find((worker) => worker.parent !== server.pid && worker.pid !== pid);
    assert.deepEqual(JSON.parse((await ask(server, `/api/stack?pool=www&pid=${idle?.pid}`)).body).frames, []);

    const out = server.folder.join('flame.svg');
    const command = ['profile', 'www', '--seconds', '1', '--connect', server.folder.join('run/admin.sock')];
    const mark = server.log.mark();
    const drawn = run(serverCommand('hathi'), [...command, '--out', out]);
    await server.log.waitFor(/admin endpoint: profile of pool "www" asked for by uid \d+, pid \d+$/, mark);
    const second = await ask(server, '/api/profile?pool=www');
    assert.deepEqual(error(second), [409, 'a profile is being made already']);
    const { code, stderr } = await drawn;
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^hathi profile: \d+ stacks, \d+ of them moved .* written to .*flame\.svg\n$/);
    assert.match(readFileSync(out, 'utf8'), /<title>Shop::price: \d+ samples/);

    const folded = await run(serverCommand('hathi'), command);
    assert.match(folded.stdout, /^\{main\} \S+\/busy\.php;stock;usleep \d+$/m);
    const looks = folded.stdout
      .trimEnd()
      .split('\n')
      .map((line) => Number(/ (\d+)$/.exec(line)?.[1]));
    const sum = looks.reduce((total, count) => total + count, 0);
    assert.ok(sum > 30 && sum <= 100, `${sum} samples of one worker in a second`);

    server.folder.write('www/go', '');
    assert.equal((await answer).status, 200);
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
    const connect = ['--connect', server.folder.join('run/admin.sock')];
    const refused = await run(serverCommand('hathi'), ['profile', 'www', ...connect]);
    assert.deepEqual([refused.code, refused.stdout], [1, '']);
    assert.match(refused.stderr, /pool "www" has no stacks: the embedded engine/);
    for (const args of [[], ['www', '--hz', '0'], ['www', '--out', 'flame.pdf'], ['www', 'other']]) {
      assert.equal(
        (await run(serverCommand('hathi'), ['profile', ...args, ...connect])).code,
        64,
        args.join(' '),
      );
    }
    await server.stop();
  });
});
