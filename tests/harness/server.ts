/**
 * A master under test: Hathi, or Debian's php-fpm as the reference that proves a test right. It starts in its own
 * folder from a configuration file, and its end is part of every test: exit code, no remaining process, socket, pid
 * file or temporary file, and no unexpected warning in the log.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { nativeBuild } from '../native/built-engine.ts';
import { phpFpm } from './debian.ts';
import { TestFolder } from './folder.ts';
import { LogLines } from './log-lines.ts';
import { adopt, descendants, exited, isAlive, killTree, type ProcessId } from './processes.ts';
import { launcher } from './program.ts';
import { poll, within } from './waiting.ts';

/** Kind of master. */
export type ServerKind = 'hathi' | 'php-fpm';

/** The engine that `engine = auto`, a pool's default, selects. */
export type EngineName = 'embedded' | 'native';

/** The master of this run; HATHI_TEST_SERVER=php-fpm runs the tests against the reference. */
export const serverKind: ServerKind = process.env['HATHI_TEST_SERVER'] === 'php-fpm' ? 'php-fpm' : 'hathi';

/** True when this process may change users. */
export const isRoot = process.getuid?.() === 0;

/** The `user` and `group` lines of a pool: required as root, unnecessary otherwise. */
export const poolUser = isRoot ? 'user = www-data\ngroup = www-data' : '';

/** Options for starting a master. */
export interface ServerOptions {
  readonly kind?: ServerKind;
  /** The engine of its pools, default `embedded`; php-fpm has its own. */
  readonly engine?: EngineName;
  /** The pools' text, made with the folder's paths. */
  readonly pools: (folder: TestFolder) => string;
  /** Further lines of the [global] section; `error_log` and `pid` are there already. */
  readonly global?: string;
  /** Appended to `-F -y FILE`. */
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Program and first arguments that start the master and become it, such as setpriv(1). */
  readonly through?: readonly string[];
  /** Destination of the log: stderr with -O, or the file of error_log. */
  readonly log?: 'stderr' | 'file';
  /** Warnings and errors that this test causes on purpose. */
  readonly expected?: readonly RegExp[];
  /** Time limit of the start in ms. A first start of the embedded engine compiles its module. */
  readonly startCap?: number;
}

/** A problem line: level WARNING and up, as text and as JSON. */
const problem = /^(?:\[[^\]]*\] )?(WARNING|ERROR|ALERT): |"level":"(warning|error|alert)"/;
/** Depends on the date: fixes that the installed engine package lacks. */
const securityNews =
  /(?:WARNING: |"level":"warning").*\[pool [^\]]+\] PHP [\d.]+ (lacks the|gets no) security fixes/;
/** At debug level the place in the code precedes the message. */
const readyLine = /(?:NOTICE: (?:pid \d+, .*: )?|"message":")ready to handle connections"?\}?$/;

/** Program and first arguments for a kind of master. */
export function serverCommand(kind: ServerKind = serverKind): string {
  return kind === 'php-fpm' ? phpFpm : launcher();
}

let runtime: TestFolder | undefined;

/** For masters that are given no other place: those of root would leave what they keep in /run/hathi. */
function runtimeFolder(): string {
  if (runtime === undefined) {
    runtime = new TestFolder('hathi-runtime-');
    // A test may start a master as another user.
    chmodSync(runtime.path, 0o777);
  }
  return runtime.path;
}

/** The environment of a master: this process's own, without variables of npm and the test runner. */
export function cleanEnv(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_|INIT_CWD|TMPDIR)/.test(name));
  // A native engine that is built on this machine must not change the test.
  const own = { HATHI_ENGINE_DIR: '/nonexistent', HATHI_RUNTIME_DIR: runtimeFolder() };
  return { ...Object.fromEntries(kept), ...own, ...more };
}

/** Offers the native engine of this checkout, or none. */
export function engineEnv(engine: EngineName = cheapestEngine()): NodeJS.ProcessEnv {
  return engine === 'native' ? { HATHI_ENGINE_DIR: nativeBuild().folder } : {};
}

/** A test that names no engine is about the master: it takes the one that starts in a fifth of the time, where there is one. */
function cheapestEngine(): EngineName {
  return serverKind === 'hathi' && nativeBuild().skip === false ? 'native' : 'embedded';
}

