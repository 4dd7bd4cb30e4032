/** Memory limits: of the own cgroup and every parent, in both versions, of a container's view, and of the machine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type MemoryAccount,
  memoryAccount,
  memoryAccounts,
  memoryFolders,
} from '../../src/posix/memory-limit.ts';
import { parseSmapsRollup, processMemory } from '../../src/posix/smaps.ts';
import { TestFolder } from '../harness/folder.ts';

const megabyte = 1024 * 1024;
const meminfo = 'MemTotal:       2048000 kB\nMemFree:  1 kB\nMemAvailable:   1024000 kB\n';
const machine: MemoryAccount = {
  source: 'machine',
  path: '',
  limitBytes: 2_048_000 * 1024,
  usedBytes: 1_024_000 * 1024,
};

/** A root with these files. */
function rootOf(files: Readonly<Record<string, string>>): TestFolder {
  const folder = new TestFolder();
  for (const [name, text] of Object.entries(files)) folder.write(name, text);
  return folder;
}

const mount2 = '35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n';
const mount1 = '36 32 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n';

test('version 2: the parent that has least room counts, not the own cgroup alone', () => {
  const group = (path: string, limit: string, used: number, inactive: number) => ({
    [`sys/fs/cgroup/${path}memory.max`]: `${limit}\n`,
    [`sys/fs/cgroup/${path}memory.current`]: `${used}\n`,
    [`sys/fs/cgroup/${path}memory.stat`]: `anon 1\ninactive_file ${inactive}\n`,
  });
  using root = rootOf({
    'proc/meminfo': meminfo,
    'proc/self/cgroup': '0::/system.slice/php.service\n',
    'proc/self/mountinfo': mount2,
    ...group('system.slice/php.service/', 'max', 5 * megabyte, 0),
    ...group('system.slice/', String(512 * megabyte), 500 * megabyte, 100 * megabyte),
  });
  const slice: MemoryAccount = {
    source: 'cgroup v2',
    path: '/sys/fs/cgroup/system.slice',
    limitBytes: 512 * megabyte,
    usedBytes: 400 * megabyte,
  };
  assert.deepEqual(memoryAccounts(root.path), [slice, machine]);
  assert.deepEqual(memoryAccount(root.path), slice);
});

test('version 1 beside a version 2 without a memory controller; "unlimited" is no limit', () => {
  const file = (path: string, name: string) => `sys/fs/cgroup/memory/${path}${name}`;
  using root = rootOf({
    'proc/meminfo': meminfo,
    'proc/self/cgroup': '9:name=systemd:/\n4:cpu,memory:/docker/abc\n0::/\n',
    'proc/self/mountinfo': `${mount1}40 32 0:33 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n`,
    [file('docker/abc/', 'memory.limit_in_bytes')]: `${256 * megabyte}\n`,
    [file('docker/abc/', 'memory.usage_in_bytes')]: `${200 * megabyte}\n`,
    [file('docker/abc/', 'memory.stat')]: `inactive_file 7\ntotal_inactive_file ${50 * megabyte}\n`,
    [file('', 'memory.limit_in_bytes')]: '9223372036854771712\n',
    [file('', 'memory.usage_in_bytes')]: '1\n',
  });
  assert.deepEqual(memoryAccount(root.path), {
    source: 'cgroup v1',
    path: '/sys/fs/cgroup/memory/docker/abc',
    limitBytes: 256 * megabyte,
    usedBytes: 150 * megabyte,
  });
});

test('a container sees a part of the tree, and paths with blanks', () => {
  const bound = '50 49 0:30 /docker/abc /sys/fs/cgroup/memory\\040x ro - cgroup cgroup rw,memory\n';
  assert.deepEqual(
    memoryFolders('4:memory:/docker/abc/job\n', bound).map(({ folder }) => folder),
    ['/sys/fs/cgroup/memory x/job', '/sys/fs/cgroup/memory x'],
  );
  assert.deepEqual(
    memoryFolders('0::/../../other\n', mount2).map(({ folder }) => folder),
    ['/sys/fs/cgroup/other', '/sys/fs/cgroup'],
  );
});

test('without cgroups it is the machine; without /proc nothing is known', () => {
  using bare = rootOf({ 'proc/meminfo': meminfo });
  assert.deepEqual(memoryAccount(bare.path), machine);
  using nothing = rootOf({});
  assert.equal(memoryAccount(nothing.path), undefined);
  assert.ok((memoryAccount()?.limitBytes ?? 0) > 0, 'this machine');
});

test('private memory has what was swapped out, and no page of others', () => {
  const text =
    'Rss: 9000 kB\nPss:    500 kB\nPss_Dirty:  3 kB\nPrivate_Clean:   10 kB\nPrivate_Dirty:  200 kB\nSwapPss:     7 kB\n';
  assert.deepEqual(parseSmapsRollup(text), { proportionalBytes: 500 * 1024, privateBytes: 217 * 1024 });
  const before = processMemory(process.pid)?.privateBytes ?? 0;
  const kept = Buffer.alloc(32 * megabyte, 1);
  const after = processMemory(process.pid)?.privateBytes ?? 0;
  assert.ok(after - before > 24 * megabyte && kept.length > 0, `${before} ${after}`);
  assert.equal(processMemory(0x7fffffff), undefined);
});
