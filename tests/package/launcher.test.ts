/** bin/hathi: which Node it takes, from wherever it is called, and that it becomes that Node. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, symlinkSync } from 'node:fs';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { checkout, TestFolder } from '../harness/folder.ts';
import { cleanEnv, run } from '../harness/server.ts';

/** Output of the stand-in for the command line about its process. */
interface Said {
  readonly main: string;
  readonly node: string;
  readonly args: string[];
  readonly pid: number;
}

const main = `process.stdout.write(JSON.stringify({ main: import.meta.filename, node: process.env.TEST_NODE ?? 'real',
  args: process.argv.slice(2), pid: process.pid }));`;

/** A folder whose name has a blank, with the launcher below `root` and a main that tells what runs it. */
function place(folder: TestFolder, root: string, mainFile = 'src/cli/main.ts'): string {
  folder.mkdir(`${root}/bin`);
  const launcher = folder.join(root, 'bin/hathi');
  copyFileSync(`${checkout}/bin/hathi`, launcher);
  folder.write(`${root}/package.json`, '{ "type": "module" }');
  folder.write(`${root}/${mainFile}`, main);
  return launcher;
}

/** A program that says it is a Node of that version, and runs this one under a name for the test to see. */
function fakeNode(folder: TestFolder, path: string, version: string, name: string): string {
  const script = `#!/bin/sh
[ "$1" = --version ] && { echo ${version}; exit; }
TEST_NODE=${name} exec "${process.execPath}" "$@"
`;
  return folder.write(path, script, 0o755);
}

/** An environment whose PATH has the system's tools, but before them the given folder. */
function envWith(path: string, more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return cleanEnv({ PATH: `${path}:/usr/bin:/bin`, HATHI_NODE: undefined, ...more });
}

async function ask(launcher: string, env: NodeJS.ProcessEnv, cwd = '/'): Promise<Said> {
  const result = await run(launcher, ['-t', 'two words', ''], { env, cwd });
  assert.equal(result.code, 0, result.stderr);
  return JSON.parse(result.stdout) as Said;
}

test('runs from any folder and through links, and passes the arguments as they are', async () => {
  using folder = new TestFolder();
  const launcher = place(folder, 'a checkout');
  folder.mkdir('a checkout/node_modules/.bin');
  folder.mkdir('usr/bin');
  symlinkSync('../../bin/hathi', folder.join('a checkout/node_modules/.bin/hathi'));
  symlinkSync('../../a checkout/node_modules/.bin/hathi', folder.join('usr/bin/hathi'));
  fakeNode(folder, 'path/node', 'v24.12.0', 'path');
  const env = envWith(folder.join('path'));
  for (const name of [
    launcher,
    folder.join('usr/bin/hathi'),
    folder.join('a checkout/node_modules/.bin/hathi'),
  ]) {
    const said = await ask(name, env);
    assert.equal(said.main, folder.join('a checkout/src/cli/main.ts'));
    assert.deepEqual(said.args, ['-t', 'two words', '']);
  }
  assert.equal((await ask('./bin/hathi', env, folder.join('a checkout'))).node, 'path');
});

