/** Child processes of scripts: exec(), proc_open(), popen(), mail(). */

import { existsSync } from 'node:fs';
import { seek } from '../../../posix/descriptors.ts';
import { asBinary, decodeBinary } from '../../../text/binary.ts';
import { guarded, suspending } from './boundary.ts';
import { Child, type Ending } from './children.ts';
import type { FsStream } from './emscripten.ts';
import type { Engine, EngineImports } from './engine.ts';
import { errno } from './errno.ts';
import { isWriteEnd, type Pipe, pipeOf } from './pipes.ts';
import type { OutputStream } from './streams.ts';
import type { Waiting } from './waiting.ts';

/** Numbers of finished commands are above all process ids of Linux. */
const firstFileNumber = 0x500000;
const shell = '/bin/sh';
/** Runs a program with unchanged arguments; as for any command, an exit code reports a missing one. */
const execute = ['-c', 'exec "$0" "$@"'];

/** The host has the folder as well, unless it is one of the engine's own. */
function startFolder(path: string): string {
  return existsSync(path) ? path : '/';
}

function outputPath(number: number): string {
  return `/internal/output-${number}`;
}

/** A descriptor that proc_open() wants for its child, and PHP's descriptor for the child's end. */
interface Descriptor {
  readonly number: number;
  readonly stream: FsStream;
}

/** Destination of a descriptor of the child. */
interface Plan {
  readonly stdio: 'pipe' | 'ignore' | number;
  readonly connect?: (child: Child) => void;
}

/** Starts the commands of one instance, with the environment of its scripts. */
export class Spawner {
  readonly #output: OutputStream;
  readonly #engine: () => Engine;
  readonly #waiting: Waiting;
  /** By process id, until they are reaped. */
  readonly #children = new Map<number, Child>();
  /** Process ids by popen()'s descriptors. */
  readonly #pids = new Map<number, number>();
  /** Files with the output of finished commands, and the numbers by which PHP waits for them. */
  readonly #files = new Map<string, number>();
  readonly #fileEndings = new Map<number, Ending>();
  #lastFile = firstFileNumber;
  /** The default environment of commands. */
  environment: () => NodeJS.ProcessEnv = () => ({});

  constructor(output: OutputStream, engine: () => Engine, waiting: Waiting) {
    this.#output = output;
    this.#engine = engine;
    this.#waiting = waiting;
  }

