/** All listening sockets of the master, by resolved address. They outlive hosts, generations and reloads. */

import type { PoolConfig } from '../config/directives.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { Listener, type ListenSettings } from './listener.ts';
import {
  type ListenAddress,
  parseListenAddress,
  resolveListenAddress,
  socketKey,
} from './listener-address.ts';
import { ListenerError } from './listener-error.ts';
import { MasterStartError } from './start-error.ts';

export class ListenerSet {
  readonly #log: ErrorLog;
  /** In the order in which they came. Of two with one address the earlier one lost its file; it is in use all the same. */
  readonly #listeners = new Set<Listener>();
  /** Which pool took which socket since {@link startRound}. */
  readonly #claims = new Map<Listener, string>();

  /** @param inherited sockets of a predecessor or of systemd, taken by the first pool that asks for their address */
  constructor(log: ErrorLog, inherited: readonly Listener[] = []) {
    this.#log = log;
    for (const listener of inherited) this.#listeners.add(listener);
  }

  /**
   * Begins another pass over all pools: within one pass a socket goes to one pool only. As in php-fpm every socket
   * that is there already is announced first, also one that nobody will ask for.
   */
  startRound(): void {
    this.#claims.clear();
    for (const { fd, key } of this.#listeners) {
      this.#log.notice(`using inherited socket fd=${fd}, "${key}"`);
    }
  }

  /** The socket of a pool's `listen`, opened, or adapted to the pool's settings where it is open already. */
  acquire(pool: PoolConfig): Promise<Listener> {
    return this.acquireAt(pool, pool.listen);
  }

  /**
   * The same for another address of a pool (`pm.status_listen`).
   *
   * @throws MasterStartError after the reason has been logged
   */
  acquireAt(pool: PoolConfig, text: string): Promise<Listener> {
    return this.#acquire(() => listenSettings(pool, text));
  }

  /**
   * The same for the admin endpoint.
   *
   * @throws MasterStartError after the reason has been logged
   */
  acquireAdmin(text: string): Promise<Listener> {
    return this.#acquire(() => adminListenSettings(text));
  }

  async #acquire(settle: () => ListenSettings): Promise<Listener> {
    try {
      const settings = settle();
      const open = await this.#find(settings.address);
      if (open === undefined) return this.#keep(await Listener.open(settings, this.#log), settings.pool);
      this.#claim(open, settings.pool);
      open.apply(settings, this.#log);
      return open;
    } catch (error) {
      if (!(error instanceof ListenerError)) throw error;
      this.#log.write(error.level, error.line);
      throw new MasterStartError(error.message);
    }
  }

  /** Closes and unlinks every socket that is not in the list. */
  retain(wanted: readonly Listener[]): void {
    for (const listener of this.#listeners) {
      if (wanted.includes(listener)) continue;
      this.#listeners.delete(listener);
      listener.remove(this.#log);
    }
  }

  closeAll(): void {
    this.retain([]);
  }

  /** A socket whose file somebody removed is no use to clients: it stays in use until there is a new one in force. */
  async #find(address: ListenAddress): Promise<Listener | undefined> {
    const keys = (await resolveListenAddress(address)).map(socketKey);
    const usable = [...this.#listeners].filter((listener) => listener.isIntact() && listener.isReachable());
    return keys
      .map((key) => usable.find((listener) => listener.key === key))
      .find((found) => found !== undefined);
  }

  #keep(listener: Listener, pool: string): Listener {
    this.#listeners.add(listener);
    this.#claim(listener, pool);
    return listener;
  }

  /** Different spellings of one address are found here; equal ones were refused with the configuration. */
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

/** What a pool asks of a listening socket at an address. */
export function listenSettings(pool: PoolConfig, text: string): ListenSettings {
  return {
    pool: pool.name,
    address: parseListenAddress(text, '/'),
    backlog: pool['listen.backlog'],
    mode: Number.parseInt(pool['listen.mode'] ?? '0660', 8) || 0,
    // Nothing behind the equals sign is as good as no line.
    owner: pool['listen.owner'] || undefined,
    group: pool['listen.group'] || undefined,
    aclUsers: splitList(pool['listen.acl_users']),
    aclGroups: splitList(pool['listen.acl_groups']),
  };
}

/** The admin endpoint's socket is the master's user's alone. */
export function adminListenSettings(text: string): ListenSettings {
  // Lines about a socket start with its pool; this one's say which directive they are about.
  return { pool: 'admin.listen', address: parseListenAddress(text, '/'), backlog: 16, mode: 0o600 };
}

function splitList(text: string | undefined): string[] | undefined {
  const items = text?.split(',').map((item) => item.trim());
  return items?.filter((item) => item !== '');
}
