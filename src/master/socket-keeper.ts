/**
 * The master's handle on the keeper of sockets (docs/contract.md, section 8): a process that holds listening sockets
 * while there is no master.
 */

import { spawn } from 'node:child_process';
import { closeSync, readSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { encodeMessage } from '../engine/contract.ts';
import type { HostCommand } from '../engine/engine-command.ts';
import {
  closedBy,
  isReadable,
  receiveDescriptors,
  sendDescriptors,
  socketPair,
} from '../posix/descriptors.ts';
import { connectAtOnce } from '../posix/sockets.ts';

/** Sockets in one message. */
const atOnce = 7;
/** A keeper does nothing else, so it answers at once. */
const answerMs = 3000;
/** Bytes of its answer's line. */
const longestLine = 64;

/** A keeper of the last master, and copies of its sockets, which belong to the caller. */
export interface FoundKeeper {
  readonly keeper: SocketKeeper;
  readonly version: number;
  readonly sockets: readonly number[];
}

export class SocketKeeper {
  readonly #channel: Duplex;
  readonly #descriptors: number;
  readonly #closed = Promise.withResolvers<void>();
  #isOpen = true;

  /** @param lost called once, unless {@link end} was called before */
  constructor(channel: Duplex, descriptors: number, lost: () => void) {
    this.#channel = channel;
    this.#descriptors = descriptors;
    channel.on('error', () => channel.destroy());
    channel.once('close', () => {
      this.#closed.resolve();
      if (!this.#isOpen) return;
      this.#shut();
      lost();
    });
    channel.resume();
  }

  /**
   * Executes one.
   *
   * @param meeting a listening socket at which the next master will find it; the caller closes its own
   * @throws Error when the system is out of descriptors or processes
   */
  static start(
    command: HostCommand,
    meeting: number,
    env: NodeJS.ProcessEnv,
    lost: () => void,
  ): SocketKeeper {
    const [ours, theirs] = socketPair();
    try {
      const child = spawn(command.file, [...command.args], {
        ...(command.argv0 === undefined ? {} : { argv0: command.argv0 }),
        env,
        // A terminal's signals are for the master.
        detached: true,
        stdio: ['ignore', 'ignore', 'ignore', 'pipe', theirs, meeting],
      });
      child.on('error', () => {});
      child.unref();
      const channel = (child.stdio as typeof child.stdio | undefined)?.[3] as Duplex | undefined;
      if (child.pid === undefined || channel === undefined) throw new Error('no process can be started');
      return new SocketKeeper(channel, ours, lost);
    } catch (error) {
      closeSync(ours);
      throw error;
    } finally {
      closeSync(theirs);
    }
  }

  /**
   * Becomes the master of a keeper without one.
   *
   * @throws PosixError when nobody listens there or answers; Error for another answer
   */
  static find(path: string, lost: () => void): FoundKeeper {
    using opened = new DisposableStack();
    const own = closedBy(opened);
    const channel = own(connectAtOnce({ family: 'unix', path }));
    const [ours, theirs] = socketPair();
    own(ours);
    try {
      sendDescriptors(channel, [theirs], answerMs);
    } finally {
      closeSync(theirs);
    }
    const [version, count] = readAnswer(channel);
    const sockets: number[] = [];
    while (sockets.length < count) {
      const next = receiveDescriptors(ours, Math.min(atOnce, count - sockets.length), answerMs);
      sockets.push(...next.map(own));
    }
    opened.move();
    return { keeper: new SocketKeeper(new Socket({ fd: channel }), ours, lost), version, sockets };
  }

  /** @throws PosixError when it does not take them */
  keep(sockets: readonly number[]): void {
    for (let from = 0; from < sockets.length; from += atOnce) {
      sendDescriptors(this.#descriptors, sockets.slice(from, from + atOnce));
      this.#send('keep');
    }
  }

  drop(inode: number): void {
    this.#send('drop', inode);
  }

  survive(seconds: number): void {
    this.#send('survive', seconds);
  }

  /** It keeps its sockets for the next master. */
  leave(): void {
    if (!this.#isOpen) return;
    this.#shut();
    this.#channel.destroy();
  }

  /** Settles when it has closed its sockets, or does not answer. */
  async end(): Promise<void> {
    if (!this.#isOpen) return;
    this.survive(0);
    this.#shut();
    this.#channel.end();
    const timer = setTimeout(() => this.#channel.destroy(), answerMs);
    await this.#closed.promise;
    clearTimeout(timer);
  }

  #shut(): void {
    this.#isOpen = false;
    closeSync(this.#descriptors);
  }

  #send(...words: readonly (string | number)[]): void {
    if (this.#isOpen) this.#channel.write(encodeMessage(words.map(String)));
  }
}

/** The line `keeping VERSION COUNT`. @throws Error for something else, or nothing in time */
function readAnswer(channel: number): [version: number, count: number] {
  const byte = Buffer.alloc(1);
  let line = '';
  while (!line.endsWith('\n') && line.length < longestLine) {
    if (!isReadable(channel, answerMs) || readSync(channel, byte) === 0) break;
    line += byte.toString('latin1');
  }
  const found = /^keeping (\d{1,6}) (\d{1,6})\n$/.exec(line);
  if (found === null) throw new Error(`it answered ${JSON.stringify(line)}`);
  return [Number(found[1]), Number(found[2])];
}
