/**
 * A master for one host: makes the descriptors of docs/contract.md, speaks the control channel as a test tells it
 * to, and keeps everything that the host says. Works with every engine's host, given its command line.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { NetConnectOpts } from 'node:net';
import type { Duplex } from 'node:stream';
import { contractVersion, type EndMode, encodeMessage, MessageDecoder } from '../../src/engine/contract.ts';
import { type HostFacts, type HostMessage, parseHostMessage } from '../../src/engine/host-messages.ts';
import { executeHost, forkHost } from '../../src/generation/host-life.ts';
import type { TemplateProcess } from '../../src/generation/template-process.ts';
import { memoryFile, sendDescriptor, socketPair } from '../../src/posix/descriptors.ts';
import { bind, boundAddress, listen, openSocket } from '../../src/posix/sockets.ts';
import { scoreboardSize } from '../../src/scoreboard/layout.ts';
import { ScoreboardWriter } from '../../src/scoreboard/writer.ts';
import { askOnce, PlainClient, type PlainRequest, type PlainResponse } from '../engine/plain-fastcgi.ts';
import { TestFolder } from '../harness/folder.ts';
import { embeddedHostModule } from '../harness/program.ts';
import { within } from '../harness/waiting.ts';
import { HostChild } from './host-child.ts';
import { usualSettings } from './usual-settings.ts';

export interface FakeMasterOptions {
  /** Makes the host by fork; else it is executed. */
  readonly template?: TemplateProcess | undefined;
  /** Command line of the host. */
  readonly command?: readonly string[];
  /** Without it 2; 1 for the embedded engine's host. */
  readonly slots?: number;
  /** In place of those of that name that a master sends for a pool without directives, or beside them. */
  readonly settings?: readonly (readonly [string, string])[];
  /** Names that a master of this version would send. */
  readonly without?: readonly string[];
  readonly tcp?: boolean;
  readonly accessLog?: boolean;
  /** Version in the first line. */
  readonly version?: number;
  /** A listening socket of {@link listenUnix}, for several hosts on the same one; each has its own otherwise. */
  readonly listener?: Listener;
}

/** A listening socket, and where clients find it. */
export interface Listener {
  readonly fd: number;
  readonly address: NetConnectOpts;
}

/** Listens on a Unix socket; the descriptor is the caller's to close. */
export function listenUnix(path: string): Listener {
  const fd = openSocket('unix');
  bind(fd, { family: 'unix', path });
  listen(fd, 128);
  return { fd, address: { path } };
}

/** The embedded engine's host of this checkout. */
export const embeddedHost: readonly string[] = [process.execPath, embeddedHostModule()];

type Typed<T extends HostMessage['type']> = Extract<HostMessage, { type: T }>;

interface Waiter {
  readonly matches: (message: HostMessage) => boolean;
  readonly resolve: (message: HostMessage) => void;
}

export class FakeMaster implements AsyncDisposable {
  readonly folder = new TestFolder('hathi-host-');
  /** Everything that the host said, in order. */
  readonly messages: HostMessage[] = [];
  /** Output of the host on its own stdout and stderr. */
  chatter = '';
  /** Told of every message at once, after it was kept. */
  onMessage: ((message: HostMessage) => void) | undefined;
  readonly child: HostChild;
  readonly scoreboardFd: number;
  readonly #slots: number;
  readonly #channel: Duplex;
  readonly #descriptorFd: number;
  readonly #address: NetConnectOpts;
  readonly #waiters = new Set<Waiter>();
  readonly #closed: Promise<void>;

