/**
 * The gate: what `npm test` runs once Node and the packages are there. Without arguments it is everything; with
 * paths (folders or files below tests/) it is only their tests; with --fast it is the checks of the sources and the
 * tests that start no server, in less than half a minute.
 *
 * Exit code 0 when every step passed and, under CI=true, no test was skipped and at most two were unsteady.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  globSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { ContainerStore, prepareImages } from '../tests/harness/containers.ts';
import { debianName, debianPackages, missingPackages } from '../tests/harness/debian.ts';
import {
  checkout,
  copyCheckout,
  isOpenToAll,
  readableCheckout,
  TestFolder,
} from '../tests/harness/folder.ts';
import { noEngine } from '../tests/native/build-engine.ts';
import { buildProgram } from './build.ts';
import { cpuFolderVariable, cpuSeconds } from './cpu-time.ts';
import { findTests, inOrder, runsServers } from './test-files.ts';
import { describeCpu, emptyTally, runBatches, runTests, type Tally } from './test-runner.ts';

const node = process.execPath;
const underCi = process.env['CI'] === 'true';

/** How many files with servers run at a time. They wait for something most of the time. */
const concurrency = availableParallelism() + 2;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Runs a step of the gate and prints its output in one piece; true when it went well. */
async function step(name: string, command: string, args: readonly string[]): Promise<boolean> {
  const begin = performance.now();
  const child = spawn(command, args, { cwd: checkout, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  const [status] = await once(child, 'close');
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  say(`${(await output).join('')}${status === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)`);
  return status === 0;
}

/** Installs the Debian packages that are missing, where this machine lets us. Tests whose package is not there skip. */
function installDebianPackages(): void {
  const missing = missingPackages();
  if (missing.length === 0) return;
  const packages = missing.map(debianName);
  for (const name of missing) say(`missing: ${debianName(name)} (${debianPackages[name].purpose})`);
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    say(
      `Their tests will be skipped. As root: apt-get install --no-install-recommends ${packages.join(' ')}`,
    );
    return;
  }
  withServicesKeptDown(() => {
    const apt = (args: readonly string[]): boolean =>
      spawnSync('/usr/bin/apt-get', ['-q', '-y', '-o', 'DPkg::Lock::Timeout=120', ...args], {
        env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
        stdio: ['ignore', 'ignore', 'inherit'],
      }).status === 0;
    const installed = apt(['update']) && apt(['install', '--no-install-recommends', ...packages]);
    if (!installed) say('apt-get failed; what is still missing is skipped');
  });
}

/** A package that brings a service starts it when it is installed, unless policy-rc.d says no (101). */
function withServicesKeptDown(install: () => void): void {
  const policy = '/usr/sbin/policy-rc.d';
  if (existsSync(policy)) {
    install();
    return;
  }
  writeFileSync(policy, '#!/bin/sh\nexit 101\n');
  chmodSync(policy, 0o755);
  try {
    install();
  } finally {
    rmSync(policy);
  }
}

/** Type check, lint and generated documents, one after the other. */
async function checkSources(): Promise<boolean> {
  const bin = (name: string): string => join(checkout, 'node_modules/.bin', name);
  const steps = [
    await step('types', node, [bin('tsc'), '--noEmit', '-p', '.']),
    await step('types of the dashboard', node, [bin('tsc'), '--noEmit', '-p', 'tsconfig.dashboard.json']),
    await step('lint and format', bin('biome'), ['ci', '--error-on-warnings', '.']),
    await step('generated documents', node, ['scripts/generate-docs.ts', '--check']),
  ];
  return steps.every(Boolean);
}

/** The program as it is published, once for all tests. It uses the packages of the readable checkout. */
function buildOnce(): TestFolder {
  const folder = new TestFolder('hathi-program-');
  buildProgram(folder.join('dist'));
  for (const name of ['bin', 'native', 'dashboard', 'examples', 'package.json'])
    cpSync(join(checkout, name), folder.join(name), { recursive: true });
  symlinkSync(join(readableCheckout(), 'node_modules'), folder.join('node_modules'));
  return folder;
}

/** Tests build the engine several times: from here on each build of the same sources compiles once. */
function keepCompiled(): void {
  const compiler = process.env['CC'] || 'cc';
  // Without a compiler the tests have to say so.
  if (spawnSync(compiler, ['--version']).status !== 0) return;
  const kept = join(checkout, 'node_modules/.cache/hathi-compiled');
  removeOld(kept);
  process.env['HATHI_TEST_CC'] = compiler;
  process.env['HATHI_TEST_CC_KEPT'] = kept;
  process.env['CC'] = join(checkout, 'tests/native/kept-compiler.sh');
}

/** Removes files of a folder that are older than three days. */
function removeOld(folder: string): void {
  const oldest = Date.now() - 3 * 24 * 3600 * 1000;
  for (const file of globSync(`${folder}/*`)) if (statSync(file).mtimeMs < oldest) rmSync(file);
}

/**
 * The native engine, built once for all test files that want it. Where it cannot be built they say so themselves,
 * each with its reason.
 */
async function buildNativeEngine(files: readonly string[]): Promise<TestFolder | null> {
  if (
    !files.some((file) =>
      /^tests\/(native|contract|blackbox|engine-real|examples|image|package)\//.test(file),
    )
  )
    return null;
  const folder = new TestFolder('hathi-engine-');
  // Not in this process: others go on meanwhile.
  const child = spawn(node, [join(checkout, 'tests/native/build-engine.ts'), folder.path], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [status] = await once(child, 'close');
  if (status === 0) return folder;
  folder[Symbol.dispose]();
  if (status !== noEngine) throw new Error(`the build of the native engine ended with ${status}`);
  return null;
}

/** A container image of Debian's mirrors (HATHI_TEST_IMAGE=debian) takes longer than a test may: it is built before. */
function buildImage(files: readonly string[]): ContainerStore | null {
  if (process.env['HATHI_TEST_IMAGE'] !== 'debian' || !files.some((file) => file.startsWith('tests/image/')))
    return null;
  const prepared = prepareImages(say);
  if (typeof prepared === 'string') {
    process.env['HATHI_TEST_IMAGES_MISSING'] = prepared;
    return null;
  }
  const store = new ContainerStore(prepared);
  process.env['HATHI_TEST_IMAGES'] = store.path;
  return store;
}

async function main(): Promise<number> {
  const { values, positionals: paths } = parseArgs({
    options: { fast: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  if (values.fast) return runFast(findTests(paths).filter((file) => !runsServers(file)));
  const files = findTests(paths);
  installDebianPackages();
  using figures = new TestFolder('hathi-figures-');
  process.env[cpuFolderVariable] = figures.path;
  // Beside the build of the engine and the first tests.
  const sourcesGood = paths.length > 0 || checkSources();

  // One readable copy for the whole run; each test file would otherwise make its own.
  using copy = process.getuid?.() === 0 && !isOpenToAll(checkout) ? new TestFolder('hathi-checkout-') : null;
  if (copy !== null) {
    copyCheckout(copy.path);
    process.env['HATHI_TEST_CHECKOUT'] = copy.path;
  }
  using program = buildOnce();
  process.env['HATHI_TEST_PROGRAM'] = program.path;
  keepCompiled();
  const total = emptyTally();
  const [long, short] = inOrder(files);
  // Beside the checks of the sources: files that share a process may ask for the engine, too.
  using engine = await buildNativeEngine(files);
  if (engine !== null) process.env['HATHI_TEST_ENGINE'] = engine.path;
  using images = buildImage(files);
  if (images !== null) say('image: built');
  await Promise.all([runTests(long, concurrency, total), runBatches(short, 1, total)]);
  const unsteady = await findUnsteady(total);
  return conclude(total, unsteady, await sourcesGood);
}

/** Types, lint and the tests that start no server; nothing is installed for them. */
async function runFast(files: readonly string[]): Promise<number> {
  using figures = new TestFolder('hathi-figures-');
  process.env[cpuFolderVariable] = figures.path;
  const sourcesGood = await checkSources();
  const total = emptyTally();
  const [apart, shared] = inOrder(files);
  await runTests(apart, 1, total);
  await runBatches(shared, availableParallelism(), total);
  return conclude(total, [], sourcesGood);
}

/** More files than this fail for a reason, and under CI=true more tests than this are not let pass. */
const unsteadyLimit = 2;

/**
 * Tests of whole servers depend on how busy the machine is. Failed files of theirs, if few, run once more, alone:
 * what passes then stops nobody, but is printed with what it failed by, since it is a bug of the test or of the server.
 *
 * @returns the failures that were taken back from the tally
 */
async function findUnsteady(total: Tally): Promise<readonly string[]> {
  const files = [...total.failedFiles];
  if (files.length === 0 || files.length > unsteadyLimit || !files.every(runsServers)) return [];
  say('\nonce more, alone:');
  const second = emptyTally();
  await runTests(files, 1, second);
  if (second.failed > 0 || second.passed === 0) return [];
  total.passed += total.failed;
  total.failed = 0;
  return total.failures.splice(0);
}

/** Prints what counts last, and decides the exit code. */
function conclude(total: Tally, unsteady: readonly string[], sourcesGood: boolean): number {
  if (total.skips.length > 0) say(`\nskipped:\n${total.skips.map((line) => `  ${line}`).join('\n')}`);
  if (unsteady.length > 0) say(`\nfailed once and passed alone:\n\n${unsteady.join('\n\n')}`);
  if (total.failures.length > 0) say(`\nfailed:\n\n${total.failures.join('\n\n')}`);
  const skipsFail = underCi && total.skipped > 0;
  if (skipsFail) say('\nUnder CI=true a skipped test is a failure.');
  const unsteadyFail = underCi && unsteady.length > unsteadyLimit;
  if (unsteadyFail) say(`\nUnder CI=true more than ${unsteadyLimit} unsteady tests are a failure.`);
  say(`\n${describeCpu(total, cpuSeconds())}`);
  if (!sourcesGood) say('\nA check of the sources failed: see the top of the output.');
  say(
    `\n${total.passed} passed, ${total.failed} failed, ${unsteady.length} unsteady, ${total.skipped} skipped`,
  );
  const isGood = total.failed === 0 && total.passed > 0 && sourcesGood && !skipsFail && !unsteadyFail;
  return isGood ? 0 : 1;
}

process.exitCode = await main();
