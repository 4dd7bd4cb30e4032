/** Finds the processes that hold a listening socket, from /proc: proc(5). Only root sees processes of other users. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { SocketAddress } from './sockets.ts';

export interface SocketHolder {
  readonly pid: number;
  /** Command name, such as `php-fpm8.2`. */
  readonly name: string;
}

/** State LISTEN of /proc/net/tcp. */
const listenState = '0A';
/** Flag of /proc/net/unix for a socket that accepts connections, __SO_ACCEPTCON. */
const acceptsFlag = 0x10000;

/**
 * Processes that listen on an address: for TCP its port on any address, for Unix its path. Empty when there are none or
 * this process may not see them.
 */
export function listeningProcesses(address: SocketAddress): SocketHolder[] {
  const inodes = address.family === 'unix' ? unixInodes(address.path) : tcpInodes(address.port);
  if (inodes.size === 0) return [];
  return processes()
    .filter((pid) => holdsOneOf(pid, inodes))
    .map((pid) => ({ pid, name: read(`/proc/${pid}/comm`).trimEnd() }));
}

function tcpInodes(port: number): Set<string> {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = `${read('/proc/net/tcp')}\n${read('/proc/net/tcp6')}`.split('\n');
  const columns = rows.map((row) => row.trim().split(/\s+/));
  return new Set(
    columns.flatMap(([, local, , state, , , , , , inode]) =>
      local?.endsWith(wanted) && state === listenState && inode !== undefined ? [inode] : [],
    ),
  );
}

function unixInodes(path: string): Set<string> {
  const rows = read('/proc/net/unix').split('\n');
  return new Set(
    rows.flatMap((row) => {
      const [, , , flags, , , inode, ...name] = row.split(/\s+/);
      const accepts = (Number.parseInt(flags ?? '0', 16) & acceptsFlag) !== 0;
      return accepts && inode !== undefined && name.join(' ') === path ? [inode] : [];
    }),
  );
}

function processes(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number);
}

function holdsOneOf(pid: number, inodes: ReadonlySet<string>): boolean {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).some((fd) => {
      const match = /^socket:\[([0-9]+)\]$/.exec(readLink(`${folder}/${fd}`));
      return match?.[1] !== undefined && inodes.has(match[1]);
    });
  } catch {
    // The process has ended or belongs to another user.
    return false;
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    // The descriptor was closed between listing and reading.
    return '';
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // /proc/net/tcp6 is missing without IPv6; the process may have ended.
    return '';
  }
}
