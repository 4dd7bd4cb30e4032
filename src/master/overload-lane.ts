/**
 * Answers connections of a native pool that would wait too long: 503, or the ping and status pages for requests of
 * those. The workers of a native pool accept by themselves, so their queue is the kernel's; the master takes the excess
 * and answers it here, without PHP. The embedded host has its own queue and refuses by itself, and so does the lane of
 * a pool with `queue.priority`: the master only logs it.
 */

import { Socket } from 'node:net';
import type { PoolConfig } from '../config/directives.ts';
import { AllowedClients } from '../engine/allowed-clients.ts';
import { ServerConnection } from '../fastcgi/server.ts';
import type { ServerRequest } from '../fastcgi/server-api.ts';
import { contain } from '../generation/bulkhead.ts';
import type { PoolRunner } from '../generation/pool-runner.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { laneRefuses } from '../pool/lane.ts';
import {
  checkOverload,
  followRefusals,
  hasQueueLimit,
  noOverload,
  type OverloadMemory,
  retryAfter,
} from '../pool/overload.ts';
import { setNonBlocking } from '../posix/descriptors.ts';
import { acceptWaiting } from '../posix/sockets.ts';
import type { Listener } from '../sockets/listener.ts';
import { cgiResponse } from '../status/render.ts';
import { QueueGradient } from './queue-gradient.ts';
import { type StatusSource, statusOrPing } from './status-server.ts';

/**
 * Maximum of connections taken at one check, and of open ones: the master has other work. The kernel keeps the rest.
 */
const mostAtOnce = 100;
const mostConnections = 500;
/** ms. Web servers send their requests at once. */
const limits = {
  headerTimeout: 2_000,
  sendTimeout: 5_000,
  bodyTimeout: 5_000,
  lingerTimeout: 1_000,
} as const;

interface Lane {
  memory: OverloadMemory;
  readonly gradient: QueueGradient;
  /** The listener whose accept(2) is known to be non-blocking. */
  listener: Listener | undefined;
  clients: { readonly text: string | undefined; readonly allowed: AllowedClients } | undefined;
  /** Where the pool's own workers refuse: how many they have, and in which generation. */
  generation: number;
  refusedByPool: number;
}

export class OverloadLanes {
  readonly #log: ErrorLog;
  readonly #source: StatusSource;
  readonly #now: () => number;
  readonly #lanes = new Map<string, Lane>();
  readonly #connections = new Set<ServerConnection>();

  /** @param now monotonic milliseconds */
  constructor(log: ErrorLog, source: StatusSource, now: () => number) {
    this.#log = log;
    this.#source = source;
    this.#now = now;
  }

  /** Ten times a second, if a pool has a limit. */
  check(runners: readonly PoolRunner[]): void {
    const limited = runners.filter(({ config }) => hasQueueLimit(config));
    for (const runner of limited) contain(runner, 'looking at its queue', () => this.#check(runner));
    if (this.#lanes.size <= limited.length) return;
    const names = new Set(limited.map(({ name }) => name));
    for (const name of this.#lanes.keys()) if (!names.has(name)) this.#lanes.delete(name);
  }

  /** Cuts every connection. */
  close(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  #check(runner: PoolRunner): void {
    const { serving, config, prepared } = runner;
    if (serving === undefined || serving.engine === 'embedded') return;
    const queue = queueOf(prepared.listener);
    if (queue === undefined) return;
    const lane = this.#laneOf(runner.name);
    const now = this.#now();
    const { activeRequests, queuedRequests, refusedRequests } = serving.reader.readHeader();
    if (laneRefuses(config)) {
      const isSame = lane.generation === serving.number;
      const refused = refusedRequests - (isSame ? lane.refusedByPool : 0);
      lane.generation = serving.number;
      lane.refusedByPool = refusedRequests;
      const followed = followRefusals(config, lane.memory, { now, queue: queue + queuedRequests }, refused);
      lane.memory = followed.memory;
      for (const { level, text } of followed.messages) this.#log.write(level, text);
      return;
    }
    if (config['queue.adaptive']) lane.gradient.observe(runner, { now, queue, active: activeRequests });
    const decision = checkOverload(config, lane.memory, {
      now,
      queue,
      begun: runner.begunRequests(),
      isBusy: activeRequests >= serving.workers.upCount,
      adaptive: config['queue.adaptive'] ? lane.gradient.mayWait(serving.workers.upCount) : undefined,
    });
    const refused = this.#refuse(decision.refuse, runner, lane);
    // Connections that have disappeared were served.
    lane.memory = { ...decision.memory, refused: lane.memory.refused + refused };
    for (const { level, text } of decision.messages) this.#log.write(level, text);
  }

  #laneOf(name: string): Lane {
    const lane = this.#lanes.get(name) ?? {
      memory: noOverload,
      gradient: new QueueGradient(),
      listener: undefined,
      clients: undefined,
      generation: 0,
      refusedByPool: 0,
    };
    this.#lanes.set(name, lane);
    return lane;
  }

  /** @returns the number of taken connections */
  #refuse(wanted: number, runner: PoolRunner, lane: Lane): number {
    if (wanted === 0) return 0;
    const { listener } = runner.prepared;
    if (lane.listener !== listener) {
      // A worker may take the connection first, and the master must not wait for the next one. Workers work with a
      // non-blocking socket as well.
      setNonBlocking(listener.intactFd(), true);
      lane.listener = listener;
    }
    let taken = 0;
    while (taken < Math.min(wanted, mostAtOnce) && this.#connections.size < mostConnections) {
      const fd = acceptWaiting(listener.intactFd());
      if (fd === undefined) break;
      this.#serve(fd, runner, this.#clients(runner.config, lane));
      taken += 1;
    }
    runner.refused(taken);
    return taken;
  }

  #clients({ 'listen.allowed_clients': text }: PoolConfig, lane: Lane): AllowedClients {
    if (lane.clients === undefined || lane.clients.text !== text)
      lane.clients = { text, allowed: new AllowedClients(text) };
    return lane.clients.allowed;
  }

  #serve(fd: number, runner: PoolRunner, clients: AllowedClients): void {
    const socket = new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
    if (!clients.admits(socket.remoteAddress)) {
      socket.destroy();
      return;
    }
    const { config } = runner;
    const handler = {
      onRequest: (request: ServerRequest) => {
        request.write(this.#answer(config, request));
        request.end();
      },
      onProtocolError: () => {},
      onClose: () => this.#connections.delete(connection),
    };
    const connection = new ServerConnection(socket, handler, limits);
    this.#connections.add(connection);
  }

  #answer(pool: PoolConfig, request: ServerRequest): Buffer {
    const headers = [
      ['Status', '503 Service Unavailable'],
      ['Retry-After', String(retryAfter(pool))],
      ['Content-type', 'text/plain; charset=UTF-8'],
    ] as const;
    const params = new Map(request.params);
    return statusOrPing(pool, params, this.#source) ?? cgiResponse(headers, 'Too many requests wait.\n');
  }
}

/** Undefined where the kernel does not tell, also for want of a descriptor, which is no fault of the pool. */
function queueOf(listener: Listener): number | undefined {
  try {
    return listener.queue()?.current;
  } catch {
    return undefined;
  }
}
