import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ContractError, type Message } from '../../src/engine/contract.ts';
import { parseHostMessage } from '../../src/engine/host-messages.ts';

const slots = 4;
const message = (line: string, payload?: string): Message => ({
  words: line.split(' '),
  ...(payload === undefined ? {} : { payload: Buffer.from(payload) }),
});
const read = (line: string, payload?: string) => parseHostMessage(message(line, payload), slots);

test('reads every message of the contract', () => {
  assert.deepEqual(read('up 3 77'), { type: 'up', slot: 3, pid: 77 });
  assert.deepEqual(read('flush 0 77'), { type: 'flush', slot: 0, pid: 77 });
  assert.deepEqual(read('memory 2 77'), { type: 'memory', slot: 2, pid: 77 });
  const none = { type: 'no-memory', slot: 2, pid: 77, reason: 'not permitted' };
  assert.deepEqual(read('no-memory 2 77', 'not permitted'), none);
  assert.deepEqual(read('ended 1 77 exit 255'), {
    type: 'ended',
    slot: 1,
    pid: 77,
    end: { type: 'exit', code: 255 },
  });
  assert.deepEqual(read('ended 1 77 signal 11 core').type === 'ended' && read('ended 1 77 signal 11 core'), {
    type: 'ended',
    slot: 1,
    pid: 77,
    end: { type: 'signal', signal: 11, core: true },
  });
  assert.deepEqual(read('waiting'), { type: 'waiting' });
  assert.deepEqual(read('waiting 3'), { type: 'waiting', slot: 3 });
  assert.deepEqual(read('stopped'), { type: 'stopped' });
  assert.deepEqual(read('drained'), { type: 'drained' });
  assert.deepEqual(read('failed', 'no such user'), { type: 'failed', reason: 'no such user' });
  assert.deepEqual(read('log warning', 'text'), { type: 'log', level: 'warning', text: 'text' });
  assert.deepEqual(read('status 9', 'json&full'), { type: 'status', id: '9', query: 'json&full' });
  const output = read('output 2 77 stderr', 'words');
  assert.ok(output.type === 'output' && Buffer.from(output.bytes).toString() === 'words');
});

test('ready tells facts by key, unknown keys are left alone', () => {
  const ready = read(
    'ready',
    'engine=embedded\nphp=8.4.25\nextension=a\nextension=b\nnew=thing\nwarning=old\nnoise',
  );
  assert.ok(ready.type === 'ready');
  assert.deepEqual(ready.facts, {
    engine: 'embedded',
    php: '8.4.25',
    sapi: '',
    detail: '',
    isExposed: false,
    extensions: ['a', 'b'],
    warnings: ['old'],
  });
});

const refused = [
  'up 4 77',
  'up -1 77',
  'up 1',
  'up 1 77 more',
  'up x 77',
  'up 1 99999999999',
  'ended 1 77 exit 256',
  'ended 1 77 vanished 1',
  'ended 1 77 signal 200',
  'ended 1 77 exit 0 core',
  'waiting 4',
  'waiting 1 2',
  'constructor',
  'sudo 1',
];
for (const line of refused) {
  test(`refuses "${line}"`, () => assert.throws(() => read(line), ContractError));
}

test('refuses a payload where none belongs, and its absence where one does', () => {
  assert.throws(() => read('up 1 77', ''), ContractError);
  assert.throws(() => read('log warning'), ContractError);
  assert.throws(() => read('log loud', 'text'), ContractError);
  assert.throws(() => read('output 1 77 stdin', 'text'), ContractError);
});

test('a slot is never outside the pool, whatever the host says', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'binary-ascii', maxLength: 8 }), { minLength: 1, maxLength: 7 }),
      (words) => {
        try {
          const parsed = parseHostMessage({ words }, slots);
          if ('slot' in parsed && parsed.slot !== undefined)
            assert.ok(parsed.slot >= 0 && parsed.slot < slots);
        } catch (error) {
          assert.ok(error instanceof ContractError);
        }
      },
    ),
  );
});