  repair(imports: EngineImports): void {
    const failed = (code: number): number => this.#fail(code);
    imports['js_open_process'] = guarded((...args: number[]) => this.#openProcess(args), failed);
    imports['js_process_status'] = suspending((pid: number, code: number) => this.#status(pid, code), failed);
    imports['js_waitpid'] = suspending((pid: number, code: number) => this.#wait(pid, code), failed);
    imports['__asyncjs__js_popen_to_file'] = suspending(
      (command: number) => this.#runToFile(command),
      () => 0,
    );
    imports['js_popen_set_pid_for_fd'] = (fd: number, pid: number) => void this.#pids.set(fd, pid);
    imports['js_popen_clear_pid_for_fd'] = (fd: number) => void this.#pids.delete(fd);
    imports['js_popen_get_pid_for_fd'] = (fd: number): number =>
      this.#files.get(this.#engine().fs.getStream(fd)?.path ?? '') ?? this.#pids.get(fd) ?? -1;
  }

  /** Sends a signal to a child of the instance. @returns false for an unknown or ended child */
  kill(pid: number, signal: number): boolean {
    return this.#children.get(pid)?.kill(signal) ?? false;
  }

  /** The ending of a child that has not been reaped; undefined while it runs. */
  endingOf(pid: number): Ending | undefined {
    return this.#children.get(pid)?.ending;
  }

  /** Forgets the children: the instance returns to its state after the boot. */
  forget(): void {
    this.#children.clear();
    this.#pids.clear();
    this.#files.clear();
    this.#fileEndings.clear();
  }

  /** The arguments are those of the loader's function of that name. */
  #openProcess([
    command = 0,
    args = 0,
    argCount = 0,
    list = 0,
    count = 0,
    cwd = 0,
    ,
    env = 0,
    envCount = 0,
  ]: readonly number[]): number {
    const { fs, memory } = this.#engine();
    const texts = (at: number, length: number): string[] =>
      Array.from({ length }, (_text, index) => text(this.#engine(), memory.word(at + index * 4)));
    const program = text(this.#engine(), command);
    const descriptors = this.#readDescriptors(list, count);
    const plans = this.#plan(descriptors);
    const words = argCount > 0 ? [...execute, program, ...texts(args, argCount)] : ['-c', program];
    const child = new Child([shell, ...words], {
      cwd: startFolder(cwd === 0 ? fs.cwd() : text(this.#engine(), cwd)),
      env: envCount > 0 ? environmentOf(texts(env, envCount)) : this.environment(),
      stdio: plans.map(({ stdio }) => stdio),
    });
    if (child.pid !== undefined) for (const { connect } of plans) connect?.(child);
    // The child has them now; PHP leaves closing them to this function.
    for (const { stream } of descriptors) fs.close(stream);
    if (child.pid === undefined) return this.#fail(errno.EAGAIN);
    this.#children.set(child.pid, child);
    return child.pid;
  }

  /** Each element points to three words: the child's number, and PHP's descriptors of the child's end and its own. */
  #readDescriptors(list: number, count: number): Descriptor[] {
    const { fs, memory } = this.#engine();
    const found: Descriptor[] = [];
    for (let index = 0; index < count; index += 1) {
      const at = memory.word(list + index * 4);
      const stream = fs.getStream(memory.word(at + 4));
      if (stream) found.push({ number: memory.word(at), stream });
    }
    return found;
  }

  /** The child's descriptors; by default its standard streams are the worker's. */
  #plan(descriptors: readonly Descriptor[]): Plan[] {
    const last = Math.max(2, ...descriptors.map(({ number }) => number));
    const plans: Plan[] = Array.from({ length: last + 1 }, (_plan, fd) => this.#inherited(fd));
    for (const { number, stream } of descriptors) plans[number] = this.#planOf(number, stream);
    return plans;
  }

  #inherited(fd: number): Plan {
    if (fd !== 1 && fd !== 2) return { stdio: 'ignore' };
    return this.#listening(fd, fd === 1 ? 'stdout' : 'stderr');
  }

  #listening(fd: number, stream: 'stdout' | 'stderr'): Plan {
    return {
      stdio: 'pipe',
      connect: (child) => child.listen(fd, (piece) => this.#output(stream, piece)),
    };
  }

  #planOf(fd: number, stream: FsStream): Plan {
    const pipe = pipeOf(stream);
    if (pipe !== undefined) return pipePlan(fd, pipe, isWriteEnd(stream));
    if (stream.nfd !== undefined) {
      // The loader keeps the file position itself.
      if (stream.seekable) seek(stream.nfd, stream.position);
      return { stdio: stream.nfd };
    }
    const standard = /^\/internal\/(stdout|stderr)$/.exec(stream.path)?.[1];
    return standard === 'stdout' || standard === 'stderr'
      ? this.#listening(fd, standard)
      : { stdio: 'ignore' };
  }

  /** Sets errno. */
  #fail(code: number): number {
    const engine = this.#engine();
    engine.memory.setWord(engine.function('__errno_location')(), code);
    return -1;
  }

  /** @returns 1 for an ended child, 0 for a running one */
  async #status(pid: number, codeAddress: number): Promise<number> {
    const child = this.#children.get(pid);
    if (child === undefined) return -1;
    // A script may poll in a loop.
    if (child.ending === undefined) await this.#waiting.turn();
    if (child.ending === undefined) return 0;
    this.#engine().memory.setWord(codeAddress, reported(child.ending));
    return 1;
  }

  async #wait(pid: number, codeAddress: number): Promise<number> {
    const child = this.#children.get(pid);
    const ending = child === undefined ? this.#fileEndings.get(pid) : await this.#waiting.until(child.ended);
    if (ending === undefined) return -1;
    this.#children.delete(pid);
    this.#fileEndings.delete(pid);
    const path = outputPath(pid);
    const { fs, memory } = this.#engine();
    if (this.#files.delete(path)) fs.unlink(path);
    memory.setWord(codeAddress, reported(ending));
    return pid;
  }

  /**
   * exec() and popen() for reading: collects the output in a file of the instance's own memory. (The loader uses one
   * fixed name in /tmp for all instances of the machine, and forgets the exit code.)
   */
  async #runToFile(command: number): Promise<number> {
    const { fs, memory } = this.#engine();
    const { output, ending } = await this.#run(text(this.#engine(), command), startFolder(fs.cwd()));
    this.#lastFile += 1;
    const path = outputPath(this.#lastFile);
    fs.writeFile(path, output);
    this.#files.set(path, this.#lastFile);
    if (ending !== undefined) this.#fileEndings.set(this.#lastFile, ending);
    return memory.allocateString(path);
  }

  async #run(command: string, cwd: string): Promise<{ output: Buffer; ending: Ending | undefined }> {
    const child = new Child([shell, '-c', command], {
      ...{ cwd, env: this.environment() },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const pieces: Buffer[] = [];
    child.listen(1, (piece) => pieces.push(Buffer.from(piece)));
    child.listen(2, (piece) => this.#output('stderr', piece));
    await this.#waiting.until(child.closed());
    return { output: Buffer.concat(pieces), ending: child.ending };
  }
}

/** The result of proc_close() and similar: the code, or the signal in wait()'s form. */
function reported({ code, signal }: Ending): number {
  return signal === 0 ? code : signal;
}

/** To Node, commands are UTF-8. */
function text({ memory }: Engine, address: number): string {
  return decodeBinary(asBinary(memory.string(address)));
}

function environmentOf(entries: readonly string[]): NodeJS.ProcessEnv {
  return Object.fromEntries(
    entries
      .filter((entry) => entry.includes('='))
      .map((entry) => {
        const equals = entry.indexOf('=');
        return [entry.slice(0, equals), entry.slice(equals + 1)];
      }),
  );
}

function pipePlan(fd: number, pipe: Pipe, childWrites: boolean): Plan {
  return {
    stdio: 'pipe',
    connect: (child) => (childWrites ? child.drain(fd, pipe) : child.feed(fd, pipe)),
  };
}
