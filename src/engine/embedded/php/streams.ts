/**
 * The standard streams of the instance: an empty input, and the output of scripts on php://stdout, php://stderr and the
 * files that mean the same.
 */

import type { EmscriptenFs, FsNode } from './emscripten.ts';
import type { Engine } from './engine.ts';
import { errno } from './errno.ts';

export type OutputStream = (stream: 'stdout' | 'stderr', bytes: Uint8Array<ArrayBuffer>) => void;

/** Device numbers unused by the loader. */
const major = 70;
const deviceMode = 0o20666;
const readOnly = 0;
const writeOnly = 1;
/** `S_IFLNK | 0777` */
const linkMode = 0o120777;

export class StandardStreams {
  constructor({ fs }: Engine, output: OutputStream) {
    const files = [
      ['stdin', '/dev/null', readOnly],
      ['stdout', outputDevice(fs, 1, 'stdout', output), writeOnly],
      ['stderr', outputDevice(fs, 2, 'stderr', output), writeOnly],
    ] as const;
    for (const [fd, [name, path, flags]] of files.entries()) {
      const before = fs.streams[fd];
      if (before) fs.close(before);
      fs.open(path, flags);
      fs.unlink(`/dev/${name}`);
      fs.symlink(path, `/dev/${name}`);
    }
    // It would be the terminal of the user who started the master.
    for (const name of ['tty', 'tty1']) fs.unlink(`/dev/${name}`);
    linkDescriptors(fs);
  }
}

function outputDevice(
  fs: EmscriptenFs,
  minor: number,
  stream: 'stdout' | 'stderr',
  output: OutputStream,
): string {
  const device = fs.makedev(major, minor);
  fs.registerDevice(device, {
    open: () => {},
    close: () => {},
    read: () => 0,
    // Called before an append.
    llseek: () => 0,
    write: (_stream: object, buffer: Uint8Array, offset: number, length: number) => {
      output(stream, new Uint8Array(buffer.slice(offset, offset + length)));
      return length;
    },
  });
  const path = `/internal/${stream}`;
  fs.mkdev(path, deviceMode, device);
  return path;
}

/** The loader's entries of /proc/self/fd have a target but are not marked as links. */
function linkDescriptors(fs: EmscriptenFs): void {
  const { node: folder } = fs.lookupPath('/proc/self/fd');
  if (!folder) throw new Error('the PHP engine has no folder of its descriptors');
  const { lookup } = folder.node_ops;
  folder.node_ops.lookup = (parent, name): FsNode => {
    if (!/^\d+$/.test(name) || !fs.getStream(Number(name))) throw new fs.ErrnoError(errno.ENOENT);
    return Object.assign(lookup(parent, name), { mode: linkMode, name });
  };
}
