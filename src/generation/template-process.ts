/**
 * The master's handle on a template: a PHP that has started except for its OPcache and makes hosts by fork
 * (docs/contract.md, "Templates"). It executes orders and reports events; it decides nothing itself.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { ContractError, contractVersion, encodeMessage, MessageDecoder } from '../engine/contract.ts';
import type { HostCommand } from '../engine/engine-command.ts';
import type { HostFacts } from '../engine/host-messages.ts';
import { type ProcessEnd, parseTemplateMessage, type TemplateMessage } from '../engine/template-messages.ts';
import { hostStartTimeoutMs } from '../pool/hand-over.ts';
import { answerLiveness, checkLiveness, type LivenessRule, newLiveness, pardon } from '../pool/liveness.ts';
import { sendDescriptors, socketPair } from '../posix/descriptors.ts';
import { isDebugged } from './debugged.ts';

export interface TemplateOptions {
  readonly command: HostCommand;
  /** PHP's initial ini files and definitions (`php.ini`, `php.define`). */
  readonly settings: readonly (readonly [name: string, value: string])[];
  readonly env: NodeJS.ProcessEnv;
  readonly onEvent: (event: TemplateEvent) => void;
  /** Time limit for PHP's start, ms. */
  readonly startTimeoutMs?: number;
}

export type TemplateEvent =
  | { readonly type: 'ready'; readonly facts: HostFacts }
  /** It cannot start, broke the contract, or has ended; it makes no more hosts. Reported once. */
  | { readonly type: 'lost'; readonly reason: string }
  /** Output of the process on its own stdout or stderr: a sign of trouble. */
  | { readonly type: 'chatter'; readonly stream: 'stdout' | 'stderr'; readonly text: string };

/** Events of one host. */
export interface ForkListener {
  readonly onMade: (pid: number) => void;
  /** The host was not made. */
  readonly onRefused: (reason: string) => void;
  /** @param end undefined when the template, its parent, has ended: then the way of the host's end is unknown */
  readonly onGone: (end: ProcessEnd | undefined) => void;
}

interface Order {
  readonly descriptors: readonly number[];
  readonly listener: ForkListener;
  readonly maySpare: boolean;
}

/** Maximum of concurrent forks: the kernel limits descriptors in flight (unix(7), ETOOMANYREFS). */
const ordersAtOnce = 16;

export class TemplateProcess {
  readonly #options: TemplateOptions;
  readonly #child: ChildProcess;
  readonly #channel: Duplex | undefined;
  readonly #descriptorChannel: number;
  readonly #decoder = new MessageDecoder();
  readonly #waiting: Order[] = [];
  /** By id. */
  readonly #asked = new Map<string, Order>();
  /** By pid. */
  readonly #hosts = new Map<number, ForkListener>();
  #nextId = 0;
  readonly #startTimer: NodeJS.Timeout;
  #isReady = false;
  readonly #waitingForStart: ((failure: string | undefined) => void)[] = [];
  #isLost = false;
  #keepsSpare = false;
  #liveness = newLiveness;

