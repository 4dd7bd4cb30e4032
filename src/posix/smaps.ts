/** Memory of a process, proc_pid_smaps(5). */

import { closeSync, openSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

export interface ProcessMemory {
  /** Its share of all resident pages: a shared page counts once over all processes. */
  readonly proportionalBytes: number;
  /** Memory that would be free without it: its private pages, and swapped-out parts of them. */
  readonly privateBytes: number;
}

/** The file has about 25 short lines. */
const fileBytes = 4096;

export function parseSmapsRollup(text: string): ProcessMemory {
  const bytes = (name: string): number =>
    Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0) * 1024;
  return {
    proportionalBytes: bytes('Pss'),
    privateBytes:
      bytes('Private_Clean') + bytes('Private_Dirty') + bytes('Private_Hugetlb') + bytes('SwapPss'),
  };
}

/** Measures one process after the other: the kernel walks all its pages for it (0.3 ms were measured). */
export class MemoryLook {
  /**
   * One buffer for all: readFile allocates 64 KiB for each file of unknown size, and leaves it to the garbage
   * collector.
   */
  readonly #buffer = Buffer.alloc(fileBytes);

  /** @throws the system's error: EACCES for a process of another user, ENOENT or ESRCH for an ended one */
  async of(pid: number): Promise<ProcessMemory> {
    await using file: FileHandle = await open(`/proc/${pid}/smaps_rollup`);
    const { bytesRead } = await file.read(this.#buffer, 0, fileBytes, 0);
    return parseSmapsRollup(this.#buffer.toString('latin1', 0, bytesRead));
  }
}

/** The same synchronously. @returns undefined when unknown */
export function processMemory(pid: number): ProcessMemory | undefined {
  const text = readShort(`/proc/${pid}/smaps_rollup`);
  return text === undefined ? undefined : parseSmapsRollup(text);
}

/**
 * Anonymous memory of a process, including swap: an upper bound of its private part, found without a walk over its
 * pages (proc_pid_status(5)).
 *
 * @returns undefined when unknown
 */
export function anonymousBytes(pid: number): number | undefined {
  const text = readShort(`/proc/${pid}/status`);
  const kilobytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text ?? '')?.[1] ?? Number.NaN);
  const resident = kilobytes('RssAnon');
  return Number.isNaN(resident) ? undefined : (resident + (kilobytes('VmSwap') || 0)) * 1024;
}

const buffer = Buffer.alloc(fileBytes);

function readShort(path: string): string | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    return buffer.toString('latin1', 0, readSync(fd, buffer, 0, fileBytes, 0));
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
