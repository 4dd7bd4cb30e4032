/**
 * TCP clients for scripts (databases, HTTP), made directly from this thread: no relay, nothing listens. Names
 * are resolved by the host's resolver. Servers, UDP and Unix sockets are refused.
 */

import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { SocketState } from './emscripten.ts';
import type { Engine, EngineImports } from './engine.ts';
import { TcpSocket } from './tcp-socket.ts';

/** Error numbers of the engine's C library (WASI). */
const errno = {
  EAFNOSUPPORT: 5,
  EBADF: 8,
  ECONNREFUSED: 14,
  ECONNRESET: 15,
  EHOSTUNREACH: 23,
  EINPROGRESS: 26,
  ENETUNREACH: 40,
  EPROTONOSUPPORT: 66,
  ETIMEDOUT: 73,
  EOPNOTSUPP: 138,
} as const;
const family = { inet: 2, inet6: 10 } as const;
const streamType = 1;
const datagramType = 2;
const typeMask = 0xf;
const nonBlocking = 0o4000;
/** `EAI_NONAME` of getaddrinfo() in the engine's C library. */
const nameUnknown = -2;

/** The loader's socket operations, as far as they are called or replaced here. */
interface SocketOperations {
  createPeer(sock: SocketState, address: string, port: number): object;
  addPeer(sock: SocketState, peer: object): void;
  handlePeerEvents(sock: SocketState, peer: object): void;
  connect(sock: SocketState, address: string, port: number): void;
}

type Import = (...args: number[]) => number;

/** Makes the imports of the binary that have to do with sockets work and tell the truth. */
export function repairNetwork(imports: EngineImports, engine: () => Engine): void {
  const socket = imports['__syscall_socket'] as Import;
  imports['__syscall_socket'] = (domain: number, type: number, protocol: number) =>
    openSocket(engine(), socket, domain, type, protocol);
  imports['__syscall_connect'] = new WebAssembly.Suspending((fd: number, address: number) =>
    connectSocket(engine(), fd, address),
  );
  // Nothing to set: connections are without delay, and their time limits are kept by whoever waits for them.
  imports['wasm_setsockopt'] = () => 0;
  imports['__syscall_bind'] = () => -errno.EOPNOTSUPP;
  imports['__syscall_listen'] = () => -errno.EOPNOTSUPP;
  const getaddrinfo = imports['getaddrinfo'] as Import;
  imports['getaddrinfo'] = new WebAssembly.Suspending(
    (node: number, service: number, hint: number, out: number) =>
      resolve(engine(), getaddrinfo, node, service, hint, out),
  );
  imports['_emscripten_lookup_name'] = new WebAssembly.Suspending((name: number) =>
    lookUpIPv4(engine().memory.string(name)),
  );
}

const patched = new WeakSet<object>();

function openSocket(
  engine: Engine,
  original: Import,
  domain: number,
  type: number,
  protocol: number,
): number {
  if (domain !== family.inet && domain !== family.inet6) return -errno.EAFNOSUPPORT;
  // PHP finds out by a datagram socket whether there is IPv6; that one is never used.
  const datagramProbe = domain === family.inet6 && (type & typeMask) === datagramType;
  if ((type & typeMask) !== streamType && !datagramProbe) return -errno.EPROTONOSUPPORT;
  const fd = original(family.inet, type, protocol, 0, 0, 0);
  const sock = engine.fs.getStream(fd)?.node.sock;
  if (sock === undefined) return fd;
  (sock as { family?: number }).family = domain;
  const operations = sock.sock_ops as unknown as SocketOperations;
  if (!patched.has(operations)) {
    patched.add(operations);
    operations.createPeer = (target, address, port) => createPeer(operations, target, address, port);
  }
  return fd;
}

function createPeer(operations: SocketOperations, sock: SocketState, address: string, port: number): object {
  if (sock.type !== streamType) throw new TypeError('cannot send datagrams');
  const socket = new TcpSocket(address, port);
  const peer = { addr: address, port, socket, msg_send_queue: [] };
  operations.addPeer(sock, peer);
  operations.handlePeerEvents(sock, peer);
  // After the loader's own listener, which knows no reason but "refused".
  socket.on('error', () => {
    sock.error = errorNumber(socket.failure);
  });
  return peer;
}

function errorNumber(code: string | undefined): number {
  const known = Object.entries(errno).find(([name]) => name === code);
  return known?.[1] ?? errno.ECONNREFUSED;
}

/** Starts a connection; waits for it unless the descriptor is non-blocking. */
function connectSocket(engine: Engine, fd: number, address: number): number | Promise<number> {
  const stream = engine.fs.getStream(fd);
  const sock = stream?.node.sock;
  if (stream === null || sock === undefined) return -errno.EBADF;
  if (sock.type !== streamType) return -errno.EPROTONOSUPPORT;
  const target = socketAddress(engine, address);
  if (target === undefined) return -errno.EAFNOSUPPORT;
  try {
    (sock.sock_ops as unknown as SocketOperations).connect(sock, target.host, target.port);
  } catch (error) {
    return -((error as { errno?: number }).errno ?? errno.ECONNREFUSED);
  }
  if (stream.flags & nonBlocking) return -errno.EINPROGRESS;
  const [peer] = Object.values((sock as unknown as { peers: Record<string, { socket: TcpSocket }> }).peers);
  if (peer === undefined) return -errno.ECONNREFUSED;
  return new Promise((resolve) => {
    peer.socket.once('open', () => resolve(0));
    peer.socket.once('close', () => resolve(-errorNumber(peer.socket.failure)));
  });
}

function socketAddress(engine: Engine, address: number): { host: string; port: number } | undefined {
  const bytes = engine.memory.bytes;
  const port = bytes.readUInt16BE(address + 2);
  switch (bytes.readUInt16LE(address)) {
    case family.inet:
      return { host: [...bytes.subarray(address + 4, address + 8)].join('.'), port };
    case family.inet6: {
      const groups = Array.from({ length: 8 }, (_group, index) =>
        bytes.readUInt16BE(address + 8 + index * 2),
      );
      return { host: groups.map((group) => group.toString(16)).join(':'), port };
    }
    default:
      return undefined;
  }
}

/** getaddrinfo() with the host's resolver: the loader's own turns names into made-up addresses. */
async function resolve(
  engine: Engine,
  original: Import,
  node: number,
  service: number,
  hint: number,
  out: number,
): Promise<number> {
  const name = node === 0 ? '' : engine.memory.string(node);
  if (name === '' || isIP(name) !== 0) return original(node, service, hint, out);
  const wanted = hint === 0 ? 0 : engine.memory.word(hint + 4);
  const address = await firstAddress(name, wanted);
  if (address === undefined) return nameUnknown;
  const text = engine.memory.allocateString(address);
  const result = original(text, service, hint, out);
  engine.function('free')(text);
  return result;
}

async function firstAddress(name: string, wanted: number): Promise<string | undefined> {
  const families = wanted === family.inet ? [4] : wanted === family.inet6 ? [6] : [4, 6];
  for (const version of families) {
    try {
      return (await lookup(name, { family: version })).address;
    } catch {
      // No address of this family; there may be one of the other.
    }
  }
  return undefined;
}

/** gethostbyname(): an IPv4 address in network order, 0 when there is none. */
async function lookUpIPv4(name: string): Promise<number> {
  const address = isIP(name) === 4 ? name : await firstAddress(name, family.inet);
  return address === undefined ? 0 : Buffer.from(address.split('.').map(Number)).readInt32LE();
}
