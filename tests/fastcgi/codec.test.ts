import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { CgiResponseParser } from '../../src/fastcgi/cgi-response.ts';
import { FastCgiError } from '../../src/fastcgi/errors.ts';
import { encodePairs, type Pair, PairsDecoder, pairBytes } from '../../src/fastcgi/pairs.ts';
import { RecordParser } from '../../src/fastcgi/parser.ts';
import { recordType } from '../../src/fastcgi/records.ts';
import {
  beginRequest,
  endOfResponse,
  endOfStream,
  paramsRecords,
  record,
  streamRecords,
} from '../../src/fastcgi/writer.ts';
import { ScriptedApplication } from './scripted-application.ts';

const noLimits = { bytes: Number.MAX_SAFE_INTEGER, count: Number.MAX_SAFE_INTEGER };
const binary = (maxLength: number) =>
  fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const pair = fc.tuple(binary(140), binary(300));
const cuts = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 20 });

/** Cuts bytes into pieces of the given sizes, over and over. */
function* cut(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  for (let offset = 0, turn = 0; offset < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!;
    yield bytes.subarray(offset, offset + size);
    offset += size;
  }
}

function parseRecords(
  chunks: Iterable<Uint8Array>,
): { type: number; id: number; content: string; padding: number }[] {
  const parser = new RecordParser();
  const records: { type: number; id: number; content: string; padding: number }[] = [];
  for (const chunk of chunks) {
    parser.feed(chunk);
    for (let event = parser.next(); event !== undefined; event = parser.next()) {
      if (event.kind === 'error') throw event.error;
      if (event.kind === 'header') {
        const { type, id, paddingLength } = event.header;
        records.push({ type, id, content: '', padding: paddingLength });
      }
      if (event.kind === 'content') records.at(-1)!.content += Buffer.from(event.bytes).toString('latin1');
    }
  }
  assert.ok(parser.atBoundary);
  return records;
}

test('pairs survive encoding and decoding, however the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(pair, { maxLength: 20 }), cuts, (pairs, sizes) => {
      const bytes = encodePairs(pairs);
      assert.equal(
        bytes.length,
        pairs.reduce((sum, each) => sum + pairBytes(each), 0),
      );
      const decoder = new PairsDecoder(noLimits);
      for (const piece of cut(bytes, sizes)) assert.equal(decoder.push(piece), undefined);
      assert.equal(decoder.finish(), undefined);
      assert.deepEqual(decoder.pairs, pairs);
    }),
  );
});

for (const [length, head] of [
  [0, '00'],
  [1, '01'],
  [127, '7f'],
  [128, '80000080'],
  [65535, '8000ffff'],
  [65536, '80010000'],
] as const) {
  test(`a name and a value of ${length} bytes have the length "${head}"`, () => {
    const text = 'x'.repeat(length);
    assert.equal(encodePairs([[text, '']]).toString('hex', 0, head.length / 2 + 1), `${head}00`);
    assert.equal(encodePairs([['', text]]).toString('hex', 0, head.length / 2 + 1), `00${head}`);
  });
}

test('a string that is not binary is refused', () => {
  assert.throws(() => encodePairs([['NAME', '\u20ac']]), { code: 'not-binary' });
});

test('a pair over the limit is refused when its lengths are known', () => {
  const decoder = new PairsDecoder({ bytes: 100, count: 10 });
  assert.equal(decoder.push(Buffer.from('0a', 'hex')), undefined);
  assert.equal(decoder.push(Buffer.from('64', 'hex'))?.code, 'params-too-large');
});

test('records survive writing and parsing; padding brings them to multiples of 8', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 11 }),
      fc.integer({ min: 0, max: 65535 }),
      fc.uint8Array({ maxLength: 400 }),
      cuts,
      (type, id, content, sizes) => {
        const bytes = record(type, id, content);
        assert.equal(bytes.length % 8, 0);
        const text = Buffer.from(content).toString('latin1');
        assert.deepEqual(parseRecords(cut(bytes, sizes)), [
          { type, id, content: text, padding: -content.length & 7 },
        ]);
      },
    ),
  );
});

for (const size of [0, 1, 7, 8, 4096, 4097, 65527, 65528, 65529, 65535, 65536, 200_000]) {
  test(`a stream of ${size} bytes becomes records of at most 65528, none of them empty`, () => {
    const content = Buffer.alloc(size, 'ab');
    const bytes = Buffer.concat(streamRecords(recordType.stdout, 7, content));
    const records = parseRecords([bytes]);
    assert.equal(records.map((each) => each.content).join(''), content.toString('latin1'));
    assert.equal(records.length, Math.ceil(size / 65528));
    assert.equal(bytes.length % 8, 0);
    for (const each of records) assert.equal((each.content.length + each.padding) % 8, 0);
  });
}

test('a record takes 65535 bytes and not one more', () => {
  assert.equal(record(5, 1, Buffer.alloc(65535)).length, 8 + 65536);
  assert.throws(() => record(5, 1, Buffer.alloc(65536)), RangeError);
});

