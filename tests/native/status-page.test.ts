/** Status pages that are longer than one message of the control channel. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { pageParams, request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild } from './built-engine.ts';

const workers = 150;
const oneMessage = 1024 * 1024;

test('pages over one MiB are given, in the pool and at pm.status_listen', {
  skip: nativeBuild().skip,
}, async () => {
  await using server = await startServer({
    engine: 'native',
    pools: (folder) =>
      poolText(
        folder,
        'www',
        `pm.max_children = ${workers}
listen.backlog = 511
pm.status_path = /status
pm.status_listen = ${folder.join('run/status.sock')}`,
      ),
  });
  // Each worker serves one request before the first of them is over.
  const script = server.folder.write(
    'www/all.php',
    `<?php touch($_GET['d'] . '/' . getmypid());
while (count(scandir($_GET['d'])) < ${workers} + 2) { usleep(20000); clearstatcache(); }`,
  );
  const marks = server.folder.mkdir('tmp/marks', 0o777);
  const params = scriptParams(script, { QUERY_STRING: `d=${marks}&${'&'.repeat(1500)}` });
  await Promise.all(Array.from({ length: workers }, () => request(server.socket(), params)));

  const idle = await poll('all workers at rest', async () => {
    const { body } = await request(server.folder.join('run/status.sock'), pageParams('/status', 'json'));
    return JSON.parse(body.toString())['idle processes'] === workers || undefined;
  });
  assert.ok(idle);
  for (const format of ['full&html', 'full&json', 'full&xml']) {
    for (const address of [server.socket(), server.folder.join('run/status.sock')]) {
      const page = await request(address, pageParams('/status', format));
      const text = page.body.toString('latin1');
      assert.equal(page.status, 200, format);
      // Each page that a worker of the pool answers shows that worker at the page itself.
      const shown = text.match(/all\.php/g)?.length ?? 0;
      assert.ok(shown >= 2 * (workers - 3), `${format} shows ${shown} scripts`);
      if (format === 'full&html') assert.ok(text.length > oneMessage, `${text.length} bytes`);
    }
  }
  rmSync(marks, { recursive: true });
  await server.stop();
});
