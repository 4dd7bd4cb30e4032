/**
 * The engine's memory after the warm-up, for restoring it after a fatal error or trap.
 *
 * Most of it is zero then (OPcache's memory, for example), and the rest is nearly the same in every thread of a host.
 * So the first thread's pages are the base for all, later threads keep only pages that differ, and ranges of zeros are
 * returned to the kernel.
 */

import { releasePages } from '../../../posix/memory.ts';
import type { Engine } from './engine.ts';
import { PageImage, pageBytes } from './page-image.ts';

const zeroPage = Buffer.alloc(pageBytes);
/** Unit of returned memory: a WebAssembly page, a multiple of any machine's page. */
const blockBytes = 65536;

/** Pages of a memory by kind. */
interface Sorted {
  /** Equal to the base: indices in that image. */
  readonly fromBase: number[];
  /** Different from the base: page numbers. */
  readonly own: number[];
  /** Zero, next to other pages: page numbers. */
  readonly blank: number[];
  /** Ranges of zeros, in bytes. */
  readonly empty: (readonly [start: number, end: number])[];
}

export class MemorySnapshot {
  readonly #base: PageImage | undefined;
  readonly #own: PageImage;
  readonly #pages: Sorted;
  readonly #byteLength: number;
  readonly #stackPointer: number;

  private constructor(bytes: Buffer, base: PageImage | undefined, stackPointer: number) {
    this.#base = base;
    this.#pages = sortPages(bytes, base);
    this.#own = PageImage.of(bytes, this.#pages.own);
    this.#byteLength = bytes.length;
    this.#stackPointer = stackPointer;
    this.#release(bytes);
  }

  /**
   * Take it between two requests.
   *
   * @param base image of another instance of the same host; without one this instance's can be the base of others
   */
  static take(engine: Engine, base?: PageImage): MemorySnapshot {
    return new MemorySnapshot(engine.memory.bytes, base, engine.function('emscripten_stack_get_current')());
  }

  /** The snapshot's own pages. */
  get image(): PageImage {
    return this.#own;
  }

  /** Restores memory and C stack. Memory that has grown since is zeroed, because it cannot shrink. */
  restore(engine: Engine): void {
    const bytes = engine.memory.bytes;
    for (const index of this.#pages.fromBase) this.#base?.copyTo(bytes, index);
    for (const index of this.#own.numbers.keys()) this.#own.copyTo(bytes, index);
    for (const page of this.#pages.blank) zeroPage.copy(bytes, page * pageBytes);
    this.#release(bytes);
    engine.function('_emscripten_stack_restore')(this.#stackPointer);
  }

  #release(bytes: Buffer): void {
    for (const [start, end] of this.#pages.empty) releasePages(bytes.subarray(start, end));
    releasePages(bytes.subarray(this.#byteLength));
  }
}

function isZero(bytes: Buffer, page: number): boolean {
  return zeroPage.compare(bytes, page * pageBytes, (page + 1) * pageBytes) === 0;
}

function sortPages(bytes: Buffer, base: PageImage | undefined): Sorted {
  const sorted: Sorted = { fromBase: [], own: [], blank: [], empty: [] };
  const indices = new Map<number, number>();
  for (const [index, page] of base?.numbers.entries() ?? []) indices.set(page, index);
  for (let block = 0; block < bytes.length; block += blockBytes) {
    const blank: number[] = [];
    const first = block / pageBytes;
    for (let page = first; page < first + blockBytes / pageBytes; page += 1) {
      const index = indices.get(page);
      if (index !== undefined && base?.equals(bytes, index)) sorted.fromBase.push(index);
      else if (isZero(bytes, page)) blank.push(page);
      else sorted.own.push(page);
    }
    if (blank.length < blockBytes / pageBytes) sorted.blank.push(...blank);
    else extend(sorted.empty, block, block + blockBytes);
  }
  return sorted;
}

/** Adds a range and merges it with an adjacent previous one. */
function extend(stretches: (readonly [number, number])[], start: number, end: number): void {
  const last = stretches.at(-1);
  if (last?.[1] === start) stretches[stretches.length - 1] = [last[0], end];
  else stretches.push([start, end]);
}
