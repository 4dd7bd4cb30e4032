/** `hathi serve --worker --watch`: the application is booted, and boots anew when one of its files changes. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { test } from 'node:test';
import { TestFolder } from '../harness/folder.ts';
import { LogLines } from '../harness/log-lines.ts';
import { adopt, exited, killTree } from '../harness/processes.ts';
import { cleanEnv, isRoot, serverCommand } from '../harness/server.ts';
import { poll, within } from '../harness/waiting.ts';
import { nativeBuild } from '../native/built-engine.ts';

const native = nativeBuild();
/** Without a folder of builds there is only the embedded engine. */
const engines = [
  { name: 'native', folder: native.folder, skip: native.skip },
  { name: 'embedded', folder: undefined, skip: false },
] as const;

const front = `<?php
require __DIR__ . '/../src/version.php';
$n = 0;
while (frankenphp_handle_request(function () use (&$n): void {
    echo VERSION, ' ', ++$n, ' ', $_SERVER['REQUEST_URI'];
})) continue;
`;

const args = ['serve', '--worker', 'public/index.php', '--watch', '--workers', '1', '--port', '0'];

function start(project: TestFolder, engineFolder = project.join('no-engine')) {
  const user = isRoot ? ['--user', 'www-data'] : [];
  const child = spawn(serverCommand('hathi'), [...args, '--no-dashboard', ...user], {
    cwd: project.path,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...cleanEnv(), HATHI_ENGINE_DIR: engineFolder },
  });
  adopt(child);
  return { child, out: LogLines.fromStream(child.stdout), errors: LogLines.fromStream(child.stderr) };
}

function writeProject(): TestFolder {
  const project = new TestFolder('hathi-serve-');
  project.write('public/index.php', front);
  project.write('public/other.php', "<?php echo 'another script';");
  project.write('src/version.php', "<?php const VERSION = 'one';");
  chmodSync(project.path, 0o755);
  return project;
}

for (const { name, folder, skip } of engines) {
  const title = `the application stays booted, and boots anew when a file changes; a boot that fails leaves the old one (${name})`;
  test(title, { skip }, () => follow(folder));
}

async function follow(engineFolder: string | undefined): Promise<void> {
  using project = writeProject();
  const { child, out, errors } = start(project, engineFolder);
  try {
    const url = (await out.waitFor(/http:\/\/127\.0\.0\.1:\d+$/, 0, 30_000)).trim();
    const ask = async (path: string): Promise<string> => await (await fetch(`${url}${path}`)).text();
    assert.equal(await ask('/a/page?x=1'), 'one 1 /a/page?x=1');
    assert.equal(await ask('/'), 'one 2 /');
    assert.equal(await ask('/other.php'), 'another script');
    const version = async (wanted: string): Promise<true> =>
      await poll(wanted, async () => (await ask('/')).startsWith(wanted) || undefined);
    project.write('src/version.php', "<?php const VERSION = 'two';");
    await version('two 1 /');
    // The master's own work: once is enough.
    if (engineFolder !== undefined) {
      project.write('src/version.php', "<?php throw new Exception('no database');");
      await errors.waitFor(/could not be booted: Uncaught Exception: no database/);
      assert.match(await ask('/'), /^two \d+ \/$/);
      project.write('src/version.php', "<?php const VERSION = 'three';");
      await version('three 1 /');
    }
    child.kill('SIGTERM');
    await within(exited(child), 'the end of hathi serve');
    assert.equal(child.exitCode, 0);
  } finally {
    await killTree(child);
  }
}

test('a first boot that fails ends the command, which says why, once', async () => {
  using project = writeProject();
  project.write('src/version.php', "<?php throw new Exception('no database');");
  const { child, errors } = start(project);
  try {
    await within(exited(child), 'the end of hathi serve', 30_000);
    assert.equal(child.exitCode, 1);
    const said = errors.lines.filter((line) => /could not be booted/.test(line));
    assert.equal(said.length, 1, errors.text());
    assert.match(
      said[0] ?? '',
      /^hathi serve: \[pool serve\] cannot start: the application of ".*" could not be booted: Uncaught Exception: no database in .*version\.php:1$/s,
    );
    assert.doesNotMatch(errors.text(), /trying again/);
  } finally {
    await killTree(child);
  }
});
