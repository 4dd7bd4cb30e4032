import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ContractError,
  contractVersion,
  encodeMessage,
  MessageDecoder,
  maxLineBytes,
  maxPayloadBytes,
} from '../../src/engine/contract.ts';
import { checkout } from '../harness/folder.ts';

const word = fc.stringMatching(/^[!-"$-~]{1,20}$/);
const message = fc.record({
  words: fc.array(word, { minLength: 1, maxLength: 5 }),
  payload: fc.option(fc.uint8Array({ maxLength: 300 }), { nil: undefined }),
});

test('what is encoded is decoded, however the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 6 }), fc.array(fc.nat(40), { minLength: 1 }), (sent, cuts) => {
      const bytes = Buffer.concat(sent.map(({ words, payload }) => encodeMessage(words, payload)));
      const decoder = new MessageDecoder();
      const received = [];
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const size = 1 + (cuts[turn % cuts.length] ?? 0);
        received.push(...decoder.push(bytes.subarray(at, at + size)));
        at += size;
      }
      assert.deepEqual(
        received.map(({ words, payload }) => ({ words, payload: payload && Buffer.from(payload) })),
        sent.map(({ words, payload }) => ({ words, payload: payload && Buffer.from(payload) })),
      );
    }),
  );
});

test('an empty payload is not the same as none', () => {
  const decoder = new MessageDecoder();
  const [without, empty] = decoder.push(Buffer.concat([encodeMessage(['up']), encodeMessage(['log'], '')]));
  assert.equal(without?.payload, undefined);
  assert.equal(empty?.payload?.length, 0);
});

test('a payload is never searched for lines', () => {
  const decoder = new MessageDecoder();
  const received = decoder.push(encodeMessage(['output'], 'drained\nended 0 1 exit 0\n'));
  assert.equal(received.length, 1);
});

const refused: [name: string, bytes: Buffer][] = [
  ['a line over the limit', Buffer.from(`${'a'.repeat(maxLineBytes + 1)}\n`)],
  ['a line over the limit that has no end yet', Buffer.from('a'.repeat(maxLineBytes + 1))],
  ['a payload over the limit', Buffer.from(`log #${maxPayloadBytes + 1}\n`)],
  ['a payload length that is no number', Buffer.from('log #1x\n')],
  ['a negative payload length', Buffer.from('log #-1\n')],
  ['an empty word', Buffer.from('up  1\n')],
  ['an empty line', Buffer.from('\n')],
];
for (const [name, bytes] of refused) {
  test(`refuses ${name}`, () => assert.throws(() => new MessageDecoder().push(bytes), ContractError));
}

test('does not send words that the other side would read differently', () => {
  for (const bad of ['', 'a b', 'a\nb', '#1'])
    assert.throws(() => encodeMessage(['log', bad]), ContractError);
  assert.throws(() => encodeMessage(['log'], Buffer.alloc(maxPayloadBytes + 1)), ContractError);
});

test('any bytes give messages or a ContractError, never anything else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      try {
        new MessageDecoder().push(bytes);
      } catch (error) {
        assert.ok(error instanceof ContractError);
      }
    }),
  );
});

test('the page of the contract has its version', () => {
  const page = readFileSync(join(checkout, 'docs/contract.md'), 'utf8');
  assert.equal(/The contract's version is \*\*(\d+)\*\*/.exec(page)?.[1], String(contractVersion));
});
