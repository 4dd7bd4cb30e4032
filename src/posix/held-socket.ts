/** A socket of this process that another process holds as well, proc(5), pidfd_getfd(2). */
import { closeSync, fstatSync, readdirSync, readlinkSync } from 'node:fs';
import { declare } from './libc.ts';
import { openProcess } from './pidfd.ts';
import { type FileIdentity, isSameFile } from './socket-file.ts';

/** All architectures have this number. */
const SYS_pidfd_getfd = 438;
/** Descriptors of the other process that are looked at: it may have opened as many as it likes, and got ours first. */
const mostLookedAt = 256;

const cGet = declare<[number, 'long', number, 'long', number, 'long', number], number>(
  'long syscall(long number, ...)',
);

/**
 * A descriptor (close-on-exec) of the very socket, copied from a process that holds it. It needs the rights of a
 * debugger over that process: root's CAP_SYS_PTRACE, or the same user.
 *
 * @returns undefined when the process does not hold it, or does not have to show it
 */
export function copyHeldSocket(pid: number, socket: FileIdentity): number | undefined {
  const number = numberOf(pid, `socket:[${socket.ino}]`);
  const handle = number === undefined ? undefined : openProcess(pid);
  if (number === undefined || handle === undefined) return undefined;
  const fd = cGet(SYS_pidfd_getfd, 'long', handle, 'long', number, 'long', 0);
  closeSync(handle);
  if (fd < 0) return undefined;
  // The number may have come to mean something else since it was read.
  if (isSameFile(fstatSync(fd), socket)) return fd;
  closeSync(fd);
  return undefined;
}

function numberOf(pid: number, wanted: string): number | undefined {
  const folder = `/proc/${pid}/fd`;
  try {
    const numbers = readdirSync(folder).slice(0, mostLookedAt);
    const found = numbers.find((number) => readlinkSync(`${folder}/${number}`) === wanted);
    return found === undefined ? undefined : Number(found);
  } catch {
    // It has ended, closed one meanwhile, or is another user's.
    return undefined;
  }
}
