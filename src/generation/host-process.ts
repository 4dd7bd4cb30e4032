/**
 * One engine host as the master sees it: the child process, its control channel, its state. It carries out what
 * the pool runner decides and reports what happens; it decides nothing itself.
 */

import { closeSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import {
  ContractError,
  contractVersion,
  type EndMode,
  encodeMessage,
  type Message,
  MessageDecoder,
} from '../engine/contract.ts';
import { type HostMessage, parseHostMessage } from '../engine/host-messages.ts';
import { memoryFile, sendDescriptor } from '../posix/descriptors.ts';
import { errorNumber } from '../posix/libc.ts';
import { HostInbox } from './host-inbox.ts';
import type { HostLife, LifeListener } from './host-life.ts';
import { type HostState, hostStates, hostTransitions } from './host-states.ts';

export interface HostOptions {
  /** Has the process made; see host-life.ts. */
  readonly start: (listener: LifeListener) => HostLife;
  /** Our end of the descriptor channel. */
  readonly descriptorChannel: number;
  readonly slotCount: number;
  readonly settings: readonly (readonly [name: string, value: string])[];
  readonly onEvent: (event: HostEvent) => void;
}

export type HostEvent =
  | { readonly type: 'message'; readonly message: HostMessage }
  /** Text of the host process itself on its stdout or stderr: something is wrong with it. */
  | { readonly type: 'chatter'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  /** The host could not be started. */
  | { readonly type: 'unstarted'; readonly error: Error }
  /** The host broke the contract, or does not read what it is told. */
  | { readonly type: 'fault'; readonly error: Error }
  | { readonly type: 'exit'; readonly code: number | null; readonly signal: NodeJS.Signals | null };

/** Bytes of orders that may wait for a host that does not read: a thousand workers' worth. */
const longestBacklog = 64 * 1024;
/** How long the channel of a host that has exited is read for what it said last, at most. */
const lastWordsMs = 5000;

export class HostProcess {
  readonly startedAt = Date.now();
  readonly #options: HostOptions;
  readonly #life: HostLife;
  readonly #decoder = new MessageDecoder();
  #state: HostState = hostStates.starting;
  #exitReported = false;
  #isFaulty = false;
  /** Reports of connections that wait that the host has been asked for and has not given. */
  #watches = 0;
  readonly #inbox = new HostInbox({
    read: (wanted) => (wanted ? this.#life.channel?.resume() : this.#life.channel?.pause()),
    handle: (message) => this.#handle(message),
  });

  constructor(options: HostOptions) {
    this.#options = options;
    this.#life = options.start({
      onChatter: (stream, text) => this.#report({ type: 'chatter', stream, text }),
      onUnstarted: (error) => this.#report({ type: 'unstarted', error }),
      onExit: (code, signal) => this.#reportExit(code, signal),
    });
    this.#listenToChannel();
    this.#introduce();
  }

  get state(): HostState {
    return this.#state;
  }

  /** 0 for one that could not be started. */
  get pid(): number {
    return this.#life.pid;
  }

  /** Our end of the descriptor channel. */
  get descriptorChannel(): number {
    return this.#options.descriptorChannel;
  }

  /** @throws Error when the host's table has no such move */
  moveTo(state: HostState): void {
    this.#state = hostTransitions.move(this.#state, state);
  }

  startWorker(slot: number): void {
    this.#send(['worker', String(slot)]);
  }

  endWorker(slot: number, how: EndMode): void {
    this.#send(['end', String(slot), how]);
  }

  accept(): void {
    this.#send(['accept']);
  }

  /**
   * @param covered connections that workers on their way will take
   * @param slot where the host may make a worker by itself for the next connection that waits
   */
  watch(covered: number, slot?: number): void {
    this.#watches += 1;
    const numbers = slot === undefined ? (covered === 0 ? [] : [covered]) : [covered, slot];
    this.#send(['watch', ...numbers.map(String)]);
  }

  /** The host reports connections that wait. @throws ContractError when it was not asked to */
  tookWatch(): void {
    if (this.#watches === 0) throw new ContractError('the host sent "waiting", which was not asked');
    this.#watches -= 1;
  }

  drain(): void {
    this.#send(['drain']);
  }

  /** Passes the host its access log, opened anew. */
  reopenAccessLog(fd: number): void {
    this.#sendWith(fd, ['reopen', 'access.log']);
  }

  /** Passes a page of any length, in a file in memory. */
  answerStatus(id: string, status: number, page: Uint8Array): void {
    const file = memoryFile('hathi-status', 0);
    try {
      for (let at = 0; at < page.length; ) at += writeSync(file, page, at);
      this.#sendWith(file, ['status-reply', id, String(status)]);
    } finally {
      closeSync(file);
    }
  }

  /** There is no page. */
  refuseStatus(id: string, reason: string): void {
    this.#send(['no-status', id], Buffer.from(reason, 'utf8'));
  }

  /** Asks whether it is there; answered by `alive`. */
  askAlive(id: string): void {
    this.#send(['alive', id]);
  }

  /**
   * Says no more: the host ends its workers, passes on what they wrote until then, and exits. Call {@link kill} when it
   * does not.
   */
  hangUp(): void {
    this.#life.channel?.end();
  }

  /** Nothing that it says counts any more, and nothing is said to it; its exit is still reported. */
  ignore(): void {
    this.#isFaulty = true;
    this.#inbox.clear();
    // Read on, to the end that tells of its exit.
    this.#life.channel?.resume();
  }

  get isIgnored(): boolean {
    return this.#isFaulty;
  }

  kill(): void {
    if (this.#state !== hostStates.gone) this.#life.kill('SIGKILL');
  }

  /**
   * Gives back what the master holds of it, once the exit was handled: until then somebody may write to it. Processes
   * that it left behind may hold the other ends open.
   */
  close(): void {
    this.#life.release();
    closeSync(this.descriptorChannel);
  }

  #send(words: readonly string[], payload?: Uint8Array | string): void {
    this.#write(encodeMessage(words, payload));
  }

  /** Nothing waits for the host: what it does not take is kept up to a limit, then it is the one that ends. */
  #write(bytes: Buffer): void {
    const channel = this.#life.channel;
    if (channel?.writable !== true || this.#isFaulty) return;
    channel.write(bytes);
    // Its settings are as long as they are: whether it reads them is seen at its start.
    if (this.#state === hostStates.starting || channel.writableLength <= longestBacklog) return;
    this.#fault(
      new ContractError(
        `the engine host ${this.pid} does not read what it is told: ${channel.writableLength} bytes wait`,
      ),
    );
  }

  /** The descriptor first: the line says that it is there. */
  #sendWith(fd: number, words: readonly string[]): void {
    if (this.#life.channel?.writable !== true || this.#isFaulty) return;
    try {
      sendDescriptor(this.descriptorChannel, fd, 0);
    } catch (error) {
      // One that has ended, whose exit is only not handled yet, needs nothing.
      if (errorNumber(error)?.errno === constants.errno.EPIPE) return;
      const reason = `the engine host ${this.pid} does not take descriptors: ${(error as Error).message}`;
      return this.#fault(new ContractError(reason));
    }
    this.#send(words);
  }

  #introduce(): void {
    // In one piece: each write is a system call, and these are a hundred lines.
    const settings = this.#options.settings.map(([name, value]) => encodeMessage(['setting', name], value));
    const lines = [encodeMessage(['hathi', String(contractVersion)]), ...settings, encodeMessage(['start'])];
    this.#write(Buffer.concat(lines));
  }

  #listenToChannel(): void {
    const channel = this.#life.channel;
    if (channel === undefined) return;
    // The exit event tells what happened; a broken pipe says nothing more.
    channel.on('error', () => channel.destroy());
    channel.on('data', (bytes: Buffer) => this.#receive(bytes));
  }

  #receive(bytes: Buffer): void {
    if (this.#isFaulty) return;
    try {
      this.#inbox.add(this.#decoder.push(bytes));
    } catch (error) {
      this.#fault(error as Error);
    }
  }

  #handle(message: Message): void {
    try {
      this.#report({ type: 'message', message: parseHostMessage(message, this.#options.slotCount) });
    } catch (error) {
      this.#fault(error as Error);
    }
  }

  /** What comes from it and goes to it from now on means nothing. */
  #fault(error: Error): void {
    if (this.#isFaulty) return;
    this.ignore();
    this.#report({ type: 'fault', error });
  }

  #report(event: HostEvent): void {
    this.#options.onEvent(event);
  }

  #reportExit(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#exitReported) return;
    this.#exitReported = true;
    // What the host said last may still be in the channel: its end comes after its data.
    const channel = this.#life.channel;
    const report = (): void => this.#inbox.whenEmpty(() => this.#report({ type: 'exit', code, signal }));
    if (channel === undefined || channel.destroyed || channel.readableEnded) return report();
    // A process that it left behind may hold the other end open.
    const timer = setTimeout(() => channel.destroy(), lastWordsMs);
    channel.once('close', () => {
      clearTimeout(timer);
      report();
    });
  }
}
