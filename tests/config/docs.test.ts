import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { generate, replaceBetween } from '../../scripts/generate-docs.ts';
import { DIRECTIVES } from '../../src/config/directives.ts';

const page = readFileSync(new URL('../../docs/directives.md', import.meta.url), 'utf8');

test('the generated documentation is fresh', () => {
  assert.deepEqual(generate({ check: true }), [], 'run scripts/generate-docs.ts');
});

test('the page has each directive, and no other', () => {
  const documented = [...page.matchAll(/^### `([^`[]+)/gm)].map(([, name]) => name);
  assert.deepEqual(documented.sort(), DIRECTIVES.map((row) => row.name).sort());
});

test('markers frame generated text inside of a page', () => {
  const text = replaceBetween('a\n<!-- x -->\nold\n<!-- /x -->\nb\n', 'x', 'new\n');
  assert.equal(text, 'a\n<!-- x -->\nnew\n<!-- /x -->\nb\n');
  assert.equal(replaceBetween(text, 'x', 'new\n'), text);
  assert.throws(() => replaceBetween('a', 'x', 'new'), /lacks <!-- x --> and <!-- \/x -->/);
});
