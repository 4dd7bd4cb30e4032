/**
 * The settings of a pool for this host: docs/contract.md, section 3, converted to typed values. The master fills in the
 * defaults. Unknown names are ignored, so that the master may be newer.
 */

import { type Level, parseLevel } from '../../../log/levels.ts';
import { type BinaryString, decodeBinary } from '../../../text/binary.ts';
import { type HostSettingName, requiredSettings } from '../../host-setting-names.ts';
import type { ApplicationSettings } from '../shared/protocol.ts';

export type Pair = readonly [name: string, value: string];

/** The host's identity; numeric, as resolved by the master. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

export interface PoolSettings {
  readonly pool: BinaryString;
  readonly listenFd: number;
  readonly listenKind: 'unix' | 'tcp';
  /** Backlog of listen(2), and maximum of requests waiting inside the host. */
  readonly backlog: number;
  readonly allowedClients: string | undefined;
  readonly maxChildren: number;
  /** Name of the process manager, for the status page. */
  readonly processManager: string;
  /** Slots of the lane's workers, behind those of `pm.max_children`. */
  readonly laneSlots: number;
  /** queue.priority */
  readonly priorities: readonly BinaryString[];
  /** 0: workers are not renewed by count. */
  readonly maxRequests: number;
  /** Worker mode. */
  readonly application: PoolApplication | undefined;
  /** Maximum wait of a request for a worker in seconds; 0: no limit. */
  readonly maxWait: number;
  /** Maximum of waiting requests; 0: only the backlog limits them. */
  readonly maxLength: number;
  readonly statusPath: string | undefined;
  readonly pingPath: string | undefined;
  /** Empty without a path. */
  readonly pingResponse: string;
  readonly accessLogFd: number | undefined;
  /** Empty without a log. */
  readonly accessFormat: string;
  /** `access.log_format = json`. */
  readonly accessIsJson: boolean;
  readonly accessQuery: boolean;
  /** A request without an id gets one. */
  readonly makesRequestIds: boolean;
  readonly suppressPaths: ReadonlySet<string>;
  readonly limitExtensions: readonly string[];
  readonly catchWorkersOutput: boolean;
  /** Longest line of a worker's log, bytes. */
  readonly logLimit: number;
  readonly logLevel: Level;
  readonly isRoot: boolean;
  readonly runAs: RunAs | undefined;
  readonly rlimitFiles: number | undefined;
  /** Bytes, -1 for unlimited. */
  readonly rlimitCore: number | undefined;
  readonly chroot: string | undefined;
  readonly chdir: string | undefined;
  readonly priority: number | undefined;
  readonly dumpable: boolean;
  /** The workers' environment in $_SERVER's order. */
  readonly env: readonly Pair[];
  readonly phpValue: readonly Pair[];
  readonly phpAdminValue: readonly Pair[];
  /** The main php.ini, then the files of the scan folder. */
  readonly phpIniFiles: readonly string[];
  readonly phpDefines: readonly Pair[];
  /** engine.php, undefined for the default version. */
  readonly phpVersion: string | undefined;
  readonly isolation: 'worker' | 'request';
  /** Size of a worker's memory in bytes, without OPcache's, above which it is renewed after its request. */
  readonly heapLimit: number;
  /** Size of a worker's memory in bytes, with OPcache's, beyond which it does not grow; 0: no limit. */
  readonly maxMemoryHard: number;
}

/** Settings of worker mode. */
export interface PoolApplication extends ApplicationSettings {
  /** `worker.match` */
  readonly matches: readonly BinaryString[];
  /** As {@link PoolSettings.maxRequests}, of workers with the application. */
  readonly maxRequests: number;
  /** Slots of workers that run other scripts, behind those of `pm.max_children`. */
  readonly otherSlots: number;
}

/** Collects `setting` messages. Values are binary, like the values they are compared with; Node needs a path as text. */
export class SettingCollector {
  readonly #values = new Map<string, BinaryString[]>();

  add(name: string, value: BinaryString): void {
    const values = this.#values.get(name);
    if (values === undefined) this.#values.set(name, [value]);
    else values.push(value);
  }

