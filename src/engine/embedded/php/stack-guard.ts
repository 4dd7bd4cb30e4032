/**
 * Guards the C stack of the engine. A C program in WebAssembly keeps everything with an address (buffers, variables
 * passed by pointer) on a stack in its memory; below it is other data, and nothing in the format stops a program that
 * grows down into that. So each instruction that may lower the stack pointer is followed by a comparison with both
 * ends.
 *
 * Beyond the end, a function added to the module is called. The first time in a request it makes PHP end the script by
 * a fatal error, for which part of the stack is reserved; when that is used up as well, it traps.
 */

import {
  BinaryModuleError,
  encodeNumber,
  encodeSigned,
  ModuleReader,
  noResult,
  opcodes,
  sectionIds,
  skipOperands,
} from './binary-module.ts';
import { kinds, ModuleParts, valueTypes } from './binary-parts.ts';

/** The C stack, as addresses in the engine's memory; it grows from `top` to `bottom`. */
export interface StackArea {
  readonly bottom: number;
  readonly top: number;
}

/** Exported global: address of the text with which PHP ends the script; 0 to trap instead. */
export const overflowText = 'hathi_stack_overflow_text';

/** Reserved for PHP's work at the end of the stack. */
const reserveBytes = 256 * 1024;
/** Leaf functions use a little memory below the pointer without lowering it; so does the loader. */
const redZoneBytes = 4096;

/** Size of the C stack, including the reserve. */
export const stackBytes = 32 * 1024 * 1024;
export const usableBytes = stackBytes - redZoneBytes - reserveBytes;

const pointerName = '__stack_pointer';
/** Newer versions have the first, which takes an unformatted text. */
const errorFunctions = ['zend_error_noreturn_unchecked', 'zend_error_noreturn'] as const;
/** `E_ERROR` */
const fatalError = 1;

/** A page of a module's memory. */
const memoryPageBytes = 65536;

const op = opcodes;
const functionType = 0x60;

/**
 * Adds the guard to the engine's own module.
 *
 * @param stack original stack area of the module.
 * @param replaced new bodies of functions, by function number.
 * @throws BinaryModuleError for a module that lacks what the guard needs
 */
export function guardEngine(
  parts: ModuleParts,
  stack: StackArea,
  replaced: ReadonlyMap<number, readonly number[]> = new Map(),
): void {
  const pointer = indexOf(parts.exports(kinds.global), pointerName);
  const raise = indexOf(parts.exports(kinds.function), ...errorFunctions);
  const type = parts.append(sectionIds.types, [functionType, 1, valueTypes.i32, 0]);
  const overflow =
    parts.imports(kinds.function).length + parts.append(sectionIds.functions, encodeNumber(type));
  const text = parts.addGlobal(overflowText);
  const lowest = stack.bottom + redZoneBytes + reserveBytes;
  const checkOf = (value: readonly number[]): number[] =>
    check(value, lowest, stack.top, [...value, op.call, ...encodeNumber(overflow)]);
  guardCode(parts, pointer, checkOf, replaced, [overflowBody(stack, text, raise)]);
  enlargeMemory(parts, stack.top - stack.bottom);
}

/** Adds room for the stack to the module's initial memory. */
function enlargeMemory(parts: ModuleParts, bytes: number): void {
  const { reader, count, end } = parts.elements(sectionIds.memories);
  if (count !== 1) throw new BinaryModuleError(`the module has ${count} memories`);
  const flags = reader.byte();
  const pages = reader.number() + Math.ceil(bytes / memoryPageBytes);
  const rest = reader.bytes.subarray(reader.at, end);
  parts.replace(sectionIds.memories, Buffer.concat([Buffer.from([1, flags, ...encodeNumber(pages)]), rest]));
}

/**
 * Adds the guard to a module that is loaded into the engine and uses its stack: it traps at the very end.
 *
 * @throws BinaryModuleError for an unreadable module
 */
