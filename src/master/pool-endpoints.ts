/**
 * Further addresses of pools at which the master itself answers, so that they answer while every worker is busy: the
 * status page (`pm.status_listen`), the agent of a load balancer (`agent.listen`). A server outlives reloads as long as
 * its address stays.
 */

import { closeSync } from 'node:fs';
import type { PoolConfig } from '../config/directives.ts';
import { duplicate } from '../posix/descriptors.ts';
import type { PlannedPart } from '../runtime/planned-part.ts';
import type { Listener } from '../sockets/listener.ts';

/** An address and its pool. */
export type PoolAddress = readonly [pool: PoolConfig, listener: Listener];

/** A server on one of them. */
export interface PoolServer {
  /** Stops accepting and cuts every connection. */
  close(): void;
}

interface Serving {
  pool: PoolConfig;
  readonly server: PoolServer;
}

export class PoolEndpoints {
  readonly #serve: (fd: number, pool: () => PoolConfig) => PoolServer;
  readonly #servers = new Map<Listener, Serving>();

  /** @param serve starts a server that owns the descriptor; its pool may change with a reload */
  constructor(serve: (fd: number, pool: () => PoolConfig) => PoolServer) {
    this.#serve = serve;
  }

  /** The sockets in use, which belong to the set. */
  get listeners(): readonly Listener[] {
    return [...this.#servers.keys()];
  }

  /**
   * Other pools, or other addresses. A server on an unchanged address continues, with its connections.
   *
   * @throws ListenerError, PosixError when out of descriptors
   */
  plan(wanted: readonly PoolAddress[]): PlannedPart {
    // A server closes its descriptor; the socket stays with the listener.
    const fds = new Map<Listener, number>();
    const discard = (): void => {
      for (const fd of fds.values()) closeSync(fd);
    };
    try {
      for (const [, listener] of wanted) {
        if (!this.#servers.has(listener)) fds.set(listener, duplicate(listener.intactFd()));
      }
    } catch (error) {
      discard();
      throw error;
    }
    return { commit: () => this.#commit(wanted, fds), discard };
  }

  close(): void {
    for (const listener of this.listeners) this.#end(listener);
  }

  #commit(wanted: readonly PoolAddress[], fds: ReadonlyMap<Listener, number>): void {
    const pools = new Map(wanted.map(([pool, listener]) => [listener, pool]));
    for (const [listener, serving] of this.#servers) {
      const pool = pools.get(listener);
      if (pool === undefined) this.#end(listener);
      else serving.pool = pool;
    }
    for (const [pool, listener] of wanted) {
      const fd = fds.get(listener);
      if (fd !== undefined) this.#servers.set(listener, this.#start(pool, fd));
    }
  }

  #start(pool: PoolConfig, fd: number): Serving {
    const server = this.#serve(fd, () => serving.pool);
    const serving: Serving = { pool, server };
    return serving;
  }

  #end(listener: Listener): void {
    const ending = this.#servers.get(listener);
    this.#servers.delete(listener);
    ending?.server.close();
  }
}
