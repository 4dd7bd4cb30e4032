/** Start (by exec, or fork from a template) and end of a host's process. */

import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import type { Duplex } from 'node:stream';
import type { HostCommand } from '../engine/engine-command.ts';
import type { ProcessEnd } from '../engine/template-messages.ts';
import { closedBy, duplicate, socketPair } from '../posix/descriptors.ts';
import { ProcessHandle } from '../posix/pidfd.ts';
import type { ForkListener, TemplateProcess } from './template-process.ts';
import { Unread } from './unread.ts';

/** Descriptors that the host inherits; the caller keeps its own and may close them at any time. */
export interface HostDescriptors {
  readonly scoreboard: number;
  readonly listen: number;
  readonly accessLog?: number | undefined;
  /** Both ends of the descriptor channel: the host's end is closed here after the start. */
  readonly descriptorPair: readonly [ours: number, hosts: number];
}

/** Events of a process. */
export interface LifeListener {
  /** Output of the process on its own stdout or stderr. */
  readonly onChatter: (stream: 'stdout' | 'stderr', text: string) => void;
  /** A process that did not exist at first has its pid now. */
  readonly onMade?: () => void;
  /** The process could not start. `onExit` follows. */
  readonly onUnstarted: (error: Error) => void;
  /** Called once. Both are null if the way of its end is unknown. */
  readonly onExit: (code: number | null, signal: NodeJS.Signals | null) => void;
}

/** A process that keeps docs/contract.md. */
export interface HostLife {
  /** 0 before it exists, and if it could not start. */
  readonly pid: number;
  /** Our end of its control channel; undefined if the system was out of descriptors. */
  readonly channel: Duplex | undefined;
  /** Of a host that starts. */
  readonly unread?: Unread;
  kill(signal: NodeJS.Signals): void;
  /** Closes our ends of its streams and its channel. Processes that it left behind may hold the other ends open. */
  release(): void;
  /** The same while it lives: another master takes it over, and it does not keep this process. */
  letGo(): void;
}

/** Exit code of a process that could not start: the contract's "cannot run". */
const unstartedCode = 70;

/**
 * Executes a program.
 *
 * @throws PosixError when the system is out of descriptors
 */
export function executeHost(
  command: HostCommand,
  descriptors: HostDescriptors,
  env: NodeJS.ProcessEnv,
  listener: LifeListener,
): HostLife {
  using opened = new DisposableStack();
  const own = closedBy(opened);
  own(descriptors.descriptorPair[1]);
  const [ours, theirs] = socketPair();
  own(theirs);
  const child = spawn(command.file, [...command.args], {
    ...(command.argv0 === undefined ? {} : { argv0: command.argv0 }),
    env,
    // A separate session (setsid(2)): a terminal signals its whole process group, but workers and their commands must
    // only end on the master's order.
    detached: true,
    stdio: [
      'ignore',
      'pipe',
      'pipe',
      theirs,
      descriptors.scoreboard,
      descriptors.descriptorPair[1],
      descriptors.listen,
      descriptors.accessLog ?? 'ignore',
    ],
  });
  const channel = new Socket({ fd: ours });
  const unread = new Unread(channel, ours);
  child.on('error', (error) => {
    listener.onUnstarted(error);
    // A failed spawn has no exit event.
    if (child.pid === undefined) listener.onExit(unstartedCode, null);
  });
  child.on('exit', listener.onExit);
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.on('data', (bytes: Buffer) => listener.onChatter(stream, bytes.toString('utf8')));
  }
  const release = (): void => {
    unread.close();
    for (const stream of [channel, ...(child.stdio ?? [])]) stream?.destroy();
  };
  return {
    get pid() {
      return child.pid ?? 0;
    },
    channel,
    unread,
    kill: (signal) => void child.kill(signal),
    release,
    letGo: () => {
      release();
      child.unref();
    },
  };
}

/**
 * Asks a template to make a host. Messages to its channel wait for it meanwhile.
 *
 * @param maySpare accepts a host that went through PHP's start before its pool was known
 * @throws PosixError when the system is out of descriptors
 */
