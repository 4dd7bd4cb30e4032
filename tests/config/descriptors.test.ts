import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkDescriptors } from '../../src/config/descriptors.ts';
import type { Engine } from '../../src/config/directive.ts';
import { loadConfiguration } from '../../src/config/load.ts';
import { fakeSystem } from './fake-system.ts';

/** Messages about two pools of one and three workers, with these limits. */
function said(limits: { global?: number; pool?: number }, engine: Engine = 'embedded'): string[] {
  const line = (value?: number): string => (value === undefined ? '' : `rlimit_files = ${value}`);
  const pool = (name: string, port: number, workers: number, more = ''): string =>
    `[${name}]\nlisten = ${port}\npm = static\npm.max_children = ${workers}\nuser = www\n${more}\n`;
  const text = `[global]\n${line(limits.global)}\n${pool('one', 9000, 1)}${pool('three', 9001, 3, line(limits.pool))}`;
  const { configuration, messages } = loadConfiguration({ file: '/f' }, fakeSystem({ '/f': text }));
  assert.ok(configuration, JSON.stringify(messages));
  return checkDescriptors(configuration, () => engine).flatMap(({ text, detail = [] }) => [text, ...detail]);
}

test('limits that are not set, or are enough', () => {
  assert.deepEqual(said({}), []);
  assert.deepEqual(said({ global: 0, pool: 0 }), []);
  assert.deepEqual(said({ global: 64, pool: 52 }), []);
});

test('one descriptor less than the master needs, or than a pool needs', () => {
  assert.deepEqual(said({ global: 63 }), [
    'rlimit_files = 63 is too low: the master of 2 pools needs at least 64 descriptors',
    '/f:2: rlimit_files = 63',
    'Set it to 64 or more, or leave it out.',
  ]);
  assert.deepEqual(said({ pool: 51 }), [
    '[pool three] rlimit_files = 51 is too low: an embedded engine of 3 workers needs at least 52 descriptors',
    '/f:14: rlimit_files = 51',
    'Set it to 52 or more, or leave it out.',
  ]);
});

test('a pool without a limit has that of the master', () => {
  const pools = said({ global: 30 }).filter((text) => text.startsWith('[pool'));
  assert.deepEqual(pools, [
    '[pool one] rlimit_files = 30 is too low: an embedded engine of 1 worker needs at least 38 descriptors',
    '[pool three] rlimit_files = 30 is too low: an embedded engine of 3 workers needs at least 52 descriptors',
  ]);
});

test('workers of the native engine need no more than those of PHP-FPM', () => {
  assert.deepEqual(said({ pool: 10 }, 'native'), []);
});
