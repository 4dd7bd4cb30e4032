/** `hathi php`: further versions of the embedded PHP, from the real registry, and what sets a checkout up beside them. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { defaultVersion, installedVersions, knownVersions } from '../../src/engine/embedded/php/package.ts';
import { phpFolder, phpFolders } from '../../src/engine/embedded/php/store.ts';
import { checkout, TestFolder } from '../harness/folder.ts';
import { type CommandResult, cleanEnv, run, serverCommand } from '../harness/server.ts';

/** PATH without the checkout's node_modules/.bin, which npm put first on it: the machine's npm is run by its own Node. */
const machinePath = (process.env['PATH'] ?? '')
  .split(':')
  .filter((entry) => !entry.includes('node_modules'))
  .join(':');

/** A version that this checkout does not have. */
const other = knownVersions.find((version) => !installedVersions().includes(version)) ?? '8.2';

function php(
  folder: TestFolder,
  args: readonly string[],
  more: NodeJS.ProcessEnv = {},
): Promise<CommandResult> {
  const env = cleanEnv({ PATH: machinePath, HATHI_PHP_DIR: folder.join('php'), ...more });
  return run(serverCommand('hathi'), ['php', ...args], { env, cwd: folder.path, cap: 120_000 });
}

describe('hathi php', () => {
  test('adds a version beside those that are there, and removes what it added alone', async () => {
    using folder = new TestFolder('hathi-php-');
    const added = await php(folder, ['add', other]);
    assert.equal(added.code, 0, added.stderr);
    assert.match(added.stdout, new RegExp(`^Installed PHP ${other}\\.\\d+: ${folder.join('php')}/`));

    const listed = await php(folder, ['list']);
    assert.match(listed.stdout, new RegExp(`^${other} +${other}\\.\\d+ +${folder.join('php')}/`, 'm'));
    assert.match(
      listed.stdout,
      new RegExp(`^${defaultVersion} +${defaultVersion}\\.\\d+ .*\\(default\\)$`, 'm'),
    );

    const again = await php(folder, ['add', other, defaultVersion]);
    assert.deepEqual([again.code, again.stdout.match(/is installed already/g)?.length], [0, 2]);

    const config = folder.write(
      'php-fpm.conf',
      `[global]\nerror_log = ${folder.join('log')}\n[www]\nuser = www-data\nlisten = ${folder.join('s')}
pm = static\npm.max_children = 1\nengine = embedded\nengine.php = ${other}\n`,
    );
    const env = cleanEnv({ HATHI_PHP_DIR: folder.join('php') });
    const tested = await run(serverCommand('hathi'), ['-t', '-y', config], { env });
    assert.equal(tested.code, 0, tested.stderr);

    const kept = await php(folder, ['remove', defaultVersion]);
    assert.equal(kept.code, 1);
    assert.match(kept.stderr, /was not installed by "hathi php add": remove it from "/);
    const removed = await php(folder, ['remove', other]);
    assert.deepEqual([removed.code, removed.stdout], [0, `Removed PHP ${other}\n`]);
    assert.match((await php(folder, ['list'])).stdout, new RegExp(`^${other} +- +not installed$`, 'm'));
    assert.equal((await php(folder, ['remove', other])).code, 1);
  });

  test('says what is wrong: the version, npm that is missing or fails, the folder, the words', async () => {
    using folder = new TestFolder('hathi-php-');
    folder.write('file', '');
    const node = { HATHI_NODE: process.execPath };
    const rows: readonly [args: string[], env: NodeJS.ProcessEnv, code: number, text: RegExp][] = [
      [['add', '9.9'], {}, 1, /no embedded PHP "9\.9": there are 8\.5, /],
      [['add', other], { ...node, PATH: '/nowhere' }, 1, /cannot find npm on PATH/],
      [
        ['add', other],
        {
          npm_config_registry: 'http://127.0.0.1:1/',
          npm_config_fetch_retries: '0',
          npm_config_cache: folder.join('c'),
        },
        1,
        /npm install failed:[\s\S]*ECONNREFUSED/,
      ],
      [['add', other], { HATHI_PHP_DIR: folder.join('file/php') }, 1, /cannot write ".*file\/php": ENOTDIR/],
      [[], {}, 64, /^Usage: hathi php list/],
      [['add'], {}, 64, /^Usage/],
      [['list', 'x'], {}, 64, /^Usage/],
      [['--wrong'], {}, 64, /^Usage/],
    ];
    for (const [args, env, code, text] of rows) {
      const said = await php(folder, args, env);
      assert.equal(said.code, code, `${args.join(' ')}: ${said.stderr}`);
      assert.match(said.stderr, text);
    }
    assert.equal((await php(folder, ['--help'])).code, 0);
  });
});

test('versions are kept for the machine by root, else among the user’s data; both are looked into', () => {
  assert.equal(phpFolder({}, 0), '/var/lib/hathi/php');
  assert.equal(phpFolder({ XDG_DATA_HOME: '/home/a/data' }, 1000), '/home/a/data/hathi/php');
  assert.deepEqual(phpFolders({ XDG_DATA_HOME: '/d' }, 33), ['/d/hathi/php', '/var/lib/hathi/php']);
  assert.deepEqual(phpFolders({ HATHI_PHP_DIR: '/srv/php' }, 33), ['/srv/php']);
});

/** A checkout with packages of these names, and an npm that notes how it was called. */
function checkoutWith(folder: TestFolder, packages: Readonly<Record<string, string>>): () => string[] {
  mkdirSync(folder.join('scripts'));
  cpSync(join(checkout, 'scripts/setup.sh'), folder.join('scripts/setup.sh'));
  folder.write('package.json', JSON.stringify({ optionalDependencies: { '@php-wasm/node-8-4': '3.1.56' } }));
  folder.write('package-lock.json', '{}');
  for (const [name, version] of Object.entries(packages)) {
    const about = JSON.stringify({ name: `@php-wasm/${name}`, version }, undefined, 2);
    folder.write(`node_modules/@php-wasm/${name}/package.json`, about);
  }
  folder.mkdir('node_modules/node/bin');
  symlinkSync(process.execPath, folder.join('node_modules/node/bin/node'));
  const calls = folder.join('calls');
  folder.write(
    'npm.cjs',
    `require('fs').appendFileSync(${JSON.stringify(calls)}, process.argv.slice(2).join(' ') + '\\n');`,
  );
  return () => (existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : []);
}

for (const [packages, kept] of [
  [{ 'node-8-4': '3.1.56', 'node-8-2': '3.1.56' }, ['@php-wasm/node-8-2@3.1.56']],
  [
    { 'node-8-4': '3.1.56', 'node-7-4': '3.1.50', 'node-8-5': '3.2.0' },
    ['@php-wasm/node-7-4@3.1.50', '@php-wasm/node-8-5@3.2.0'],
  ],
  [{ 'node-8-4': '3.1.56', universal: '3.1.56' }, []],
] as const) {
  test(`setting a checkout up keeps what was added to it: ${kept.join(', ') || 'nothing'}`, async () => {
    using folder = new TestFolder('hathi-setup-');
    const calls = checkoutWith(folder, packages);
    const env = cleanEnv({ npm_execpath: folder.join('npm.cjs') });
    const { code, stderr } = await run('/bin/sh', [folder.join('scripts/setup.sh')], { env });
    assert.equal(code, 0, stderr);
    const installs = calls().filter((call) => call.startsWith('install '));
    assert.equal(installs.length, 1);
    assert.deepEqual(
      installs[0]?.split(' ').filter((word) => word.startsWith('@')),
      kept,
    );
  });
}
