/** The old side of an upgrade: starts the program that is to be the next master, and speaks with it. */

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import type { Duplex } from 'node:stream';
import { openStandardStream } from '../log/standard-streams.ts';
import type { Successor } from '../master/predecessor.ts';
import type { SocketsBefore } from '../master/resources.ts';
import { socketPair } from '../posix/descriptors.ts';
import { lowerPriority } from '../posix/priority.ts';
import { atPlace, isOurUser, type Place } from '../posix/trusted-path.ts';
import {
  type Descent,
  type FromNew,
  type FromOld,
  HandoverChannel,
  handoverFds,
  handoverVariable,
  passAll,
} from './handover-channel.ts';

/** Requests come first while it starts: beside a busy worker it has a tenth of a processor. */
const startNice = 10;
/** Where many workers are busy a tenth of their shares could be too little to ever start, ms. */
const politeMs = 5000;
/** Time of the program until it has opened everything, ms. */
export const prepareMs = 60_000;

export interface SuccessorOptions {
  /** The script that Node runs, and its arguments. */
  readonly command: readonly string[];
  readonly descent: Descent;
  readonly env: NodeJS.ProcessEnv;
  readonly prepareMs?: number;
}

/**
 * Starts it with the arguments of this process. It does nothing before it has the sockets.
 *
 * @param given path of the program; undefined for the one of this process as it is on disk now
 * @throws Error with the reason in words for the operator
 */
export async function startSuccessor(
  given: string | undefined,
  { command, descent, env, prepareMs: limit = prepareMs }: SuccessorOptions,
): Promise<Successor> {
  refuseToGo(descent, env);
  const [script = '', ...args] = command;
  const program = given ?? join(dirname(script), '../../bin/hathi');
  checkProgram(program);
  const [ours, theirs] = socketPair();
  const streams: number[] = [];
  let child: ChildProcess;
  try {
    streams.push(openStandardStream(1), openStandardStream(2));
    child = spawn(program, args, {
      detached: true,
      env: { ...env, [handoverVariable]: descent },
      stdio: ['ignore', ...streams, 'pipe', theirs],
    });
  } finally {
    for (const fd of [theirs, ...streams]) closeSync(fd);
  }
  const next = new NextMaster(child, ours, limit);
  await next.hello();
  return next;
}

/** @throws Error where the end of this process would be taken for the end of the service */
function refuseToGo(descent: Descent, env: NodeJS.ProcessEnv): void {
  if (process.pid === 1) {
    throw new Error(
      'this master is process 1, whose end is the end of its container: start a container of the new version',
    );
  }
  if (descent === 'background' || env['NOTIFY_SOCKET']) return;
  throw new Error(
    'this master runs in the foreground, so its end would end the service, and its supervisor cannot be told of another process (there is no NOTIFY_SOCKET): have the supervisor kill it with SIGKILL and start the new program, which takes over the hosts, or use systemd with Type=notify',
  );
}

/**
 * This process will execute it with all of its rights.
 *
 * @throws Error when others than root and the user of this process may have made it, or it is no program
 */
function checkProgram(path: string): void {
  if (!isAbsolute(path)) throw new Error(`the program '${path}' must be an absolute path`);
  try {
    atPlace(path, checkPlace);
  } catch (error) {
    throw new Error(`the program '${path}' cannot be used: ${(error as Error).message}`);
  }
}

function checkPlace({ folder, name }: Place): object | string {
  const stat = folder.look(name);
  if (stat === undefined) throw new Error('it is missing');
  if (stat.isSymbolicLink()) return folder.linkTarget(name);
  if (!folder.isOurs) throw new Error(`it is in ${folder.othersFolder}`);
  if (!stat.isFile()) throw new Error('it is no file');
  if (!isOurUser(stat.uid)) throw new Error(`it belongs to the user ${stat.uid}`);
  if ((stat.mode & (stat.gid === 0 ? 0o002 : 0o022)) !== 0) throw new Error('others may write to it');
  if ((stat.mode & 0o111) === 0) throw new Error('it is not executable');
  return stat;
}

