/** What the master holds for its pools and gives back at its end: sockets, access logs, the pid file. */

import type { AdminSource } from '../admin/snapshot.ts';
import { adminOff } from '../config/admin.ts';
import type { Configuration, PoolConfig } from '../config/directives.ts';
import type { PoolIdentity } from '../engine/host-settings.ts';
import type { EngineCommand } from '../engine/select.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { AccessLogs } from './access-logs.ts';
import { AdminEndpoint } from './admin-endpoint.ts';
import type { Listener } from './listener.ts';
import { adoptInherited } from './listener-inherit.ts';
import { ListenerSet } from './listener-set.ts';
import { reopenLogs } from './log-reopening.ts';
import { PidFileError, removePidFile, writePidFile } from './pid-file.ts';
import type { PreparedPool } from './pool-context.ts';
import type { PoolRunner } from './pool-runner.ts';
import { MasterStartError } from './start-error.ts';
import { StatusListeners, type StatusSource } from './status-listeners.ts';

export interface ResourceOptions {
  readonly log: ErrorLog;
  /** Where the admin endpoint is without `admin.listen`; undefined where there is no such place. */
  readonly adminSocket?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  /**
   * Who the workers of a pool are; undefined where nothing is to be set.
   *
   * @throws Error for a user or group that cannot be resolved
   */
  readonly identify: (pool: PoolConfig) => PoolIdentity | undefined;
  /** @throws EngineError */
  readonly engineFor: (pool: PoolConfig) => EngineCommand;
}

export class MasterResources {
  readonly #options: ResourceOptions;
  readonly #log: ErrorLog;
  readonly #listeners: ListenerSet;
  readonly #statusListeners: StatusListeners;
  readonly #admin: AdminEndpoint;
  readonly #accessLogs: AccessLogs;
  #statusSockets: readonly Listener[] = [];
  #pidFile: string | undefined;

  /** Takes the sockets out of the environment that a predecessor or systemd left there. */
  constructor(options: ResourceOptions, admin: AdminSource) {
    this.#options = options;
    this.#log = options.log;
    this.#accessLogs = new AccessLogs(options.log);
    this.#listeners = new ListenerSet(options.log, adoptInherited(options.env, options.log));
    this.#statusListeners = new StatusListeners(options.log);
    this.#admin = new AdminEndpoint(options.log, admin, options.adminSocket);
  }

  /**
   * Gets everything that the configuration needs; what is open already is used again.
   *
   * @param source what the status pages show
   * @throws MasterStartError after what is wrong has been logged
   */
  async prepare(configuration: Configuration, source: StatusSource): Promise<PreparedPool[]> {
    this.#listeners.startRound();
    const pools: PreparedPool[] = [];
    for (const config of configuration.pools) {
      pools.push({
        config,
        identity: this.#ask(() => this.#options.identify(config)),
        command: this.#ask(() => this.#options.engineFor(config)),
        listener: await this.#listeners.acquire(config),
      });
    }
    const { 'admin.listen': listen, 'admin.token': token } = configuration.global;
    const isPlaced = listen !== undefined && listen !== adminOff;
    const admin = isPlaced ? await this.#listeners.acquireAdmin(listen) : undefined;
    for (const pool of pools) this.openAccessLog(pool);
    this.#statusSockets = await this.#statusListeners.open(configuration, this.#listeners, source);
    this.#writePidFile(configuration.global.pid);
    // Last, so that a reload that is refused leaves the endpoint where it was.
    if (listen === undefined) await this.#admin.serveByDefault();
    else this.#admin.serve(admin, token);
    return pools;
  }

  get hasAdminEndpoint(): boolean {
    return this.#admin.listener !== undefined;
  }

  /** Gives back what these pools do not use. */
  retain(runners: readonly PoolRunner[]): void {
    const admin = this.#admin.listener;
    this.#listeners.retain([
      ...runners.map((runner) => runner.prepared.listener),
      ...this.#statusSockets,
      ...(admin === undefined ? [] : [admin]),
    ]);
    this.#accessLogs.retain(runners.map((runner) => runner.config));
  }

  /**
   * Descriptor of the pool's access log.
   *
   * @throws MasterStartError after the reason has been logged
   */
  openAccessLog(pool: Pick<PreparedPool, 'config' | 'identity'>): number | undefined {
    try {
      return this.#accessLogs.open(pool);
    } catch (error) {
      const text = `failed to open access log (${pool.config['access.log']})`;
      this.#log.sysError(text, error);
      throw new MasterStartError(`${text}: ${(error as Error).message}`);
    }
  }

  /** SIGUSR1. */
  reopenLogs(runners: readonly PoolRunner[]): void {
    reopenLogs(this.#log, this.#accessLogs, runners);
  }

  /** The master stops: its own pages end first. */
  closeStatusPages(): void {
    this.#statusListeners.close();
  }

  /** Gives back everything; harmless when called twice. What cannot be given back is said and keeps nothing else. */
  release(): void {
    const steps = [
      () => this.#statusListeners.close(),
      () => this.#admin.close(),
      () => this.#listeners.closeAll(),
      () => this.#accessLogs.close(),
      () => this.#movePidFile(undefined),
    ];
    for (const step of steps) {
      try {
        step();
      } catch (error) {
        this.#log.sysError('cannot give back everything at the end', error);
      }
    }
  }

  /** A user or an engine that is not there is the operator's to mend: it is said, and the start or reload refused. */
  #ask<T>(question: () => T): T {
    try {
      return question();
    } catch (error) {
      this.#log.error((error as Error).message);
      throw new MasterStartError((error as Error).message);
    }
  }

  /** Written anew by every reload, too, so that one that somebody removed comes back. */
  #writePidFile(path: string | undefined): void {
    try {
      if (path !== undefined) writePidFile(path, process.pid);
    } catch (error) {
      this.#logPidFileError(error);
      throw new MasterStartError(`the pid file cannot be written: ${(error as Error).message}`);
    }
    this.#movePidFile(path);
  }

  #movePidFile(path: string | undefined): void {
    const old = this.#pidFile;
    this.#pidFile = path;
    if (old === undefined || old === path) return;
    try {
      removePidFile(old);
    } catch (error) {
      this.#logPidFileError(error);
    }
  }

  #logPidFileError(error: unknown): void {
    if (!(error instanceof PidFileError)) throw error;
    this.#log.sysError(error.message, error.cause);
  }
}
