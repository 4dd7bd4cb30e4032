/** The memory of a worker, read through the descriptor that it opened and handed over (docs/contract.md, section 5). */

import { closeSync, readlinkSync, readSync, statfsSync } from 'node:fs';

/** What a walk reads from; tests have memory of their own. */
export interface Memory {
  /** Fills `target` with what is at the address; false when not all of it can be read. */
  read(address: number, target: Buffer): boolean;
}

const procMagic = 0x9fa0;

/**
 * Whether a descriptor is the memory of that process. It comes from a process that may be under a script's control,
 * and another kind of file (a pipe, a FUSE file) could hold up the one who reads it.
 */
export function isProcessMemory(fd: number, pid: number): boolean {
  const path = `/proc/self/fd/${fd}`;
  try {
    return readlinkSync(path) === `/proc/${pid}/mem` && statfsSync(path).type === procMagic;
  } catch {
    return false;
  }
}

export class ProcessMemory implements Memory {
  readonly #fd: number;
  #isOpen = true;

  /** Takes over the descriptor. */
  constructor(fd: number) {
    this.#fd = fd;
  }

  /** One pread(2): the process goes on meanwhile and notices nothing. */
  read(address: number, target: Buffer): boolean {
    if (!this.#isOpen) return false;
    try {
      return readSync(this.#fd, target, 0, target.length, address) === target.length;
    } catch {
      // Nothing is mapped there, or the process is gone.
      return false;
    }
  }

  close(): void {
    if (this.#isOpen) closeSync(this.#fd);
    this.#isOpen = false;
  }
}