  constructor(options: FakeMasterOptions = {}) {
    // A start of an embedded worker takes half a second of CPU.
    const { command = embeddedHost, template } = options;
    this.#slots = options.slots ?? (command === embeddedHost && template === undefined ? 1 : 2);
    this.scoreboardFd = memoryFile('scoreboard', scoreboardSize(this.#slots));
    ScoreboardWriter.create(this.scoreboardFd, this.#slots);
    const [ours, theirs] = socketPair();
    this.#descriptorFd = ours;
    const { fd, address } = options.listener ?? this.#listen(options.tcp ?? false);
    this.#address = address;
    const log = options.accessLog ? openSync(this.accessLogPath, 'a') : undefined;
    const [file = '', ...args] = command;
    const descriptors = {
      scoreboard: this.scoreboardFd,
      listen: fd,
      accessLog: log,
      descriptorPair: [ours, theirs] as const,
    };
    this.child = new HostChild((listener) => {
      const noted = { ...listener, onChatter: (_: string, text: string) => (this.chatter += text) };
      return options.template === undefined
        ? executeHost({ file, args }, descriptors, process.env, noted)
        : forkHost(options.template, descriptors, noted, false);
    });
    if (options.listener === undefined) closeSync(fd);
    if (log !== undefined) closeSync(log);
    const { channel } = this.child;
    if (channel === undefined) throw new Error('the host has no channel');
    this.#channel = channel;
    this.#closed = this.#read();
    this.#introduce(options);
  }

  get accessLogPath(): string {
    return this.folder.join('access.log');
  }

  /** Our end of the descriptor channel. */
  get descriptorFd(): number {
    return this.#descriptorFd;
  }

  get address(): NetConnectOpts {
    return this.#address;
  }

  /** Starts a host and waits for its `ready`. */
  static async ready(options: FakeMasterOptions = {}): Promise<FakeMaster & { facts: HostFacts }> {
    await using started = new AsyncDisposableStack();
    const master = started.use(new FakeMaster(options));
    const answer = await master.next(
      (message) => message.type === 'ready' || message.type === 'failed',
      'ready',
    );
    if (answer.type !== 'ready') throw new Error(`the host failed: ${JSON.stringify(answer)}`);
    started.move();
    return Object.assign(master, { facts: answer.facts });
  }

  /** Starts a host with a worker in each slot that accepts connections. */
  static async serving(options: FakeMasterOptions = {}): Promise<FakeMaster> {
    await using started = new AsyncDisposableStack();
    const master = started.use(await FakeMaster.ready(options));
    for (let slot = 0; slot < master.#slots; slot++) await master.startWorker(slot);
    master.send(['accept']);
    started.move();
    return master;
  }

  send(words: readonly string[], payload?: Uint8Array | string): void {
    this.#channel.write(encodeMessage(words, payload));
  }

  /** Whether the host said last that the slot has a worker. */
  hasWorker(slot: number): boolean {
    const isAbout = (message: HostMessage): boolean =>
      (message.type === 'up' || message.type === 'ended') && message.slot === slot;
    return this.messages.findLast(isAbout)?.type === 'up';
  }

  /** Makes a worker and waits until it is up. */
  async startWorker(slot: number): Promise<number> {
    const up = this.nextOf('up', (message) => message.slot === slot);
    this.send(['worker', String(slot)]);
    return (await up).pid;
  }

  /** Orders the end of a worker and waits for the report. */
  async endWorker(slot: number, mode: EndMode): Promise<Typed<'ended'>> {
    const ended = this.nextOf('ended', (message) => message.slot === slot);
    this.send(['end', String(slot), mode]);
    return await ended;
  }

  /** Passes the host a new access log. */
  reopenAccessLog(path: string): void {
    const fd = openSync(path, 'a');
    sendDescriptor(this.#descriptorFd, fd);
    closeSync(fd);
    this.send(['reopen', 'access.log']);
  }

  /** Passes the host a connection. @returns the client's end, which the caller owns */
  passConnection(): number {
    const [ours, theirs] = socketPair();
    sendDescriptor(this.#descriptorFd, theirs);
    closeSync(theirs);
    this.send(['connection']);
    return ours;
  }

  /** Resolves when the host has read everything up to here. */
  async answersQuestion(): Promise<void> {
    const alive = this.nextOf('alive', ({ id }) => id === 'read');
    this.send(['alive', 'read']);
    await alive;
  }

  /** Answers a question for the status page. */
  answerStatus(id: string, status: number, page: string | Uint8Array): void {
    const file = memoryFile('page', 0);
    writeSync(file, Buffer.from(page));
    sendDescriptor(this.#descriptorFd, file);
    closeSync(file);
    this.send(['status-reply', id, String(status)]);
  }

  /** The next message for which the condition holds; those that came before the call do not count. */
  next(matches: (message: HostMessage) => boolean, what: string, cap?: number): Promise<HostMessage> {
    const found = new Promise<HostMessage>((resolve) => this.#waiters.add({ matches, resolve }));
    const known = (): string => `${what}; messages: ${JSON.stringify(this.messages)}; ${this.chatter}`;
    return within(found, known, cap);
  }

  async nextOf<T extends HostMessage['type']>(
    type: T,
    matches: (message: Typed<T>) => boolean = () => true,
  ): Promise<Typed<T>> {
    const isIt = (message: HostMessage): message is Typed<T> =>
      message.type === type && matches(message as Typed<T>);
    return (await this.next(isIt, type)) as Typed<T>;
  }

  /** One request on a connection of its own. */
  ask(request: PlainRequest): Promise<PlainResponse> {
    return within(askOnce(this.#address, request), () => `an answer; ${this.chatter}`);
  }

  connect(): Promise<PlainClient> {
    return PlainClient.connect(this.#address);
  }

  /** GET for a script of the folder. */
  get(script: string, more: Record<string, string> = {}): Promise<PlainResponse> {
    return this.ask({ params: this.params(script, more) });
  }

  /** Parameters as nginx sends them for a script of the folder. */
  params(script: string, more: Record<string, string> = {}): [string, string][] {
    return Object.entries({
      REQUEST_METHOD: 'GET',
      SCRIPT_FILENAME: this.folder.join(script),
      SCRIPT_NAME: `/${script}`,
      REQUEST_URI: `/${script}`,
      DOCUMENT_ROOT: this.folder.path,
      SERVER_PROTOCOL: 'HTTP/1.1',
      GATEWAY_INTERFACE: 'CGI/1.1',
      QUERY_STRING: '',
      ...more,
    });
  }

  /** Closes the channel, as a master that died. */
  hangUp(): void {
    this.#channel.destroy();
  }

  /** Drains the host and waits for its exit code. */
  async drain(): Promise<number | null> {
    this.send(['drain']);
    return await this.exitCode();
  }

  async exitCode(): Promise<number | null> {
    await within(
      this.child.exited,
      () => `the host's exit; ${JSON.stringify(this.messages)} ${this.chatter}`,
    );
    return this.child.exitCode;
  }

  /** Resolves when the channel has ended, so that `messages` is complete. */
  channelEnd(): Promise<void> {
    return within(this.#closed, 'the end of the channel');
  }

  readAccessLog(): string[] {
    return readFileSync(this.accessLogPath, 'latin1').split('\n').slice(0, -1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child.killTree();
    this.#channel.destroy();
    closeSync(this.#descriptorFd);
    closeSync(this.scoreboardFd);
    this.folder[Symbol.dispose]();
  }

  #listen(tcp: boolean): Listener {
    if (!tcp) return listenUnix(this.folder.join('pool.sock'));
    const fd = openSocket('ipv4');
    bind(fd, { family: 'ipv4', host: '127.0.0.1', port: 0 });
    listen(fd, 128);
    const bound = boundAddress(fd);
    if (!('port' in bound)) throw new Error('a TCP socket without a port');
    return { fd, address: { host: '127.0.0.1', port: bound.port } };
  }

  #introduce(options: FakeMasterOptions): void {
    const { tcp = false, accessLog = false, settings = [], without = [] } = options;
    const given = new Set(settings.map(([name]) => name));
    const usual = usualSettings(this.#slots, { tcp, accessLog, pings: given.has('ping.path') });
    const sent = [...usual.filter(([name]) => !given.has(name) && !without.includes(name)), ...settings];
    // In one piece, as the master does: a host that refuses the first line is gone before the next one is written, and
    // its reason is lost with the socket's error.
    const lines = [
      encodeMessage(['hathi', String(options.version ?? contractVersion)]),
      ...sent.map(([name, value]) => encodeMessage(['setting', name], Buffer.from(value))),
      encodeMessage(['start']),
    ];
    this.#channel.write(Buffer.concat(lines));
  }

  #read(): Promise<void> {
    const decoder = new MessageDecoder();
    this.#channel.on('error', () => this.#channel.destroy());
    this.#channel.on('data', (bytes: Buffer) => {
      for (const raw of decoder.push(bytes)) this.#receive(parseHostMessage(raw, this.#slots));
    });
    return new Promise((resolve) => this.#channel.once('close', () => resolve()));
  }

  #receive(message: HostMessage): void {
    this.messages.push(message);
    this.onMessage?.(message);
    for (const waiter of [...this.#waiters]) {
      if (!waiter.matches(message)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(message);
    }
  }
}
