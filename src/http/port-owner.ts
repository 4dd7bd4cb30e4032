/** Finds the process that listens on a TCP port, from Linux's /proc (proc_net_tcp, proc(5)). */
import { readdir, readFile, readlink } from 'node:fs/promises';

/** A listening process. */
export interface PortOwner {
  readonly pid: number;
  /** Command line, for messages. */
  readonly command: string;
}

/** State LISTEN in the fourth column of /proc/net/tcp. */
const listening = '0A';

/**
 * Finds the process that listens on a port.
 *
 * @returns undefined when it is unknown: no /proc, another network namespace, or another user's process.
 */
export async function findPortOwner(port: number, proc = '/proc'): Promise<PortOwner | undefined> {
  const tables = await Promise.all(['tcp', 'tcp6'].map((name) => read(`${proc}/net/${name}`)));
  const inodes = new Set(tables.flatMap((table) => listeningInodes(table, port)));
  if (inodes.size === 0) return undefined;
  const pids = (await readdir(proc)).filter((name) => /^[0-9]+$/.test(name));
  for (const pid of pids) {
    if (!(await holdsSocket(`${proc}/${pid}/fd`, inodes))) continue;
    const command = (await read(`${proc}/${pid}/cmdline`)).replaceAll('\0', ' ').trim();
    return { pid: Number(pid), command };
  }
  return undefined;
}

/** Inodes of sockets that listen on the port, from the text of /proc/net/tcp or tcp6. */
export function listeningInodes(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[1]?.endsWith(suffix) && columns[3] === listening)
    .map((columns) => columns[9] ?? '');
}

async function holdsSocket(folder: string, inodes: ReadonlySet<string>): Promise<boolean> {
  // The process has ended or belongs to another user: skip it.
  const names = await readdir(folder).catch(() => []);
  const links = await Promise.all(names.map((name) => readlink(`${folder}/${name}`).catch(() => '')));
  return links.some((link) => inodes.has(/^socket:\[(\d+)\]$/.exec(link)?.[1] ?? ''));
}

function read(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
