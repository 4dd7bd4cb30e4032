/** Page size of WebAssembly. */
export const wasmPageBytes = 65536;

/** The part of WebAssembly.Memory used here. */
export interface GrowingMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): unknown;
}

/**
 * Accesses the memory of the WebAssembly instance. Strings are bytes (latin1), as everywhere on the FastCGI side.
 * Growing the memory detaches every view, so no view is kept across a call into the engine.
 */
export class EngineMemory {
  readonly #memory: GrowingMemory;
  readonly #malloc: (size: number) => number;
  #bytes: Buffer;
  #words: Uint32Array;

  constructor(memory: GrowingMemory, malloc: (size: number) => number) {
    this.#memory = memory;
    this.#malloc = malloc;
    this.#bytes = Buffer.from(memory.buffer);
    this.#words = new Uint32Array(memory.buffer);
  }

  /** View of all bytes; valid until the next call into the engine. */
  get bytes(): Buffer {
    this.#refresh();
    return this.#bytes;
  }

  /** View of all 32-bit words; valid until the next call into the engine. */
  get words(): Uint32Array {
    this.#refresh();
    return this.#words;
  }

  get byteLength(): number {
    return this.#memory.buffer.byteLength;
  }

  /**
   * Makes the memory larger by at least this many bytes.
   *
   * @returns false when the system has no memory for it
   */
  grow(bytes: number): boolean {
    try {
      this.#memory.grow(Math.ceil(bytes / wasmPageBytes));
      return true;
    } catch {
      return false;
    }
  }

  #refresh(): void {
    const buffer = this.#memory.buffer;
    if (this.#words.buffer === buffer) return;
    this.#bytes = Buffer.from(buffer);
    this.#words = new Uint32Array(buffer);
  }

  /** The 32-bit word at an address. */
  word(address: number): number {
    return this.words[address >>> 2] as number;
  }

  setWord(address: number, value: number): void {
    this.words[address >>> 2] = value;
  }

  /** The NUL-terminated string at an address. */
  string(address: number): string {
    const bytes = this.bytes;
    return bytes.toString('latin1', address, bytes.indexOf(0, address));
  }

  /** The `length` bytes at an address as a string. */
  slice(address: number, length: number): string {
    return this.bytes.toString('latin1', address, address + length);
  }

  /** A copy of the bytes at an address, in memory of its own. */
  copy(address: number, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#memory.buffer.slice(address, address + length));
  }

  /**
   * Allocates a block on the engine's heap.
   *
   * @throws RangeError when the engine is out of memory.
   */
  allocate(size: number): number {
    const address = this.#malloc(size) >>> 0;
    if (address === 0) throw new RangeError(`cannot allocate ${size} bytes in the engine: out of memory`);
    return address;
  }

  /** A NUL-terminated copy of a string on the engine's heap. */
  allocateString(text: string): number {
    const address = this.allocate(text.length + 1);
    this.writeString(address, text);
    return address;
  }

  /** Writes a string and its NUL; the caller ensures enough room. */
  writeString(address: number, text: string): void {
    const bytes = this.bytes;
    bytes.write(text, address, 'latin1');
    bytes[address + text.length] = 0;
  }
}
