/** The machine: memory and its limits, kernel limits, processes. */

import { join } from 'node:path';
import { memoryAccounts } from '../../posix/memory-limit.ts';
import type { MachineFacts } from '../facts.ts';
import { readSystemText } from './careful-file.ts';
import { masterOf, readListeners, readProcesses, readReplaced, readWorkers } from './processes.ts';

export interface MachineChoice {
  /** `/`, or the root folder of another system. */
  readonly root: string;
  /** Main configuration file of the master. */
  readonly file: string;
  /** Addresses of the pools, as in `listen`. */
  readonly addresses: readonly string[];
}

export function readMachine({ root, file, addresses }: MachineChoice): MachineFacts {
  const proc = join(root, 'proc');
  const processes = readProcesses(proc);
  const master = masterOf(processes, file);
  return {
    memory: readMemory(root, master ?? 'self'),
    workers: readWorkers(proc, processes, master),
    somaxconn: numberIn(join(proc, 'sys/net/core/somaxconn')),
    openFiles: master === undefined ? undefined : openFilesOf(proc, master),
    node: process.versions.node,
    replaced: readReplaced(processes),
    listeners: readListeners(proc, processes, addresses),
  };
}

/** The lowest limit of the machine, the process's cgroup and all cgroups above it. */
function readMemory(root: string, pid: number | 'self'): MachineFacts['memory'] {
  const [lowest] = memoryAccounts(root, pid).sort((left, right) => left.limitBytes - right.limitBytes);
  if (lowest === undefined) return undefined;
  const of = lowest.source === 'machine' ? 'this machine' : `the cgroup ${lowest.path}`;
  return { bytes: lowest.limitBytes, used: lowest.usedBytes, of };
}

function numberIn(path: string): number | undefined {
  const text = readSystemText(path, 4096)?.trim() ?? '';
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

function openFilesOf(proc: string, pid: number): number | undefined {
  const limits = readSystemText(join(proc, `${pid}/limits`), 64 * 1024) ?? '';
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1];
  return soft === undefined || soft === 'unlimited' ? undefined : Number(soft);
}
