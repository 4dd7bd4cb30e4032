import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requires } from '../harness/debian.ts';
import { guidePool, guideWarnings } from '../harness/pool.ts';
import { cleanEnv, isRoot, run, startServer } from '../harness/server.ts';

test('the guide asks for the status page with cgi-fcgi', { skip: requires('libfcgi-bin') }, async () => {
  await using server = await startServer({ pools: guidePool, expected: guideWarnings });

  // The guide says: sudo -u www-data SCRIPT_NAME=… SCRIPT_FILENAME=… REQUEST_METHOD=GET cgi-fcgi -bind -connect …
  const client = ['/usr/bin/cgi-fcgi', '-bind', '-connect', server.socket('myapp')];
  const command = isRoot
    ? ['/usr/bin/setpriv', '--reuid=www-data', '--regid=www-data', '--clear-groups', ...client]
    : client;
  const variables = { SCRIPT_NAME: '/fpm-status', SCRIPT_FILENAME: '/fpm-status', REQUEST_METHOD: 'GET' };
  const reply = await run(command[0]!, command.slice(1), { env: cleanEnv(variables) });

  assert.equal(reply.code, 0, reply.stderr);
  assert.match(reply.stdout, /^Content-type: text\/plain;charset=UTF-8\r$/m);
  assert.match(reply.stdout, /^pool: {17}myapp$/m);
  assert.match(reply.stdout, /^process manager: {6}dynamic$/m);
  // php-fpm answers by a worker, which counts this very request; the embedded engine's answer takes no worker.
  assert.match(reply.stdout, /^accepted conn: {8}[01]$/m);
  assert.match(reply.stdout, /^active processes: {5}[01]$/m);
  assert.match(reply.stdout, /^total processes: {6}5$/m);
  await server.stop();
});