test('becomes Node: the pid and so the signals are its own', async () => {
  using folder = new TestFolder();
  const launcher = place(folder, 'root');
  fakeNode(folder, 'path/node', 'v24.12.0', 'path');
  const child = spawn(launcher, { env: envWith(folder.join('path')), stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await once(child, 'close');
  assert.equal((JSON.parse(text) as Said).pid, child.pid);
});

const environments: Readonly<Record<string, Record<string, string>>> = {
  'nothing but a PATH': {},
  'variables that shells change': {
    PWD: '/nowhere',
    OLDPWD: '/x',
    SHLVL: '7',
    _: 'q',
    IFS: ',',
    OPTIND: '4',
  },
  'variables that the launcher uses': { self: 'a', root: 'b', version: 'c', node: 'd', mine: 'e', told: 'f' },
  'names that are none in a shell': { 'a.b': '1', '1x': '2', 'x-y': 'two\nlines\nPWD=3' },
};

for (const shell of ['sh', 'bash', 'busybox']) {
  for (const [what, env] of Object.entries(environments)) {
    const skip = existsSync(`/bin/${shell}`) ? false : `there is no ${shell}`;
    test(`the environment comes through ${shell} as it was: ${what}`, { skip }, async () => {
      using folder = new TestFolder();
      const launcher = place(folder, 'root');
      const undo = pathToFileURL(`${checkout}/src/cli/shell-environment.ts`).href;
      folder.write(
        'root/src/cli/main.ts',
        `import { undoShell } from ${JSON.stringify(undo)};
undoShell(process.env);
process.stdout.write(JSON.stringify(process.env));`,
      );
      folder.mkdir('root/node_modules/node/bin');
      symlinkSync(process.execPath, folder.join('root/node_modules/node/bin/node'));
      const given = { PATH: '/usr/bin:/bin', ...env };
      const words = shell === 'busybox' ? ['sh', launcher, '-t'] : [launcher, '-t'];
      const { stdout } = await run(`/bin/${shell}`, words, { env: given, cwd: '/' });
      const { NODE_COMPILE_CACHE: _, ...seen } = JSON.parse(stdout) as Record<string, string>;
      assert.deepEqual(Object.entries(seen), Object.entries(given));
    });
  }
}

test('takes the first fitting Node: HATHI_NODE, its own, the one beside it, PATH', async () => {
  using folder = new TestFolder();
  const launcher = place(folder, 'app/node_modules/hathi', 'dist/cli/main.js');
  fakeNode(folder, 'path/node', 'v26.1.0', 'path');
  const env = envWith(folder.join('path'));
  assert.equal((await ask(launcher, env)).node, 'path');

  fakeNode(folder, 'app/node_modules/node/bin/node', 'v24.21.0', 'beside');
  assert.equal((await ask(launcher, env)).node, 'beside');

  fakeNode(folder, 'app/node_modules/hathi/node_modules/node/bin/node', 'v24.21.0', 'own');
  assert.equal((await ask(launcher, env)).node, 'own');

  const chosen = fakeNode(folder, 'chosen', 'v24.12.1', 'chosen');
  const said = await ask(launcher, { ...env, HATHI_NODE: chosen });
  assert.equal(said.node, 'chosen');
  assert.equal(said.main, folder.join('app/node_modules/hathi/dist/cli/main.js'));
});

for (const version of ['v20.20.2', 'v24.11.1', 'v22.99.0', 'nonsense']) {
  test(`refuses a Node that says ${version}, with the way out`, async () => {
    using folder = new TestFolder();
    const launcher = place(folder, 'root');
    const old = fakeNode(folder, 'path/node', version, 'old');
    const fromPath = await run(launcher, [], { env: envWith(folder.join('path')) });
    assert.equal(fromPath.code, 70);
    assert.match(
      fromPath.stderr,
      new RegExp(`needs Node 24\\.12 or later, .*"${version}".*npm install node@24`),
    );

    const fromVariable = await run(launcher, [], { env: envWith(folder.join('path'), { HATHI_NODE: old }) });
    assert.equal(fromVariable.code, 70);
    assert.match(fromVariable.stderr, /cannot use HATHI_NODE=/);
  });
}

test('says so when there is no Node at all, and when the package is not whole', async () => {
  using folder = new TestFolder();
  const launcher = place(folder, 'root');
  folder.mkdir('empty');
  for (const tool of ['readlink', 'sh']) symlinkSync(`/bin/${tool}`, folder.join('empty', tool));
  const result = await run('/bin/sh', [launcher], { env: cleanEnv({ PATH: folder.join('empty') }) });
  assert.equal(result.code, 70);
  assert.match(result.stderr, /the node on PATH says "nothing"/);

  folder.mkdir('torn/bin');
  copyFileSync(launcher, folder.join('torn/bin/hathi'));
  const torn = await run(folder.join('torn/bin/hathi'), [], { env: envWith('/nowhere') });
  assert.equal(torn.code, 70);
  assert.match(torn.stderr, /cannot find .*src\/cli\/main\.ts/);
});
