/**
 * Completes /dev and /proc of the instance, which are in its memory: adds missing devices, and makes folders read-only
 * for scripts. Otherwise a script would create `/dev/full` and `/dev/zero` as files by writing to them.
 */

import type { EmscriptenFs } from './emscripten.ts';
import { errno } from './errno.ts';

/** Device numbers unused by the loader; streams.ts uses 1 and 2. */
const major = 70;
const deviceMode = 0o20666;

/** Call it after everything else has created its files there. */
export function completeDevices(fs: EmscriptenFs): void {
  const zeros = (_stream: object, buffer: Uint8Array, offset: number, length: number): number => {
    buffer.fill(0, offset, offset + length);
    return length;
  };
  const swallow = (_stream: object, _buffer: Uint8Array, _offset: number, length: number): number => length;
  const refuse = (): never => {
    throw new fs.ErrnoError(errno.ENOSPC);
  };
  for (const [name, minor, write] of [
    ['zero', 3, swallow],
    ['full', 4, refuse],
  ] as const) {
    const device = fs.makedev(major, minor);
    fs.registerDevice(device, { open: () => {}, close: () => {}, read: zeros, write, llseek: () => 0 });
    fs.mkdev(`/dev/${name}`, deviceMode, device);
  }
  closeFolder(fs, '/dev', errno.EACCES);
  for (const path of ['/proc', '/proc/self']) closeFolder(fs, path, errno.ENOENT);
}

/**
 * Rights as in the kernel for users other than root. Operations are shared by all memory folders, so this one gets its
 * own.
 */
function closeFolder(fs: EmscriptenFs, path: string, number: number): void {
  const { node } = fs.lookupPath(path);
  if (!node) throw new Error(`the PHP engine has no folder ${path}`);
  const refuse = (): never => {
    throw new fs.ErrnoError(number);
  };
  const closed = { mknod: refuse, symlink: refuse, rename: refuse, unlink: refuse, rmdir: refuse };
  node.node_ops = { ...node.node_ops, ...closed };
}
