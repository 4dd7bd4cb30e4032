/**
 * What a host has sent and nobody has read. Node closes a socket when a write to it fails, as it does once the host has
 * ended, and drops what there is to read: of a host that refuses its pool at once this is the reason.
 */

import { closeSync, readSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { duplicate } from '../posix/descriptors.ts';

export class Unread {
  readonly #channel: Duplex;
  /** A second descriptor of the channel; undefined when it is closed. */
  #fd: number | undefined;

  /** @param fd of the channel, which does not block. Out of descriptors, less can be read */
  constructor(channel: Duplex, fd: number) {
    this.#channel = channel;
    try {
      this.#fd = duplicate(fd);
    } catch {
      this.#fd = undefined;
    }
    // After its error: the host is to see the end.
    channel.once('close', () => this.close());
  }

  /** In order, after the channel has failed. */
  rest(): Buffer[] {
    const parts: Buffer[] = [];
    for (let part = this.#channel.read(); part !== null; part = this.#channel.read()) parts.push(part);
    const buffer = Buffer.alloc(64 * 1024);
    try {
      for (let length = 1; this.#fd !== undefined && length > 0; ) {
        length = readSync(this.#fd, buffer);
        parts.push(Buffer.from(buffer.subarray(0, length)));
      }
    } catch {
      // There is no more.
    }
    return parts;
  }

  /** It is up: whatever it says later can be missed. Idempotent. */
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
