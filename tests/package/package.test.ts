/** The package as a user gets it: packed, installed into an empty folder from the registry, run. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { RunningCommand } from '../harness/child.ts';
import { checkout, TestFolder } from '../harness/folder.ts';
import { type CommandResult, cleanEnv, run } from '../harness/server.ts';
import { freePort } from '../harness/web-server.ts';

/** This process's environment without the checkout's node_modules/.bin, which npm put first on PATH. */
function machineEnv(): NodeJS.ProcessEnv {
  const path = (process.env['PATH'] ?? '').split(':').filter((entry) => !entry.includes('node_modules'));
  return cleanEnv({ PATH: path.join(':') });
}

describe('the npm package', () => {
  const folder = new TestFolder('hathi-package-');
  const app = folder.mkdir('app');
  const bin = join(app, 'node_modules/.bin/hathi');
  let env: NodeJS.ProcessEnv;

  const npm = async (cwd: string, ...args: string[]): Promise<CommandResult> => {
    const result = await run('npm', args, { cwd, env, cap: 120_000 });
    assert.equal(result.code, 0, `npm ${args.join(' ')}:\n${result.stdout}${result.stderr}`);
    return result;
  };

  before(async () => {
    // npm is run by the Node that runs this test: an older one would leave the embedded engine out.
    // It then looks for its global configuration beside that Node, so the machine's own is passed on.
    const globalConfig = await run('npm', ['config', 'get', 'globalconfig'], { env: machineEnv() });
    folder.mkdir('path');
    symlinkSync(process.execPath, folder.join('path/node'));
    env = cleanEnv({
      PATH: `${folder.join('path')}:${process.env['PATH']}`,
      HATHI_NODE: undefined,
      npm_config_globalconfig: globalConfig.stdout.trim(),
    });

    // Packing builds dist/, so it happens in a copy.
    const source = folder.mkdir('source');
    for (const name of readdirSync(checkout)) {
      if (['.git', 'node_modules', 'dist', 'tests', '.cache'].includes(name)) continue;
      cpSync(join(checkout, name), join(source, name), { recursive: true });
    }
    symlinkSync(join(checkout, 'node_modules'), join(source, 'node_modules'));
    await npm(source, 'pack', '--pack-destination', folder.path);
    const tarball = readdirSync(folder.path).find((name) => name.endsWith('.tgz'));
    assert.ok(tarball !== undefined);
    await npm(app, 'init', '-y');
    await npm(app, 'install', '--no-audit', '--no-fund', folder.join(tarball));
  });

  after(() => folder[Symbol.dispose]());

  test('holds what it needs and nothing else', () => {
    const root = join(app, 'node_modules/hathi');
    assert.deepEqual(
      readdirSync(root)
        .filter((name) => !['README.md', 'CHANGELOG.md', 'LICENSE', 'docs', 'examples'].includes(name))
        .sort(),
      ['bin', 'dashboard', 'dist', 'native', 'package.json'],
    );
    assert.ok(existsSync(join(app, 'node_modules/@php-wasm/node-8-4')), 'the embedded engine came along');
  });

  test('takes at most 100 MB on disk with its dependencies', async () => {
    const result = await run('/usr/bin/du', ['-sm', join(app, 'node_modules')]);
    const megabytes = Number.parseInt(result.stdout, 10);
    assert.ok(megabytes <= 100, `${megabytes} MB`);
  });

  test('runs: version, help, a configuration test', async () => {
    const version = await run(bin, ['-v'], { env });
    assert.equal(version.code, 0, version.stderr);
    assert.match(version.stdout, /^PHP \d+\.\d+\.\d+ \(fpm-fcgi\)/);

    const help = await run(bin, ['request', '--help'], { env });
    assert.equal(help.code, 0, help.stderr);
    assert.match(help.stdout, /--connect/);

    const config = folder.write('bad.conf', '[global]\nno_such_directive = 1\n');
    const bad = await run(bin, ['-t', '-y', config], { env });
    assert.equal(bad.code, 78);
  });

  test('serves a site', async () => {
    mkdirSync(join(app, 'public'));
    folder.write('app/public/index.php', '<?php echo "PHP ", PHP_VERSION, " says hello";');
    const port = await freePort();
    const root = process.getuid?.() === 0 ? ['--user', 'www-data'] : [];
    await using serve = new RunningCommand(bin, ['serve', '--port', String(port), ...root, 'public'], {
      cwd: app,
      env,
    });
    const url = `http://127.0.0.1:${port}`;
    await serve.says(new RegExp(url));
    assert.match(await (await fetch(url)).text(), /^PHP \d+\.\d+\.\d+ says hello$/);
    const dashboard = new URL((await serve.says(/Dashboard +http/)).trim().split(/ +/)[1] ?? '');
    for (const path of ['/', '/dashboard/main.js', '/dashboard/uplot.js']) {
      assert.equal((await fetch(new URL(path, dashboard))).status, 200, path);
    }
    assert.equal(await serve.stop(), 0);
  });
});
