/** docs/embedded.md lists what the embedded PHP lacks: exactly that, in the engine that is installed. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type Inventory, inventoryMarkdown, missingFrom, readInventory } from '../../scripts/inventory.ts';
import { scriptText } from '../../src/engine/embedded/one-shot.ts';
import { defaultVersion } from '../../src/engine/embedded/php/package.ts';
import { checkout } from '../harness/folder.ts';

test('the list of what is missing is that of the engine', async () => {
  const ini = { files: [], hasScanFolder: false, folder: undefined, ignored: true, defines: [] };
  const source = readFileSync(`${checkout}/scripts/php-inventory.php`, 'utf8');
  const found = JSON.parse(await scriptText(defaultVersion, ini, source)) as Inventory;
  const { reference, extensions, missing } = readInventory();
  assert.ok(extensions.length > 60 && Object.keys(reference.names).length > 30);
  assert.deepEqual(missingFrom(reference, extensions, found), missing[defaultVersion]);
});

test('a name that goes or comes is told', () => {
  const reference = { version: '8.2.0', names: { one: 'f() C C::m()', two: 'g()', three: '' } };
  const found = { version: '8.4.0', extensions: { one: ['F()', 'C::M()'], other: ['g()'], three: [] } };
  assert.deepEqual(missingFrom(reference, ['four', 'one', 'two', 'three'], found), {
    extensions: ['four', 'two'],
    names: { one: 'C' },
  });
  const text = inventoryMarkdown({
    reference,
    extensions: [],
    missing: {
      8.2: { extensions: ['two', 'memcached'], names: { one: 'C' } },
      8.4: { extensions: ['two'], names: { one: 'C f()', two: 'g()' } },
    },
  });
  assert.match(text, /two, memcached \(loaded/);
  assert.match(
    text,
    /\| one \| `C` \|\n\nIn PHP 8\.4, beside these:\n\n.*\n.*\n\| one \| `f\(\)` \|\n\| two \| `g\(\)` \|\n$/,
  );
});