class NextMaster implements Successor {
  readonly #child: ChildProcess;
  readonly #channel: HandoverChannel<FromNew, FromOld>;
  readonly #descriptors: number;
  readonly #limit: number;
  readonly #exited: Promise<void>;
  readonly #hurry: () => void;
  #isOver = false;
  version = '';

  constructor(child: ChildProcess, descriptors: number, limit: number) {
    this.#child = child;
    this.#descriptors = descriptors;
    this.#limit = limit;
    this.#hurry = this.#yieldToRequests();
    this.#channel = new HandoverChannel(child.stdio[handoverFds.control] as Duplex);
    this.#exited = new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** @returns ends it */
  #yieldToRequests(): () => void {
    const { pid } = this.#child;
    const restore = pid === undefined ? undefined : lowerPriority(pid, startNice);
    if (restore === undefined) return () => {};
    const timer = setTimeout(restore, politeMs);
    timer.unref();
    return () => {
      clearTimeout(timer);
      restore();
    };
  }

  async hello(): Promise<void> {
    const message = await this.#expect('hello', this.#limit, 'has not begun to speak');
    this.version = String(message.version);
  }

  async prepare(sockets: SocketsBefore, serves: readonly string[]): Promise<void> {
    const admin = sockets.admin === undefined ? [] : [sockets.admin];
    const all = [...sockets.placed.filter((listener) => listener.isIntact()), ...admin];
    this.#channel.send({
      type: 'sockets',
      origins: all.map(({ origin }) => (origin === 'systemd' ? 'systemd' : 'inherited')),
      hasAdmin: admin.length > 0,
      serves,
    });
    try {
      passAll(
        this.#descriptors,
        all.map((listener) => listener.intactFd()),
      );
    } catch (error) {
      await this.end();
      throw new Error(`cannot pass the sockets to the new program: ${(error as Error).message}`);
    }
    await this.#expect('prepared', this.#limit, 'has not opened everything');
  }

  async takeOver(limitMs: number): Promise<void> {
    this.#hurry();
    this.#channel.send({ type: 'go' });
    await this.#expect('serving', limitMs, 'does not serve');
  }

  release(): void {
    this.#isOver = true;
    this.#channel.send({ type: 'yours' });
    closeSync(this.#descriptors);
    this.#child.unref();
  }

  async end(): Promise<void> {
    if (!this.#isOver) {
      this.#isOver = true;
      closeSync(this.#descriptors);
      this.#hurry();
      this.#child.kill('SIGKILL');
    }
    await this.#exited;
    this.#channel.close();
  }

  /** @throws Error after its end, when it says something else or nothing */
  async #expect<Type extends FromNew['type']>(
    type: Type,
    limitMs: number,
    failure: string,
  ): Promise<Extract<FromNew, { type: Type }>> {
    const late = Promise.withResolvers<'late'>();
    const timer = setTimeout(() => late.resolve('late'), limitMs);
    const message = await Promise.race([this.#channel.next(), late.promise]);
    clearTimeout(timer);
    if (message !== 'late' && message?.type === type) return message as Extract<FromNew, { type: Type }>;
    // One that has closed the channel is about to exit, and its way of doing so tells more.
    if (message === undefined)
      await Promise.race([this.#exited, new Promise((resolve) => setTimeout(resolve, 1000))]);
    const reason = this.#reasonFor(message, `${failure} after ${limitMs / 1000} seconds`);
    await this.end();
    throw new Error(reason);
  }

  #reasonFor(message: FromNew | 'late' | undefined, late: string): string {
    if (message === 'late') return `the new program ${late}`;
    if (message?.type === 'failed') return `the new program cannot start: ${message.reasons.join('; ')}`;
    if (message !== undefined) return `the new program answered ${JSON.stringify(message).slice(0, 80)}`;
    const { exitCode, signalCode } = this.#child;
    if (this.#child.pid === undefined) return 'the new program cannot be executed';
    if (signalCode !== null) return `the new program ended on signal ${signalCode}`;
    return exitCode === null
      ? 'the new program hung up'
      : `the new program exited with code ${exitCode}; its last lines are in the log`;
  }
}
