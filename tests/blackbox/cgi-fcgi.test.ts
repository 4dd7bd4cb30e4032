import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { defaultVersion } from '../../src/engine/embedded/php/package.ts';
import { requires, testedPhp } from '../harness/debian.ts';
import { testEngines } from '../harness/engines.ts';
import { guidePool, guideWarnings, poolText } from '../harness/pool.ts';
import { cleanEnv, isRoot, run, serverKind, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';

test('the guide asks for the status page with cgi-fcgi', { skip: requires('libfcgi-bin') }, async () => {
  await using server = await startServer({ pools: guidePool, expected: guideWarnings });

  // The guide says: sudo -u www-data SCRIPT_NAME=… SCRIPT_FILENAME=… REQUEST_METHOD=GET cgi-fcgi -bind -connect …
  const client = ['/usr/bin/cgi-fcgi', '-bind', '-connect', server.socket('myapp')];
  const command = isRoot
    ? ['/usr/bin/setpriv', '--reuid=www-data', '--regid=www-data', '--clear-groups', ...client]
    : client;
  const variables = { SCRIPT_NAME: '/fpm-status', SCRIPT_FILENAME: '/fpm-status', REQUEST_METHOD: 'GET' };
  // The pool serves as soon as its first workers are up.
  const reply = await poll('all of pm.start_servers', async () => {
    const answer = await run(command[0]!, command.slice(1), { env: cleanEnv(variables) });
    assert.equal(answer.code, 0, answer.stderr);
    return /^total processes: {6}5$/m.test(answer.stdout) ? answer : undefined;
  });
  assert.match(reply.stdout, /^Content-type: text\/plain;charset=UTF-8\r$/m);
  assert.match(reply.stdout, /^pool: {17}myapp$/m);
  assert.match(reply.stdout, /^process manager: {6}dynamic$/m);
  // php-fpm answers by a worker, which counts this very request; the embedded engine's answer takes no worker.
  assert.match(reply.stdout, /^accepted conn: {8}\d+$/m);
  assert.match(reply.stdout, /^active processes: {5}[01]$/m);
  await server.stop();
});

testEngines(
  'ps -C finds the workers by the name of Debian’s program, as the guide measures them',
  {},
  async (engine) => {
    await using server = await startServer({ engine, pools: poolText });
    const named = (name: string): string =>
      execFileSync('ps', ['--no-headers', '-o', 'ppid,rss,cmd', '-C', name], { encoding: 'utf8' });
    const version = engine === 'embedded' && serverKind === 'hathi' ? defaultVersion : testedPhp;
    const found = named(`php-fpm${version}`)
      .split('\n')
      .filter((line) => line.includes('php-fpm: pool www'));
    assert.ok(found.length > 0);
    await server.stop();
  },
);