export function guardExtension(bytes: Buffer, stack: StackArea): Buffer {
  const parts = new ModuleParts(bytes);
  const pointer = parts.imports(kinds.global).indexOf(pointerName);
  if (pointer < 0) return bytes;
  const lowest = stack.bottom + redZoneBytes;
  guardCode(parts, pointer, (value) => check(value, lowest, stack.top, [op.unreachable]));
  return parts.build();
}

/**
 * The stack area of a guarded engine: at the start of its heap, which begins after it.
 *
 * @throws BinaryModuleError for a module that does not tell where its heap is
 */
export function stackOf(parts: ModuleParts): StackArea {
  const bottom = parts.globalConstant(indexOf(parts.exports(kinds.global), '__heap_base'));
  return { bottom, top: bottom + stackBytes };
}

function indexOf(exports: ReadonlyMap<string, number>, ...names: readonly string[]): number {
  const name = names.find((name) => exports.has(name));
  const index = name === undefined ? undefined : exports.get(name);
  if (index === undefined)
    throw new BinaryModuleError(`the module does not export "${names.join('" or "')}"`);
  return index;
}

/** Compares a value with both ends at once: below the lowest, the difference is a very large number. */
function check(
  value: readonly number[],
  lowest: number,
  top: number,
  otherwise: readonly number[],
): number[] {
  return [
    ...value,
    ...[op.i32Const, ...encodeSigned(lowest), op.i32Sub],
    ...[op.i32Const, ...encodeSigned(top - lowest), op.i32GreaterUnsigned],
    ...[op.if, noResult, ...otherwise, op.end],
  ];
}

/** The function called with a stack pointer out of bounds. */
function overflowBody({ bottom, top }: StackArea, text: number, raise: number): number[] {
  const pointer = [op.localGet, 0];
  const textGlobal = encodeNumber(text);
  return [
    0,
    ...check(pointer, bottom + redZoneBytes, top, [op.unreachable]),
    ...[op.globalGet, ...textGlobal, op.i32Equal0, op.if, noResult, op.return, op.end],
    ...[op.i32Const, fatalError, op.globalGet, ...textGlobal, op.i32Const, 0],
    ...[op.i32Const, 0, op.globalSet, ...textGlobal],
    ...[op.call, ...encodeNumber(raise), op.unreachable, op.end],
  ];
}

/**
 * Adds a check after each instruction of the code that may lower the pointer.
 *
 * @param checkOf returns instructions that check the result of the given ones.
 * @param replaced new bodies of functions, by function number.
 * @param added bodies of additional functions
 */
function guardCode(
  parts: ModuleParts,
  pointer: number,
  checkOf: (value: readonly number[]) => number[],
  replaced: ReadonlyMap<number, readonly number[]> = new Map(),
  added: readonly (readonly number[])[] = [],
): void {
  const { reader, count, end } = parts.elements(sectionIds.code);
  const first = parts.imports(kinds.function).length;
  const checks = new Checks(pointer, checkOf);
  const code = new Output(parts.bytes, reader.at, end);
  code.put(encodeNumber(count + added.length));
  for (let index = 0; index < count; index += 1) {
    const start = reader.at;
    const length = reader.number();
    const body = reader.at;
    const other = replaced.get(first + index);
    if (other !== undefined) {
      reader.at = body + length;
      code.replace(start, reader.at, [...encodeNumber(other.length), ...other]);
      continue;
    }
    const moves = findMoves(reader, body + length, pointer);
    if (moves.length === 0) continue;
    const inserted = moves.map(({ local }) => checks.of(local));
    code.replace(start, body, encodeNumber(inserted.reduce((sum, check) => sum + check.length, length)));
    for (const [number, check] of inserted.entries()) {
      code.copyTo(moves[number]?.end ?? body);
      code.put(check);
    }
  }
  code.copyTo(reader.at);
  for (const body of added) code.put([...encodeNumber(body.length), ...body]);
  parts.replace(sectionIds.code, code.take());
}