/** Title of a process (proc(5)), empty when it has ended. */
export function titleOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

/** Whether it is the process that makes native hosts. */
function isTemplate(pid: number): boolean {
  return titleOf(pid).startsWith('php-fpm: template');
}

/** Starts a master and waits until it reports readiness. Use with `await using`. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const server = new Server(options);
  try {
    await server.ready(0, options.startCap ?? 30_000);
    if (options.engine === 'native') server.assertNative();
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

/** A started master. */
export class Server implements AsyncDisposable {
  readonly kind: ServerKind;
  readonly folder: TestFolder;
  readonly log: LogLines;
  readonly child: ChildProcess;
  readonly pid: number;
  readonly #expected: RegExp[];
  readonly #options: ServerOptions;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.kind = options.kind ?? serverKind;
    this.#expected = [securityNews, ...(options.expected ?? [])];
    this.folder = new TestFolder();
    this.folder.mkdir('run', 0o777);
    this.folder.mkdir('log', 0o777);
    this.folder.mkdir('runtime', 0o777);
    this.folder.mkdir('tmp', 0o1777);
    this.folder.mkdir('www');
    this.configure(options.pools);
    const toFile = options.log === 'file';
    const args = ['-F', ...(toFile ? [] : ['-O']), '-y', this.configFile, ...(options.args ?? [])];
    const [command = '', ...first] = [...(options.through ?? []), serverCommand(this.kind)];
    this.child = spawn(command, [...first, ...args], {
      cwd: this.folder.path,
      env: cleanEnv({ ...this.#folders(), ...engineEnv(options.engine), ...options.env }),
      stdio: ['ignore', 'ignore', toFile ? 'ignore' : 'pipe'],
    });
    adopt(this.child);
    if (this.child.pid === undefined) throw new Error(`cannot start ${serverCommand(this.kind)}`);
    this.pid = this.child.pid;
    this.log = toFile ? LogLines.fromFile(this.errorLog) : LogLines.fromStream(this.child.stderr!);
  }

  /** The admin socket's default place: a folder that must be empty at the end of the test. */
  #folders(): NodeJS.ProcessEnv {
    return { TMPDIR: this.folder.join('tmp'), HATHI_RUNTIME_DIR: this.folder.join('runtime') };
  }

  get configFile(): string {
    return this.folder.join('server.conf');
  }

  get errorLog(): string {
    return this.folder.join('log/error.log');
  }

  get pidFile(): string {
    return this.folder.join('run/server.pid');
  }

  /** Path of a pool's Unix socket by the pool's name, as in the tests' configurations. */
  socket(pool = 'www'): string {
    return this.folder.join(`run/${pool}.sock`);
  }

  /** Rewrites the configuration file; a reload applies it. */
  configure(pools: (folder: TestFolder) => string): void {
    // A master that a test kills takes its hosts with it, unless the test is about that.
    const global = this.#options.global ?? '';
    const survive = this.kind === 'php-fpm' || /^survive\b/m.test(global) ? '' : 'survive = 0\n';
    const own = `pid = ${this.pidFile}\nerror_log = ${this.errorLog}\n${survive}${global}`;
    this.folder.write('server.conf', `[global]\n${own}\n${pools(this.folder)}\n`);
  }

  /** Declares a problem line that the test causes from now on. */
  expect(...patterns: RegExp[]): void {
    this.#expected.push(...patterns);
  }

  /** Waits for the line of readiness; `from` is a mark in the log. Fails at once when the master ends first. */
  async ready(from: number, cap: number): Promise<void> {
    const ended = exited(this.child).then(() => {
      throw new Error(
        `${this.kind} ended with code ${this.child.exitCode} before it was ready:\n${this.log.text()}`,
      );
    });
    await Promise.race([this.log.waitFor(readyLine, from, cap), ended]);
  }

  signal(name: NodeJS.Signals): void {
    if (!this.child.kill(name)) throw new Error(`cannot send ${name} to ${this.kind}: it has ended`);
  }

  /** Sends USR2 and waits until the master reports readiness again. */
  async reload(cap = 20_000): Promise<void> {
    const from = this.log.mark();
    this.signal('SIGUSR2');
    await this.ready(from, cap);
  }

