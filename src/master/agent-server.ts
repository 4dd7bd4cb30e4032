/** `agent.listen`: answers a load balancer about the pool's share of traffic. */

import { createServer, type Socket } from 'node:net';
import type { PoolConfig } from '../config/directives.ts';
import { AllowedClients } from '../engine/allowed-clients.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { type AgentFacts, agentAnswer } from '../pool/agent-answer.ts';
import type { PoolServer } from './pool-endpoints.ts';

/** By pool name; undefined when unknown. */
export type AgentSource = (pool: string) => AgentFacts | undefined;

/** Maximum of connections: each one ends after its line. */
const mostConnections = 64;
/** Time for a client to read its line and close, ms. */
const closeMs = 5000;

/** A server of agent checks on a socket. Clients need not send anything: their input is discarded. */
export function serveAgent(
  fd: number,
  pool: () => PoolConfig,
  { source, log }: { readonly source: AgentSource; readonly log: ErrorLog },
): PoolServer {
  const sockets = new Set<Socket>();
  let parsed: { readonly text: string | undefined; readonly clients: AllowedClients } | undefined;
  // Clients of the pool may also ask for its load. A reload may change the list.
  const admits = ({ remoteAddress }: Socket): boolean => {
    const { 'listen.allowed_clients': text } = pool();
    if (parsed === undefined || parsed.text !== text) parsed = { text, clients: new AllowedClients(text) };
    return parsed.clients.admits(remoteAddress);
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.setTimeout(closeMs, () => socket.destroy());
    if (!admits(socket)) return socket.destroy();
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
