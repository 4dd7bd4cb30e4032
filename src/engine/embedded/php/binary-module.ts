/**
 * WebAssembly modules as bytes: their sections, and a walk over the instructions of a function. It covers as much of
 * the binary format (WebAssembly core specification, chapter 5) as changing a module before compilation needs; unknown
 * parts are refused, never skipped.
 */

/** Numbers of the sections used here. */
export const sectionIds = {
  types: 1,
  imports: 2,
  functions: 3,
  memories: 5,
  globals: 6,
  exports: 7,
  code: 10,
} as const;

export interface Section {
  readonly id: number;
  /** Offsets of its content and of its end. */
  readonly start: number;
  readonly end: number;
}

/** The module violates its format or uses parts unknown here. */
export class BinaryModuleError extends Error {
  readonly code = 'HATHI_BINARY_MODULE';
}

const headerBytes = 8;
const magic = 0x6d736100;

/** Reads numbers and names at an advancing position. */
export class ModuleReader {
  readonly bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  byte(): number {
    const byte = this.bytes[this.at];
    if (byte === undefined) throw new BinaryModuleError(`the module ends at byte ${this.at}`);
    this.at += 1;
    return byte;
  }

  /** An unsigned number of up to 32 bits (LEB128). */
  number(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new BinaryModuleError(`a number at byte ${this.at} is too long`);
  }

  /** A signed number of up to 32 bits (LEB128). */
  signed(): number {
    const start = this.at;
    const value = this.number();
    const bits = (this.at - start) * 7;
    return bits < 35 && value >= 2 ** (bits - 1) ? value - 2 ** bits : value | 0;
  }

  /** Skips a number of any size. */
  skipNumber(): void {
    const { bytes } = this;
    let { at } = this;
    while ((bytes[at] as number) >= 0x80) at += 1;
    this.at = at + 1;
  }

  name(): string {
    const length = this.number();
    this.at += length;
    return this.bytes.toString('utf8', this.at - length, this.at);
  }
}

/** @throws BinaryModuleError for bytes that are not a module */
export function sectionsOf(bytes: Buffer): Section[] {
  if (bytes.length < headerBytes || bytes.readUInt32LE(0) !== magic) {
    throw new BinaryModuleError('this is not a WebAssembly module');
  }
  const sections: Section[] = [];
  const reader = new ModuleReader(bytes, headerBytes);
  while (reader.at < bytes.length) {
    const id = reader.byte();
    const length = reader.number();
    const end = reader.at + length;
    if (end > bytes.length) throw new BinaryModuleError(`section ${id} reaches past the end of the module`);
    sections.push({ id, start: reader.at, end });
    reader.at = end;
  }
  return sections;
}

/** An unsigned number as bytes (LEB128). */
export function encodeNumber(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return bytes;
}

/** A 32-bit number as the operand of `i32.const` (signed LEB128). */
export function encodeSigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  for (;;) {
    const byte = rest & 0x7f;
    rest >>= 7;
    if ((rest === 0 && byte < 0x40) || (rest === -1 && byte >= 0x40)) {
      bytes.push(byte);
      return bytes;
    }
    bytes.push(byte | 0x80);
  }
}

export const opcodes = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  end: 0x0b,
  branch: 0x0c,
  branchTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  localGet: 0x20,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  i32Const: 0x41,
  i32Equal0: 0x45,
  i32LessUnsigned: 0x49,
  i32GreaterUnsigned: 0x4b,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32Or: 0x72,
} as const;

/** `if` and `block` without a result. */
export const noResult = 0x40;

/** Operands by opcode. */
const operands = {
  refused: 0,
  none: 1,
  number: 2,
  twoNumbers: 3,
  branchTable: 4,
  bytes4: 5,
  bytes8: 6,
  types: 7,
  catches: 8,
  prefixed: 9,
} as const;

type Operands = (typeof operands)[keyof typeof operands];

const operandsOf = new Uint8Array(256);
const ranges: readonly (readonly [first: number, last: number, kind: Operands])[] = [
  [0x00, 0x01, operands.none],
  [0x02, 0x04, operands.number],
  [0x05, 0x05, operands.none],
  // Exceptions: try, catch, throw, rethrow; throw_ref; delegate, catch_all.
  [0x06, 0x09, operands.number],
  [0x0a, 0x0b, operands.none],
  [0x0c, 0x0d, operands.number],
  [0x0e, 0x0e, operands.branchTable],
  [0x0f, 0x0f, operands.none],
  [0x10, 0x10, operands.number],
  [0x11, 0x11, operands.twoNumbers],
  [0x12, 0x12, operands.number],
  [0x13, 0x13, operands.twoNumbers],
  [0x18, 0x18, operands.number],
  [0x19, 0x1b, operands.none],
  [0x1c, 0x1c, operands.types],
  [0x1f, 0x1f, operands.catches],
  [0x20, 0x26, operands.number],
  [0x28, 0x3e, operands.twoNumbers],
  [0x3f, 0x42, operands.number],
  [0x43, 0x43, operands.bytes4],
  [0x44, 0x44, operands.bytes8],
  [0x45, 0xc4, operands.none],
  [0xd0, 0xd0, operands.number],
  [0xd1, 0xd1, operands.none],
  [0xd2, 0xd2, operands.number],
  [0xfc, 0xfc, operands.prefixed],
];
for (const [first, last, kind] of ranges) operandsOf.fill(kind, first, last + 1);

/** Skips the operands of an instruction after its opcode. */
export function skipOperands(reader: ModuleReader, opcode: number): void {
  switch (operandsOf[opcode]) {
    case operands.none:
      return;
    case operands.number:
      reader.skipNumber();
      return;
    case operands.twoNumbers:
      reader.skipNumber();
      reader.skipNumber();
      return;
    case operands.bytes4:
      reader.at += 4;
      return;
    case operands.bytes8:
      reader.at += 8;
      return;
    case operands.branchTable:
      for (let left = reader.number(); left >= 0; left -= 1) reader.skipNumber();
      return;
    case operands.types:
      for (let left = reader.number(); left > 0; left -= 1) reader.skipNumber();
      return;
    case operands.catches:
      skipCatches(reader);
      return;
    case operands.prefixed:
      skipPrefixed(reader);
      return;
    default:
      throw new BinaryModuleError(`unknown instruction 0x${opcode.toString(16)} before byte ${reader.at}`);
  }
}

/** `try_table`: a type, then clauses; the first two kinds of clause name an exception. */
function skipCatches(reader: ModuleReader): void {
  reader.skipNumber();
  for (let left = reader.number(); left > 0; left -= 1) {
    if (reader.byte() < 2) reader.skipNumber();
    reader.skipNumber();
  }
}

/** Saturating conversions have no operand; init and copy of memory and tables have two, the others one. */
function skipPrefixed(reader: ModuleReader): void {
  const operation = reader.number();
  if (operation > 17)
    throw new BinaryModuleError(`unknown instruction 0xfc ${operation} at byte ${reader.at}`);
  if (operation < 8) return;
  reader.skipNumber();
  if (operation % 2 === 0 && operation < 16) reader.skipNumber();
}
