import assert from 'node:assert/strict';
import { test } from 'node:test';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { startServer } from '../harness/server.ts';

test('phpinfo() shows what the guide says to look for', async () => {
  await using server = await startServer({ pools: poolText });
  const script = server.folder.write('www/phpinfo.php', '<?php phpinfo();');
  const page = (await request(server.socket(), scriptParams(script))).body.toString('utf8');
  const row = (name: string, value: string): RegExp =>
    new RegExp(`<td class="e">${name} ?</td><td class="v">${value} ?</td>`);
  assert.match(page, row('Server API', 'FPM/FastCGI'));
  assert.match(page, /<h1 class="p">PHP Version \d\.\d+\.\d+/);
  assert.match(page, /<h2>(<a [^>]*>)?Zend OPcache(<\/a>)?<\/h2>/);
  assert.match(page, row('Opcode Caching', 'Up and Running'));
  await server.stop();
});
