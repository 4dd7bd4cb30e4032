/** Node's test runner with one line a file, the failures and skips kept for the end. */
import { join, relative } from 'node:path';
import { run } from 'node:test';
import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';
import { checkout } from '../tests/harness/folder.ts';

/** Results so far. */
export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
  /** One text a failed test: its file, its name, what happened. */
  failures: string[];
  /** The files that failed; a test's own place may be a file that it shares with others. */
  failedFiles: Set<string>;
  /** One line a skipped test, with its reason. */
  skips: string[];
}

export function emptyTally(): Tally {
  return { passed: 0, failed: 0, skipped: 0, failures: [], failedFiles: new Set(), skips: [] };
}

/**
 * No test may take longer, in ms. The runner holds a test to it, but not the process of its file: one in which a
 * child of a failed test is still alive would wait for ever.
 */
const testTimeout = 120_000;

/** No file may take longer, in ms: a hang ends as a failure with a name. */
const fileTimeout = 240_000;

/** The runner's own final lines; all other lines come from a test. */
const runnerCount = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

type Fail = Extract<TestEvent, { type: 'test:fail' }>['data'];
type Pass = Extract<TestEvent, { type: 'test:pass' }>['data'];

function place(file: string | undefined): string {
  return file === undefined ? '?' : relative(checkout, file);
}

/** The error of a failed test, without the layers that the runner puts around it. */
function describeFailure(data: Fail): string {
  const { error } = data.details;
  const cause = error.cause ?? error;
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : inspect(cause);
  const where = `${place(data.file)}:${data.line ?? 0}`;
  return `${where}  ${data.name}\n${text.replaceAll(/^/gm, '    ')}`;
}

/** True for the entry of a group whose members were counted themselves. */
function isGroup(data: Pass | Fail): boolean {
  return data.details.type === 'suite';
}

/** A test that failed only because a test inside it did has nothing to tell of its own. */
function failedByMember(data: Fail): boolean {
  return (data.details.error as { failureType?: string }).failureType === 'subtestsFailed';
}

/** Runs the files, `concurrency` at a time, each in a process of its own, and adds the outcome to `tally`. */
export async function runTests(files: readonly string[], concurrency: number, tally: Tally): Promise<void> {
  // Each file is a process that reads the harness and what it tests anew: half of its start is the types' removal.
  process.env['NODE_COMPILE_CACHE'] ??= join(checkout, 'node_modules/.cache/hathi-tests');
  const waiting = [...files];
  const runNext = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) await runFile(file, tally);
  };
  await Promise.all(Array.from({ length: concurrency }, runNext));
}

async function runFile(file: string, tally: Tally): Promise<void> {
  const overdue = new AbortController();
  const reason = new Error(`the file took longer than ${fileTimeout / 1000} seconds and was ended`);
  const timer = setTimeout(() => overdue.abort(reason), fileTimeout);
  const files = [join(checkout, file)];
  const stream = run({ files, timeout: testTimeout, cwd: checkout, signal: overdue.signal });
  try {
    for await (const event of stream) noteEvent(event, tally);
  } finally {
    clearTimeout(timer);
  }
  // Such a file has no summary; its failure comes as an event, with the reason.
  if (overdue.signal.aborted) tally.failedFiles.add(file);
}

function noteEvent(event: TestEvent, tally: Tally): void {
  if (event.type === 'test:pass') notePass(event.data, tally);
  else if (event.type === 'test:fail') noteFail(event.data, tally);
  else if (event.type === 'test:diagnostic' && !runnerCount.test(event.data.message)) {
    process.stdout.write(`     ${event.data.message}\n`);
  } else if (event.type === 'test:stderr') process.stderr.write(event.data.message);
  else if (event.type === 'test:summary' && event.data.file !== undefined) {
    const { counts, success, duration_ms } = event.data;
    if (!success) tally.failedFiles.add(place(event.data.file));
    const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
    process.stdout.write(
      `${success ? 'ok  ' : 'FAIL'} ${place(event.data.file)} (${counts.passed} passed${skipped}, ` +
        `${(duration_ms / 1000).toFixed(1)} s)\n`,
    );
  }
}

function notePass(data: Pass, tally: Tally): void {
  if (data.skip !== undefined && data.skip !== false) {
    const reason = typeof data.skip === 'string' ? `: ${data.skip}` : '';
    tally.skipped += 1;
    tally.skips.push(`${place(data.file)}  ${data.name}${reason}`);
  } else if (!isGroup(data)) tally.passed += 1;
}

function noteFail(data: Fail, tally: Tally): void {
  if (failedByMember(data)) return;
  tally.failed += 1;
  tally.failures.push(describeFailure(data));
}
