/**
 * Network clients for scripts (databases, HTTP, logs) over TCP, UDP and Unix sockets, made directly from this thread,
 * without a relay. The host's resolver resolves names. Servers are refused.
 */

import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { resolve as resolvePath } from 'node:path';
import { suspending } from './boundary.ts';
import type { SocketState } from './emscripten.ts';
import type { Engine, EngineImports } from './engine.ts';
import { errno } from './errno.ts';
import type { LoaderSocket } from './loader-socket.ts';
import { PairSocket } from './pair-socket.ts';
import { TcpSocket } from './tcp-socket.ts';
import { UdpSocket } from './udp-socket.ts';
import type { Waiting } from './waiting.ts';

const family = { unix: 1, inet: 2, inet6: 10 } as const;
const streamType = 1;
const datagramType = 2;
const typeMask = 0xf;
const nonBlocking = 0o4000;
const pollEvents = { writable: 4 } as const;
/** `EAI_NONAME` of getaddrinfo() in the engine's C library. */
const nameUnknown = -2;

/** The loader's socket operations used or replaced here. */
interface SocketOperations {
  createPeer(sock: SocketState, address: string, port: number): object;
  addPeer(sock: SocketState, peer: object): void;
  handlePeerEvents(sock: SocketState, peer: object): void;
  connect(sock: SocketState, address: string, port: number): void;
  poll(sock: SocketState): number;
}

type Import = (...args: number[]) => number;

/** Repairs the binary's imports for sockets. */
export function repairNetwork(imports: EngineImports, engine: () => Engine, waiting: Waiting): void {
  const socket = imports['__syscall_socket'] as Import;
  imports['__syscall_socket'] = (domain: number, type: number, protocol: number) =>
    openSocket(engine(), socket, domain, type, protocol);
  const negative = (code: number): number => -code;
  const connect = (fd: number, address: number, length: number): number | Promise<number> =>
    connectSocket(engine(), waiting, fd, address, length);
  imports['__syscall_connect'] = suspending(connect, negative);
  imports['__syscall_recvfrom'] = suspending(
    patient(imports['__syscall_recvfrom'] as Import, waiting),
    negative,
  );
  // No-op: connections have no delay, and the waiting side enforces their time limits.
  imports['wasm_setsockopt'] = () => 0;
  imports['__syscall_bind'] = () => -errno.EOPNOTSUPP;
  imports['__syscall_listen'] = () => -errno.EOPNOTSUPP;
  const getaddrinfo = imports['getaddrinfo'] as Import;
  const lookUp = async (node: number, service: number, hint: number, out: number): Promise<number> =>
    (await waiting.until(resolve(engine(), getaddrinfo, node, service, hint, out))) ?? nameUnknown;
  imports['getaddrinfo'] = suspending(lookUp, () => nameUnknown);
  const lookUpName = async (name: number): Promise<number> =>
    (await waiting.until(lookUpIPv4(engine().memory.string(name)))) ?? 0;
  imports['_emscripten_lookup_name'] = suspending(lookUpName, () => 0);
}

const patched = new WeakSet<object>();

function openSocket(
  engine: Engine,
  original: Import,
  domain: number,
  type: number,
  protocol: number,
): number {
  if (!Object.values(family).some((known) => known === domain)) return -errno.EAFNOSUPPORT;
  const isStream = (type & typeMask) === streamType;
  const isDatagram = (type & typeMask) === datagramType && domain !== family.unix;
  if (!isStream && !isDatagram) return -errno.EPROTONOSUPPORT;
  const fd = original(family.inet, type, protocol, 0, 0, 0);
  const sock = engine.fs.getStream(fd)?.node.sock;
  if (sock === undefined) return fd;
  // The loader writes only addresses of the other families.
  if (domain !== family.unix) (sock as { family?: number }).family = domain;
  const operations = sock.sock_ops as unknown as SocketOperations;
  if (!patched.has(operations)) {
    patched.add(operations);
    operations.createPeer = (target, address, port) => createPeer(operations, target, address, port);
    // The loader reports unconnected sockets as always readable.
    const { poll } = operations;
    operations.poll = (target) =>
      target.type === datagramType && target.recv_queue.length === 0 ? pollEvents.writable : poll(target);
  }
  return fd;
}