/** The checks by local variable; most functions use one of the first few. */
class Checks {
  readonly #pointer: readonly number[];
  readonly #checkOf: (value: readonly number[]) => number[];
  readonly #made = new Map<number, Buffer>();

  constructor(pointer: number, checkOf: (value: readonly number[]) => number[]) {
    this.#pointer = [op.globalGet, ...encodeNumber(pointer)];
    this.#checkOf = checkOf;
  }

  of(local: number): Buffer {
    const known = this.#made.get(local);
    if (known !== undefined) return known;
    const value = local === noLocal ? this.#pointer : [op.localGet, ...encodeNumber(local)];
    const made = Buffer.from(this.#checkOf(value));
    this.#made.set(local, made);
    return made;
  }
}

/** Initial room for insertions: there are some 13,000 checks of 20 bytes. */
const spareBytes = 512 * 1024;

/** A copy of bytes with insertions. Kept in one piece, since views of pieces would become garbage by the thousand. */
class Output {
  readonly #source: Buffer;
  #at: number;
  #target: Buffer;
  #length = 0;

  constructor(source: Buffer, start: number, end: number) {
    this.#source = source;
    this.#at = start;
    this.#target = Buffer.allocUnsafeSlow(end - start + spareBytes);
  }

  copyTo(end: number): void {
    this.#reserve(end - this.#at);
    this.#length += this.#source.copy(this.#target, this.#length, this.#at, end);
    this.#at = end;
  }

  /** Copies up to a range and replaces the range. */
  replace(start: number, end: number, bytes: readonly number[]): void {
    this.copyTo(start);
    this.put(bytes);
    this.#at = end;
  }

  put(bytes: Uint8Array | readonly number[]): void {
    this.#reserve(bytes.length);
    this.#target.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  take(): Buffer {
    return this.#target.subarray(0, this.#length);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#target.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.#length + bytes));
    this.#target.copy(larger, 0, 0, this.#length);
    this.#target = larger;
  }
}

/** An instruction that may lower the pointer. */
interface Move {
  /** Offset after it. */
  readonly end: number;
  /** A local variable with the same value, or {@link noLocal}. */
  readonly local: number;
}

const noLocal = -1;

/** Walks over the body of a function up to `end`. Allocates no objects: there are millions of instructions. */
function findMoves(reader: ModuleReader, end: number, pointer: number): readonly Move[] {
  const moves: Move[] = [];
  const { bytes } = reader;
  // Offsets of the previous instructions, last first.
  let [first, second, third] = [0, 0, 0];
  skipLocals(reader);
  while (reader.at < end) {
    const at = reader.at;
    const opcode = reader.byte();
    if (opcode !== op.globalSet) skipOperands(reader, opcode);
    else if (reader.number() === pointer && !isWayBack(bytes, moves, third, second, first)) {
      const local = bytes[first] === op.localTee ? operand(bytes, first).number() : noLocal;
      moves.push({ end: reader.at, local });
    }
    third = second;
    second = first;
    first = at;
  }
  if (reader.at !== end) throw new BinaryModuleError(`a function does not end at byte ${end}`);
  return moves;
}

/** Raising the pointer needs no check: it is the value to which the function has lowered it, plus a constant. */
function isWayBack(
  bytes: Buffer,
  moves: readonly Move[],
  get: number,
  constant: number,
  add: number,
): boolean {
  if (bytes[get] !== op.localGet || bytes[constant] !== op.i32Const || bytes[add] !== op.i32Add) return false;
  const from = operand(bytes, get).number();
  return operand(bytes, constant).signed() >= 0 && moves.some(({ local }) => local === from);
}

function operand(bytes: Buffer, instruction: number): ModuleReader {
  return new ModuleReader(bytes, instruction + 1);
}

function skipLocals(reader: ModuleReader): void {
  for (let left = reader.number(); left > 0; left -= 1) {
    reader.skipNumber();
    reader.skipNumber();
  }
}
