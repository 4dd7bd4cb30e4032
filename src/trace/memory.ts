/**
 * The memory of a worker, read through the descriptor that the worker opened and passed (docs/contract.md, section 5).
 */

import { closeSync, readlinkSync, readSync, statfsSync } from 'node:fs';

/** Source of a walk; tests use a memory of their own. */
export interface Memory {
  /** Fills `target` from the address; false when part of it is unreadable. */
  read(address: number, target: Buffer): boolean;
}

const procMagic = 0x9fa0;

/**
 * Whether a descriptor is the memory of that process. It comes from a process under a script's control, and another
 * kind of file (a pipe, a FUSE file) could block the reader.
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

  /** Takes ownership of the descriptor. */
  constructor(fd: number) {
    this.#fd = fd;
  }

  /** One pread(2): the process runs on undisturbed. */
  read(address: number, target: Buffer): boolean {
    if (!this.#isOpen) return false;
    try {
      return readSync(this.#fd, target, 0, target.length, address) === target.length;
    } catch {
      // The address is unmapped, or the process has ended.
      return false;
    }
  }

  close(): void {
    if (this.#isOpen) closeSync(this.#fd);
    this.#isOpen = false;
  }
}
