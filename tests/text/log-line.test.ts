/** Text from strangers on a line of a text log. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { asBinary } from '../../src/text/binary.ts';
import {
  fitLogLine,
  logField,
  logFieldWithQuotes,
  logLine,
  logWord,
  wholeCharacters,
} from '../../src/text/log-line.ts';

const binary = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
const line = (text: string): string => logLine(Buffer.from(text, 'latin1')).toString('latin1');

const cases: [name: string, text: string, shown: string][] = [
  ['plain text and tabs', 'a\tb ~"\\', 'a\tb ~"\\'],
  ['escape sequences', '\x1b[31mred\x1b[0m\x07', '\\x1b[31mred\\x1b[0m\\x07'],
  ['carriage return, NUL, DEL', 'a\rb\0c\x7f', 'a\\x0db\\x00c\\x7f'],
  ['a newline', 'a\nb', 'a\\nb'],
  ['C1 controls, U+0080 to U+009F', binary('a\u009b31m\u0085'), 'a\\xc2\\x9b31m\\xc2\\x85'],
  ['the same bytes outside of UTF-8', '\x9b31m\x80', '\\x9b31m\\x80'],
  ['separators of lines and paragraphs', binary('a\u2028b\u2029'), 'a\\xe2\\x80\\xa8b\\xe2\\x80\\xa9'],
  ['marks of direction', binary('a\u202eb\u2066c'), 'a\\xe2\\x80\\xaeb\\xe2\\x81\\xa6c'],
  [
    'letters, joiners and emoji',
    binary('ÀÉß نمی\u200cخواهم 👩\u200d🚀'),
    binary('ÀÉß نمی\u200cخواهم 👩\u200d🚀'),
  ],
  ['Latin-1', 'caf\xe9 \xa9', 'caf\xe9 \xa9'],
  [
    'an overlong control',
    '\xc0\x9b\xe0\x82\x9b\xf0\x80\x82\x9b',
    '\xc0\\x9b\xe0\\x82\\x9b\xf0\\x80\\x82\\x9b',
  ],
  ['half a surrogate pair', '\xed\xa0\x80', '\xed\xa0\\x80'],
];

for (const [name, text, shown] of cases) {
  test(`a line of the log: ${name}`, () => assert.equal(line(text), shown));
}

/** No control, encoded or not, whatever the bytes. */
function assertHarmless(bytes: Buffer): void {
  assert.doesNotMatch(bytes.toString('latin1'), /[\0-\x08\x0a-\x1f\x7f]/);
  assert.doesNotMatch(bytes.toString('utf8'), /[\u0080-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/);
}

const anyBytes = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
const nasty = fc
  .array(fc.constantFrom('\x1b', '\xc2', '\x9b', '\xe2', '\x80', '\xa8', 'a', '\n', '\xf0', '\xed'), {
    maxLength: 40,
  })
  .map((parts) => Buffer.from(parts.join(''), 'latin1'));

test('whatever the bytes, no line holds a control', () => {
  fc.assert(fc.property(fc.oneof(anyBytes, nasty), (bytes) => assertHarmless(logLine(bytes))));
});

test('cut to any room, a text is the same in pieces, none of which is too long', () => {
  fc.assert(
    fc.property(fc.oneof(anyBytes, nasty), fc.integer({ min: 16, max: 60 }), (bytes, room) => {
      const pieces: Buffer[] = [];
      for (let rest = bytes; rest.length > 0; ) {
        const { used, line: piece } = fitLogLine(rest, room);
        assert.ok(used > 0 && piece.length <= room);
        assertHarmless(piece);
        pieces.push(piece);
        rest = rest.subarray(used);
      }
      assert.deepEqual(Buffer.concat(pieces), logLine(bytes));
    }),
  );
});

test('pieces end at whole characters', () => {
  const text = Buffer.from('aé€😀b');
  const ends = Array.from({ length: text.length + 1 }, (_, most) => wholeCharacters(text, most));
  assert.deepEqual(ends, [0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11]);
  assert.equal(wholeCharacters(Buffer.alloc(9, 0x80), 5), 5, 'nothing but continuations');
});

test('fields of the access log: quotes and backslashes as nginx has them, unsafe characters byte by byte', () => {
  assert.equal(logField(asBinary('/a"b\\c\x1b\x7f\n')), '/a\\x22b\\x5Cc\\x1B\\x7F\\x0A');
  assert.equal(logField(asBinary(binary('/é\u009b\u202e'))), `${binary('/é')}\\xC2\\x9B\\xE2\\x80\\xAE`);
  assert.equal(logFieldWithQuotes(asBinary('"a"\t\r')), '"a"\\x09\\x0D');
});

test('a path in the words of the reference', () => {
  assert.equal(logWord(asBinary(binary('/é\x1b"x'))), '/..."x');
});
