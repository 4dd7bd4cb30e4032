/**
 * Listening sockets of sleeping pools outlive the master: no host holds them, so a keeper does, or systemd where no
 * keeper can be had. The keeper is started when the first pool falls asleep. A pool that wakes leaves its socket there,
 * until the master itself closes it.
 */

import { closeSync, existsSync, fstatSync, rmSync } from 'node:fs';
import { contractVersion } from '../engine/contract.ts';
import type { HostCommand } from '../engine/engine-command.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { bind, isListening, listen, openSocket } from '../posix/sockets.ts';
import { Listener } from '../sockets/listener.ts';
import { DescriptorStore } from './descriptor-store.ts';
import { SocketKeeper } from './socket-keeper.ts';

/** One that ends so soon after its start will do so again. */
const shortestLifeMs = 10_000;

export interface KeptSocketsOptions {
  /** Where the next master finds the keeper: in a folder of the master's user only. */
  readonly path: string;
  readonly log: ErrorLog;
  readonly env: NodeJS.ProcessEnv;
}

export class KeptSockets {
  readonly #options: KeptSocketsOptions;
  readonly #store: DescriptorStore;
  /** Those that are to be kept, by inode. */
  readonly #sockets = new Map<number, Listener>();
  /** Not sent yet: those of one turn go together. */
  #unsent: Listener[] = [];
  #keeper: SocketKeeper | undefined;
  #command: HostCommand | undefined;
  #startedAt = 0;
  #seconds = 0;
  #hasFailed = false;

  constructor(options: KeptSocketsOptions) {
    this.#options = options;
    this.#store = new DescriptorStore(options.log, options.env);
  }

  /** The master serves, and is the one that systemd knows. */
  ready(): void {
    this.#store.open();
  }

  /**
   * Takes the sockets of the last master's keeper.
   *
   * @param known sockets that hosts have passed: they are not opened twice
   * @param arePassed by a master that has given way
   * @returns the others
   */
  find(known: readonly Listener[], arePassed: boolean): Listener[] {
    const { path, log } = this.#options;
    if (arePassed) this.#store.succeed();
    if (!existsSync(path)) return [];
    try {
      const { keeper, version, sockets } = SocketKeeper.find(path, () => this.#lost());
      const found = sockets.flatMap((fd) => this.#note(fd, known) ?? []);
      this.#startedAt = performance.now();
      if (version === contractVersion) this.#keeper = keeper;
      else void keeper.end();
      return found;
    } catch (error) {
      // A file without a process: its time was over.
      if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED')
        log.warning(
          `the sockets of sleeping pools cannot be had from '${path}': ${(error as Error).message}`,
        );
      rmSync(path, { force: true });
      return [];
    }
  }

  /**
   * @param command executes a keeper; undefined for an engine that has none: then one that runs already keeps it, or
   *   systemd
   * @param seconds `survive`; 0 for a master that nothing outlives
   */
  keep(listener: Listener, command: HostCommand | undefined, seconds: number): void {
    if (seconds === 0) {
      this.#store.drop(listener.inode);
      return void this.end();
    }
    this.#command ??= command;
    if (this.#seconds !== seconds) this.#keeper?.survive(seconds);
    this.#seconds = seconds;
    // systemd keeps its own.
    if (listener.origin === 'systemd' || this.#sockets.has(listener.inode)) return;
    this.#sockets.set(listener.inode, listener);
    if (this.#unsent.length === 0) setImmediate(() => this.#flush());
    this.#unsent.push(listener);
  }

  /** The master closes it. */
  drop({ inode }: Listener): void {
    this.#store.drop(inode);
    if (this.#sockets.delete(inode)) this.#keeper?.drop(inode);
  }

  /** Its sockets are for the next master. */
  leave(): void {
    const keeper = this.#keeper;
    this.#keeper = undefined;
    this.#sockets.clear();
    this.#store.close();
    keeper?.leave();
  }

  /** Settles when the keeper has closed its sockets. */
  async end(): Promise<void> {
    const keeper = this.#keeper;
    this.#keeper = undefined;
    this.#sockets.clear();
    this.#unsent = [];
    if (keeper === undefined) return;
    rmSync(this.#options.path, { force: true });
    await keeper.end();
  }

  /** @returns undefined where it is no listening socket, or is known */
  #note(fd: number, known: readonly Listener[]): Listener | undefined {
    const { ino } = fstatSync(fd);
    const same = known.find(({ inode }) => inode === ino);
    if (same !== undefined || !isListening(fd)) {
      closeSync(fd);
      if (same !== undefined) this.#sockets.set(ino, same);
      return undefined;
    }
    const listener = Listener.adopt(fd, 'inherited');
    this.#sockets.set(ino, listener);
    return listener;
  }

  #flush(): void {
    const unsent = this.#unsent.filter((listener) => this.#sockets.get(listener.inode) === listener);
    this.#unsent = [];
    if (unsent.length === 0) return;
    try {
      if (!this.#hasFailed) this.#keeper ??= this.#start();
      if (this.#keeper === undefined) return this.#toStore(unsent);
      this.#keeper.keep(unsent.filter((listener) => listener.isIntact()).map(({ fd }) => fd));
    } catch (error) {
      this.#fail(`its keeper cannot be started: ${(error as Error).message}`);
    }
  }

  /** @returns undefined where no engine has one */
  #start(): SocketKeeper | undefined {
    const { path, env } = this.#options;
    if (this.#command === undefined) return undefined;
    rmSync(path, { force: true });
    const meeting = openSocket('unix');
    try {
      bind(meeting, { family: 'unix', path });
      listen(meeting, 4);
      const keeper = SocketKeeper.start(this.#command, meeting, env, () => this.#lost());
      keeper.survive(this.#seconds);
      this.#startedAt = performance.now();
      return keeper;
    } finally {
      closeSync(meeting);
    }
  }

  #lost(): void {
    this.#keeper = undefined;
    if (performance.now() - this.#startedAt < shortestLifeMs) return this.#fail('its keeper has ended');
    this.#options.log.warning('the keeper of sockets has ended, another is started');
    this.#unsent = [...this.#sockets.values()];
    this.#flush();
  }

  #fail(reason: string): void {
    this.#hasFailed = true;
    const { log } = this.#options;
    if (this.#store.isThere)
      log.warning(`systemd keeps the sockets of sleeping pools from now on: ${reason}`);
    else log.warning(`sockets of sleeping pools close with a killed master: ${reason}`);
    this.#toStore(this.#sockets.values());
  }

  #toStore(listeners: Iterable<Listener>): void {
    for (const listener of listeners) this.#store.keep(listener);
  }
}