function createPeer(operations: SocketOperations, sock: SocketState, address: string, port: number): object {
  const socket = pairing.pop() ?? openPeer(sock, address, port);
  const peer = { addr: address, port, socket, msg_send_queue: [] };
  operations.addPeer(sock, peer);
  operations.handlePeerEvents(sock, peer);
  // After the loader's own listener, whose only reason is "refused".
  socket.on('error', () => {
    sock.error = errorNumber(socket.failure);
  });
  return peer;
}

function openPeer(sock: SocketState, address: string, port: number): LoaderSocket {
  return sock.type === datagramType ? new UdpSocket(address, port) : new TcpSocket(address, port);
}

/** Ends of a pair for the next connections. */
const pairing: PairSocket[] = [];

/** Makes the next two connections of this thread the ends of a pair; unused ends are discarded. */
export async function pairConnections(connect: () => Promise<void>): Promise<void> {
  pairing.push(...PairSocket.pair());
  await connect();
  for (const left of pairing.splice(0)) left.destroy();
}

function errorNumber(code: string | undefined): number {
  const known = Object.entries(errno).find(([name]) => name === code);
  return known?.[1] ?? errno.ECONNREFUSED;
}

/** Starts a connection; waits for it unless the descriptor is non-blocking. */
function connectSocket(
  engine: Engine,
  waiting: Waiting,
  fd: number,
  address: number,
  length: number,
): number | Promise<number> {
  const stream = engine.fs.getStream(fd);
  const sock = stream?.node.sock;
  if (stream === null || sock === undefined) return -errno.EBADF;
  const target = socketAddress(engine, address, length);
  if (target === undefined) return -errno.EAFNOSUPPORT;
  try {
    (sock.sock_ops as unknown as SocketOperations).connect(sock, target.host, target.port);
  } catch (error) {
    return -((error as { errno?: number }).errno ?? errno.ECONNREFUSED);
  }
  if (stream.flags & nonBlocking) return -errno.EINPROGRESS;
  const [peer] = Object.values(
    (sock as unknown as { peers: Record<string, { socket: LoaderSocket }> }).peers,
  );
  if (peer === undefined) return -errno.ECONNREFUSED;
  const { socket } = peer;
  const connected = new Promise<number>((resolve) => {
    socket.once('open', () => resolve(0));
    socket.once('close', () => resolve(-errorNumber(socket.failure)));
  });
  return waiting.until(connected).then((result) => result ?? -errno.ETIMEDOUT);
}

/** An empty recv() tries again after a turn of the event loop: a script may poll in a loop. */
function patient(receive: Import, waiting: Waiting): (...args: number[]) => number | Promise<number> {
  return (...args) => {
    const result = receive(...args);
    return result === -errno.EAGAIN ? waiting.turn().then(() => receive(...args)) : result;
  };
}

/** @param length of the address, which gives the length of a path */
function socketAddress(
  engine: Engine,
  address: number,
  length: number,
): { host: string; port: number } | undefined {
  const bytes = engine.memory.bytes;
  const port = bytes.readUInt16BE(address + 2);
  switch (bytes.readUInt16LE(address)) {
    case family.unix:
      return { host: socketPath(engine, bytes.subarray(address + 2, address + length)), port: 0 };
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

/** unix(7): a path up to a NUL or the end of the address, or an abstract name after a NUL. */
function socketPath({ fs }: Engine, bytes: Buffer): string {
  const end = bytes.indexOf(0);
  if (end === 0) return bytes.toString('utf8');
  return resolvePath(fs.cwd(), bytes.toString('utf8', 0, end < 0 ? bytes.length : end));
}

/** getaddrinfo() with the host's resolver: the loader's own invents addresses for names. */
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
      // No address in this family; the other may have one.
    }
  }
  return undefined;
}

/** gethostbyname(): an IPv4 address in network order, or 0. */
async function lookUpIPv4(name: string): Promise<number> {
  const address = isIP(name) === 4 ? name : await firstAddress(name, family.inet);
  return address === undefined ? 0 : Buffer.from(address.split('.').map(Number)).readInt32LE();
}
