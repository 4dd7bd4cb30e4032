/** Configurations made by chance, through `-tt` of both: every line, its order, its level, and the exit code. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { isPhpAtLeast, requires } from '../harness/debian.ts';
import { TestFolder } from '../harness/folder.ts';
import { cleanEnv, serverCommand } from '../harness/server.ts';
import { nativeBuild } from '../native/built-engine.ts';
import { randomConfiguration } from './config-grammar.ts';
import { Chance, fuzzing } from './random.ts';

const skip = isPhpAtLeast('8.3')
  ? 'the scanner of ini lines is that of PHP 8.2: later ones are wrong about other lines, and call things otherwise'
  : requires('root', 'php-fpm');
const batchSize = 200;

interface Outcome {
  readonly code: number;
  readonly lines: readonly string[];
  readonly log: readonly string[];
}

/** Folders with a configuration each; the names have no length of their own. */
function prepare(folder: TestFolder, seed: number, rounds: number): string[] {
  const chance = new Chance(seed);
  return Array.from({ length: rounds }, (_, index) => {
    const path = folder.join(String(10_000 + index));
    for (const [name, text] of Object.entries(randomConfiguration(chance).files)) {
      mkdirSync(dirname(join(path, name)), { recursive: true });
      writeFileSync(join(path, name), text.replaceAll('@', path), 'latin1');
    }
    return path;
  });
}

/** Lines without times; an empty line at the end of a message is php-fpm's own slip until 8.2. */
function linesOf(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('  '))
    .map((line) =>
      line.replace(/^\[\d\d-[A-Z][a-z]{2}-\d{4} [\d:.]+\] /, '').replace(/pid \d+, \w+\(\), line \d+: /, ''),
    );
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** Files left by `-t` must be gone for the other program. */
function takeLog(path: string): string[] {
  const lines = linesOf(read(join(path, 'error.log')));
  rmSync(join(path, 'error.log'), { force: true, recursive: true });
  return lines;
}

async function reference(path: string): Promise<Outcome> {
  const err = openSync(join(path, 'stderr'), 'w');
  const child = spawn(serverCommand('php-fpm'), ['-n', '-R', '-tt', '-y', join(path, 'main.conf')], {
    cwd: path,
    env: cleanEnv(),
    stdio: ['ignore', 'ignore', err],
    timeout: 2000,
    killSignal: 'SIGKILL',
  });
  closeSync(err);
  const code = await new Promise<number>((resolve) => child.once('close', (status) => resolve(status ?? -1)));
  return { code, lines: linesOf(read(join(path, 'stderr'))), log: takeLog(path) };
}

/** All of them, several at a time. */
async function references(paths: readonly string[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const next = paths.entries();
  const worker = async (): Promise<void> => {
    for (const [index, path] of next) outcomes[index] = await reference(path);
  };
  await Promise.all([worker(), worker()]);
  return outcomes;
}

function ours(folder: TestFolder, paths: readonly string[]): Outcome[] {
  const err = openSync(folder.join('ours'), 'w');
  const batch = join(import.meta.dirname, 'config-batch.ts');
  const files = paths.map((path) => join(path, 'main.conf'));
  spawnSync(process.execPath, [batch, ...files], {
    cwd: folder.path,
    env: cleanEnv({ HATHI_ENGINE_DIR: nativeBuild().folder }),
    stdio: ['ignore', 'ignore', err],
  });
  closeSync(err);
  const parts = read(folder.join('ours')).split('\x1e');
  assert.equal(parts.length, 2 * paths.length + 1, parts.at(-1));
  return paths.map((path, index) => ({
    code: Number(parts[2 * index + 1]),
    lines: linesOf(parts[2 * index] ?? ''),
    log: takeLog(path),
  }));
}

test('-tt says of configurations made by chance what php-fpm says', { skip }, async () => {
  const { seed, rounds } = fuzzing(40);
  using folder = new TestFolder('hathi-fuzz-');
  const paths = prepare(folder, seed, rounds);
  const theirs = await references(paths);
  const own: Outcome[] = [];
  for (let at = 0; at < paths.length; at += batchSize)
    own.push(...ours(folder, paths.slice(at, at + batchSize)));
  for (const [index, path] of paths.entries()) {
    // A section named [$pool] keeps php-fpm busy for ever.
    if (theirs[index]?.code === -1) continue;
    if (isRefusedForIniValues(own[index])) continue;
    assert.deepEqual(comparable(own[index], path), comparable(theirs[index], path), shown(path, seed));
  }
});

/** A difference on purpose: values that PHP does not take, and process.max below the pools' sum, are refused. */
const ownRefusal = /ERROR: .*(Unable to set php_|refuses php_|takes php_|process\.max)/;

function isRefusedForIniValues(outcome: Outcome | undefined): boolean {
  const errors = (outcome?.lines ?? []).filter((line) => line.startsWith('ERROR: '));
  const reasons = errors.filter((line) => !line.endsWith('FPM initialization failed'));
  return reasons.length > 0 && reasons.every((line) => ownRefusal.test(line));
}

/** The right line after an include is a difference on purpose. */
function comparable(outcome: Outcome | undefined, path: string): string {
  const text = JSON.stringify(outcome, undefined, 1);
  const isWhole = !read(join(path, 'main.conf')).toLowerCase().includes('include');
  return isWhole ? text : text.replace(/:\d+\]|at line \d+/g, 'LINE');
}

function shown(path: string, seed: number): string {
  return `seed ${seed}: ${JSON.stringify(read(join(path, 'main.conf')).replaceAll(path, '@'))}`;
}