  constructor(options: TemplateOptions) {
    this.#options = options;
    const { file, args, argv0 } = options.command;
    const [ours, theirs] = socketPair();
    this.#descriptorChannel = ours;
    this.#child = spawn(file, [...args], {
      ...(argv0 === undefined ? {} : { argv0 }),
      env: options.env,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', theirs],
    });
    closeSync(theirs);
    // Without descriptors or processes left, the child has no stdio at all, despite its type.
    this.#channel = (this.#child.stdio as ChildProcess['stdio'] | undefined)?.[3] as Duplex | undefined;
    this.#listenToProcess();
    this.#listenToChannel();
    this.#send(['hathi', String(contractVersion)]);
    for (const [name, value] of options.settings) this.#send(['setting', name], value);
    this.#send(['start']);
    const patience = options.startTimeoutMs ?? hostStartTimeoutMs;
    this.#startTimer = setTimeout(
      () => this.#lose(`it is not ready after ${patience / 1000} seconds`),
      patience,
    );
  }

  /** 0 if it could not start. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Number of hosts that are its children. */
  get hostCount(): number {
    return this.#hosts.size + this.#asked.size + this.#waiting.length;
  }

  /**
   * Requests a host. Its descriptors are stdout, stderr, and those of docs/contract.md section 1 from 3 on, in order.
   * They are closed here after they were passed.
   *
   * @param maySpare accepts a host that went through PHP's start before its pool was known
   */
  fork(descriptors: readonly number[], listener: ForkListener, maySpare = false): void {
    if (this.#isLost) {
      closeAll(descriptors);
      queueMicrotask(() => listener.onRefused('the template is gone'));
      return;
    }
    this.#waiting.push({ descriptors, listener, maySpare });
    this.#askForMore();
  }

  /** @param done called once, in a later turn of the event loop, with the reason if it cannot start */
  whenReady(done: (failure: string | undefined) => void): void {
    if (this.#isReady) setImmediate(() => done(undefined));
    else this.#waitingForStart.push(done);
  }

  /** Makes it keep a host with started PHP ready for the next pool that wakes. */
  keepSpare(): void {
    if (this.#keepsSpare) return;
    this.#keepsSpare = true;
    if (this.#isReady) this.#send(['spare']);
  }

  /**
   * Once a second: whether it answers. A silent one is abandoned: otherwise clients would wait for its hosts for ever.
   *
   * @param now monotonic ms
   */
  watch(rule: LivenessRule, now: number): void {
    if (!this.#isReady || this.#isLost) return;
    const { memory, asks, verdict } = checkLiveness(rule, this.#liveness, now);
    this.#liveness = memory;
    if (asks) this.#send(['alive', String(memory.question)]);
    if (verdict !== 'dead') return;
    if (isDebugged(this.pid)) this.#liveness = pardon(memory);
    else this.#lose(`it has not answered for ${Math.round(rule.deadMs / 1000)} seconds`);
  }

  /** It makes no more hosts, and ends; its hosts continue, and the way of their end is unknown. */
  close(): void {
    this.#channel?.destroy();
    // It exits at the end of its channel, unless somebody has stopped it.
    this.#child.kill('SIGKILL');
  }

  #askForMore(): void {
    while (this.#isReady && !this.#isLost && this.#asked.size < ordersAtOnce) {
      const order = this.#waiting.shift();
      if (order === undefined) return;
      const id = String(this.#nextId++);
      try {
        sendDescriptors(this.#descriptorChannel, order.descriptors);
      } catch (error) {
        closeAll(order.descriptors);
        order.listener.onRefused(`cannot pass descriptors to the template: ${(error as Error).message}`);
        continue;
      }
      closeAll(order.descriptors);
      this.#asked.set(id, { ...order, descriptors: [] });
      this.#send(['host', id, ...(order.maySpare ? ['spare'] : [])]);
    }
  }

  #handle(message: TemplateMessage): void {
    switch (message.type) {
      case 'ready':
        this.#isReady = true;
        clearTimeout(this.#startTimer);
        if (this.#keepsSpare) this.#send(['spare']);
        this.#options.onEvent({ type: 'ready', facts: message.facts });
        for (const done of this.#waitingForStart.splice(0)) done(undefined);
        return this.#askForMore();
      case 'failed':
        return this.#lose(message.reason);
      case 'host': {
        const { listener } = this.#take(message.id);
        this.#hosts.set(message.pid, listener);
        listener.onMade(message.pid);
        return this.#askForMore();
      }
      case 'no-host':
        this.#take(message.id).listener.onRefused(message.reason);
        return this.#askForMore();
      case 'alive': {
        const memory = answerLiveness(this.#liveness, message.id);
        if (memory === undefined)
          throw new ContractError(`the template sent "alive ${message.id}", which was not asked`);
        this.#liveness = memory;
        return;
      }
      case 'gone': {
        const listener = this.#hosts.get(message.pid);
        this.#hosts.delete(message.pid);
        return listener?.onGone(message.end);
      }
      default:
        throw new Error(`no handler for the message ${JSON.stringify(message satisfies never)}`);
    }
  }

  #take(id: string): Order {
    const order = this.#asked.get(id);
    if (order === undefined) throw new ContractError(`the template answered an order ${id} that nobody gave`);
    this.#asked.delete(id);
    return order;
  }

  #lose(reason: string): void {
    if (this.#isLost) return;
    this.#isLost = true;
    clearTimeout(this.#startTimer);
    this.#channel?.destroy();
    closeSync(this.#descriptorChannel);
    this.#child.kill('SIGKILL');
    this.#options.onEvent({ type: 'lost', reason });
    for (const done of this.#waitingForStart.splice(0)) done(reason);
    for (const { descriptors, listener } of [...this.#asked.values(), ...this.#waiting.splice(0)]) {
      closeAll(descriptors);
      listener.onRefused(reason);
    }
    this.#asked.clear();
    for (const listener of this.#hosts.values()) listener.onGone(undefined);
    this.#hosts.clear();
  }

  #send(words: readonly string[], payload?: string): void {
    if (this.#channel === undefined || this.#channel.destroyed) return;
    this.#channel.write(encodeMessage(words, payload));
  }

  #listenToProcess(): void {
    this.#child.on('error', (error) => this.#lose(`it cannot be started: ${error.message}`));
    this.#child.on('exit', (code, signal) => {
      const reason = signal === null ? `it exited with code ${code}` : `it was ended by ${signal}`;
      // Its last messages may still be in the channel.
      if (this.#channel === undefined || this.#channel.destroyed) this.#lose(reason);
      else this.#channel.once('close', () => this.#lose(reason));
    });
    for (const stream of ['stdout', 'stderr'] as const) {
      this.#child[stream]?.on('data', (bytes: Buffer) =>
        this.#options.onEvent({ type: 'chatter', stream, text: bytes.toString('utf8') }),
      );
    }
  }

  #listenToChannel(): void {
    const channel = this.#channel;
    if (channel === undefined) return;
    channel.on('error', () => channel.destroy());
    channel.on('data', (bytes: Buffer) => {
      try {
        for (const message of this.#decoder.push(bytes)) this.#handle(parseTemplateMessage(message));
      } catch (error) {
        if (!(error instanceof ContractError)) throw error;
        this.#lose(error.message);
      }
    });
  }
}

function closeAll(descriptors: readonly number[]): void {
  for (const fd of descriptors) closeSync(fd);
}
