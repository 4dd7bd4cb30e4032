/** pm.max_memory and pm.max_requests = auto with PHP that really takes memory. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { askAdmin } from '../admin/client.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { type Server, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild } from './built-engine.ts';

const { skip } = nativeBuild();

/** PCRE's cache outlives a request: each pattern stays in the worker, with what it was compiled to. */
const leaking =
  "<?php for ($i = 0; $i < ($_SERVER['QUERY_STRING'] === 'slow' ? 1 : 6); $i++) preg_match('/' . bin2hex(random_bytes(6000)) . '/', ''); if ($_SERVER['QUERY_STRING'] === 'slow') usleep(60000); echo getmypid();";

suite('limits of memory', { skip, concurrency: true }, () => {
  let server: Server;
  const script = (name: string) => server.folder.join(`www/${name}.php`);
  const ask = (pool: string, name: string, query = '') =>
    request(server.socket(pool), scriptParams(script(name), { QUERY_STRING: query }));
  const pidOf = async (pool: string, name: string): Promise<number> =>
    Number((await ask(pool, name)).body.toString());
  const figures = async (name: string) => {
    const { body } = await askAdmin({ socketPath: server.folder.join('run/admin.sock'), path: '/api/pools' });
    return JSON.parse(body).pools.find((pool: { name: string }) => pool.name === name);
  };

  before(async () => {
    server = await startServer({
      engine: 'native',
      pools: (to) =>
        [
          `admin.listen = ${to.join('run/admin.sock')}`,
          poolText(to, 'soft', 'pm.max_memory = 24M'),
          poolText(to, 'auto', 'pm.max_children = 4\npm.max_requests = auto'),
        ].join('\n'),
      expected: [/leaves .* behind in its worker/],
    });
    server.folder.write('www/leak.php', leaking);
    server.folder.write('www/pid.php', '<?php echo getmypid();');
  });
  after(async () => {
    await server?.stop().finally(() => server[Symbol.asyncDispose]());
  });

  test('soft: a worker that has outgrown it leaves after its request, and no request is lost', async () => {
    const first = await pidOf('soft', 'pid');
    const next = await poll('another worker', async () => {
      const pid = await pidOf('soft', 'leak');
      return pid === first ? undefined : pid;
    });
    assert.notEqual(next, first);
    assert.match(
      server.log.text(),
      new RegExp(
        `\\[pool soft\\] child ${first} takes \\d+ MB, pm\\.max_memory is 24 MB: it is replaced after its request`,
      ),
    );
    const { totals } = await figures('soft');
    assert.ok(totals.restarts.memory >= 1 && totals.restarts.exit === 0, JSON.stringify(totals.restarts));
  });

  test('auto: a worker that grows is renewed by its growth, and the script is named', async () => {
    // So slowly that several workers are used, and none too often between two looks.
    let isEnough = false;
    const client = async (): Promise<void> => {
      while (!isEnough) {
        await ask('auto', 'leak', 'slow');
        await new Promise((resolve) => setTimeout(resolve, 60));
      }
    };
    const load = Promise.all([client(), client(), client()]);
    const renewed = /child \d+ has served \d+ requests, pm\.max_requests = auto is \d+ by its growth/;
    const named = /\[pool auto\] a request of script '[^']+\/leak\.php' leaves \d+ KB behind/;
    try {
      await Promise.all([server.log.waitFor(renewed, 0, 60_000), server.log.waitFor(named, 0, 60_000)]);
    } finally {
      isEnough = true;
      await load;
    }
    const { leaks } = await figures('auto');
    assert.equal(leaks[0].script, script('leak'));
    assert.ok(leaks[0].bytesPerRequest > 50_000, JSON.stringify(leaks));
  });
});
