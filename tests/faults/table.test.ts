/** The table of faults names tests that there are, and each fault once. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkout } from '../harness/folder.ts';
import { faultGroups, withShortFaults } from './table.ts';

const faults = faultGroups.flatMap((group) => group.faults);

test('each fault is there once, and has a test of that name', () => {
  const names = faults.map(({ fault }) => fault);
  assert.deepEqual(names, [...new Set(names)]);
  for (const { fault, tests } of faults) {
    assert.ok(tests.length > 0, fault);
    for (const [file, name] of tests) {
      const path = join(checkout, 'tests', file);
      assert.ok(existsSync(path), `${fault}: ${file}`);
      assert.ok(readFileSync(path, 'utf8').includes(name), `${fault}: "${name}" in ${file}`);
    }
  }
});

test('a README without a row of the short form is refused', () => {
  assert.throws(() => withShortFaults('| reload |'), /it lacks the row/);
});
