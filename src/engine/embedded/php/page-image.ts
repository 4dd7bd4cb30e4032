/**
 * Pages of the engine's memory, kept apart from it: their numbers, and their contents one after the other. It lies
 * in one block of shared memory, so that all threads of a host can read the same.
 *
 *     word 0      count of pages
 *     words 1..   page numbers, ascending
 *     then        the pages, from the next page boundary on
 */

export const pageBytes = 4096;
const wordBytes = 4;

export class PageImage {
  readonly buffer: SharedArrayBuffer;
  readonly numbers: Int32Array;
  readonly #pages: Buffer;

  /** @param buffer from another {@link PageImage} */
  constructor(buffer: SharedArrayBuffer) {
    const [count = 0] = new Int32Array(buffer, 0, 1);
    this.buffer = buffer;
    this.numbers = new Int32Array(buffer, wordBytes, count);
    this.#pages = Buffer.from(buffer, headBytes(count));
  }

  /** Copies pages from a memory. */
  static of(memory: Buffer, numbers: readonly number[]): PageImage {
    const buffer = new SharedArrayBuffer(headBytes(numbers.length) + numbers.length * pageBytes);
    new Int32Array(buffer).set([numbers.length, ...numbers]);
    const image = new PageImage(buffer);
    for (const [index, page] of numbers.entries()) {
      memory.copy(image.#pages, index * pageBytes, page * pageBytes, (page + 1) * pageBytes);
    }
    return image;
  }

  /** Restores the page at an index of {@link numbers}. */
  copyTo(memory: Buffer, index: number): void {
    const page = this.numbers[index] as number;
    this.#pages.copy(memory, page * pageBytes, index * pageBytes, (index + 1) * pageBytes);
  }

  /** True when the memory has the same content in that page. */
  equals(memory: Buffer, index: number): boolean {
    const page = this.numbers[index] as number;
    const start = index * pageBytes;
    return (
      memory.compare(this.#pages, start, start + pageBytes, page * pageBytes, (page + 1) * pageBytes) === 0
    );
  }
}

function headBytes(count: number): number {
  return Math.ceil(((1 + count) * wordBytes) / pageBytes) * pageBytes;
}
