/**
 * The same command with php-fpm and with Hathi, in the same folder one after the other, so that every path in the
 * two outputs is the same and only what differs by nature (times, pids) has to be masked.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { ConfigurationTester } from '../harness/configuration-tester.ts';
import { TestFolder } from '../harness/folder.ts';
import { type CommandResult, run, type ServerKind, serverCommand } from '../harness/server.ts';

/** One command line and the files that it finds. */
export interface CommandCase {
  readonly name: string;
  /** Arguments; they may name files of the folder. */
  readonly args: (folder: TestFolder) => readonly string[];
  /** Makes the files. Without it there is a valid `server.conf`. */
  readonly files?: (folder: TestFolder) => void;
  /** Program and first arguments that start the command, such as setpriv(1) for another user. */
  readonly through?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** A test of `server.conf` and nothing else: one process may do it for many cases. */
  readonly isPlainTest?: boolean;
  /** The section of docs/differences.md that says why the two differ here; then they must. */
  readonly differs?: string;
}

/** Visible results of a command. */
export interface Observation {
  readonly code: number | null;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  /** Lines of error_log, undefined where there is no such file. */
  readonly errorLog: readonly string[] | undefined;
}

/** A pool that both masters run; `lines` replace or add. */
export function plainPool(folder: TestFolder, lines = '', name = 'www'): string {
  const given = new Set(lines.split('\n').map((line) => line.split('=')[0]?.trim()));
  const defaults = [
    'user = www-data',
    'pm = static',
    'pm.max_children = 1',
    `listen = ${folder.join(`run/${name}.sock`)}`,
  ];
  const kept = defaults.filter((line) => !given.has(line.split('=')[0]?.trim()));
  return `[${name}]\n${[...kept, lines].join('\n')}\n`;
}

/** The usual head of a configuration. */
export function globalText(folder: TestFolder, lines = ''): string {
  return `[global]\npid = ${folder.join('run/server.pid')}\nerror_log = ${folder.join('error.log')}\n${lines}\n`;
}

/** The usage text up to Hathi's own commands. */
function usageOnly(lines: readonly string[]): readonly string[] {
  const own = lines.findIndex((line) => line.startsWith("Hathi's own commands"));
  return own < 0 ? lines : lines.slice(0, own);
}

/** Lines with times and pids masked; an empty line at the end of a message is php-fpm's own slip until 8.2. */
export function maskedLines(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(maskedLine);
}

export function maskedLine(line: string): string {
  return line
    .replace(/^\[\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d\]/, '[TIME]')
    .replace(/^Usage: (php-fpm8\.\d|hathi) /, 'Usage: PROGRAM ')
    .replace(/\bpid \d+/, 'pid PID')
    .replace(/\bchild \d+/, 'child PID')
    .replace(/\bfd=\d+/, 'fd=FD')
    .replace(/\breloading: .*/, 'reloading: HOW');
}

/** Both observations, the reference first. @param tester runs tests of a configuration alone */
export async function observeBoth(
  given: CommandCase,
  tester?: ConfigurationTester,
): Promise<Record<ServerKind, Observation>> {
  using folder = new TestFolder();
  return {
    'php-fpm': await observe(given, folder, 'php-fpm'),
    hathi: await observe(given, folder, 'hathi', tester),
  };
}

function runCase(given: CommandCase, folder: TestFolder, kind: ServerKind): Promise<CommandResult> {
  const [command = '', ...first] = [...(given.through ?? []), serverCommand(kind)];
  return run(command, [...first, ...given.args(folder)], {
    cwd: folder.path,
    cap: 15_000,
    ...(given.env === undefined ? {} : { env: { ...process.env, ...given.env } }),
  });
}

async function observe(
  given: CommandCase,
  folder: TestFolder,
  kind: ServerKind,
  tester?: ConfigurationTester,
): Promise<Observation> {
  for (const name of readdirSync(folder.path)) rmSync(folder.join(name), { recursive: true, force: true });
  folder.mkdir('run', 0o777);
  const write = given.files ?? ((to) => void to.write('server.conf', globalText(to) + plainPool(to)));
  write(folder);
  const result =
    given.isPlainTest === true && tester !== undefined
      ? await tester.test(folder.join('server.conf'), '-t', folder.path)
      : await runCase(given, folder, kind);
  const errorLog = folder.join('error.log');
  return {
    code: result.code,
    stdout: maskedLines(result.stdout),
    stderr: maskedLines(result.stderr),
    errorLog: existsSync(errorLog) ? maskedLines(readFileSync(errorLog, 'utf8')) : undefined,
  };
}

/**
 * An observation without what only Hathi says: indented explanations that follow the reference's lines, and the
 * lines of the engine (docs/differences.md).
 */
export function withoutAdditions(seen: Observation): Observation {
  const kept = (lines: readonly string[]): string[] => lines.filter((line) => !/^ {2}|Hathi/.test(line));
  return {
    ...seen,
    stdout: usageOnly(seen.stdout),
    stderr: kept(seen.stderr),
    errorLog: seen.errorLog === undefined ? undefined : kept(seen.errorLog),
  };
}
