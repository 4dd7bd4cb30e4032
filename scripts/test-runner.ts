/** Node's test runner with one line a file, the failures and skips kept for the end. */
import { join, relative } from 'node:path';
import { run } from 'node:test';
import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';
import { checkout } from '../tests/harness/folder.ts';
import { cpuFolderVariable, readFigure } from './cpu-time.ts';

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
  /** CPU time of each file, in s. */
  cpu: Map<string, number>;
}

export function emptyTally(): Tally {
  return {
    passed: 0,
    failed: 0,
    skipped: 0,
    failures: [],
    failedFiles: new Set(),
    skips: [],
    cpu: new Map(),
  };
}

/**
 * No test may take longer, in ms. The runner holds a test to it, but not the process of its file: one in which a
 * child of a failed test is still alive would wait for ever.
 */
const testTimeout = 240_000;

/** No file may take longer, in ms: a hang ends as a failure with a name. */
const fileTimeout = 480_000;

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

function isSkipped({ skip }: Pass): boolean {
  return skip !== undefined && skip !== false;
}

/** A test that failed only because a test inside it did has nothing to tell of its own. */
function failedByMember(data: Fail): boolean {
  return (data.details.error as { failureType?: string }).failureType === 'subtestsFailed';
}

/** Options of the process of a file: its CPU time is noted. */
const nodeOptions = [`--import=${join(checkout, 'scripts/cpu-time.ts')}`];

/**
 * Runs the files in their order, `concurrency` at a time, each in a process of its own, and adds the outcome to
 * `tally`.
 */
export async function runTests(files: readonly string[], concurrency: number, tally: Tally): Promise<void> {
  const waiting = [...files];
  const runNext = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) await runFile(file, tally);
  };
  await Promise.all(Array.from({ length: concurrency }, runNext));
}

/** Results of one file. */
interface Outcome {
  passed: number;
  skipped: number;
}

/** The process of a batch, see there. */
const batchProgram = join(checkout, 'scripts/test-batch.ts');

/** Runs the files in so many processes, in each one after the other, and adds the outcome to `tally`. */
export async function runBatches(files: readonly string[], processes: number, tally: Tally): Promise<void> {
  const batches = Array.from({ length: processes }, (_, index) =>
    // Every n-th file: neighbours are alike, and so are the batches.
    files.filter((_file, place) => place % processes === index),
  );
  await Promise.all(batches.filter((batch) => batch.length > 0).map((batch) => runBatch(batch, tally)));
}

/** Files that have no outcome, because one of them ended the process, run again, each in its own. */
async function runBatch(files: readonly string[], tally: Tally): Promise<void> {
  const waiting = new Set(files);
  let current: Outcome = { passed: 0, skipped: 0 };
  const argv = files.map((file) => join(checkout, file));
  await runProcess(batchProgram, argv, (event) => {
    if (event.type === 'test:summary') return;
    noteEvent(event, tally);
    if (event.type !== 'test:pass' && event.type !== 'test:fail') return;
    const { name, nesting, details } = event.data;
    if (nesting === 0 && waiting.delete(name)) {
      const success = event.type === 'test:pass';
      noteSummary(name, { success, counts: current, duration_ms: details.duration_ms }, tally);
      current = { passed: 0, skipped: 0 };
    } else if (event.type === 'test:pass' && !isGroup(event.data)) {
      current[isSkipped(event.data) ? 'skipped' : 'passed'] += 1;
    }
  });
  for (const file of waiting) {
    tally.failedFiles.add(file);
    await runFile(file, tally);
  }
}

type Summary = Extract<TestEvent, { type: 'test:summary' }>['data'];

async function runFile(file: string, tally: Tally): Promise<void> {
  let summary: Summary | undefined;
  const isOverdue = await runProcess(join(checkout, file), [], (event) => {
    if (event.type !== 'test:summary') noteEvent(event, tally);
    else if (event.data.file !== undefined) summary = event.data;
  });
  // The process has left its CPU time only now that it has ended.
  if (summary !== undefined) noteSummary(file, summary, tally);
  // Such a file has no summary; its failure comes as an event, with the reason.
  if (isOverdue) tally.failedFiles.add(file);
}

/** Runs a program of tests to its end. Returns whether it took too long. */
async function runProcess(
  program: string,
  argv: readonly string[],
  note: (event: TestEvent) => void,
): Promise<boolean> {
  // Each process reads the harness and what it tests anew: half of its start is the types' removal.
  process.env['NODE_COMPILE_CACHE'] ??= join(checkout, 'node_modules/.cache/hathi-tests');
  const overdue = new AbortController();
  const reason = new Error(`the file took longer than ${fileTimeout / 1000} seconds and was ended`);
  const timer = setTimeout(() => overdue.abort(reason), fileTimeout);
  const stream = run({
    files: [program],
    argv: [...argv],
    timeout: testTimeout,
    cwd: checkout,
    signal: overdue.signal,
    execArgv: nodeOptions,
  });
  try {
    for await (const event of stream) note(event);
  } finally {
    clearTimeout(timer);
  }
  return overdue.signal.aborted;
}

function noteEvent(event: TestEvent, tally: Tally): void {
  if (event.type === 'test:pass') notePass(event.data, tally);
  else if (event.type === 'test:fail') noteFail(event.data, tally);
  else if (event.type === 'test:diagnostic' && !runnerCount.test(event.data.message)) {
    process.stdout.write(`     ${event.data.message}\n`);
  } else if (event.type === 'test:stderr') process.stderr.write(event.data.message);
}

function noteSummary(
  file: string,
  { counts, success, duration_ms }: Pick<Summary, 'success' | 'duration_ms'> & { counts: Outcome },
  tally: Tally,
): void {
  if (!success) tally.failedFiles.add(file);
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
  process.stdout.write(
    `${success ? 'ok  ' : 'FAIL'} ${file} (${counts.passed} passed${skipped}, ` +
      `${(duration_ms / 1000).toFixed(1)} s${noteCpu(file, tally)})\n`,
  );
}

function notePass(data: Pass, tally: Tally): void {
  if (isSkipped(data)) {
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

/** Adds a file's CPU time to the tally. Returns it for the file's line. */
function noteCpu(file: string, tally: Tally): string {
  const folder = process.env[cpuFolderVariable];
  const seconds = folder === undefined ? undefined : readFigure(folder, join(checkout, file));
  if (seconds === undefined) return '';
  tally.cpu.set(file, (tally.cpu.get(file) ?? 0) + seconds);
  return `, CPU ${seconds.toFixed(1)} s`;
}

/** The files that took most, the whole CPU time of files and of this process with all others, in lines. */
export function describeCpu({ cpu }: Tally, whole: number): string {
  const sorted = [...cpu].sort(([, one], [, other]) => other - one);
  const sum = sorted.reduce((total, [, seconds]) => total + seconds, 0);
  const longest = sorted
    .slice(0, 10)
    .map(([file, seconds]) => `  ${seconds.toFixed(1).padStart(6)} s ${file}`);
  return [
    `CPU: ${whole.toFixed(0)} s, of it ${sum.toFixed(0)} s in ${sorted.length} test files; the most expensive:`,
    ...longest,
  ].join('\n');
}