test('the end of a response is exact to the byte', () => {
  const hex = endOfResponse(0x102, 0x01020304, 0, true).toString('hex');
  assert.equal(
    hex,
    ['0106010200000000', '0107010200000000', '0103010200080000', '0102030400000000'].join(''),
  );
});

test('parameters are split between pairs where they fit a record, as PHP-FPM needs it', () => {
  const pairs: Pair[] = Array.from({ length: 40 }, (_, index) => [`N${index}`, 'v'.repeat(5000)]);
  const records = parseRecords(paramsRecords(1, pairs));
  assert.ok(records.length > 3);
  assert.equal(records.at(-1)!.content, '');
  for (const each of records) {
    const decoder = new PairsDecoder(noLimits);
    assert.equal(decoder.push(Buffer.from(each.content, 'latin1')), undefined);
    assert.equal(decoder.finish(), undefined);
  }
});

test('a whole request survives client and server side, however it is cut', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 65535 }),
      fc.boolean(),
      fc.array(pair, { maxLength: 10 }),
      fc.uint8Array({ maxLength: 500 }),
      cuts,
      (id, keepConnection, pairs, body, sizes) => {
        const params: Pair[] = [...pairs, ['CONTENT_LENGTH', String(body.length)]];
        const bytes = Buffer.concat([
          beginRequest(id, 1, keepConnection),
          ...paramsRecords(id, params),
          ...streamRecords(recordType.stdin, id, body),
          endOfStream(recordType.stdin, id),
        ]);
        const result = new ScriptedApplication('reads and ends').play(cut(bytes, sizes), false);
        const head = { id, role: 'RESPONDER', keepConnection, params, contentLength: body.length };
        const bodyEvents = body.length > 0 ? [{ body: Buffer.from(body).toString('latin1') }] : [];
        assert.deepEqual(result.events, ['start', { request: head }, ...bodyEvents, { bodyEnd: true }]);
        assert.equal(result.final, keepConnection ? 'idle' : 'closed');
      },
    ),
  );
});

function parseCgi(text: string, size: number, limit?: number) {
  const parser = new CgiResponseParser(limit);
  let head: unknown;
  let body = '';
  for (const chunk of cut(Buffer.from(text, 'latin1'), [size])) {
    const step = parser.push(chunk);
    head ??= step.head;
    body += Buffer.from(step.body).toString('latin1');
  }
  parser.finish();
  return { head, body };
}

for (const [about, text, status, reason, headers] of [
  ['a status', 'Status: 404 Not Found\r\nX: 1\r\n\r\n', 404, 'Not Found', [['X', '1']]],
  ['no status', 'X: 1\r\n\r\n', 200, 'OK', [['X', '1']]],
  ['a status without a text', 'status:503\r\n\r\n', 503, '', []],
  ['Location alone', 'Location: /a\n\n', 302, 'Found', [['Location', '/a']]],
  ['Location and status', 'Location: /a\nStatus: 201 Created\n\n', 201, 'Created', [['Location', '/a']]],
  ['an HTTP line', 'HTTP/1.1 410 Gone\r\nA: b\r\n\r\n', 410, 'Gone', [['A', 'b']]],
  [
    'duplicates',
    'Set-Cookie: a=1\r\nSet-Cookie:  b=2 \r\n\r\n',
    200,
    'OK',
    [
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
    ],
  ],
  ['bytes over 0x7f', 'X: \xff\xe4\r\n\r\n', 200, 'OK', [['X', '\xff\xe4']]],
  ['no header at all', '\r\n', 200, 'OK', []],
] as const) {
  test(`CGI header with ${about}`, () => {
    for (const size of [1, 2, 5, 1000]) {
      const expected = { head: { status, reason, headers }, body: 'body\n\nmore' };
      assert.deepEqual(parseCgi(`${text}body\n\nmore`, size), expected);
    }
  });
}

for (const [about, text, code] of [
  ['a line without a colon', 'nonsense\r\n\r\n', 'bad-cgi-head'],
  ['a folded line', 'A: b\r\n c\r\n\r\n', 'bad-cgi-head'],
  ['a status that is no number', 'Status: fine\r\n\r\n', 'bad-cgi-head'],
  ['no end', 'A: b\r\n', 'bad-cgi-head'],
  ['more than the limit', `A: ${'b'.repeat(100)}\r\n\r\n`, 'cgi-head-too-large'],
] as const) {
  test(`CGI header refused: ${about}`, () => {
    for (const size of [1, 7, 1000]) assert.throws(() => parseCgi(text, size, 50), { code });
  });
}

test('a CGI header of exactly the limit passes', () => {
  const text = `A: ${'b'.repeat(43)}\r\n\r\n`;
  assert.equal(text.length, 50);
  assert.equal(parseCgi(`${text}x`, 1, 50).body, 'x');
});

test('every error is a FastCgiError with a code and says what it saw', () => {
  const parser = new RecordParser();
  parser.feed(Buffer.from('GET / HTTP/1.1'));
  const event = parser.next();
  assert.ok(event?.kind === 'error' && event.error instanceof FastCgiError);
  assert.match(event.error.message, /version byte is "71", must be "1"; it is the letter "G"/);
  assert.equal(parser.next()?.kind, 'error');
});