  /** @throws Error for a missing required setting, or an invalid number */
  build(): PoolSettings {
    for (const name of requiredSettings('embedded')) this.#required(name);
    const pingPath = this.#text('ping.path');
    const accessLogFd = this.#integer('access.log.fd');
    return {
      pool: this.#required('pool'),
      listenFd: this.#number('listen.fd'),
      listenKind: this.#last('listen.kind') === 'tcp' ? 'tcp' : 'unix',
      backlog: this.#backlog(),
      allowedClients: this.#last('listen.allowed_clients'),
      maxChildren: this.#number('max_children'),
      processManager: this.#required('pm'),
      maxWait: Math.max(0, this.#number('queue.max_wait')),
      maxLength: Math.max(0, this.#number('queue.max_length')),
      priorities: this.#all('queue.priority'),
      laneSlots: this.#number('lane_slots'),
      maxRequests: Math.max(0, this.#number('pm.max_requests')),
      application: this.#application(),
      statusPath: this.#text('pm.status_path'),
      pingPath,
      pingResponse: pingPath === undefined ? '' : this.#required('ping.response'),
      accessLogFd,
      accessFormat: accessLogFd === undefined ? '' : this.#required('access.format'),
      accessIsJson: this.#last('access.log_format') === 'json',
      accessQuery: this.#flag('access.log_query'),
      makesRequestIds: this.#flag('request_id'),
      suppressPaths: new Set(this.#all('access.suppress_path')),
      limitExtensions: this.#words('security.limit_extensions'),
      catchWorkersOutput: this.#flag('catch_workers_output'),
      logLimit: this.#number('log_limit'),
      logLevel: this.#level(),
      isRoot: this.#flag('root'),
      runAs: this.#runAs(),
      rlimitFiles: this.#integer('rlimit_files') || undefined,
      rlimitCore: this.#integer('rlimit_core') || undefined,
      chroot: this.#path('chroot'),
      chdir: this.#path('chdir'),
      priority: this.#integer('process.priority'),
      dumpable: this.#flag('process.dumpable'),
      env: this.#environment(),
      phpValue: this.#pairs('php_value'),
      phpAdminValue: this.#pairs('php_admin_value'),
      phpIniFiles: this.#all('php.ini').map(decodeBinary),
      phpDefines: this.#pairs('php.define'),
      phpVersion: this.#text('engine.php'),
      isolation: this.#last('engine.isolation') === 'request' ? 'request' : 'worker',
      heapLimit: this.#number('engine.heap_limit'),
      maxMemoryHard: this.#number('pm.max_memory_hard'),
    };
  }

  #application(): PoolApplication | undefined {
    const script = this.#text('worker.script');
    if (script === undefined) return undefined;
    return {
      script,
      rebootsOnExit: this.#last('worker.on_exit') !== 'keep',
      resets: this.#all('worker.reset'),
      matches: this.#all('worker.match'),
      maxRequests: Math.max(0, this.#integer('worker.max_requests') ?? this.#number('pm.max_requests')),
      otherSlots: this.#number('worker.other_children'),
    };
  }

  #all(name: HostSettingName): readonly BinaryString[] {
    return this.#values.get(name) ?? [];
  }

  #last(name: HostSettingName): BinaryString | undefined {
    return this.#all(name).at(-1);
  }

  /** A text; empty means "not set". */
  #text(name: HostSettingName): BinaryString | undefined {
    return this.#last(name) || undefined;
  }

  #path(name: HostSettingName): string | undefined {
    const value = this.#text(name);
    return value === undefined ? undefined : decodeBinary(value);
  }

  #required(name: HostSettingName): BinaryString {
    const value = this.#last(name);
    if (value === undefined)
      throw new Error(`the master sent no setting "${name}"; it is of another version`);
    return value;
  }

  #integer(name: HostSettingName): number | undefined {
    const value = this.#text(name);
    if (value === undefined) return undefined;
    if (!/^-?\d+$/.test(value)) throw new Error(`cannot use the setting ${name} = "${value}": want a number`);
    return Number(value);
  }

  /** @throws Error for a missing setting or an invalid number */
  #number(name: HostSettingName): number {
    this.#required(name);
    const value = this.#integer(name);
    if (value === undefined) throw new Error(`cannot use the setting ${name} = "": want a number`);
    return value;
  }

  #flag(name: HostSettingName): boolean {
    return this.#last(name) === '1';
  }

  /** -1 and less mean the system's maximum; the system itself limits larger numbers. */
  #backlog(): number {
    const value = this.#number('listen.backlog');
    return value < 0 ? defaultBacklog : value;
  }

  #level(): Level {
    const name = this.#required('log_level');
    const level = parseLevel(name);
    if (level === undefined) throw new Error(`cannot use the setting log_level = "${name}"`);
    return level;
  }

  #words(name: HostSettingName): readonly string[] {
    return this.#all(name).flatMap((value) => value.split(/[ \t]+/).filter((word) => word !== ''));
  }

  #pairs(name: HostSettingName): readonly Pair[] {
    return this.#all(name).map((line) => {
      const equals = line.indexOf('=');
      return equals < 0 ? [line, ''] : [line.slice(0, equals), line.slice(equals + 1)];
    });
  }

  /** Of duplicate names the first one in the file wins, and the pool's own USER and HOME override ours. */
  #environment(): readonly Pair[] {
    // PHP-FPM calls setenv() backwards through the file, so that the first of duplicates wins, then for these two.
    const own = this.#pairs('env').toReversed();
    const names = new Set(own.map(([name]) => name));
    const account = [
      ['USER', this.#last('env.user')],
      ['HOME', this.#last('env.home')],
    ] as const;
    const env = new Map<string, string>([...this.#pairs('env.inherited'), ...own]);
    for (const [name, value] of account) {
      if (value !== undefined && !names.has(name)) env.set(name, value);
    }
    return [...env];
  }

  #runAs(): RunAs | undefined {
    const uid = this.#integer('uid');
    const gid = this.#integer('gid');
    if (uid === undefined || gid === undefined) return undefined;
    const groups = (this.#last('groups') ?? '').split(' ').filter((word) => /^\d+$/.test(word));
    return { uid, gid, groups: groups.map(Number) };
  }
}

/** PHP-FPM's former default of the backlog, before it left the number to the system. */
const defaultBacklog = 511;
