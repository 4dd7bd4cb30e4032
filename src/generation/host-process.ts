/**
 * The master's handle on one engine host: the child process, its control channel, its state. It executes decisions of
 * the pool runner and reports events; it decides nothing itself.
 */

import { closeSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
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
import { memoryFile, sendDescriptor, socketPair } from '../posix/descriptors.ts';
import { errorNumber } from '../posix/libc.ts';
import { HostInbox } from './host-inbox.ts';
import type { HostLife, LifeListener } from './host-life.ts';
import { type HostState, hostStates, hostTransitions } from './host-states.ts';

export interface HostOptions {
  /** Makes the process; see host-life.ts. */
  readonly start: (listener: LifeListener) => HostLife;
  /** Our end of the descriptor channel. */
  readonly descriptorChannel: number;
  readonly slotCount: number;
  readonly settings: readonly (readonly [name: string, value: string])[];
  readonly onEvent: (event: HostEvent) => void;
  /** It outlived the last master, and knows its settings. */
  readonly isAdopted?: boolean;
}

export type HostEvent =
  | { readonly type: 'message'; readonly message: HostMessage }
  /** Output of the host process on its own stdout or stderr: a sign of trouble. */
  | { readonly type: 'chatter'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  /** It exists: its pid was unknown before. */
  | { readonly type: 'made' }
  /** The host could not start. */
  | { readonly type: 'unstarted'; readonly error: Error }
  /** The host broke the contract, or does not read its messages. */
  | { readonly type: 'fault'; readonly error: Error }
  | { readonly type: 'exit'; readonly code: number | null; readonly signal: NodeJS.Signals | null };

/** Maximum bytes of orders waiting for a host that does not read: a thousand workers' worth. */
const longestBacklog = 64 * 1024;
/** Maximum time of reading an exited host's channel for its last messages. */
const lastWordsMs = 5000;

export class HostProcess {
  readonly startedAt = Date.now();
  readonly #options: HostOptions;
  readonly #life: HostLife;
  readonly #decoder = new MessageDecoder();
  #state: HostState = hostStates.starting;
  #exitReported = false;
  #isFaulty = false;
  #survives = false;
  /** Open requests to the host for reports of waiting connections. */
  #watches = 0;
  readonly #inbox = new HostInbox({
    read: (wanted) => (wanted ? this.#life.channel?.resume() : this.#life.channel?.pause()),
    handle: (message) => this.#handle(message),
  });

  constructor(options: HostOptions) {
    this.#options = options;
    this.#life = options.start({
      onChatter: (stream, text) => this.#report({ type: 'chatter', stream, text }),
      onMade: () => this.#report({ type: 'made' }),
      onUnstarted: (error) => this.#report({ type: 'unstarted', error }),
      onExit: (code, signal) => this.#reportExit(code, signal),
    });
    this.#listenToChannel();
    this.#introduce();
  }

  get state(): HostState {
    return this.#state;
  }

  /** 0 before it exists, and if it could not start. */
  get pid(): number {
    return this.#life.pid;
  }

  /** Our end of the descriptor channel. */
  get descriptorChannel(): number {
    return this.#options.descriptorChannel;
  }

  /** @throws Error for an illegal move */
  moveTo(state: HostState): void {
    this.#state = hostTransitions.move(this.#state, state);
    this.#life.unread?.close();
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
   * @param slot slot in which the host may make a worker by itself for the next waiting connection
   */
  watch(covered: number, slot?: number): void {
    this.#watches += 1;
    const numbers = slot === undefined ? (covered === 0 ? [] : [covered]) : [covered, slot];
    this.#send(['watch', ...numbers.map(String)]);
  }

  /** The host reports waiting connections. @throws ContractError if it was not asked to */
  tookWatch(): void {
    if (this.#watches === 0) throw new ContractError('the host sent "waiting", which was not asked');
    this.#watches -= 1;
  }

  /** Accepts nothing more until {@link accept}. */
  pause(): void {
    this.#send(['pause']);
  }

  /**
   * Makes a connection to one of its workers, which need not accept for that.
   *
   * @returns the client's end
   * @throws PosixError when the system is out of descriptors
   */
  connect(): Socket {
    const [ours, theirs] = socketPair();
    try {
      this.#sendWith(theirs, ['connection']);
    } finally {
      closeSync(theirs);
    }
    return new Socket({ fd: ours, readable: true, writable: true, allowHalfOpen: true });
  }

  drain(): void {
    this.#send(['drain']);
  }

  /** Passes the reopened access log to the host. */
  reopenAccessLog(fd: number): void {
    this.#sendWith(fd, ['reopen', 'access.log']);
  }

  /** Passes a page of any length, in a memory file. */
  answerStatus(id: string, status: number, page: Uint8Array): void {
    const file = memoryFile('hathi-status', 0);
    try {
      for (let at = 0; at < page.length; ) at += writeSync(file, page, at);
      this.#sendWith(file, ['status-reply', id, String(status)]);
    } finally {
      closeSync(file);
    }
  }

  /** The page is missing. */
  refuseStatus(id: string, reason: string): void {
    this.#send(['no-status', id], Buffer.from(reason, 'utf8'));
  }

  /** Checks liveness; answered by `alive`. */
  askAlive(id: string): void {
    this.#send(['alive', id]);
  }

  /**
   * Sends nothing more: the host ends its workers, forwards their last output, and exits. Call {@link kill} if it does
   * not.
   */
  hangUp(): void {
    // Else it would take the end for the master's death.
    if (this.#survives) this.#send(['survive', '0']);
    this.#life.channel?.end();
  }

  /**
   * The end of the channel is no reason to end from now on.
   *
   * @param socket listens for the next master; undefined where an adopted host has one already
   */
  survive(seconds: number, socket: number | undefined): void {
    this.#survives = true;
    if (socket !== undefined) this.#sendWith(socket, ['survive', String(seconds)]);
  }

  /** It has to end with the master again. */
  dependOnMaster(): void {
    if (this.#survives) this.#send(['survive', '0']);
    this.#survives = false;
  }

  /** Ignores its messages and sends it none; its exit is still reported. */
  ignore(): void {
    this.#isFaulty = true;
    this.#inbox.clear();
    // Reading continues to the end, which reports its exit.
    this.#life.channel?.resume();
  }

  get isIgnored(): boolean {
    return this.#isFaulty;
  }

  kill(): void {
    if (this.#state !== hostStates.gone) this.#life.kill('SIGKILL');
  }

  /**
   * Frees the master's resources of it, once the exit was handled: until then somebody may write to it. Processes that
   * it left behind may hold the other ends open.
   */
  close(): void {
    this.#life.release();
    closeSync(this.descriptorChannel);
  }

  /** Another master takes it over: it hears and reports nothing more here. */
  letGo(): void {
    this.ignore();
    this.#exitReported = true;
    this.#state = hostStates.gone;
    this.#life.letGo();
    closeSync(this.descriptorChannel);
  }

  #send(words: readonly string[], payload?: Uint8Array | string): void {
    this.#write(encodeMessage(words, payload));
  }

  /** Never blocks: unread bytes are buffered up to a limit, then the host is ended. */
  #write(bytes: Buffer): void {
    const channel = this.#life.channel;
    if (channel?.writable !== true || this.#isFaulty) return;
    channel.write(bytes);
    // The length of its settings is given: its start shows whether it reads them.
    if (this.#state === hostStates.starting || channel.writableLength <= longestBacklog) return;
    this.#fault(
      new ContractError(
        `the engine host ${this.pid} does not read what it is told: ${channel.writableLength} bytes wait`,
      ),
    );
  }

  /** The descriptor first: the line announces that it is there. */
  #sendWith(fd: number, words: readonly string[]): void {
    if (this.#life.channel?.writable !== true || this.#isFaulty) return;
    try {
      sendDescriptor(this.descriptorChannel, fd, 0);
    } catch (error) {
      // A host that has ended, but whose exit is not handled yet, needs nothing.
      if (errorNumber(error)?.errno === constants.errno.EPIPE) return;
      const reason = `the engine host ${this.pid} does not take descriptors: ${(error as Error).message}`;
      return this.#fault(new ContractError(reason));
    }
    this.#send(words);
  }

  #introduce(): void {
    if (this.#options.isAdopted === true) {
      this.#survives = true;
      return this.#send(['hathi', String(contractVersion)]);
    }
    // In one piece: each write is a system call, and these are a hundred lines.
    const settings = this.#options.settings.map(([name, value]) => encodeMessage(['setting', name], value));
    const lines = [encodeMessage(['hathi', String(contractVersion)]), ...settings, encodeMessage(['start'])];
    this.#write(Buffer.concat(lines));
  }

  #listenToChannel(): void {
    const channel = this.#life.channel;
    if (channel === undefined) return;
    // The exit event reports the reason; a broken pipe adds nothing.
    channel.on('error', () => {
      for (const bytes of this.#life.unread?.rest() ?? []) this.#receive(bytes);
      channel.destroy();
    });
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

  /** From now on its messages and those to it are void. */
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
    // The host's last messages may still be in the channel: its end comes after its data.
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
