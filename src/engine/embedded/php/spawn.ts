/** Child processes of scripts: exec(), proc_open(), popen(), mail(). */

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import type { Engine, EngineImports } from './engine.ts';
import type { OutputStream } from './streams.ts';

/** Exit code of a command that could not be started, as a shell says it. */
const notStarted = 127;
const signalBase = 128;
/** Numbers of finished commands are above every process id of Linux. */
const firstFileNumber = 0x500000;

/** What proc_close() and friends report for an end by signal, as a shell says it. */
function exitCode(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? signalBase + (signal === null ? 0 : constants.signals[signal]);
}

/**
 * The child as the loader wants it. `exit` comes when all output is there: the loader stops listening with it.
 */
class SpawnedProcess extends EventEmitter {
  readonly pid: number;
  readonly stdin: ChildProcess['stdin'];
  readonly stdout: ChildProcess['stdout'];
  readonly stderr: ChildProcess['stderr'];

  constructor(child: ChildProcess) {
    super();
    this.pid = child.pid ?? 0;
    this.stdin = child.stdin;
    this.stdout = child.stdout;
    this.stderr = child.stderr;
    child.stdin?.on('error', () => {
      // The command does not read its input (EPIPE): its own business.
    });
    child.on('spawn', () => this.emit('spawn'));
    child.on('error', () => this.emit('exit', notStarted));
    child.on('close', (code, signal) => this.emit('exit', exitCode(code, signal)));
  }
}

/** The folder exists for the child, too, unless it is one of the engine's own. */
function startFolder(path: unknown): string {
  return typeof path === 'string' && existsSync(path) ? path : '/';
}

/** Command line of a program and its arguments, for a shell. */
function commandLine(command: string, args: readonly string[]): string {
  return [command, ...args.map((arg) => `'${arg.replaceAll("'", "'\\''")}'`)].join(' ');
}

function outputPath(number: number): string {
  return `/internal/output-${number}`;
}

/** Starts the commands of one instance, with the environment that scripts have. */
export class Spawner {
  readonly #output: OutputStream;
  /** Exit codes, by process id. */
  readonly #codes = new Map<number, Promise<number>>();
  /** Files with the output of finished commands, and the numbers by which PHP waits for those. */
  readonly #files = new Map<string, number>();
  #lastFile = firstFileNumber;
  /** The environment of commands that are given none. */
  environment: () => NodeJS.ProcessEnv = () => ({});

  constructor(output: OutputStream) {
    this.#output = output;
  }

  /** proc_open(), popen() for writing, mail(); given to the loader. */
  readonly start = (command: string, args: readonly string[], options: SpawnOptions): EventEmitter => {
    const env = options.env ?? this.environment();
    const line = commandLine(command, args);
    const child = new SpawnedProcess(
      spawn(line, { ...options, env, shell: true, cwd: startFolder(options.cwd) }),
    );
    this.#codes.set(child.pid, new Promise((resolve) => child.on('exit', resolve)));
    return child;
  };

  /**
   * exec() and popen() for reading: the output is gathered in a file of the instance's own memory. (The loader
   * uses one fixed name in /tmp for all instances of the machine, and forgets the exit code.)
   */
  repair(imports: EngineImports, engine: () => Engine): void {
    imports['__asyncjs__js_popen_to_file'] = new WebAssembly.Suspending((command: number) =>
      this.#runToFile(engine(), command),
    );
    const pidOf = imports['js_popen_get_pid_for_fd'] as (fd: number) => number;
    imports['js_popen_get_pid_for_fd'] = (fd: number): number =>
      this.#files.get(engine().fs.getStream(fd)?.path ?? '') ?? pidOf(fd);
    imports['js_waitpid'] = new WebAssembly.Suspending((pid: number, address: number) =>
      this.#wait(engine(), pid, address),
    );
  }

  async #wait(engine: Engine, pid: number, address: number): Promise<number> {
    const code = await this.#codes.get(pid);
    if (code === undefined) return -1;
    this.#codes.delete(pid);
    const path = outputPath(pid);
    if (this.#files.delete(path)) engine.fs.unlink(path);
    engine.memory.setWord(address, code);
    return pid;
  }

  async #runToFile(engine: Engine, command: number): Promise<number> {
    const { output, code } = await this.#run(engine.memory.string(command), startFolder(engine.fs.cwd()));
    this.#lastFile += 1;
    const path = outputPath(this.#lastFile);
    engine.fs.writeFile(path, output);
    this.#files.set(path, this.#lastFile);
    this.#codes.set(this.#lastFile, Promise.resolve(code));
    return engine.memory.allocateString(path);
  }

  #run(command: string, cwd: string): Promise<{ output: Buffer; code: number }> {
    const child = spawn(command, {
      shell: true,
      cwd,
      env: this.environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const pieces: Buffer[] = [];
    child.stdout.on('data', (piece: Buffer) => pieces.push(piece));
    child.stderr.on('data', (piece: Buffer) => this.#output('stderr', new Uint8Array(piece)));
    return new Promise((resolve) => {
      child.on('error', () => resolve({ output: Buffer.concat(pieces), code: notStarted }));
      child.on('close', (code, signal) =>
        resolve({ output: Buffer.concat(pieces), code: exitCode(code, signal) }),
      );
    });
  }
}