  /** Current engine hosts of a pool, or of all pools, by their titles. */
  hosts(pool?: string): ProcessId[] {
    return this.workers().filter(({ pid, parent }) => {
      const title = titleOf(pid);
      // An embedded host has the title of php-fpm's workers; so do the workers of a native one.
      const isEmbedded = parent === this.pid && title.startsWith('php-fpm: pool ');
      if (!isEmbedded && !title.startsWith('php-fpm: host for ')) return false;
      return pool === undefined || /^php-fpm: (?:host for|pool) (.*?) *(?:\0|$)/s.exec(title)?.[1] === pool;
    });
  }

  /** Throws unless every host is native: `engine = auto` selects the other engine without a build. */
  assertNative(): void {
    if (this.kind === 'php-fpm') return;
    const hosts = this.hosts();
    const others = hosts.filter(({ pid }) => !titleOf(pid).startsWith('php-fpm: host for '));
    // Sleeping pools have no host, but the template that makes hosts exists.
    const hasTemplate = descendants(this.pid).some(({ pid }) => isTemplate(pid));
    if ((hosts.length === 0 && !hasTemplate) || others.length > 0) {
      throw new Error(`a host is not native: ${hosts.map(({ pid }) => titleOf(pid)).join(' | ')}`);
    }
  }

  /** Current hosts and workers of the master. */
  workers(): ProcessId[] {
    return descendants(this.pid).filter(({ pid }) => !isTemplate(pid));
  }

  /** Stops the master and asserts that it left nothing behind. Unnecessary where only disposal is wanted. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', cap = 10_000): Promise<void> {
    const below = descendants(this.pid);
    this.signal(signal);
    await within(exited(this.child), () => `the end after ${signal}; log:\n${this.log.text()}`, cap);
    await this.assertClean(below);
  }

  /** Asserts the master's end and that nothing of it is left. */
  async assertClean(below: readonly ProcessId[]): Promise<void> {
    const faults: string[] = [];
    if (this.child.exitCode !== 0) {
      faults.push(`exit code ${this.child.exitCode}, signal ${this.child.signalCode}`);
    }
    // A killed process is gone only when its parent, by now init, has reaped it; no event reports that.
    const gone = await poll(
      'the end of all workers',
      () => below.every((id) => !isAlive(id)) || undefined,
      2000,
    ).catch(() => false);
    if (!gone)
      faults.push(
        `processes left: ${below
          .filter(isAlive)
          .map((id) => id.pid)
          .join(', ')}`,
      );
    for (const folder of ['run', 'runtime']) {
      for (const name of readdirSync(this.folder.join(folder))) {
        // Kept for the next master.
        if (!name.endsWith('.configurations')) faults.push(`file left: ${folder}/${name}`);
      }
    }
    for (const name of readdirSync(this.folder.join('tmp'))) faults.push(`temporary file left: ${name}`);
    this.log.close();
    faults.push(...this.problems().map((line) => `in the log: ${line}`));
    if (faults.length > 0) throw new Error(`${this.kind} did not end clean:\n${faults.join('\n')}`);
  }

  /** Problem lines that no test expected. */
  problems(): string[] {
    return this.log.lines.filter(
      (line) => problem.test(line) && !this.#expected.some((pattern) => pattern.test(line)),
    );
  }

  /** The pid file's content; undefined when it is missing. */
  readPidFile(): string | undefined {
    return existsSync(this.pidFile) ? readFileSync(this.pidFile, 'utf8') : undefined;
  }

  /** Owner, group and mode bits of the pool's socket. */
  socketStat(pool = 'www'): { uid: number; gid: number; mode: number } {
    const { uid, gid, mode } = statSync(this.socket(pool));
    return { uid, gid, mode: mode & 0o777 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await killTree(this.child);
    this.log.close();
    this.folder[Symbol.dispose]();
  }
}

/** Output of a command that ends by itself. */
export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end without input, reaped and with a time limit. */
export async function run(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv; readonly cap?: number } = {},
): Promise<CommandResult> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env ?? cleanEnv(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  adopt(child);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  const closed = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve());
  });
  try {
    await within(closed, `the end of ${command} ${args.join(' ')}`, options.cap ?? 30_000);
  } finally {
    await killTree(child);
  }
  return {
    code: child.exitCode,
    stdout: Buffer.concat(stdout).toString('utf8'),
    stderr: Buffer.concat(stderr).toString('utf8'),
  };
}
