/** queue.max_wait and queue.max_length: more requests than the workers can serve, on both engines. */
import assert from 'node:assert/strict';
import { askAdmin } from '../admin/client.ts';
import { testEngines } from '../harness/engines.ts';
import { type Reply, request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { startServer } from '../harness/server.ts';
import { poll, within } from '../harness/waiting.ts';

testEngines(
  'what would wait too long is refused without a worker, and the rest is served',
  {},
  async (engine) => {
    await using server = await startServer({
      engine,
      pools: (to) =>
        `admin.listen = ${to.join('run/admin.sock')}\n${poolText(to, 'www', 'pm.max_children = 2\nqueue.max_wait = 1s\npm.status_path = /status\nping.path = /ping')}\n${poolText(to, 'short', `queue.max_length = 3${engine === 'native' ? '\nqueue.adaptive = yes' : ''}`)}`,
      expected: [/overloaded: \d+ (connections|requests) wait; those beyond queue\./],
    });
    const script = server.folder.write('www/s.php', '<?php usleep((int) $_GET["t"]); echo "done";');
    const ask = (pool: string, micros: number) =>
      request(server.socket(pool), scriptParams(script, { QUERY_STRING: `t=${micros}` }));
    const page = (name: string) =>
      request(server.socket(), { ...scriptParams(script), SCRIPT_NAME: name, SCRIPT_FILENAME: name });

    // On a busy machine the embedded engine's second worker comes up after the pool serves.
    await poll(
      'both workers',
      async () => /total processes: +2/.test((await page('/status')).body.toString()) || undefined,
    );
    // Two workers, a fifth of a second each: ten a second. Thirty come at once.
    const replies = await within(
      Promise.all(Array.from({ length: 30 }, () => ask('www', 200_000))),
      'every answer',
      20_000,
    );
    const served = replies.filter(({ status }) => status === 200);
    const refused = replies.filter(({ status }) => status === 503);
    assert.equal(served.length + refused.length, 30);
    assert.ok(served.length >= 3, `${served.length} were served`);
    assert.ok(refused.length >= 5, `${refused.length} were refused`);
    for (const reply of refused) {
      assert.deepEqual(reply.headers.get('retry-after'), ['1']);
      assert.equal(reply.body.toString(), 'Too many requests wait.\n');
    }
    await server.log.waitFor(
      /\[pool www\] .*overloaded: \d+ (connections|requests) wait; those beyond queue\.max_wait = 1s are answered with 503/,
    );

    // Every worker hangs: pages that need none are answered all the same, by the time that clients may wait.
    const hanging = Array.from({ length: 2 }, () => ask('www', 4_000_000));
    const pages: Reply[] = await within(
      Promise.all([...Array.from({ length: 3 }, () => page('/ping')), page('/status')]),
      'ping and status',
      10_000,
    );
    assert.ok(
      pages.every(({ status }) => status === 200),
      pages.map(({ status }) => status).join(),
    );
    assert.match(pages.at(-1)!.body.toString(), /active processes: +2/);
    assert.ok((await Promise.all(hanging)).every(({ status }) => status === 200));

    const short = await within(
      Promise.all(Array.from({ length: 20 }, () => ask('short', 300_000))),
      'every answer of the short queue',
      20_000,
    );
    const shortServed = short.filter(({ status }) => status === 200).length;
    assert.ok(shortServed >= 3 && shortServed <= 12, `${shortServed} were served`);
    const { pools } = JSON.parse(
      (await askAdmin({ socketPath: server.folder.join('run/admin.sock'), path: '/api/pools' })).body,
    );
    assert.equal(pools[1].totals.refused, 20 - shortServed);
    if (engine === 'native') assert.ok(pools[1].adaptive.limit >= 3, JSON.stringify(pools[1].adaptive));
    // The pages of a native pool come from the lane as well.
    assert.ok(pools[0].totals.refused >= refused.length);
    await server.stop();
  },
);
