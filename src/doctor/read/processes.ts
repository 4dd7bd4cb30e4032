/** Masters, workers and listening sockets from /proc: one walk over all processes. */

import { readdirSync, readlinkSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parseSmapsRollup } from '../../posix/smaps.ts';
import { isSameAddress, tcpOf } from '../addresses.ts';
import type { MachineFacts, WorkerMemory } from '../facts.ts';
import { readSystemText } from './careful-file.ts';

interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  readonly title: string;
  readonly name: string;
  readonly program: string;
}

/** Processes by pid; those that ended meanwhile are missing. */
export type Processes = ReadonlyMap<number, ProcessFacts>;

export function readProcesses(proc: string): Processes {
  const pids = namesIn(proc).filter((name) => /^\d+$/.test(name));
  return new Map(pids.flatMap((pid) => readProcess(proc, Number(pid))).map((each) => [each.pid, each]));
}

function readProcess(proc: string, pid: number): ProcessFacts[] {
  const status = readSystemText(join(proc, `${pid}/status`), 64 * 1024);
  const parent = /^PPid:\s*(\d+)$/m.exec(status ?? '')?.[1];
  if (status === undefined || parent === undefined) return [];
  const title = (readSystemText(join(proc, `${pid}/cmdline`), 64 * 1024) ?? '').replaceAll('\0', ' ').trim();
  const name = /^Name:\s*(.*)$/m.exec(status)?.[1] ?? '';
  return [{ pid, parent: Number(parent), title, name, program: linkIn(join(proc, `${pid}/exe`)) }];
}

/** The process of a configuration file's master, by its title. */
export function masterOf(processes: Processes, file: string): number | undefined {
  const titles = [file, resolve(file)].map((path) => `php-fpm: master process (${path})`);
  return [...processes.values()].find(({ title }) => titles.includes(title))?.pid;
}

/** Private memory of the workers below a master, by pool. Threads of the embedded engine have none of their own. */
export function readWorkers(proc: string, processes: Processes, master: number | undefined): WorkerMemory[] {
  if (master === undefined) return [];
  const titled = [...processes.values()].filter(
    ({ title, program, pid }) =>
      /^php-fpm: pool /.test(title) && basename(program) !== 'node' && isBelow(processes, pid, master),
  );
  // A host has the title of its workers, and is their parent.
  const parents = new Set(titled.map(({ parent }) => parent));
  const workers = titled.filter(({ pid }) => !parents.has(pid));
  return [...Map.groupBy(workers, ({ title }) => title.slice('php-fpm: pool '.length).trim())].flatMap(
    ([pool, members]) => {
      const sizes = members.flatMap(({ pid }) => privateBytes(proc, pid) ?? []);
      if (sizes.length === 0) return [];
      const averageBytes = sizes.reduce((sum, bytes) => sum + bytes, 0) / sizes.length;
      return [{ pool, workers: sizes.length, averageBytes }];
    },
  );
}

function isBelow(processes: Processes, pid: number, master: number): boolean {
  // Limits the steps: parents change while they are read.
  for (let at = processes.get(pid), steps = 0; at !== undefined && steps < 64; steps++) {
    if (at.parent === master) return true;
    at = processes.get(at.parent);
  }
  return false;
}

/** Private memory of a process including swap: proc_pid_smaps(5). */
function privateBytes(proc: string, pid: number): number | undefined {
  const text = readSystemText(join(proc, `${pid}/smaps_rollup`), 64 * 1024);
  return text ? parseSmapsRollup(text).privateBytes : undefined;
}

/** PHP's processes whose program is no longer on disk, one for each program. */
export function readReplaced(processes: Processes): MachineFacts['replaced'] {
  const suffix = ' (deleted)';
  const gone = [...processes.values()].filter(
    ({ program }) => program.endsWith(suffix) && /^php/.test(basename(program)),
  );
  return [...Map.groupBy(gone, ({ program }) => program)].map(([program, [first]]) => ({
    pid: first?.pid ?? 0,
    program: program.slice(0, -suffix.length),
  }));
}

/** Masters with a listening socket at one of the addresses, in the form of `listen`. */
export function readListeners(
  proc: string,
  processes: Processes,
  addresses: readonly string[],
): MachineFacts['listeners'] {
  const sockets = listeningSockets(proc, addresses);
  if (sockets.size === 0) return [];
  const holders = new Map<string, Set<number>>();
  for (const pid of processes.keys()) {
    const folder = join(proc, `${pid}/fd`);
    for (const name of namesIn(folder)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkIn(join(folder, name)))?.[1];
      const listen = inode === undefined ? undefined : sockets.get(inode);
      if (listen === undefined) continue;
      holders.set(listen, (holders.get(listen) ?? new Set()).add(pid));
    }
  }
  return [...holders].map(([listen, pids]) => ({ listen, masters: topmost(processes, pids) }));
}

/** Of processes that share a socket, those that did not inherit it from another. */
function topmost(processes: Processes, pids: ReadonlySet<number>): { pid: number; name: string }[] {
  return [...pids]
    .filter((pid) => ![...pids].some((other) => other !== pid && isBelow(processes, pid, other)))
    .map((pid) => ({ pid, name: processes.get(pid)?.name ?? 'unknown' }));
}

/** Addresses by the inode of the socket: /proc/net/unix and /proc/net/tcp, proc(5). */
function listeningSockets(proc: string, addresses: readonly string[]): Map<string, string> {
  const wanted = new Set(addresses);
  const found = new Map<string, string>();
  for (const row of rowsOf(join(proc, 'net/unix'))) {
    const [, , , flags = '0', , , inode = '', ...name] = row.split(/\s+/);
    const accepts = (Number.parseInt(flags, 16) & 0x10000) !== 0;
    if (accepts && wanted.has(name.join(' '))) found.set(inode, name.join(' '));
  }
  const pools = addresses.flatMap((address) => {
    const tcp = tcpOf(address);
    return tcp === undefined ? [] : [{ address, tcp }];
  });
  for (const row of [...rowsOf(join(proc, 'net/tcp')), ...rowsOf(join(proc, 'net/tcp6'))]) {
    const [, local = '', , state, , , , , , inode = ''] = row.trim().split(/\s+/);
    if (state !== '0A') continue;
    const open = {
      host: hostOf(local),
      port: String(Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16)),
    };
    const pool = pools.find(({ tcp }) => isSameAddress(open, tcp));
    if (pool !== undefined) found.set(inode, pool.address);
  }
  return found;
}

/** Of an address in /proc/net: four bytes in reverse order, or those of IPv6, of which two are distinguished. */
function hostOf(local: string): string {
  const [hex = ''] = local.split(':');
  if (hex.length === 8) return [...Buffer.from(hex, 'hex').reverse()].join('.');
  if (/^0{32}$/.test(hex)) return '::';
  return hex === '00000000000000000000000001000000' ? '::1' : hex;
}

function rowsOf(path: string): string[] {
  return (readSystemText(path, 16 * 1024 ** 2) ?? '').split('\n');
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // It belongs to another user, or ended meanwhile.
    return [];
  }
}

function linkIn(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
