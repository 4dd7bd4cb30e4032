/** `agent.listen`: the answer to a load balancer that asks how much of its traffic the pool should get. */

import { createServer, type Socket } from 'node:net';
import type { PoolConfig } from '../config/directives.ts';
import { AllowedClients } from '../engine/allowed-clients.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { type AgentFacts, agentAnswer } from '../pool/agent-answer.ts';
import type { PoolServer } from './pool-endpoints.ts';

/** By the name of the pool; undefined where it cannot be told. */
export type AgentSource = (pool: string) => AgentFacts | undefined;

/** Connections at a time: each is over with its line. */
const mostConnections = 64;
/** For a client to take its line and close, ms. */
const closeMs = 5000;

/** A server of agent checks on a socket. The client need not say anything: what it says is thrown away. */
export function serveAgent(
  fd: number,
  pool: () => PoolConfig,
  { source, log }: { readonly source: AgentSource; readonly log: ErrorLog },
): PoolServer {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.setTimeout(closeMs, () => socket.destroy());
    if (!admits(pool(), socket)) return socket.destroy();
    socket.resume();
    const facts = source(pool().name);
    return socket.end(facts === undefined ? 'ready down#unknown\n' : agentAnswer(facts));
  });
  server.maxConnections = mostConnections;
  server.on('error', (error) => log.sysError(`[pool ${pool().name}_agent] cannot accept`, error));
  server.listen({ fd });
  return {
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Who may send the pool requests may ask how it does. */
function admits(pool: PoolConfig, { remoteAddress }: Socket): boolean {
  return new AllowedClients(pool['listen.allowed_clients']).admits(remoteAddress);
}
