/** A part of the native engine's tests once more, under the sanitizers of addresses, leaks and undefined behaviour. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, suite, test } from 'node:test';
import { readPhpConfig } from '../../src/engine/native/php-config.ts';
import { audit } from '../audit/command.ts';
import { plants, writePlanted } from '../audit/planted.ts';
import { checkout, TestFolder } from '../harness/folder.ts';
import { adopt } from '../harness/processes.ts';
import { nativeBuild, testedConfig } from './built-engine.ts';
import { buildSanitized, sanitizerReports, wantedSanitizer } from './sanitizer.ts';

/** Files that ask for much in little time, and of the slower ones the tests that only a whole master has. */
const parts: readonly { readonly file: string; readonly only?: string }[] = [
  { file: 'tests/native/differential.test.ts' },
  { file: 'tests/native/rights.test.ts' },
  { file: 'tests/native/pool-ini.test.ts' },
  { file: 'tests/native/deaf-clients.test.ts' },
  { file: 'tests/native/finish-request.test.ts' },
  { file: 'tests/worker-mode/requests.test.ts' },
  {
    file: 'tests/worker-mode/life.test.ts',
    only: 'exit:|a fatal error|memory used up|max_requests',
  },
  { file: 'tests/native/scheduler.test.ts' },
  { file: 'tests/native/ends.test.ts', only: 'exit|SIG|cannot start|forked|arrays' },
  { file: 'tests/contract/workers.test.ts', only: 'native, forked host quit lets' },
  { file: 'tests/blackbox/orphan-status.test.ts', only: '^native ' },
  { file: 'tests/native/master.test.ts', only: 'a crash is logged|the status page|share an OPcache' },
];

/** Runs tests with an engine of ours. Returns what they printed, and their exit code. */
async function runTests(engine: string, file: string, only?: string): Promise<[number, string]> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const pattern = only === undefined ? [] : [`--test-name-pattern=${only}`];
  // Without --test: the process of the file is the only one.
  const child = spawn(process.execPath, ['--test-reporter=tap', ...pattern, join(checkout, file)], {
    env: { ...env, HATHI_TEST_ENGINE: engine },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  adopt(child);
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await once(child, 'close');
  return [code, (await output).join('')];
}

const skip =
  nativeBuild().skip || (wantedSanitizer() === undefined ? false : 'everything runs under a sanitizer');

/** Paths of the application with a fault a path: what the audit walks through in different ways. */
const audited = [
  '/nested',
  '/local',
  '/files',
  '/driver',
  '/transaction',
  '/error-handler',
  '/keep',
  '/exit',
];

suite('under the sanitizers', { skip, concurrency: 2 }, () => {
  let folder: TestFolder;
  before(() => {
    folder = new TestFolder('hathi-engine-');
    buildSanitized(readPhpConfig(testedConfig()), folder.path, 'both');
  });
  after(() => {
    assert.deepEqual(sanitizerReports(folder.path), []);
    folder[Symbol.dispose]();
  });

  test('hathi audit', async () => {
    using site = new TestFolder();
    const { script } = writePlanted(site);
    const { code, stdout, stderr } = await audit(['--worker', script, '--json', ...audited], {
      HATHI_ENGINE_DIR: folder.path,
    });
    assert.deepEqual([code, stderr], [1, '']);
    const { findings } = JSON.parse(stdout) as { findings: { id: string; requests: number[] }[] };
    const wanted = audited.map((path) => plants.find((plant) => plant.path === path)?.found.length);
    const found = audited.map(
      (_, index) => findings.filter(({ requests }) => requests.includes(index)).length,
    );
    assert.deepEqual(found, wanted, JSON.stringify(findings, undefined, 1));
  });

  for (const { file, only } of parts) {
    test(file, async () => {
      const [code, output] = await runTests(folder.path, file, only);
      assert.equal(code, 0, output);
      // A pattern that fits nothing any more would pass as well.
      assert.match(output, /^# pass [1-9]/m);
    });
  }
});
