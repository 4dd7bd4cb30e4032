/** The master's resources for its pools, freed at its end: sockets, access logs, the pid file. */

import type { Configuration, GlobalConfig, PoolConfig } from '../config/directives.ts';
import { AllowedClients } from '../engine/allowed-clients.ts';
import type { EngineCommand } from '../engine/engine-command.ts';
import type { PoolIdentity } from '../engine/host-settings.ts';
import type { PhpIniSource } from '../engine/ini-files.ts';
import type { AdminServerFactory } from '../figures/admin-server.ts';
import type { AdminSource } from '../figures/admin-source.ts';
import type { PoolRunner } from '../generation/pool-runner.ts';
import type { PreparedPool, ReloadScope } from '../generation/prepared-pool.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { inOneLook } from '../runtime/one-look.ts';
import type { PlannedPart } from '../runtime/planned-part.ts';
import { MasterStartError } from '../runtime/start-error.ts';
import type { Turns } from '../runtime/turns.ts';
import type { Listener } from '../sockets/listener.ts';
import { adoptInherited } from '../sockets/listener-inherit.ts';
import { ListenerSet } from '../sockets/listener-set.ts';
import { type WantedSocket, wantedSockets } from '../sockets/wanted-sockets.ts';
import { AccessLogs } from './access-logs.ts';
import { type AgentSource, serveAgent } from './agent-server.ts';
import { type EndpointTarget, HttpEndpoint } from './http-endpoint.ts';
import { reopenLogs } from './log-reopening.ts';
import { PidFile } from './pid-file.ts';
import { Plan } from './plan.ts';
import { type PoolAddress, PoolEndpoints } from './pool-endpoints.ts';
import { type PoolParts, preparePool } from './prepare-pool.ts';
import { type StatusSource, serveStatus } from './status-server.ts';

export interface ResourceOptions {
  readonly log: ErrorLog;
  /** Path of the admin endpoint without `admin.listen`; undefined where there is no such place. */
  readonly adminSocket?: string | undefined;
  readonly createAdminServer: AdminServerFactory;
  readonly env: NodeJS.ProcessEnv;
  /**
   * Identity of a pool's workers; undefined to leave it unchanged.
   *
   * @throws Error for an unknown user or group
   */
  readonly identify: (pool: PoolConfig) => PoolIdentity | undefined;
  /** @throws EngineError */
  readonly engineFor: (pool: PoolConfig) => EngineCommand;
  /** The php.ini files that exist now. */
  readonly php: () => PhpIniSource;
  /** Obstacles of this machine or process to the configuration, as log lines. */
  readonly obstacles: (configuration: Configuration) => readonly string[];
  /** Only for `hathi audit`: where the workers of all pools report their state. */
  readonly auditSocket?: string | undefined;
}

/** Listening sockets of the master before this one. */
export interface SocketsBefore {
  /** At addresses of its configuration. */
  readonly placed: readonly Listener[];
  /** The admin endpoint's at its default place. */
  readonly admin?: Listener | undefined;
}

/** A plan of a reload. */
export interface PlanOptions {
  readonly scope?: ReloadScope;
  /** The process's own part, committed first: destination and level of later log lines. */
  readonly planProcess?: ((configuration: Configuration) => PlannedPart) | undefined;
}

export class MasterResources {
  readonly #options: ResourceOptions;
  readonly #log: ErrorLog;
  readonly #listeners: ListenerSet;
  readonly #survivors: readonly Listener[];
  readonly #statusEndpoints: PoolEndpoints;
  readonly #agentEndpoints: PoolEndpoints;
  readonly #admin: HttpEndpoint;
  readonly #metrics: HttpEndpoint;
  readonly #accessLogs: AccessLogs;
  readonly #pidFile: PidFile;
  /** By name, of the last plan. */
  #prepared: ReadonlyMap<string, PreparedPool> = new Map();

