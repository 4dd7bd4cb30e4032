/** Which php.ini files count, and what the configuration sees of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findPhpIni, iniValues } from '../../src/boot/php-ini.ts';
import { TestFolder } from '../harness/folder.ts';

/** A folder as Debian has it: a configuration with a php.ini and a scan folder beside it. */
function debianLike(): TestFolder {
  const folder = new TestFolder();
  folder.write('php-fpm.conf', '');
  folder.write('php.ini', 'precision = 5\n');
  folder.write('conf.d/20-b.ini', '');
  folder.write('conf.d/10-a.ini', '');
  folder.write('conf.d/readme', '');
  folder.write('other/php.ini', '');
  folder.write('scan/x.ini', '');
  return folder;
}

const rows: readonly {
  name: string;
  given?: string;
  ignored?: boolean;
  env?: (folder: TestFolder) => NodeJS.ProcessEnv;
  files: readonly string[];
}[] = [
  {
    name: 'beside the configuration, the scan folder in the order of its names',
    files: ['php.ini', 'conf.d/10-a.ini', 'conf.d/20-b.ini'],
  },
  { name: '-c FOLDER', given: 'other', files: ['other/php.ini', 'conf.d/10-a.ini', 'conf.d/20-b.ini'] },
  { name: '-c FILE', given: 'scan/x.ini', files: ['scan/x.ini', 'conf.d/10-a.ini', 'conf.d/20-b.ini'] },
  { name: '-c of a folder without one', given: 'scan', files: ['conf.d/10-a.ini', 'conf.d/20-b.ini'] },
  { name: '-n', ignored: true, files: [] },
  { name: '-n with -c FILE', ignored: true, given: 'scan/x.ini', files: ['scan/x.ini'] },
  {
    name: 'PHPRC',
    env: (folder) => ({ PHPRC: folder.join('other') }),
    files: ['other/php.ini', 'conf.d/10-a.ini', 'conf.d/20-b.ini'],
  },
  {
    name: 'PHP_INI_SCAN_DIR',
    env: (folder) => ({ PHP_INI_SCAN_DIR: folder.join('scan') }),
    files: ['php.ini', 'scan/x.ini'],
  },
  {
    name: 'PHP_INI_SCAN_DIR with an empty element',
    env: (folder) => ({ PHP_INI_SCAN_DIR: `${folder.join('scan')}:` }),
    files: ['php.ini', 'scan/x.ini', 'conf.d/10-a.ini', 'conf.d/20-b.ini'],
  },
];

for (const { name, given, ignored = false, env, files } of rows) {
  test(`php.ini: ${name}`, () => {
    using folder = debianLike();
    const choice = {
      given: given === undefined ? undefined : folder.join(given),
      ignored,
      configFile: folder.join('php-fpm.conf'),
    };
    assert.deepEqual(
      findPhpIni(choice, env?.(folder) ?? {}).files,
      files.map((file) => folder.join(file)),
    );
  });
}

test('the configuration’s folder is told where nobody named another', () => {
  using folder = debianLike();
  const configFile = folder.join('php-fpm.conf');
  const found = (given: string | undefined, env: NodeJS.ProcessEnv): string | undefined =>
    findPhpIni({ given, ignored: false, configFile }, env).folder;
  assert.deepEqual(
    [found(undefined, {}), found('/x', {}), found(undefined, { PHPRC: '/x' })],
    [folder.path, undefined, undefined],
  );
  assert.equal(found(undefined, { PHP_INI_SCAN_DIR: '/x' }), undefined);
});

test('values: later files and -d win, what is for a path only does not count', () => {
  using folder = new TestFolder();
  const first = folder.write('a.ini', '[PHP]\none = 1\ntwo = "a b" ; comment\n[PATH=/x]\none = path\n');
  const second = folder.write('b.ini', `two = \${one}0\nthree = \${HOME_OF}\n`);
  const values = iniValues([first, second, '/nonexistent/c.ini'], ['four=E_ALL', 'one=9'], { HOME_OF: '/h' });
  assert.deepEqual(Object.fromEntries(values), { one: '9', two: '10', three: '/h', four: '32767' });
});
