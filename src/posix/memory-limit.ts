/**
 * Memory limits of this process and its children, and the memory in use: of its own cgroup and all parents (cgroups(7),
 * version 2 and 1), and of the machine (proc_meminfo(5)).
 */

import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

/** One applicable limit. */
export interface MemoryAccount {
  readonly source: 'cgroup v2' | 'cgroup v1' | 'machine';
  /** Folder of the cgroup; empty for the machine. */
  readonly path: string;
  readonly limitBytes: number;
  /** Everything that counts there, without file pages that the kernel reclaims first. */
  readonly usedBytes: number;
}

/** A higher limit means none: version 1 shows LONG_MAX, rounded down to a page, for "unlimited". */
const unlimited = 2 ** 60;

/**
 * The limit with the least room, which is reached first.
 *
 * @param root parent of `/proc` and `/sys`, for tests
 * @returns undefined when /proc has no data
 */
export function memoryAccount(root = '/'): MemoryAccount | undefined {
  const accounts = memoryAccounts(root);
  return accounts.reduce<MemoryAccount | undefined>(
    (least, account) => (least === undefined || roomOf(account) < roomOf(least) ? account : least),
    undefined,
  );
}

/** All limits of a process: those of its cgroup and its parents, and the machine's memory. */
export function memoryAccounts(root = '/', process: number | 'self' = 'self'): MemoryAccount[] {
  const machine = machineAccount(read(join(root, 'proc/meminfo')));
  const cgroups = memoryFolders(
    read(join(root, `proc/${process}/cgroup`)) ?? '',
    read(join(root, 'proc/self/mountinfo')) ?? '',
  ).flatMap(({ version, folder }) => cgroupAccount(version, folder, root) ?? []);
  return machine === undefined ? cgroups : [...cgroups, machine];
}

export function roomOf({ limitBytes, usedBytes }: MemoryAccount): number {
  return limitBytes - usedBytes;
}

interface MemoryFolder {
  readonly version: 1 | 2;
  readonly folder: string;
}

/** Folders of the process's memory cgroup and its parents as far as they are mounted, its own first. */
export function memoryFolders(cgroup: string, mountinfo: string): MemoryFolder[] {
  return cgroup.split('\n').flatMap((line) => {
    const [, id, controllers = '', path = ''] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
    const version = id === '0' && controllers === '' ? 2 : 1;
    if (id === undefined || (version === 1 && !controllers.split(',').includes('memory'))) return [];
    const mount = mountOf(version, mountinfo);
    if (mount === undefined) return [];
    return foldersUpTo(mount.point, insideMount(path, mount.root)).map((folder) => ({ version, folder }));
  });
}

/** Path of the cgroup below the mount; a container may only see part of the tree. */
function insideMount(path: string, root: string): string {
  if (root === '/') return path;
  if (path === root) return '/';
  return path.startsWith(`${root}/`) ? path.slice(root.length) : '/';
}

function foldersUpTo(point: string, path: string): string[] {
  // A cgroup outside of the namespace is shown with "..": only mounted ones can be read.
  const parts = path.split('/').filter((part) => part !== '' && part !== '..');
  return parts.map((_, index) => posix.join(point, ...parts.slice(0, parts.length - index))).concat([point]);
}

function mountOf(version: 1 | 2, mountinfo: string): { point: string; root: string } | undefined {
  for (const line of mountinfo.split('\n')) {
    const [own = '', type = ''] = line.split(' - ');
    const [, , , root = '', point = ''] = own.split(' ');
    const [kind, , options = ''] = type.split(' ');
    const isIt =
      version === 2 ? kind === 'cgroup2' : kind === 'cgroup' && options.split(',').includes('memory');
    if (isIt) return { point: unescaped(point), root: unescaped(root) };
  }
  return undefined;
}

/** Blanks and similar characters are octal there. */
function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

const files = {
  1: { limit: 'memory.limit_in_bytes', used: 'memory.usage_in_bytes', inactive: 'total_inactive_file' },
  2: { limit: 'memory.max', used: 'memory.current', inactive: 'inactive_file' },
} as const;

function cgroupAccount(version: 1 | 2, folder: string, root: string): MemoryAccount | undefined {
  const names = files[version];
  const file = (name: string): string | undefined => read(join(root, folder, name));
  const limitBytes = Number(file(names.limit)?.trim() || Number.NaN);
  const used = Number(file(names.used)?.trim() || Number.NaN);
  // "max" is not a number; the root of version 2 lacks the file.
  if (!(limitBytes < unlimited) || Number.isNaN(used)) return undefined;
  const inactive = new RegExp(`^${names.inactive} (\\d+)$`, 'm').exec(file('memory.stat') ?? '')?.[1];
  return {
    source: version === 2 ? 'cgroup v2' : 'cgroup v1',
    path: folder,
    limitBytes,
    usedBytes: Math.max(0, used - Number(inactive ?? 0)),
  };
}

function machineAccount(meminfo: string | undefined): MemoryAccount | undefined {
  const bytes = (name: string): number | undefined => {
    const kilobytes = new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(meminfo ?? '')?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  };
  const limitBytes = bytes('MemTotal');
  if (limitBytes === undefined) return undefined;
  const available = bytes('MemAvailable') ?? bytes('MemFree') ?? limitBytes;
  return { source: 'machine', path: '', limitBytes, usedBytes: Math.max(0, limitBytes - available) };
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
