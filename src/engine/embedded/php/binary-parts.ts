/** Reads and changes the parts of a WebAssembly module that have names (imports, exports, globals) and its sections. */

import { free, mappedBytes } from '../shared/buffers.ts';
import {
  BinaryModuleError,
  encodeNumber,
  ModuleReader,
  opcodes,
  type Section,
  sectionIds,
  sectionsOf,
  skipOperands,
} from './binary-module.ts';

/** Kinds of imports and exports. */
export const kinds = { function: 0, table: 1, memory: 2, global: 3, tag: 4 } as const;

export const valueTypes = { i32: 0x7f } as const;

const headerBytes = 8;
const hasMaximum = 1;
const isMutable = 1;

/** A module under change: sections get new content, then it is assembled again. */
export class ModuleParts {
  readonly bytes: Buffer;
  readonly #sections: readonly Section[];
  readonly #contents = new Map<number, Buffer>();

  /** @throws BinaryModuleError for bytes that are not a module */
  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.#sections = sectionsOf(bytes);
  }

  /**
   * A reader at the first element of a section, and the number of elements.
   *
   * @throws BinaryModuleError for a missing section
   */
  elements(id: number): { readonly reader: ModuleReader; readonly count: number; readonly end: number } {
    const found = this.#sections.find((section) => section.id === id);
    if (found === undefined) throw new BinaryModuleError(`the module has no section ${id}`);
    const content = this.#contents.get(id);
    const reader =
      content === undefined ? new ModuleReader(this.bytes, found.start) : new ModuleReader(content);
    return { count: reader.number(), reader, end: content?.length ?? found.end };
  }

  replace(id: number, content: Buffer): void {
    this.#contents.set(id, content);
  }

  /** Appends an element to a section. @returns its index within the section */
  append(id: number, element: readonly number[]): number {
    const { reader, count, end } = this.elements(id);
    const rest = reader.bytes.subarray(reader.at, end);
    this.replace(id, Buffer.concat([Buffer.from(encodeNumber(count + 1)), rest, Buffer.from(element)]));
    return count;
  }

  /** Adds a global variable, exported by name. @returns its index */
  addGlobal(name: string): number {
    const definition = [valueTypes.i32, isMutable, opcodes.i32Const, 0, opcodes.end];
    const index = this.imports(kinds.global).length + this.append(sectionIds.globals, definition);
    const text = Buffer.from(name);
    this.append(sectionIds.exports, [text.length, ...text, kinds.global, ...encodeNumber(index)]);
    return index;
  }

  /** Assembles the module in memory of its own and releases the parts. */
  build(): Buffer {
    const pieces: Uint8Array[] = [this.bytes.subarray(0, headerBytes)];
    for (const { id, start, end } of this.#sections) {
      const content = this.#contents.get(id) ?? this.bytes.subarray(start, end);
      pieces.push(Uint8Array.of(id, ...encodeNumber(content.length)), content);
    }
    const built = Buffer.concat(pieces);
    for (const bytes of [this.bytes, ...this.#contents.values()]) {
      // Small buffers are slices of a shared pool.
      if (bytes.buffer.byteLength >= mappedBytes) free(bytes.buffer);
    }
    return built;
  }

  /** Indices of the exported functions or globals by name. */
  exports(kind: number): ReadonlyMap<string, number> {
    const { reader, count } = this.elements(sectionIds.exports);
    const found = new Map<string, number>();
    for (let left = count; left > 0; left -= 1) {
      const name = reader.name();
      const isWanted = reader.byte() === kind;
      const index = reader.number();
      if (isWanted) found.set(name, index);
    }
    return found;
  }

  /** Names of the imported functions or globals, in index order. */
  imports(kind: number): string[] {
    const { reader, count } = this.elements(sectionIds.imports);
    const found: string[] = [];
    for (let left = count; left > 0; left -= 1) {
      reader.name();
      const name = reader.name();
      const imported = reader.byte();
      skipImport(reader, imported);
      if (imported === kind) found.push(name);
    }
    return found;
  }

  /** Type index of a function of this module. */
  typeOf(functionIndex: number): number {
    const { reader } = this.elements(sectionIds.functions);
    const own = functionIndex - this.imports(kinds.function).length;
    for (let left = own; left > 0; left -= 1) reader.skipNumber();
    return reader.number();
  }

  /**
   * The initial constant of a global.
   *
   * @param index of the global, counting imported ones.
   * @throws BinaryModuleError for another kind of initial value
   */
  globalConstant(index: number): number {
    const { reader } = this.elements(sectionIds.globals);
    for (let left = index - this.imports(kinds.global).length; left > 0; left -= 1) {
      skipGlobalType(reader);
      for (let opcode = reader.byte(); opcode !== opcodes.end; opcode = reader.byte())
        skipOperands(reader, opcode);
    }
    skipGlobalType(reader);
    if (reader.byte() !== opcodes.i32Const)
      throw new BinaryModuleError(`global ${index} has no number to start with`);
    return reader.signed();
  }
}

function skipGlobalType(reader: ModuleReader): void {
  reader.skipNumber();
  reader.byte();
}

function skipLimits(reader: ModuleReader): void {
  const flags = reader.byte();
  reader.skipNumber();
  if ((flags & hasMaximum) !== 0) reader.skipNumber();
}

function skipImport(reader: ModuleReader, kind: number): void {
  switch (kind) {
    case kinds.function:
      reader.skipNumber();
      return;
    case kinds.table:
      reader.skipNumber();
      skipLimits(reader);
      return;
    case kinds.memory:
      skipLimits(reader);
      return;
    case kinds.global:
      skipGlobalType(reader);
      return;
    case kinds.tag:
      reader.byte();
      reader.skipNumber();
      return;
    default:
      throw new BinaryModuleError(`unknown kind ${kind} of import at byte ${reader.at}`);
  }
}
