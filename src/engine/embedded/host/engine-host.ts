/**
 * The life of an embedded host: settings, start, serving, drain. The master decides when; this file knows the order.
 */

import { closeSync, openSync, readFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { duplicateOnto, receiveDescriptor, sendDescriptor } from '../../../posix/descriptors.ts';
import { setThreadName } from '../../../posix/limits.ts';
import { ScoreboardWriter } from '../../../scoreboard/writer.ts';
import { binaryOf, decodeBinary } from '../../../text/binary.ts';
import { ContractError, contractVersion, endModes, hostFd, type Message } from '../../contract.ts';
import { iniFlag } from '../../script.ts';
import { readEngine } from '../php/engine-files.ts';
import { composeIni } from '../php/ini.ts';
import { defaultVersion, findEngine } from '../php/package.ts';
import { assembleHost, type Running } from './host-assembly.ts';
import { HostFault, type HostPhase, hostPhases, phaseTransitions } from './host-phases.ts';
import type { HostPools } from './host-pools.ts';
import { checkChroot, giveUpRights } from './host-rights.ts';
import { iniLookup } from './ini-lookup.ts';
import { MasterLink } from './master-link.ts';
import { Orphan } from './orphan.ts';
import { SettingCollector } from './pool-settings.ts';
import { readyPayload } from './ready-payload.ts';
import { slotCount } from './slots.ts';
import { readThreadProgram, type ThreadBlueprint, threadStarter } from './thread-start.ts';
import type { StartThread } from './worker-handle.ts';
import { WorkerThreads } from './worker-threads.ts';

/** Without a master requests may run so long after the host has begun to drain by itself. */
const lonelyDrainMs = 30_000;

/** Exit code of a host that cannot run its pool. */
const exitCannotRun = 70;

export class EngineHost {
  readonly #link: MasterLink;
  readonly #collector = new SettingCollector();
  readonly #makeStarter: (blueprint: ThreadBlueprint) => StartThread;
  #state: HostPhase = hostPhases.greeting;
  #running: Running | undefined;
  /** Orders that came before it was ready. */
  readonly #early: Message[] = [];
  /** The host closes the channel itself. */
  #isLeaving = false;
  /** The payload of its `ready`, for the next master. */
  #ready: Uint8Array | string = '';
  /** The end of the channel is no reason to end. */
  #survival: { readonly socket: number; readonly survivesMs: number } | undefined;
  #orphan: Orphan | undefined;
  /** The permission is taken back, or the master is gone. */
  #onChange: () => void = () => {};
  /** It has outlived a master. */
  #wasOrphan = false;
  /** Of the master, before rights are given up. */
  readonly #user = process.geteuid?.() ?? 0;
  /** Where output goes without a master; undefined where there is no such file. */
  readonly #nowhere = openNowhere();

  /** @param makeStarter makes the function that starts worker threads. */
  constructor(makeStarter: (blueprint: ThreadBlueprint) => StartThread = threadStarter) {
    this.#makeStarter = makeStarter;
    this.#link = new MasterLink({
      onMessage: (message) => this.#receive(message),
      onGone: (reason) => this.#masterGone(reason),
    });
  }

  #move(to: HostPhase): void {
    this.#state = phaseTransitions.move(this.#state, to);
  }

  #receive(message: Message): void {
    if (this.#state === hostPhases.starting) {
      this.#early.push(message);
      return;
    }
    const [verb = '', first = '', second = ''] = message.words;
    switch (verb) {
      case 'hathi':
        this.#greet(first);
        return;
      case 'setting':
        this.#collector.add(first, binaryOf(message.payload ?? new Uint8Array()));
        return;
      case 'start':
        this.#move(hostPhases.starting);
        void this.#start();
        return;
      case 'worker':
        this.#pools().openWorker(this.#slot(first));
        return;
      case 'end':
        this.#endWorker(this.#slot(first), second);
        return;
      case 'accept':
        // The next master says it as well.
        if (this.#state !== hostPhases.serving) this.#move(hostPhases.serving);
        this.#running?.front.open();
        return;
      case 'pause':
        this.#running?.front.pause();
        return;
      case 'connection':
        this.#serve();
        return;
      case 'watch':
        this.#pools().main.watch(Number(first) || 0);
        return;
      case 'survive':
        this.#survive(Number(first));
        return;
      case 'drain':
        // One that the next master adopted may drain already.
        if (this.#state === hostPhases.draining && this.#wasOrphan) return;
        void this.#drain();
        return;
      case 'reopen':
        this.#reopen(first);
        return;
      default:
        throw new HostFault(
          `the master sent "${verb}", which is not a message of contract ${contractVersion}`,
        );
    }
  }

  #greet(version: string): void {
    // A new master knows what the host speaks.
    if (this.#wasOrphan) return;
    if (version === String(contractVersion)) {
      this.#move(hostPhases.configuring);
      return;
    }
    void this.#cannotRun(
      `the master speaks contract version ${version}, this engine host version ${contractVersion}: ` +
        'they are of different releases; restart the master',
    );
  }

  async #start(): Promise<void> {
    try {
      const settings = this.#collector.build();
      const scoreboard = new ScoreboardWriter(hostFd.scoreboard, slotCount(settings), true);
      const engine = findEngine(settings.phpVersion ?? defaultVersion);
      const mainIni = settings.phpIniFiles.map(readIniFile).join('\n[PHP]\n');
      const files = readEngine(engine);
      // All files have been read by now: later the host may be in a chroot, or a user without access to its files.
      const program = readThreadProgram(engine);
      flushCompileCache();
      const { module, extensions } = await files;
      // The zone of local times is found in a file, once.
      new Date(0).getTimezoneOffset();
      const problems = giveUpRights(settings);
      checkChroot(settings);
      // Composed with the remaining rights, since it looks for folders that the workers can write to.
      const ini = composeIni({
        version: engine.version,
        mainIni,
        defines: settings.phpDefines,
        loadable: [...extensions.keys()],
        poolValues: [...settings.phpValue, ...settings.phpAdminValue],
      });
      process.title = `php-fpm: pool ${decodeBinary(settings.pool)}`;
      // The title also sets the name; Debian's program has this name.
      setThreadName(`php-fpm${engine.version}`);
      const threads = new WorkerThreads(
        this.#makeStarter({
          ...{ settings, engine, module, program, extensions },
          phpIni: ini.text,
          link: this.#link,
        }),
        (threadNumber) => this.#stuck(threadNumber),
      );
      const facts = await threads.bootFirst();
      this.#running = assembleHost(settings, scoreboard, ini.text, facts, threads, this.#link);
      for (const problem of problems) this.#link.log('error', problem);
      this.#move(hostPhases.ready);
      const { phpValue, phpAdminValue } = settings;
      const isExposed = iniFlag(iniLookup(ini.text, phpValue, phpAdminValue)('expose_php'), true);
      this.#ready = readyPayload(facts, { warnings: ini.warnings, isExposed });
      this.#link.send(['ready'], this.#ready);
    } catch (error) {
      return await this.#cannotRun(error instanceof Error ? error.message : String(error));
    }
    this.#obeyEarly();
  }

  #obeyEarly(): void {
    try {
      for (const message of this.#early.splice(0)) this.#receive(message);
    } catch (error) {
      if (!(error instanceof ContractError)) throw error;
      this.#masterGone(error);
    }
  }

  /** @throws HostFault when the master has not waited for `ready`. */
  #pools(): HostPools {
    if (this.#running === undefined) throw new HostFault(`the master gave orders in state "${this.#state}"`);
    return this.#running.pools;
  }

  #slot(word: string): number {
    const slot = Number(word);
    const settings = this.#running?.settings;
    const count = settings === undefined ? 0 : slotCount(settings);
    if (!/^\d{1,9}$/.test(word) || slot >= count)
      throw new HostFault(`the master named slot "${word}" of ${count}`);
    return slot;
  }

  #endWorker(slot: number, word: string): void {
    const mode = endModes.find((known) => known === word);
    if (mode === undefined) throw new HostFault(`the master wants a worker to end by "${word}"`);
    this.#pools().endWorker(slot, mode);
  }

  /** Descriptors arrive over a separate socket; the line on the control channel announces one. */
  #reopen(what: string): void {
    if (what !== 'access.log') throw new HostFault(`the master wants to reopen "${what}"`);
    try {
      const fd = receiveDescriptor(hostFd.descriptors);
      this.#running?.accessLog?.reopen(fd);
    } catch (error) {
      this.#link.log('error', `cannot reopen the access log: ${(error as Error).message}`);
    }
  }

  /** A connection of the master's own, to be served before any is accepted. */
  #serve(): void {
    try {
      this.#running?.front.give(receiveDescriptor(hostFd.descriptors));
    } catch (error) {
      this.#link.log('error', `cannot take the master's connection: ${(error as Error).message}`);
    }
  }

  async #drain(): Promise<void> {
    this.#move(hostPhases.draining);
    const running = this.#running;
    running?.pools.prepareDrain();
    const emptied = running?.front.drain();
    this.#link.send(['stopped']);
    if (running !== undefined) {
      await emptied;
      running.pools.retireAll();
      await running.threads.emptied();
      running.accessLog?.flush();
    }
    await this.#toldDrained();
    await this.#hangUp();
    process.exit(0);
  }

  /** Its counters are for its master, until that one takes the permission to outlive it back, or for the next one. */
  async #toldDrained(): Promise<void> {
    for (;;) {
      await this.#orphan?.over;
      this.#link.send(['drained']);
      if (this.#survival === undefined) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onChange = resolve;
      await promise;
    }
  }

  async #cannotRun(reason: string): Promise<void> {
    this.#link.send(['failed'], Buffer.from(reason));
    await this.#hangUp();
    process.exit(exitCannotRun);
  }

  async #hangUp(): Promise<void> {
    this.#isLeaving = true;
    await this.#link.flushed();
  }

  /** A thread does not end. Only the end of the process can end it; the master starts another host. */
  #stuck(threadNumber: number): void {
    const text = `worker thread ${threadNumber} cannot be ended; the engine host is restarted`;
    this.#link.log('alert', text);
    void this.#hangUp().then(endNow);
  }

  /**
   * Nothing may outlive the master. An orderly exit would wait for threads inside system calls, so the process kills
   * itself, after the workers' last messages have been sent.
   */
  #masterGone(reason: ContractError | undefined): void {
    if (this.#isLeaving || (reason === undefined && this.#becomeOrphan())) return;
    this.#isLeaving = true;
    if (reason !== undefined) process.stderr.write(`hathi engine host: ${reason.message}\n`);
    // The events of this turn may contain later messages of the threads.
    setImmediate(() => setImmediate(() => this.#endAfterLastWords()));
  }

  /** With seconds the socket for the next master comes over the descriptor channel. */
  #survive(seconds: number): void {
    if (seconds === 0) {
      this.#survival = undefined;
      return this.#onChange();
    }
    const socket = receiveDescriptor(hostFd.descriptors);
    if (this.#survival !== undefined) closeSync(this.#survival.socket);
    this.#survival = { socket, survivesMs: seconds * 1000 };
  }

  /** @returns false where the host has to end with its master */
  #becomeOrphan(): boolean {
    const { serving, draining } = hostPhases;
    const running = this.#running;
    const isAccepting = this.#state === serving || this.#state === draining;
    if (this.#survival === undefined || running === undefined || !isAccepting) return false;
    this.#wasOrphan = true;
    for (const stream of this.#nowhere === undefined ? [] : [1, 2]) duplicateOnto(this.#nowhere ?? 0, stream);
    this.#link.detach((query) => running.orphanStatus.page(query));
    running.orphanStatus.begin();
    running.pools.orphaned(true);
    if (this.#state === serving) running.front.open();
    this.#orphan = new Orphan({
      ...this.#survival,
      user: this.#user,
      onMaster: (channel) => this.#meetMaster(channel, running),
      onTimeUp: () => this.#timeUp(),
    });
    this.#onChange();
    return true;
  }

  /** Nobody has come: accepted requests are finished, within a bound. */
  #timeUp(): void {
    this.#running?.pools.orphaned(false);
    this.#orphan = undefined;
    this.#survival = undefined;
    setTimeout(endNow, lonelyDrainMs);
    if (this.#state === hostPhases.draining) return;
    void this.#drain();
  }

  /** Tells the next master what it needs, in the order of docs/contract.md, section 7. */
  #meetMaster(channel: number, { pools, settings, orphanStatus }: Running): void {
    this.#orphan = undefined;
    orphanStatus.end();
    pools.orphaned(false);
    this.#link.attach(channel);
    for (const fd of [hostFd.scoreboard, settings.listenFd]) sendDescriptor(hostFd.descriptors, fd);
    const isDraining = this.#state === hostPhases.draining;
    this.#link.send(['orphaned', isDraining ? 'draining' : 'serving']);
    const workers = pools.workers();
    for (const { slot, pid, isUp } of workers)
      this.#link.send(['kept', String(slot), String(isUp ? pid : 0)]);
    this.#link.send(['ready'], this.#ready);
    for (const { slot, pid, isUp } of workers) if (isUp) this.#link.send(['up', String(slot), String(pid)]);
    this.#link.tellKept();
    if (isDraining) this.#link.send(['stopped']);
  }

  #endAfterLastWords(): void {
    this.#running?.accessLog?.flush();
    void this.#link.flushed().then(endNow);
  }
}

/** Without it what a host prints while it has no master would fail. */
function openNowhere(): number | undefined {
  try {
    return openSync('/dev/null', 'w');
  } catch {
    return undefined;
  }
}

/** Ends the process at once, including threads blocked in system calls. */
function endNow(): void {
  process.kill(process.pid, 'SIGKILL');
}

function readIniFile(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (cause) {
    throw new Error(`cannot read the php.ini file '${path}': ${(cause as Error).message}`, { cause });
  }
}
