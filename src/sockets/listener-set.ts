/** All listening sockets of the master, by resolved address. They outlive hosts, generations and reloads. */

import { adminOff } from '../config/admin.ts';
import type { Configuration, GlobalConfig, PoolConfig } from '../config/directives.ts';
import type { ErrorLog } from '../log/error-log.ts';
import type { PlannedPart } from '../runtime/planned-part.ts';
import { MasterStartError } from '../runtime/start-error.ts';
import { Listener, type ResolvedSettings } from './listener.ts';
import {
  type ListenAddress,
  parseListenAddress,
  resolveListenAddress,
  socketKey,
} from './listener-address.ts';
import { ListenerError } from './listener-error.ts';
import type { ListenSettings } from './listener-open.ts';

export class ListenerSet {
  readonly #log: ErrorLog;
  /** By address, in order of opening. Of two with one address the earlier one has lost its file but is still in use. */
  readonly #listeners = new Map<string, Set<Listener>>();

  /** @param inherited sockets from a predecessor or systemd; the first pool that asks for their address gets them */
  constructor(log: ErrorLog, inherited: readonly Listener[] = []) {
    this.#log = log;
    for (const listener of inherited) this.add(listener);
  }

  /** Starts a pass over all pools. As in php-fpm all existing sockets are announced first, even unused ones. */
  plan(): ListenerPlan {
    for (const { fd, key } of this.#all) {
      this.#log.notice(`using inherited socket fd=${fd}, "${key}"`);
    }
    return new ListenerPlan(this, this.#log);
  }

  add(listener: Listener): void {
    const known = this.#listeners.get(listener.key);
    if (known === undefined) this.#listeners.set(listener.key, new Set([listener]));
    else known.add(listener);
  }

  get #all(): readonly Listener[] {
    return [...this.#listeners.values()].flatMap((listeners) => [...listeners]);
  }

  /** Closes and unlinks every socket that is not in the list. */
  retain(wanted: readonly Listener[]): void {
    const kept = new Set(wanted);
    for (const listener of this.#all) {
      if (kept.has(listener)) continue;
      const ofAddress = this.#listeners.get(listener.key);
      ofAddress?.delete(listener);
      if (ofAddress?.size === 0) this.#listeners.delete(listener.key);
      listener.remove(this.#log);
    }
  }

  closeAll(): void {
    this.retain([]);
  }

  /**
   * The open socket of an address. One whose file was removed is useless to clients and does not count.
   *
   * @param more sockets not in use yet, by address
   */
  async find(address: ListenAddress, more: ReadonlyMap<string, Listener>): Promise<Listener | undefined> {
    for (const key of (await resolveListenAddress(address)).map(socketKey)) {
      const fresh = more.get(key);
      const ofAddress = [...(this.#listeners.get(key) ?? []), ...(fresh === undefined ? [] : [fresh])];
      const usable = ofAddress.find((listener) => listener.isIntact() && listener.isReachable());
      if (usable !== undefined) return usable;
    }
    return undefined;
  }
}

/** The sockets of another configuration: those in use are reused, others are opened beside them. */
export class ListenerPlan implements PlannedPart {
  readonly #set: ListenerSet;
  readonly #log: ErrorLog;
  readonly #opened: Listener[] = [];
  /** Latest socket of each address. */
  readonly #openedAt = new Map<string, Listener>();
  /** Sockets in use and their new settings. */
  readonly #kept: (readonly [Listener, ResolvedSettings])[] = [];
  /** Sockets by pool: within one plan each socket belongs to one pool only. */
  readonly #claims = new Map<Listener, string>();

  constructor(set: ListenerSet, log: ErrorLog) {
    this.#set = set;
    this.#log = log;
  }

  /** The socket of an address. @throws MasterStartError after logging the reason */
  async acquire(wanted: WantedSocket): Promise<Listener> {
    try {
      const settings = wanted.settings();
      const found = await this.#set.find(settings.address, this.#openedAt);
      const listener = found ?? (await Listener.open(settings, this.#log));
      if (found === undefined) {
        this.#opened.push(listener);
        this.#openedAt.set(listener.key, listener);
      }
      this.#claim(listener, settings.pool);
      if (found !== undefined) this.#kept.push([found, found.resolve(settings, this.#log)]);
      return listener;
    } catch (error) {
      if (!(error instanceof ListenerError)) throw error;
      this.#log.write(error.level, error.line);
      throw new MasterStartError(error.message);
    }
  }

  commit(failed: (reason: string) => void): void {
    for (const listener of this.#opened) this.#set.add(listener);
    for (const [listener, settings] of this.#kept) {
      try {
        listener.apply(settings, this.#log);
      } catch (error) {
        if (!(error instanceof ListenerError)) throw error;
        const line = `the socket '${listener.key}' keeps its settings: ${error.line}`;
        this.#log.error(line);
        failed(line);
      }
    }
  }

  discard(): void {
    for (const listener of this.#opened) listener.remove(this.#log);
  }

  /** Detects different spellings of one address; equal ones were refused with the configuration. */
  #claim(listener: Listener, pool: string): void {
    const other = this.#claims.get(listener);
    if (other !== undefined) {
      throw new ListenerError(
        `[pool ${pool}] unable to set listen address as it's already used in another pool '${other}'`,
      );
    }
    this.#claims.set(listener, pool);
  }
}

/** A socket required by a configuration. */
export interface WantedSocket {
  /** Undefined for the master's own endpoints. */
  readonly pool?: PoolConfig;
  readonly role: 'pool' | 'status' | 'agent' | 'admin' | 'metrics';
  /** @throws ListenerError for an invalid address */
  readonly settings: () => ListenSettings;
}

/** All sockets of a configuration, in opening order. */
export function wantedSockets({ global, pools }: Configuration): WantedSocket[] {
  const admin = adminAddress(global);
  const metrics = global['metrics.listen'];
  return [
    ...pools.map((pool) => wantedBy(pool, 'pool', pool.listen)),
    ...(admin === undefined ? [] : [{ role: 'admin' as const, settings: () => adminListenSettings(admin) }]),
    ...(metrics === undefined
      ? []
      : [{ role: 'metrics' as const, settings: () => metricsListenSettings(metrics) }]),
    ...pools.flatMap((pool) => {
      const address = pool['pm.status_listen'];
      return address === undefined ? [] : [wantedBy(pool, 'status', address)];
    }),
    ...pools.flatMap((pool) => {
      const address = pool['agent.listen'];
      return address === undefined ? [] : [wantedBy(pool, 'agent', address)];
    }),
  ];
}

function wantedBy(pool: PoolConfig, role: 'pool' | 'status' | 'agent', address: string): WantedSocket {
  return { pool, role, settings: () => listenSettings(pool, address) };
}

/** `admin.listen` if it is an address. */
export function adminAddress({ 'admin.listen': listen }: GlobalConfig): string | undefined {
  return listen === adminOff ? undefined : listen;
}

/** A pool's settings of a listening socket at an address. */
function listenSettings(pool: PoolConfig, text: string): ListenSettings {
  return {
    pool: pool.name,
    address: parseListenAddress(text, '/'),
    backlog: pool['listen.backlog'],
    mode: Number.parseInt(pool['listen.mode'] ?? '0660', 8) || 0,
    // An empty value counts as unset.
    owner: pool['listen.owner'] || undefined,
    group: pool['listen.group'] || undefined,
    aclUsers: splitList(pool['listen.acl_users']),
    aclGroups: splitList(pool['listen.acl_groups']),
  };
}

/** The admin endpoint's socket belongs to the master's user alone. */
export function adminListenSettings(text: string): ListenSettings {
  // Lines about a socket start with its pool; for this one, with the directive.
  return { pool: 'admin.listen', address: parseListenAddress(text, '/'), backlog: 16, mode: 0o600 };
}

/** Everybody who can connect may ask: only the address, or the folder of the socket, restricts access. */
function metricsListenSettings(text: string): ListenSettings {
  return { pool: 'metrics.listen', address: parseListenAddress(text, '/'), backlog: 128, mode: 0o666 };
}

function splitList(text: string | undefined): string[] | undefined {
  const items = text?.split(',').map((item) => item.trim());
  return items?.filter((item) => item !== '');
}
