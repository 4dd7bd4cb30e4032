/** Pools that say the same are recognised by what they say, and nothing that a directive says is overlooked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DIRECTIVES, newPool, type PoolConfig } from '../../src/config/directives.ts';
import { isSamePool } from '../../src/config/same-pool.ts';

const place = { file: '/etc/pool.conf', line: 1 };

function pool(): PoolConfig {
  const made = newPool('www', place);
  made.places.set('listen', { file: '/etc/pool.conf', line: 2 });
  return { ...made, listen: '/run/www.sock', env: [['A', '1']], php_value: [['a', 'b']] } as PoolConfig;
}

test('another object with the same values is the same pool', () => {
  assert.ok(isSamePool(pool(), pool()));
});

test('another value of any directive makes another pool', () => {
  const names = DIRECTIVES.filter(({ scope, type }) => scope === 'pool' && type !== 'flags').map(
    ({ name }) => name as keyof PoolConfig,
  );
  assert.ok(names.length > 50);
  for (const name of names) {
    const before = pool()[name];
    const values: unknown[] = Array.isArray(before)
      ? [[['A', '2']], [...before, ['B', '1']], [], ['A']]
      : ['another', 123456, undefined, []];
    for (const value of values) {
      if (Array.isArray(before) && Array.isArray(value) && value.length === 0 && before.length === 0)
        continue;
      if (value === before) continue;
      const other = { ...pool(), [name]: value } as PoolConfig;
      assert.equal(isSamePool(pool(), other), false, `${name} = ${JSON.stringify(value)}`);
      assert.equal(isSamePool(other, pool()), false, `${name} = ${JSON.stringify(value)}`);
    }
  }
});

test('so do another name, version, place, a directive that moved, and one more key', () => {
  const moved = (line: number, name = 'listen'): PoolConfig => ({
    ...pool(),
    places: new Map([[name, { file: '/etc/pool.conf', line }]]),
  });
  const others: PoolConfig[] = [
    { ...pool(), name: 'shop' },
    { ...pool(), folderVersion: '8.2' },
    { ...pool(), file: '/etc/other.conf' },
    { ...pool(), line: 2 },
    moved(3),
    moved(2, 'pm'),
    { ...pool(), places: new Map() },
  ];
  for (const other of others) {
    assert.equal(isSamePool(pool(), other), false);
    assert.equal(isSamePool(other, pool()), false);
  }
});
