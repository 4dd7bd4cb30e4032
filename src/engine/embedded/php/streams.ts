/** Standard output and error of the instance: what scripts write to php://stdout, and what their children do. */

import type { Engine } from './engine.ts';

export type OutputStream = (stream: 'stdout' | 'stderr', bytes: Uint8Array<ArrayBuffer>) => void;

/** Device numbers without meaning to the loader. */
const major = 70;
const deviceMode = 0o20666;
const writeOnly = 1;

export class StandardStreams {
  constructor(engine: Engine, output: OutputStream) {
    const { fs } = engine;
    for (const [fd, stream] of [
      [1, 'stdout'],
      [2, 'stderr'],
    ] as const) {
      const device = fs.makedev(major, fd);
      fs.registerDevice(device, {
        open: () => {},
        close: () => {},
        read: () => 0,
        write: (_stream: object, buffer: Uint8Array, offset: number, length: number) => {
          output(stream, new Uint8Array(buffer.slice(offset, offset + length)));
          return length;
        },
      });
      const path = `/internal/${stream}`;
      fs.mkdev(path, deviceMode, device);
      const before = fs.streams[fd];
      if (before) fs.close(before);
      fs.open(path, writeOnly);
    }
  }
}
