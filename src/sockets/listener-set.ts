/** All listening sockets of the master, by resolved address. They outlive hosts, generations and reloads. */

import { dirname } from 'node:path';
import type { ErrorLog } from '../log/error-log.ts';
import type { PlannedPart } from '../runtime/planned-part.ts';
import { MasterStartError } from '../runtime/start-error.ts';
import { Listener, type ResolvedSettings } from './listener.ts';
import { type ListenAddress, resolveListenAddress, socketKey } from './listener-address.ts';
import { ListenerError } from './listener-error.ts';
import type { ListenSettings } from './listener-open.ts';
import type { WantedSocket } from './wanted-sockets.ts';

export class ListenerSet {
  readonly #log: ErrorLog;
  /** By address, in order of opening. Of two with one address the earlier one has lost its file but is still in use. */
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #released: (listener: Listener) => void;
  /** Those that pools or endpoints have used since a start or a reload was over. */
  #inUse: ReadonlySet<Listener> = new Set();

  /**
   * @param inherited sockets from a predecessor or systemd; the first pool that asks for their address gets them
   * @param released called before a socket is closed
   */
  constructor(
    log: ErrorLog,
    inherited: readonly Listener[] = [],
    released: (listener: Listener) => void = () => {},
  ) {
    this.#log = log;
    this.#released = released;
    for (const listener of inherited) this.add(listener);
  }

  /**
   * Starts a pass over all pools. As in php-fpm all existing sockets are announced first, even unused ones.
   *
   * @param scope `changed`: nobody starts anew, so nothing is inherited
   */
  plan(scope: 'all' | 'changed' = 'all'): ListenerPlan {
    if (scope === 'all')
      this.#log.notices(this.#all.map(({ fd, key }) => `using inherited socket fd=${fd}, "${key}"`));
    return new ListenerPlan(this, this.#log);
  }

  add(listener: Listener): void {
    const known = this.#listeners.get(listener.key);
    if (known === undefined) this.#listeners.set(listener.key, new Set([listener]));
    else known.add(listener);
  }

  /** Those that pools or endpoints may use. */
  get all(): readonly Listener[] {
    return this.#all;
  }

  get #all(): readonly Listener[] {
    return [...this.#listeners.values()].flatMap((listeners) => [...listeners]);
  }

  /** Closes and unlinks every socket that is not in the list. */
  retain(wanted: readonly Listener[]): void {
    const kept = new Set(wanted);
    this.#inUse = kept;
    for (const listener of this.#all) {
      if (kept.has(listener)) continue;
      const ofAddress = this.#listeners.get(listener.key);
      ofAddress?.delete(listener);
      if (ofAddress?.size === 0) this.#listeners.delete(listener.key);
      this.#released(listener);
      listener.remove(this.#log);
    }
  }

  closeAll(): void {
    this.retain([]);
  }

  /**
   * The socket in use of an address where {@link find} has none: clients do not find it any more, or its descriptor is
   * lost. It is what a reload has as long as another one cannot be made.
   */
  async stranded(address: ListenAddress): Promise<Listener | undefined> {
    const keys = (await resolveListenAddress(address)).map(socketKey);
    const known = keys.flatMap((key) => [...(this.#listeners.get(key) ?? [])]);
    return known.findLast((listener) => this.#inUse.has(listener));
  }

  /**
   * The open socket of an address. One whose file was removed is useless to clients and does not count.
   *
   * @param more sockets not in use yet, by address
   */
  async find(address: ListenAddress, more: ReadonlyMap<string, Listener>): Promise<Listener | undefined> {
    for (const key of (await resolveListenAddress(address)).map(socketKey)) {
      const usable = this.usableAt(key, more);
      if (usable !== undefined) return usable;
    }
    return undefined;
  }

  /** The same by the path of a Unix socket, which needs no looking up. */
  usableAt(key: string, more: ReadonlyMap<string, Listener>): Listener | undefined {
    const isUsable = (listener: Listener): boolean => listener.isIntact() && listener.isReachable();
    for (const listener of this.#listeners.get(key) ?? []) if (isUsable(listener)) return listener;
    const fresh = more.get(key);
    return fresh !== undefined && isUsable(fresh) ? fresh : undefined;
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
  /** Lines for the log about sockets that stay although clients do not find them. */
  readonly #stranded: string[] = [];
  /** Sockets by pool: within one plan each socket belongs to one pool only. */
  readonly #claims = new Map<Listener, string>();

  constructor(set: ListenerSet, log: ErrorLog) {
    this.#set = set;
    this.#log = log;
  }

  /**
   * The open Unix socket of an address: what almost every pool of a reload has, without a wait. Undefined for all
   * others, which {@link acquire} gets.
   *
   * @throws MasterStartError after logging the reason
   */
  reuse(wanted: WantedSocket): Listener | undefined {
    try {
      const settings = wanted.settings();
      const { address } = settings;
      const found = address.kind === 'unix' ? this.#set.usableAt(address.path, this.#openedAt) : undefined;
      return found && this.#keep(found, settings);
    } catch (error) {
      return this.#refuse(error);
    }
  }

  /** The socket of an address. @throws MasterStartError after logging the reason */
  async acquire(wanted: WantedSocket): Promise<Listener> {
    try {
      const settings = wanted.settings();
      const found = await this.#set.find(settings.address, this.#openedAt);
      return found === undefined ? await this.#open(settings) : this.#keep(found, settings);
    } catch (error) {
      return this.#refuse(error);
    }
  }

  #keep(found: Listener, settings: ListenSettings): Listener {
    this.#claim(found, settings.pool);
    this.#kept.push([found, found.resolve(settings, this.#log)]);
    return found;
  }

  #refuse(error: unknown): never {
    if (!(error instanceof ListenerError)) throw error;
    this.#log.write(error.level, error.line);
    throw new MasterStartError(error.message);
  }

  /**
   * Another socket. Where that fails the one in use stays, if there is one: whoever may write to its folder could
   * otherwise keep all other pools from a reload.
   */
  async #open(settings: ListenSettings): Promise<Listener> {
    let listener: Listener;
    try {
      listener = await Listener.open(settings, this.#log);
    } catch (error) {
      const inUse = error instanceof ListenerError && (await this.#set.stranded(settings.address));
      if (!inUse) throw error;
      this.#claim(inUse, settings.pool);
      this.#stranded.push(strandedText(settings.pool, inUse, error));
      return inUse;
    }
    this.#opened.push(listener);
    this.#openedAt.set(listener.key, listener);
    this.#claim(listener, settings.pool);
    return listener;
  }

  commit(failed: (reason: string) => void): void {
    for (const line of this.#stranded) {
      this.#log.error(line);
      failed(line);
    }
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

function strandedText(pool: string, listener: Listener, error: ListenerError): string {
  if (!listener.isIntact()) return `[pool ${pool}] ${listener.lossText()}`;
  const remedy = `make room at '${listener.key}', give the folder '${dirname(listener.key)}' to root and reload`;
  return `[pool ${pool}] goes on with its open socket, which new clients do not find any more, since its file was removed or replaced: ${error.line}; ${remedy}`;
}
