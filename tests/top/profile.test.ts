/** `hathi profile` against an admin endpoint of the test's own. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { profileCommand } from '../../src/cli/watch/profile.ts';
import { TestFolder } from '../harness/folder.ts';

test('folded stacks go to standard output, how good they are to standard error', async () => {
  using folder = new TestFolder();
  const socket = folder.join('admin.sock');
  const asked: unknown[] = [];
  const server = createServer((request, response) => {
    asked.push([request.url, request.headers.authorization]);
    response.setHeader('x-looks', '9').setHeader('x-samples', '7').setHeader('x-dropped', '2');
    response.setHeader('x-unsteady', '1').setHeader('x-skipped', '4').end('{main} /a;f 7\n');
  }).listen(socket);
  await once(server, 'listening');
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const args = ['a&b=c', '--seconds', '3', '--hz', '250', '--connect', socket];
  const code = await profileCommand(args, { stdout, stderr, env: { HATHI_ADMIN_TOKEN: 'secret' } });
  server.close();
  stdout.end();
  stderr.end();
  assert.deepEqual([code, await text(stdout)], [0, '{main} /a;f 7\n']);
  assert.equal(
    await text(stderr),
    'hathi profile: 7 stacks, 1 of them moved while they were read, 2 looks saw none, 4 looks left out to spare the master\n',
  );
  assert.deepEqual(asked, [['/api/profile?pool=a%26b%3Dc&seconds=3&hz=250&format=folded', 'Bearer secret']]);
});