export function forkHost(
  template: TemplateProcess,
  descriptors: HostDescriptors,
  listener: LifeListener,
  maySpare: boolean,
): HostLife {
  // On failure opened descriptors are closed; once passed, they belong to the template.
  using opened = new DisposableStack();
  const open = closedBy(opened);
  open(descriptors.descriptorPair[1]);
  const make = (): [Socket, number, number] => {
    const [ours, theirs] = socketPair();
    const socket = new Socket({ fd: ours });
    opened.defer(() => socket.destroy());
    return [socket, open(theirs), ours];
  };
  const [stdout, theirStdout] = make();
  const [stderr, theirStderr] = make();
  const [channel, theirChannel, ourChannel] = make();
  for (const [name, stream] of [
    ['stdout', stdout],
    ['stderr', stderr],
  ] as const) {
    stream.on('error', () => stream.destroy());
    stream.on('data', (bytes) => listener.onChatter(name, bytes.toString('utf8')));
  }
  const own = [descriptors.scoreboard, descriptors.descriptorPair[1], descriptors.listen];
  if (descriptors.accessLog !== undefined) own.push(descriptors.accessLog);
  const copies = own.map((fd) => open(duplicate(fd)));
  opened.move();
  closeSync(descriptors.descriptorPair[1]);
  const unread = new Unread(channel, ourChannel);
  const life = new ForkedLife([channel, stdout, stderr], unread, listener, template.pid);
  template.fork([theirStdout, theirStderr, theirChannel, ...copies], life, maySpare);
  return life;
}

/** A child of the template. */
class ForkedLife implements HostLife, ForkListener {
  readonly channel: Socket;
  readonly unread: Unread;
  readonly #streams: readonly Socket[];
  readonly #listener: LifeListener;
  readonly #parent: number;
  #pid = 0;
  /** The pid alone may be reused by the time of a signal. */
  #handle: ProcessHandle | undefined;
  /** A signal from before the process existed. */
  #pending: NodeJS.Signals | undefined;

  constructor(
    streams: readonly [channel: Socket, ...Socket[]],
    unread: Unread,
    listener: LifeListener,
    parent: number,
  ) {
    this.#streams = streams;
    this.unread = unread;
    const [channel] = streams;
    this.channel = channel;
    // The host is only heard once its pid is known, which the template reports.
    channel.pause();
    this.#listener = listener;
    this.#parent = parent;
  }

  get pid(): number {
    return this.#pid;
  }

  kill(signal: NodeJS.Signals): void {
    if (this.#pid === 0) this.#pending = signal;
    else this.#handle?.signal(signal);
  }

  release(): void {
    this.unread.close();
    for (const stream of this.#streams) stream.destroy();
  }

  letGo(): void {
    this.release();
  }

  onMade(pid: number): void {
    this.#pid = pid;
    this.#handle = ProcessHandle.openChild(pid, this.#parent);
    if (this.#pending !== undefined) this.#handle?.signal(this.#pending);
    this.#listener.onMade?.();
    this.channel.resume();
  }

  onRefused(reason: string): void {
    this.channel.destroy();
    this.#listener.onUnstarted(new Error(reason));
    this.#listener.onExit(unstartedCode, null);
  }

  onGone(end: ProcessEnd | undefined): void {
    if (end !== undefined)
      return this.#end(
        end.type === 'exit' ? end.code : null,
        end.type === 'signal' ? signalName(end.signal) : null,
      );
    // Its channel ends with it.
    if (this.channel.closed) this.#end(null, null);
    else this.channel.once('close', () => this.#end(null, null));
  }

  #end(code: number | null, signal: NodeJS.Signals | null): void {
    this.#handle?.close();
    this.#handle = undefined;
    this.#listener.onExit(code, signal);
  }
}

function signalName(number: number): NodeJS.Signals | null {
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return (found?.[0] as NodeJS.Signals | undefined) ?? null;
}
