/** pm.max_memory_hard on both engines: a request that takes too much memory is ended, and the pool serves on. */
import assert from 'node:assert/strict';
import { askAdmin } from '../admin/client.ts';
import { testEngines } from '../harness/engines.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { startServer } from '../harness/server.ts';

testEngines(
  'beyond pm.max_memory_hard the client has a 503, the log script and size; what was begun is cut off',
  {},
  async (engine) => {
    // An instance of the embedded engine has OPcache's memory in it.
    const limit = engine === 'native' ? 64 : 256;
    await using server = await startServer({
      engine,
      pools: (to) =>
        `admin.listen = ${to.join('run/admin.sock')}\n${poolText(to, 'www', `pm.max_memory_hard = ${limit}M\nengine.heap_limit = 1G\nphp_admin_value[memory_limit] = 1G`)}`,
      expected: [/pm\.max_memory_hard is \d+ MB: terminating/, /exited on signal 15/, /engine\.heap_limit/],
    });
    server.folder.write('www/pid.php', '<?php echo getmypid();');
    server.folder.write(
      'www/take.php',
      `<?php if ($_GET["t"] === "late") { echo "begun"; while (ob_get_level() > 0) ob_end_flush(); flush(); } for ($i = 0; $i < ${limit + 40}; $i++) $all[] = str_repeat("x", 1024 * 1024); sleep(20); echo memory_get_usage();`,
    );
    const ask = (name: string, query = '') =>
      request(server.socket(), scriptParams(server.folder.join(`www/${name}.php`), { QUERY_STRING: query }));
    const pid = async () => Number((await ask('pid')).body.toString());

    const first = await pid();
    const { status } = await ask('take', 't=soon');
    assert.equal(status, 503);
    const line = new RegExp(
      `\\[pool www\\] child ${first}, script '[^']+/take\\.php' \\(request: "GET /[^"]+"\\) takes (\\d+) MB, pm\\.max_memory_hard is ${limit} MB: terminating`,
    );
    const [, taken] = line.exec(server.log.text()) ?? [];
    // It may be seen while it still fills its memory.
    assert.ok(Number(taken) >= limit && Number(taken) < limit + 60, server.log.text());
    await assert.rejects(ask('take', 't=late'));
    assert.notEqual(await pid(), first);
    const { body } = await askAdmin({ socketPath: server.folder.join('run/admin.sock'), path: '/api/pools' });
    assert.equal(JSON.parse(body).pools[0].totals.restarts.memory, 2);
    await server.stop();
  },
);
