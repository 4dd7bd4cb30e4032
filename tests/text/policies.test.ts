/** Text from strangers on a terminal, in markup and in JSON; log-line.test.ts has the fourth policy. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { asBinary } from '../../src/text/binary.ts';
import { guardedJson, jsonDocument, phpJsonString } from '../../src/text/json.ts';
import { markup } from '../../src/text/markup.ts';
import { terminalLine, terminalText } from '../../src/text/terminal.ts';
import { shownText } from '../../src/text/unsafe.ts';
import { checkout } from '../harness/folder.ts';

/** Every kind of what is unsafe, between letters. */
const nasty = 'a\x1bb\u009bc\u2028d\u202ee\u2069f\0g\x7fh\ufffei\ud800j\tk\nl\rm';
const unsafe = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069\ufffe\uffff]/u;
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme-composite' }),
  fc.constant(nasty),
);

test('no policy lets an unsafe character through', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      for (const shown of [
        terminalText(text),
        terminalLine(Buffer.from(text)),
        markup(text),
        jsonDocument(text),
        phpJsonString(text),
      ]) {
        assert.doesNotMatch(shown, unsafe);
      }
    }),
  );
});

test('JSON loses nothing, and is the same document', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      assert.equal(JSON.parse(jsonDocument(text)), text);
      assert.equal(JSON.parse(phpJsonString(text)), text);
    }),
  );
  const document = '{"a":\t"\u009b\u202e",\r\n "b": 1}';
  assert.equal(guardedJson(document), '{"a": "\\u009b\\u202e",   "b": 1}');
  assert.equal(phpJsonString('/é'), '"\\/\\u00e9"');
});

test('a terminal: one row, no format characters, no piles of marks; bytes are written out', () => {
  assert.equal(terminalText('a\tb\u200bc\u00add'), 'a\ufffdb\ufffdc\ufffdd');
  assert.equal(terminalText(`e${'\u0301'.repeat(9)}`), 'e\u0301\u0301');
  assert.equal(terminalLine(Buffer.from('\x1b[2J é \u009b')), '\\x1b[2J é \\xc2\\x9b');
});

test('markup: content and quoted attributes', () => {
  assert.equal(markup(`<a href='"&">\x1b`), '&lt;a href=&#039;&quot;&amp;&quot;&gt;\ufffd');
});

test('bytes that are no UTF-8 are shown as such', () => {
  assert.equal(shownText(asBinary('\xc3\xa9\xff\x9b')), 'é\ufffd\ufffd');
});

/** Patterns of controls and of classes of characters. */
const stripping =
  /\.replace(?:All)?\(\s*\/[^\n]*(?:\\x00|\\x1b|\\x1f|\\x7f|\\0-|\\p\{C|\\u0000|\\u001|\\u007f|\^\\x20)/;

test('nobody else strips or escapes unsafe characters', () => {
  const files = readdirSync(join(checkout, 'src'), { recursive: true, encoding: 'utf8' }).filter(
    // The rules of iconv() are about the bytes of a script's text.
    (name) => name.endsWith('.ts') && !name.startsWith('text/') && !name.endsWith('/iconv-names.ts'),
  );
  assert.ok(files.length > 300);
  const found = files.filter((name) => stripping.test(readFileSync(join(checkout, 'src', name), 'utf8')));
  assert.deepEqual(found, []);
  assert.match(
    readFileSync(join(checkout, 'src/text/log-line.ts'), 'utf8'),
    stripping,
    'the pattern finds what it is for',
  );
});
