/** DNS without a network: resolv.conf, names that are looked for, messages that are broken. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseResolverSettings, searchedNames } from '../../src/engine/embedded/php/dns-client.ts';
import {
  answers,
  DnsFormatError,
  encodeQuestion,
  parseAnswer,
  recordTypes,
} from '../../src/engine/embedded/php/dns-message.ts';
import { recordValue } from '../../src/engine/embedded/php/dns-records.ts';

test('resolv.conf', () => {
  assert.deepEqual(parseResolverSettings(''), {
    ...{ servers: ['127.0.0.1'], search: [], dots: 1, timeoutSeconds: 5, attempts: 2 },
  });
  assert.deepEqual(
    parseResolverSettings(
      '# nameserver 192.0.2.9\ndomain old.test\nnameserver 192.0.2.1 \nnameserver ::1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nsearch a.test b.test\noptions ndots:2 timeout:99 attempts:3 rotate',
    ),
    {
      ...{
        servers: ['192.0.2.1', '::1', '192.0.2.2'],
        search: ['a.test', 'b.test'],
        dots: 2,
        timeoutSeconds: 30,
      },
      attempts: 3,
    },
  );
});

test('names that are looked for', () => {
  const settings = parseResolverSettings('search a.test b.test');
  assert.deepEqual(searchedNames('host', settings), ['host.a.test', 'host.b.test', 'host']);
  assert.deepEqual(searchedNames('host.c', settings), ['host.c', 'host.c.a.test', 'host.c.b.test']);
  assert.deepEqual(searchedNames('host.', settings), ['host.']);
});

test('questions, and what answers them', () => {
  const question = encodeQuestion(0x1234, 'a.test', recordTypes.A) as Buffer;
  assert.equal(question.toString('hex'), '1234010000010000000000000161047465737400' + '00010001');
  const answer = Buffer.from(question);
  assert.equal(answers(answer, question), false);
  answer.writeUInt16BE(0x8180, 2);
  assert.equal(answers(answer, question), true);
  assert.equal(
    answers(Buffer.from(answer.toString('latin1').replace('test', 'TEST'), 'latin1'), question),
    true,
  );
  for (const [at, value] of [
    [0, 0x99],
    [13, 0x62],
    [21, 0x1c],
  ] as const) {
    const other = Buffer.from(answer);
    other[at] = value;
    assert.equal(answers(other, question), false, `byte ${at}`);
  }
  assert.equal(answers(answer.subarray(0, 20), question), false);
  for (const name of ['a..b', `${'x'.repeat(64)}.test`, 'a.'.repeat(200)]) {
    assert.equal(encodeQuestion(1, name, 1), undefined);
  }
});

test('a name that points behind itself or in circles is broken', () => {
  const header = Buffer.from('123481800000000100000000', 'hex');
  for (const name of ['c00c', 'c00e', 'c0ff', '01', '40']) {
    const message = Buffer.concat([header, Buffer.from(`${name}00010001000000010004c0000201`, 'hex')]);
    assert.throws(() => parseAnswer(message), DnsFormatError, name);
  }
});

test('whatever comes: an answer or a DnsFormatError, and records that can be shown', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 12, maxLength: 120 }), (bytes) => {
      try {
        const { answers: first, authorities, additional } = parseAnswer(Buffer.from(bytes));
        for (const record of [...first, ...authorities, ...additional]) recordValue(record, false);
      } catch (error) {
        assert.ok(error instanceof DnsFormatError);
      }
    }),
    { numRuns: 2000 },
  );
});
