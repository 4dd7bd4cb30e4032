/** A memory cgroup of the test's own below the one that it runs in, where this machine lets it have one. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { memoryFolders } from '../../src/posix/memory-limit.ts';
import { isRoot } from '../harness/server.ts';

export interface MemoryGroup extends Disposable {
  /** Starts a program in it: first arguments, for `through` of a server. */
  readonly through: readonly string[];
  /** Processes that the kernel killed for it. */
  kills(): number;
  /** The most that was in use, bytes. */
  peak(): number;
}

/** Makes a group; undefined where this machine has none to give. */
export function makeMemoryGroup(limitBytes: number): MemoryGroup | undefined {
  const [own] = memoryFolders(
    readFileSync('/proc/self/cgroup', 'latin1'),
    readFileSync('/proc/self/mountinfo', 'latin1'),
  ).filter(({ version, folder }) => version === 1 && existsSync(join(folder, 'memory.limit_in_bytes')));
  // A cgroup of version 2 that has processes cannot hand the controller on.
  return own === undefined || !isRoot ? undefined : makeGroup(own.folder, limitBytes);
}

/** A process that was just killed is in its group for a moment more: no event tells of its leaving. */
function removeGroup(folder: string): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let tries = 100; ; tries -= 1) {
    try {
      return rmdirSync(folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || tries === 0) throw error;
      Atomics.wait(pause, 0, 0, 50);
    }
  }
}

function makeGroup(parent: string, limitBytes: number): MemoryGroup {
  const folder = join(parent, `hathi-test-${process.pid}`);
  mkdirSync(folder);
  const file = (name: string) => join(folder, name);
  writeFileSync(file('memory.limit_in_bytes'), String(limitBytes));
  return {
    through: ['/bin/sh', '-c', `echo $$ > ${file('cgroup.procs')}; exec "$@"`, 'sh'],
    kills: () =>
      Number(/^oom_kill (\d+)$/m.exec(readFileSync(file('memory.oom_control'), 'latin1'))?.[1] ?? 0),
    peak: () => Number(readFileSync(file('memory.max_usage_in_bytes'), 'latin1')),
    [Symbol.dispose]: () => removeGroup(folder),
  };
}
