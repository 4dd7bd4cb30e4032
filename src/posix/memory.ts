/** Memory of this process that the kernel may take back. */

import { check, declare } from './libc.ts';

/** `MADV_DONTNEED` of madvise(2): the pages read as zero afterwards and take no memory until they are written. */
const dontNeed = 4;

/** `MADV_HUGEPAGE` and `MADV_NOHUGEPAGE`. */
const hugePage = 14;
const noHugePage = 15;

const cMadvise = declare<[Uint8Array, number, number], number>(
  'int madvise(void *addr, size_t length, int advice)',
);

/**
 * Fills a stretch of anonymous memory with zeros by giving its pages back to the kernel.
 *
 * @param bytes starts and ends at a page boundary of the machine (64 KiB is one on every machine); nothing else uses
 *   the memory at this moment
 * @throws PosixError EINVAL when it does not start at a page boundary
 */
export function releasePages(bytes: Uint8Array): void {
  if (bytes.length > 0) check('madvise', cMadvise(bytes, bytes.length, dontNeed));
}

/**
 * Says whether the kernel should back memory by huge pages where it can (transparent_hugepage = madvise or always):
 * filling it is then a few page faults instead of thousands, but one byte takes a huge page. A kernel without them
 * refuses the advice, which changes nothing.
 *
 * @param bytes starts at a page boundary of the machine
 */
export function preferHugePages(bytes: Uint8Array, wanted: boolean): void {
  if (bytes.length > 0) cMadvise(bytes, bytes.length, wanted ? hugePage : noHugePage);
}

/** `M_MMAP_THRESHOLD` of mallopt(3). */
const mmapThreshold = -3;

const cMallopt = declare<[number, number], number>('int mallopt(int param, int value)');

/**
 * Has the C library map every allocation from this size on by itself, and unmap it when it is freed. Left alone, glibc
 * raises the size to that of what was freed, up to 32 MB, and takes such blocks from its heaps from then on, which
 * keep what is free between two that are not. For the whole process, threads included.
 *
 * @returns false where the C library has no such setting (musl gives large blocks back without)
 */
export function mapLargeAllocations(bytes: number): boolean {
  try {
    return cMallopt(mmapThreshold, bytes) === 1;
  } catch {
    return false;
  }
}
