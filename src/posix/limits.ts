/** Limits of a process and access to it: resource limits, chroot, priority, prctl. */
import { getPriority } from 'node:os';
import { check, cString, declare } from './libc.ts';

/** Resources of setrlimit(2) that have a directive in PHP-FPM (rlimit_files, rlimit_core). */
const resources = { core: 4, nofile: 7 } as const;
export type Resource = keyof typeof resources;

const RLIM_INFINITY = 0xffff_ffff_ffff_ffffn;
const PRIO_PROCESS = 0;
const PR_SET_NAME = 15;
const PR_GET_DUMPABLE = 3;
const PR_SET_DUMPABLE = 4;

const cSetrlimit = declare<[number, Buffer], number>('int setrlimit(int resource, const void *rlim)');
const cGetrlimit = declare<[number, Buffer], number>('int getrlimit(int resource, void *rlim)');
const cChroot = declare<[Buffer], number>('int chroot(const void *path)');
const cSetpriority = declare<[number, number, number], number>(
  'int setpriority(int which, uint who, int prio)',
);
const cPrctl = declare<[number, 'ulong', number, 'ulong', 0, 'ulong', 0, 'ulong', 0], number>(
  'int prctl(int option, ...)',
);

const cPrctlText = declare<[number, 'void *', Buffer], number>('int prctl(int option, ...)');

function prctl(option: number, value: number): number {
  return check('prctl', cPrctl(option, 'ulong', value, 'ulong', 0, 'ulong', 0, 'ulong', 0));
}

/**
 * Sets soft and hard limit: setrlimit(2). Later child processes inherit them.
 *
 * @param value descriptors (`nofile`) or bytes (`core`); -1 means unlimited.
 * @throws PosixError EPERM when an unprivileged process raises its hard limit, or for `nofile` above
 *   /proc/sys/fs/nr_open.
 */
export function setResourceLimit(resource: Resource, value: number): void {
  writeLimit(resource, { soft: value, hard: value });
}

/**
 * Whether {@link setResourceLimit} would succeed. Only raising the hard limit can fail, so this raises it and puts it
 * back; the soft limit, which the kernel enforces, stays unchanged.
 *
 * @throws PosixError
 */
export function checkResourceLimit(resource: Resource, value: number): void {
  const before = getResourceLimit(resource);
  const isRaised = before.hard !== -1 && (value === -1 || value > before.hard);
  if (!isRaised) return;
  writeLimit(resource, { soft: before.soft, hard: value });
  writeLimit(resource, before);
}

function writeLimit(resource: Resource, { soft, hard }: { soft: number; hard: number }): void {
  const structure = Buffer.alloc(16);
  structure.writeBigUInt64LE(soft === -1 ? RLIM_INFINITY : BigInt(soft), 0);
  structure.writeBigUInt64LE(hard === -1 ? RLIM_INFINITY : BigInt(hard), 8);
  check('setrlimit', cSetrlimit(resources[resource], structure), `${resource} = ${hard}`);
}

/** Soft and hard limit, -1 for unlimited: getrlimit(2). Node raises its own soft `nofile` to the hard one. */
export function getResourceLimit(resource: Resource): { soft: number; hard: number } {
  const structure = Buffer.alloc(16);
  check('getrlimit', cGetrlimit(resources[resource], structure), resource);
  const read = (offset: number): number => {
    const value = structure.readBigUInt64LE(offset);
    return value === RLIM_INFINITY ? -1 : Number(value);
  };
  return { soft: read(0), hard: read(8) };
}

/** Makes `path` the root folder of this process and changes to it: chroot(2). Needs CAP_SYS_CHROOT. */
export function chroot(path: string): void {
  check('chroot', cChroot(cString(path)), path);
  // chroot(2) leaves the working folder outside; ".." from there would escape the new root.
  process.chdir('/');
}

/**
 * Nice value, -20 to 19, of the calling thread and of threads and processes that it makes later: setpriority(2). On
 * Linux the attribute belongs to the thread.
 *
 * @throws PosixError EACCES when an unprivileged process lowers the value.
 */
export function setPriority(nice: number): void {
  check('setpriority', cSetpriority(PRIO_PROCESS, 0, nice), String(nice));
}

/**
 * Whether {@link setPriority} would succeed. Only lowering the value can fail, so this lowers it and puts it back.
 *
 * @throws PosixError
 */
export function checkPriority(nice: number): void {
  const before = getPriority();
  if (nice >= before) return;
  setPriority(nice);
  setPriority(before);
}

/** Name of the calling thread, at most 15 bytes, by which `ps -C` and pgrep(1) find a process: prctl(2) PR_SET_NAME. */
export function setThreadName(name: string): void {
  check('prctl', cPrctlText(PR_SET_NAME, 'void *', cString(name)), name);
}

/** Whether a crash may write a core file and processes of the same user may trace: prctl(2) PR_SET_DUMPABLE. */
export function setDumpable(dumpable: boolean): void {
  prctl(PR_SET_DUMPABLE, dumpable ? 1 : 0);
}

/** prctl(2) PR_GET_DUMPABLE. The kernel clears the attribute when a process gives up root. */
export function isDumpable(): boolean {
  return prctl(PR_GET_DUMPABLE, 0) === 1;
}
