/** Which php.ini files a pool's PHP starts with, when the master's are those of the same PHP, of another, or none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { iniFilesFor, type PhpIniSource } from '../../src/engine/ini-files.ts';

const own = { folder: '/etc/php/8.4/fpm', main: ['own.ini'], scanned: ['10-opcache.ini'] };

const rows: readonly (readonly [
  name: string,
  found: Partial<PhpIniSource>,
  wanted: readonly string[],
  folder?: string,
])[] = [
  ['the same version', { folder: '/etc/php/8.4/fpm' }, ['found.ini']],
  ['a folder without a version', { folder: '/etc/hathi' }, ['found.ini']],
  ['another version, as Debian has it', { folder: '/etc/php/8.5/fpm' }, ['own.ini', '10-opcache.ini']],
  [
    'another version, as Alpine has it',
    { folder: '/etc/php85' },
    ['own.ini', '10-opcache.ini'],
    '/etc/php84',
  ],
  ['another tree with a version', { folder: '/srv/8.5/fpm' }, ['found.ini']],
  ['named by the operator', { folder: undefined }, ['found.ini']],
  ['none at all', { folder: '/srv', files: [], hasScanFolder: false }, ['own.ini', '10-opcache.ini']],
  ['a php.ini alone', { folder: '/srv', hasScanFolder: false }, ['found.ini', '10-opcache.ini']],
  ['-n', { folder: undefined, files: [], ignored: true }, []],
];

for (const [name, found, wanted, folder = own.folder] of rows) {
  test(`php.ini files: ${name}`, () => {
    const all = {
      files: ['found.ini'],
      hasScanFolder: true,
      folder: undefined,
      ignored: false,
      defines: [],
      ...found,
    };
    assert.deepEqual(iniFilesFor(all, { ...own, folder }).files, wanted);
    assert.deepEqual(iniFilesFor(all, undefined), all, 'an engine without places of its own');
  });
}
