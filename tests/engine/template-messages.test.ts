/** What a template says, by the one table of messages. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ContractError } from '../../src/engine/contract.ts';
import { parseTemplateMessage } from '../../src/engine/template-messages.ts';

const said = (line: string, payload?: string) =>
  parseTemplateMessage({
    words: line.split(' '),
    ...(payload === undefined ? {} : { payload: Buffer.from(payload) }),
  });

test('each message of a template is read', () => {
  assert.deepEqual(said('host a7 4711'), { type: 'host', id: 'a7', pid: 4711 });
  assert.deepEqual(said('no-host 3', 'no memory'), { type: 'no-host', id: '3', reason: 'no memory' });
  assert.deepEqual(said('alive 12'), { type: 'alive', id: '12' });
  assert.deepEqual(said('gone 9 exit 70'), { type: 'gone', pid: 9, end: { type: 'exit', code: 70 } });
  assert.deepEqual(said('gone 9 signal 11'), { type: 'gone', pid: 9, end: { type: 'signal', signal: 11 } });
  assert.deepEqual(said('failed', 'no php.ini'), { type: 'failed', reason: 'no php.ini' });
  const ready = said('ready', 'engine=native\nphp=8.2.36');
  assert.equal(ready.type === 'ready' && ready.facts.php, '8.2.36');
});

test('anything else is none', () => {
  for (const line of [
    'host 1',
    'host 1 2 spare',
    'host 1 -2',
    `host 1 ${2 ** 31}`,
    `host ${'x'.repeat(65)} 1`,
    'no-host 1',
    'alive',
    'alive a/b',
    'gone 9 exit 256',
    'gone 9 signal 128',
    'gone 9 exit',
    'gone 9 core 1',
    'ready',
    'spare',
    'up 0 1',
    'constructor',
  ]) {
    assert.throws(() => said(line), ContractError, line);
  }
  assert.throws(() => said('alive 1', 'payload'), ContractError);
});