  /**
   * Takes over sockets that a predecessor or systemd left in the environment.
   *
   * @param source data of the status pages
   * @param agent data for load balancers
   * @param before sockets of the master before
   * @param released called before a socket is closed
   */
  constructor(
    options: ResourceOptions,
    admin: AdminSource,
    source: StatusSource,
    agent: AgentSource,
    before: SocketsBefore,
    released: (listener: Listener) => void,
  ) {
    this.#options = options;
    this.#log = options.log;
    this.#accessLogs = new AccessLogs(options.log);
    const inherited = adoptInherited(options.env, options.log);
    this.#survivors = withoutCopies(before.placed, inherited);
    this.#listeners = new ListenerSet(options.log, [...inherited, ...this.#survivors], released);
    this.#pidFile = new PidFile(options.log);
    const { log, createAdminServer: createServer } = options;
    this.#statusEndpoints = new PoolEndpoints((fd, pool) => serveStatus(fd, pool, { source, log }));
    this.#agentEndpoints = new PoolEndpoints((fd, pool) => serveAgent(fd, pool, { source: agent, log }));
    const own = { log, source: admin, createServer };
    this.#admin = new HttpEndpoint({
      ...own,
      kind: 'admin',
      place: options.adminSocket,
      inherited: before.admin,
    });
    this.#metrics = new HttpEndpoint({ ...own, kind: 'metrics' });
  }

  /**
   * Opens everything that the configuration needs beside the current state, which is reused where possible. Takes
   * several turns of the event loop.
   *
   * @throws MasterStartError after logging the errors and giving back everything opened
   */
  async plan(
    configuration: Configuration,
    turns: Turns,
    { scope = 'all', planProcess }: PlanOptions = {},
  ): Promise<Plan> {
    const plan = new Plan(configuration, this.#log);
    try {
      this.#refuseObstacles(configuration);
      if (planProcess !== undefined) plan.add(logged(() => planProcess(configuration)));
      await inOneLook(() => this.#open(plan, scope, turns));
      return plan;
    } catch (error) {
      plan.discard();
      throw error;
    }
  }

  async #open(plan: Plan, scope: ReloadScope, turns: Turns): Promise<void> {
    const { global, pools } = plan.configuration;
    const php = this.#options.php();
    const engines: Omit<PoolParts, 'listener'>[] = [];
    for (const config of pools) {
      engines.push({
        config,
        identity: this.#ask(() => this.#options.identify(config)),
        command: this.#ask(() => this.#options.engineFor(config)),
      });
      if (turns.isOver) await turns.pause();
    }
    const listeners = plan.add(this.#listeners.plan(scope));
    const sockets: [WantedSocket, Listener][] = [];
    for (const wanted of wantedSockets(plan.configuration)) {
      sockets.push([wanted, listeners.reuse(wanted) ?? (await listeners.acquire(wanted))]);
      if (turns.isOver) await turns.pause();
    }
    plan.add(this.#ask(() => this.#accessLogs.plan(engines)));
    const addresses = (wanted: WantedSocket['role']): PoolAddress[] =>
      sockets.flatMap(([{ role, pool }, listener]) =>
        role === wanted && pool !== undefined ? [[pool, listener]] : [],
      );
    plan.add(this.#ask(() => this.#statusEndpoints.plan(addresses('status'))));
    plan.add(this.#ask(() => this.#agentEndpoints.plan(addresses('agent'))));
    plan.add(this.#ask(() => this.#pidFile.plan(global.pid)));
    const admin = sockets.find(([{ role }]) => role === 'admin')?.[1];
    plan.add(await this.#admin.plan(adminTarget(global, admin)));
    const metrics = sockets.find(([{ role }]) => role === 'metrics')?.[1];
    plan.add(await this.#metrics.plan(this.#metricsTarget(global, metrics)));
    const ofPool = new Map(
      sockets.map(([{ role, pool }, listener]) => [role === 'pool' ? pool : undefined, listener]),
    );
    const prepared: PreparedPool[] = [];
    for (const pool of engines) {
      const listener = ofPool.get(pool.config);
      if (listener === undefined) throw new Error(`no socket was opened for the pool "${pool.config.name}"`);
      const known = this.#prepared.get(pool.config.name);
      prepared.push(preparePool({ ...pool, listener }, plan.configuration, php, this.#options, known));
      if (turns.isOver) await turns.pause();
    }
    plan.pools = prepared;
    this.#prepared = new Map(prepared.map((pool) => [pool.config.name, pool]));
  }

  /** A list with an invalid entry is refused: without the entry it would admit nobody, or everybody. */
  #metricsTarget(
    { 'metrics.allowed_clients': list }: GlobalConfig,
    listener: Listener | undefined,
  ): EndpointTarget {
    if (listener === undefined) return { kind: 'off' };
    const clients = new AllowedClients(list, 'metrics.allowed_clients');
    for (const problem of clients.problems) this.#log.error(problem);
    if (clients.problems[0] !== undefined) throw new MasterStartError(clients.problems.join('; '));
    return {
      kind: 'placed',
      listener,
      access: { token: undefined, admits: (address) => clients.admits(address) },
    };
  }

  #refuseObstacles(configuration: Configuration): void {
    const obstacles = this.#options.obstacles(configuration);
    for (const obstacle of obstacles) this.#log.error(obstacle);
    if (obstacles[0] !== undefined) throw new MasterStartError(obstacles.join('; '));
  }

  /** Whether anyone can ask for figures. */
  get isObservable(): boolean {
    return this.#admin.listener !== undefined || this.#metrics.listener !== undefined;
  }

  /** Frees everything that these pools do not use. */
  retain(runners: readonly PoolRunner[]): void {
    const own = [this.#admin.listener, this.#metrics.listener];
    this.#listeners.retain([
      ...runners.map((runner) => runner.prepared.listener),
      ...this.#statusEndpoints.listeners,
      ...this.#agentEndpoints.listeners,
      ...own.filter((listener) => listener !== undefined),
    ]);
    this.#accessLogs.retain(runners.map((runner) => runner.config));
  }

  /** Descriptor of the pool's access log; undefined for a pool without one. */
  accessLog(pool: PoolConfig): number | undefined {
    return this.#accessLogs.of(pool);
  }

  /** SIGUSR1. */
  reopenLogs(runners: readonly PoolRunner[]): void {
    reopenLogs(this.#log, this.#accessLogs, runners);
  }

  /** The start failed: sockets that outlived the last master stay as they are. */
  leaveSurvivors(): void {
    for (const listener of this.#survivors) listener.close();
  }

  /** The master stops: its own pages end first. */
  closeStatusPages(): void {
    this.#statusEndpoints.close();
    this.#agentEndpoints.close();
  }

  /** Every listening socket that it has. */
  get sockets(): SocketsBefore {
    return { placed: this.#listeners.all, admin: this.#admin.own };
  }

  /** Stops using everything without giving it back: another master goes on with it. */
  letGo(): SocketsBefore {
    const { sockets } = this;
    this.closeStatusPages();
    this.#admin.letGo();
    this.#metrics.letGo();
    this.#accessLogs.close();
    return sockets;
  }

  /** Frees everything; idempotent. Failures are logged and do not prevent the rest. */
  release(): void {
    const steps = [
      () => this.closeStatusPages(),
      () => this.#admin.close(),
      () => this.#metrics.close(),
      () => this.#listeners.closeAll(),
      () => this.#accessLogs.close(),
      () => this.#pidFile.remove(),
    ];
    for (const step of steps) {
      try {
        step();
      } catch (error) {
        this.#log.sysError('cannot give back everything at the end', error);
      }
    }
  }

  /** An unavailable resource is for the operator to fix: it is logged, and the start or reload refused. */
  #ask<T>(question: () => T): T {
    try {
      return question();
    } catch (error) {
      const { message, cause } = error as Error;
      if (cause === undefined) this.#log.error(message);
      else this.#log.sysError(message, cause);
      throw new MasterStartError(cause instanceof Error ? `${message}: ${cause.message}` : message);
    }
  }
}

/** systemd passes its sockets to every master: those that outlived the last one are the same, and never ours to remove. */
function withoutCopies(survivors: readonly Listener[], inherited: readonly Listener[]): Listener[] {
  const isCopy = ({ inode }: Listener): boolean => inherited.some((listener) => listener.inode === inode);
  for (const copy of survivors.filter(isCopy)) copy.close();
  return survivors.filter((listener) => !isCopy(listener));
}

function adminTarget(
  { 'admin.listen': listen, 'admin.token': token }: GlobalConfig,
  listener: Listener | undefined,
): EndpointTarget {
  if (listener !== undefined) {
    const asked = listener.kind === 'tcp' ? token : undefined;
    return { kind: 'placed', listener, access: { token: asked, admits: () => true } };
  }
  return { kind: listen === undefined ? 'default' : 'off' };
}

/** Runs a step that logs its own failure. */
function logged<T>(step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw new MasterStartError((error as Error).message);
  }
}
