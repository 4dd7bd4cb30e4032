/** A thread's program is whole in memory: it runs when its files are gone. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { bootProgram, ProgramImageError, readProgram } from '../../src/engine/embedded/host/program-image.ts';
import { StripCache } from '../../src/engine/embedded/host/strip-cache.ts';
import { readThreadProgram } from '../../src/engine/embedded/host/thread-start.ts';
import { findEngine } from '../../src/engine/embedded/php/package.ts';
import { TestFolder } from '../harness/folder.ts';

/** First message of a thread with that program, or its error. */
async function firstMessage(program: unknown): Promise<unknown> {
  const worker = new Worker(bootProgram(), { eval: true, workerData: { program } });
  try {
    return (await once(worker, 'message'))[0];
  } finally {
    await worker.terminate();
  }
}

describe('a program that was read', () => {
  test('runs after its files are gone, whatever form its imports have', async () => {
    using folder = new TestFolder();
    const entry = folder.write(
      'entry.ts',
      `import { parentPort } from 'node:worker_threads';
import path from 'path';
import {
  one,
  two as second,
} from './lib/numbers.ts';
import * as all from './lib/numbers.ts';
import type { Missing } from './no-such-file.ts';
import './lib/effect.ts';
export { three } from './lib/three.ts';
const text: Missing | string = "import { nothing } from './nothing.ts'";
const { four } = await import(new URL('./four.mjs', import.meta.url).href);
parentPort?.postMessage([one, second, all.one, four, (globalThis as any).effect, text.length, path.sep, import.meta.url]);
`,
    );
    folder.write('lib/numbers.ts', 'export const one: number = 1;\nexport const two = 2;\n');
    folder.write('lib/effect.ts', "Object.assign(globalThis, { effect: 'done' });\n");
    folder.write('lib/three.ts', "import { one } from './numbers.ts';\nexport const three = one + 2;\n");
    const four = folder.write('four.mjs', 'export const four = 4;\n');
    const program = readProgram(entry, four);
    assert.equal(program.modules.size, 5);
    rmSync(folder.path, { recursive: true });
    assert.deepEqual(await firstMessage(program), [1, 2, 1, 4, 'done', 38, '/', pathToFileURL(entry).href]);
  });

  test('brings the FFI, which is a shared object', async () => {
    using folder = new TestFolder();
    const entry = folder.write(
      'entry.mjs',
      `import { createRequire } from 'node:module';
import { parentPort } from 'node:worker_threads';
const ffi = createRequire(import.meta.url)('koffi');
parentPort.postMessage(ffi.load(null).func('int getpid()')());
`,
    );
    const program = readProgram(entry);
    rmSync(folder.path, { recursive: true });
    assert.equal(await firstMessage(program), process.pid);
  });

  test('reports what the program throws while it starts', async () => {
    using folder = new TestFolder();
    const entry = folder.write('entry.mjs', "throw new Error('no luck');\n");
    await assert.rejects(firstMessage(readProgram(entry)), { message: 'no luck' });
  });
});

test('an import that is neither a file nor a part of Node is an error with both names', () => {
  using folder = new TestFolder();
  const entry = folder.write('entry.ts', "import send from 'send';\nsend();\n");
  assert.throws(
    () => readProgram(entry),
    (error) =>
      error instanceof ProgramImageError &&
      error.message.includes(`'${pathToFileURL(entry).href}' imports 'send'`),
  );
});

test('the program of the PHP threads holds their modules and the engine loader, and nothing of the host', () => {
  const engine = findEngine('8.4');
  const { entry, modules } = readThreadProgram(engine);
  assert.match(entry, /\/thread\.ts$/);
  assert.ok(modules.has(pathToFileURL(engine.loaderPath).href));
  assert.ok(modules.has(new URL('../php/instance.ts', entry).href));
  assert.ok(!modules.has(new URL('../host/engine-host.ts', entry).href));
});

test('reading a program in TypeScript says nothing to the user', (t) => {
  const warning = t.mock.method(process, 'emitWarning');
  readThreadProgram(findEngine('8.4'));
  assert.equal(warning.mock.callCount(), 0);
});

describe('the memory of stripped sources', () => {
  const source = 'export const one: number = 1;\n';
  const stripped = 'export const one         = 1;\n';
  /** Name of the only file in the folder. */
  const onlyFile = (folder: TestFolder): string => folder.join(readdirSync(folder.path).join());

  test('is written for its owner alone, and used instead of stripping again', () => {
    using folder = new TestFolder();
    const first = new StripCache('program', folder.path);
    assert.equal(first.strip(source), stripped);
    first.save();
    const file = onlyFile(folder);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    writeFileSync(file, readFileSync(file, 'utf8').replace('= 1;', '= 2;'));
    assert.equal(new StripCache('program', folder.path).strip(source), stripped.replace('1', '2'));
    assert.equal(new StripCache('another program', folder.path).strip(source), stripped);
  });

  test('forgets what the program has no more', () => {
    using folder = new TestFolder();
    const first = new StripCache('program', folder.path);
    first.strip(source);
    first.save();
    const second = new StripCache('program', folder.path);
    second.strip('let two: number;');
    second.save();
    assert.deepEqual(Object.values(JSON.parse(readFileSync(onlyFile(folder), 'utf8'))), ['let two        ;']);
  });

  test('does without a damaged file or a folder that is not there', () => {
    using folder = new TestFolder();
    const first = new StripCache('program', folder.path);
    first.strip(source);
    first.save();
    for (const damage of ['{"', 'null', '[]', '{"x":1}']) {
      writeFileSync(onlyFile(folder), damage);
      assert.equal(new StripCache('program', folder.path).strip(source), stripped, damage);
    }
    const lost = new StripCache('program', folder.join('none'));
    assert.equal(lost.strip(source), stripped);
    lost.save();
    assert.equal(readdirSync(folder.path).length, 1);
  });
});
