/**
 * Turns a running php-fpm into Hathi without closing a socket.
 *
 * php-fpm reloads by executing its own program again, with its listening sockets in FPM_SOCKETS. While another file
 * covers that program (a bind mount), the reload executes Hathi: the same process, the same sockets, whose backlogs
 * keep new connections meanwhile.
 */

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parentOf } from '../../posix/process-stat.ts';
import { InstallError } from './unit.ts';

/** Time for php-fpm to end its workers and execute the new program, ms; includes its process_control_timeout. */
const patience = 90_000;
const interval = 20;
const folderName = 'hathi-install-';
/** Signals that would end this program. */
const heldSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * @param pid php-fpm's master
 * @param hathi absolute path of the replacing program
 * @throws InstallError when this is impossible; php-fpm then runs on
 */
export async function handOver(pid: number, hathi: string): Promise<void> {
  const program = programOf(pid);
  if (readlinkSync(`/proc/${pid}/ns/mnt`) !== readlinkSync('/proc/self/ns/mnt'))
    throw new InstallError('php-fpm has file systems of its own (a sandbox of its unit)');
  const other = otherInstance(pid, program);
  if (other !== undefined)
    throw new InstallError(
      `php-fpm ${other} runs the same program: a reload of it would start Hathi as well`,
    );
  removeLeftMount(program);
  const folder = mkdtempSync(join(tmpdir(), folderName));
  chmodSync(folder, 0o755);
  const wrapper = join(folder, 'php-fpm');
  writeFileSync(wrapper, `#!/bin/sh\nexec ${quoted(hathi)} "$@"\n`, { mode: 0o755 });
  // An installer that ends in between would leave Hathi mounted over php-fpm for good.
  const hold = (): void => {};
  for (const signal of heldSignals) process.on(signal, hold);
  try {
    mount('--bind', wrapper, program);
    try {
      process.kill(pid, 'SIGUSR2');
      await becomes(pid, program);
    } finally {
      unmount(program);
    }
    await starts(pid);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    for (const signal of heldSignals) process.off(signal, hold);
  }
}

/**
 * An installer that was killed during a hand-over has left Hathi mounted over php-fpm's program, for all who execute it.
 *
 * @returns whether that was the case
 */
export function removeLeftMount(program: string): boolean {
  const left = mountsOver(program, readFileSync('/proc/self/mountinfo', 'latin1'));
  for (const folder of left) {
    unmount(program);
    rmSync(join(tmpdir(), folder), { recursive: true, force: true });
  }
  return left.length > 0;
}

/** Names of the folders of installers whose mounts cover the program; its fields: proc_pid_mountinfo(5). */
export function mountsOver(program: string, mountinfo: string): string[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [, , , root = '', point] = line.split(' ');
    const folder = root.split('/').find((part) => part.startsWith(folderName));
    return point === program && folder !== undefined ? [folder] : [];
  });
}

/** Whether the process is a php-fpm that has not been replaced yet. */
export function runsItself(pid: number): boolean {
  return !isNode(currentProgram(pid));
}

/** The file that php-fpm executes at a reload: the first word of its command line (its title starts with `php-fpm:`). */
function programOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, '');
  } catch {
    throw new InstallError(`process ${pid} is gone`);
  }
}

/** Pid of a process of another instance: the mount is over the program of all of them. */
function otherInstance(pid: number, program: string): number | undefined {
  return readdirSync('/proc')
    .map(Number)
    .find((one) => one > 0 && one !== pid && currentProgram(one) === program && parentOf(one) !== pid);
}

async function becomes(pid: number, program: string): Promise<void> {
  const until = performance.now() + patience;
  while (performance.now() < until) {
    // The launcher's shell is also a step on the way.
    const now = currentProgram(pid);
    if (now === undefined) throw new InstallError(`php-fpm (${pid}) ended in the moment of the hand-over`);
    if (now !== program && isNode(now)) return;
    await wait(interval);
  }
  throw new InstallError(`php-fpm (${pid}) has not reloaded within ${patience / 1000} seconds`);
}

/** It has taken the sockets once it starts processes for its pools. */
async function starts(pid: number): Promise<void> {
  const until = performance.now() + patience;
  while (performance.now() < until) {
    if (!isNode(currentProgram(pid))) throw new InstallError(`Hathi (${pid}) has ended at its start`);
    if (childrenOf(pid) !== '') return;
    await wait(interval);
  }
  throw new InstallError(`Hathi (${pid}) has not started within ${patience / 1000} seconds`);
}

function childrenOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1');
  } catch {
    return '';
  }
}

function isNode(program: string | undefined): boolean {
  return program !== undefined && /\/node( \(deleted\))?$/.test(program);
}

function currentProgram(pid: number): string | undefined {
  try {
    // An ending process has no program any more.
    return readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ')
      ? undefined
      : readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return undefined;
  }
}

function mount(...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync('mount', [...args], { encoding: 'utf8' });
  if (status !== 0) throw new InstallError(`cannot mount: ${(error?.message ?? stderr).trim()}`);
}

/** Lazily: a process that has it open still reads its line. */
function unmount(path: string): void {
  spawnSync('umount', ['--lazy', path]);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
