/** Memory of this process that the kernel may take back. */

import { check, declare } from './libc.ts';

/** `MADV_DONTNEED` of madvise(2): the pages read as zero afterwards and use no memory until the next write. */
const dontNeed = 4;

/** `MADV_HUGEPAGE` and `MADV_NOHUGEPAGE`. */
const hugePage = 14;
const noHugePage = 15;

const cMadvise = declare<[Uint8Array, number, number], number>(
  'int madvise(void *addr, size_t length, int advice)',
);

/**
 * Zeroes a range of anonymous memory by returning its pages to the kernel.
 *
 * @param bytes starts and ends at a page boundary of the machine (64 KiB is one on every machine); no other thread may
 *   use the range during the call
 * @throws PosixError EINVAL when it does not start at a page boundary
 */
export function releasePages(bytes: Uint8Array): void {
  if (bytes.length > 0) check('madvise', cMadvise(bytes, bytes.length, dontNeed));
}

/**
 * Advises the kernel to back memory by huge pages, or not to (transparent_hugepage = madvise or always): filling it
 * then takes a few page faults instead of thousands, but a single byte uses a whole huge page. A kernel without huge
 * pages refuses the advice; that is a no-op.
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
 * Makes the C library map every allocation of this size and above separately, and unmap it when it is freed. By default
 * glibc raises the threshold to the size of freed blocks, up to 32 MB, then takes such blocks from its heaps, and a
 * heap keeps free memory between two used blocks. Applies to all threads of the process.
 *
 * @returns false where the C library lacks the setting (musl always unmaps large blocks)
 */
export function mapLargeAllocations(bytes: number): boolean {
  try {
    return cMallopt(mmapThreshold, bytes) === 1;
  } catch {
    return false;
  }
}
