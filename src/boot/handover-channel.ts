/**
 * The channel between two masters during an upgrade: lines of JSON on one socket, descriptors on another one. Both are
 * programs of root or of the master's user; limits hold all the same.
 */

import type { Duplex } from 'node:stream';
import { receiveDescriptors, sendDescriptors } from '../posix/descriptors.ts';

/** Marks a program that is started to be the next master; its value is {@link Descent}. */
export const handoverVariable = 'HATHI_HANDOVER';
/** The next master's ends. */
export const handoverFds = { control: 3, descriptors: 4 } as const;

/** How the master before it was started, since the next one is the same. */
export type Descent = 'background' | 'foreground';

/** The master before says to the next one. */
export type FromOld =
  /** The descriptors follow in this order; the first `placed` are at addresses of the configuration. */
  | {
      readonly type: 'sockets';
      readonly origins: readonly ('inherited' | 'systemd')[];
      readonly hasAdmin: boolean;
      readonly serves: readonly string[];
    }
  /** Hosts and sockets are free. */
  | { readonly type: 'go' }
  /** The next one is the master. */
  | { readonly type: 'yours' };

/** The next master says. */
export type FromNew =
  /** First: it runs and asks for the sockets. */
  | { readonly type: 'hello'; readonly version: string }
  /** Everything is opened. */
  | { readonly type: 'prepared' }
  | { readonly type: 'serving' }
  /** Instead of any other message; it ends. */
  | { readonly type: 'failed'; readonly reasons: readonly string[] };

const longestLine = 1 << 20;
/** The kernel's limit is 253, unix(7). */
const descriptorsAtOnce = 200;
const descriptorsMs = 10_000;

export class HandoverChannel<Receives extends { readonly type: string }, Sends> {
  readonly #stream: Duplex;
  readonly #received: Receives[] = [];
  #wake: (() => void) | undefined;
  #text = '';
  #isClosed = false;

  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => this.#take(text));
    stream.on('error', () => stream.destroy());
    stream.on('close', () => this.#close());
    stream.on('end', () => this.#close());
  }

  send(message: Sends): void {
    if (this.#stream.writable) this.#stream.write(`${JSON.stringify(message)}\n`);
  }

  /** @returns undefined when the other side is gone */
  async next(): Promise<Receives | undefined> {
    for (;;) {
      const message = this.#received.shift();
      if (message !== undefined || this.#isClosed) return message;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }

  close(): void {
    this.#stream.destroy();
  }

  #take(text: string): void {
    this.#text += text;
    const lines = this.#text.split('\n');
    this.#text = lines.pop() ?? '';
    try {
      for (const line of lines) this.#received.push(JSON.parse(line) as Receives);
      if (this.#text.length > longestLine) throw new Error('the line is too long');
    } catch {
      this.#stream.destroy();
    }
    this.#wake?.();
  }

  #close(): void {
    this.#isClosed = true;
    this.#wake?.();
  }
}

/** @throws PosixError when the other side is gone or does not take them */
export function passAll(channel: number, fds: readonly number[]): void {
  for (let at = 0; at < fds.length; at += descriptorsAtOnce)
    sendDescriptors(channel, fds.slice(at, at + descriptorsAtOnce), descriptorsMs);
}

/** @throws PosixError as of {@link receiveDescriptors} */
export function receiveAll(channel: number, count: number): number[] {
  const fds: number[] = [];
  while (fds.length < count) {
    const wanted = Math.min(descriptorsAtOnce, count - fds.length);
    fds.push(...receiveDescriptors(channel, wanted, descriptorsMs));
  }
  return fds;
}
