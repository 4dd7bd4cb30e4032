/** Values of the access log: the native engine's C and the embedded engine's TypeScript escape alike. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { asBinary } from '../../src/text/binary.ts';
import { logField, logFieldWithQuotes } from '../../src/text/log-line.ts';
import { testEngines } from '../harness/engines.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { serverKind, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';

const binary = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

const values = [
  'plain "quoted" \\ and é as Latin-1: \xe9',
  binary('é € 😀 \ufffd'),
  '\x1b[31m\r\n\t\x7f',
  binary('\u0085\u009b \u2028\u2029 \u202e\u2066 \ufffe'),
  '\x9b31m \xc3 \xe2\x80 \xe2\x80x \xf0\x9f\x98 \xc0\x9b \xed\xa0\x80',
];

const options = { skip: serverKind === 'php-fpm' && 'the reference writes them as they are' };

testEngines('parameters and headers with bytes of every kind', options, async (engine) => {
  await using server = await startServer({
    engine,
    pools: (folder) =>
      poolText(
        folder,
        'www',
        `access.log = ${folder.join('log/access')}\naccess.format = "[%{X_TEST}e] [%{X-Test}o]"`,
      ),
  });
  // PHP sends no header with a line end or a NUL in it.
  const script = server.folder.write(
    'www/echo.php',
    '<?php header("X-Test: " . strtr($_SERVER["X_TEST"], "\r\n", "  "));',
  );
  for (const value of values) {
    await request(server.socket(), scriptParams(script, { X_TEST: value }));
  }
  const wanted = values.map((value) => {
    const header = value.replaceAll(/[\r\n]/g, ' ').trim();
    return `[${logField(asBinary(value))}] [${logFieldWithQuotes(asBinary(header))}]\n`;
  });
  const path = server.folder.join('log/access');
  await poll(
    'all lines',
    () => readFileSync(path).toString('latin1').split('\n').length > values.length || undefined,
  );
  assert.equal(readFileSync(path).toString('latin1'), wanted.join(''));
  await server.stop();
});
