/**
 * Walks the PHP stack in a worker's memory while the worker runs on. Nothing that is read there is trusted: it may
 * have been freed a moment before, or a script may have written it. Each address is checked, each length is bounded,
 * and so is the number of calls; a walk that meets what cannot be is torn, and the caller tries again.
 */

import type { EngineSymbols } from '../scoreboard/engine-symbols.ts';
import { readU64 } from '../scoreboard/numbers.ts';
import type { Memory } from './memory.ts';

/** What a call runs. */
export const callKinds = {
  /** A function written in PHP. */
  user: 'user',
  /** A function of PHP itself or of an extension. */
  internal: 'internal',
  /** A file that was included, or a text for eval(). */
  included: 'included',
  /** The request's script. */
  main: 'main',
  /** The executor's own place-holder, for instance below a generator. */
  unknown: 'unknown',
} as const;
export type CallKind = (typeof callKinds)[keyof typeof callKinds];

export interface Call {
  /** Of its execute_data. */
  readonly address: number;
  readonly kind: CallKind;
  /** Names are binary strings; empty where there is none. */
  readonly name: string;
  readonly scope: string;
  readonly isClosure: boolean;
  /** Of code written in PHP: its file, where its function starts, and where it is now. */
  readonly file: string;
  readonly startLine: number;
  readonly line: number;
  /** By which construct an `included` call below this one came: the extended value of its opcode; 0 for none. */
  readonly includes: number;
}

export interface Walk {
  /** Innermost first; none while no PHP code runs. */
  readonly calls: readonly Call[];
  /**
   * The same call was running at the first and the last read. Else calls came and went meanwhile: the stack is one that
   * the worker has passed through, but its innermost calls may be of different moments.
   */
  readonly isSteady: boolean;
}

/** Longest name and path that are taken for one: PATH_MAX. */
const longestString = 4096;
/** Lower addresses are never mapped (mmap_min_addr); no 64-bit Linux has user space beyond 2^56, Node no exact integer beyond 2^53. */
const lowestAddress = 65_536;
const highestAddress = 2 ** 53 - 65_536;
/** The calls of a request lie close together: read as one piece they are of one moment. */
const windowBytes = 16_384;

/** What cannot be a stack: freed or being changed. */
class TornError extends Error {}

/** The pointers of a call, read before anything that they point to. */
interface Place {
  readonly address: number;
  readonly func: number;
  readonly opline: number;
  readonly callInfo: number;
  readonly prev: number;
}

interface FunctionNames {
  readonly name: string;
  readonly scope: string;
  readonly file: string;
}

/** Functions whose names are remembered: more than a large application has. */
const rememberedFunctions = 20_000;

export class StackWalker {
  readonly #symbols: EngineSymbols;
  readonly #window = Buffer.alloc(windowBytes);
  readonly #frame: Buffer;
  readonly #head: Buffer;
  readonly #source: Buffer;
  readonly #op: Buffer;
  readonly #pointer = Buffer.alloc(8);
  readonly #string: Buffer;
  /**
   * Of functions that no request makes or frees (PHP's own, OPcache's): all workers have them at the same place, so
   * the next walk need not read their names again. Others may be somebody else's memory a moment later.
   */
  readonly #names = new Map<string, FunctionNames>();

  constructor(symbols: EngineSymbols) {
    this.#symbols = symbols;
    const room = (...offsets: number[]): Buffer => Buffer.alloc(Math.max(...offsets) + 8);
    this.#frame = room(
      symbols.execute_data_opline,
      symbols.execute_data_func,
      symbols.execute_data_call_info,
      symbols.execute_data_prev,
    );
    this.#head = room(
      symbols.function_type,
      symbols.function_flags,
      symbols.function_name,
      symbols.function_scope,
    );
    this.#source = room(symbols.op_array_filename, symbols.op_array_line_start);
    this.#op = room(symbols.op_lineno, symbols.op_opcode, symbols.op_extended_value);
    this.#string = room(symbols.string_length, symbols.string_bytes);
  }

  /**
   * One look at the stack.
   *
   * @param depth calls beyond this one are left out
   * @returns undefined for what is no stack, because it moved too far meanwhile: to be tried again
   */
  walk(memory: Memory, depth: number): Walk | undefined {
    try {
      const current = this.#current(memory);
      const places = current === 0 ? [] : this.#places(memory, current, depth);
      const isSame = this.#current(memory) === current;
      if (!isSame && !this.#isWhole(places)) return undefined;
      const calls = places.map((place) => this.#call(memory, place));
      return { calls, isSteady: isSame && this.#current(memory) === current };
    } catch (error) {
      if (error instanceof TornError) return undefined;
      throw error;
    }
  }

  #current(memory: Memory): number {
    const at = this.#symbols.current_execute_data;
    if (!isAddress(at) || !memory.read(at, this.#pointer)) throw new TornError();
    const current = readU64(this.#pointer, 0);
    if (current !== 0 && !isAddress(current)) throw new TornError();
    return current;
  }

  /** A chain that comes back to itself ends at `depth` as well. */
  #places(memory: Memory, current: number, depth: number): Place[] {
    const places: Place[] = [];
    const symbols = this.#symbols;
    const windowEnd = current + this.#frame.length;
    const windowStart = windowEnd - windowBytes;
    const hasWindow = windowStart >= lowestAddress && memory.read(windowStart, this.#window);
    for (let address = current; address !== 0 && places.length < depth; ) {
      if (!isAddress(address)) throw new TornError();
      let bytes = this.#frame;
      if (hasWindow && address >= windowStart && address <= current) {
        bytes = this.#window.subarray(address - windowStart);
      } else if (!memory.read(address, bytes)) {
        throw new TornError();
      }
      const prev = readU64(bytes, symbols.execute_data_prev);
      places.push({
        address,
        prev,
        func: readU64(bytes, symbols.execute_data_func),
        opline: readU64(bytes, symbols.execute_data_opline),
        callInfo: bytes.readUInt32LE(symbols.execute_data_call_info),
      });
      address = prev;
    }
    return places;
  }

  /**
   * Whether a chain that was read while calls came and went is one: it ends where PHP itself was called. What is left
   * of a call that is gone, or a call that is still being prepared, does not lead there.
   */
  #isWhole(places: readonly Place[]): boolean {
    const outermost = places.at(-1);
    return outermost?.prev === 0 && (outermost.callInfo & this.#symbols.call_top) !== 0;
  }

  #call(memory: Memory, { address, func, opline, callInfo }: Place): Call {
    const nothing = {
      address,
      name: '',
      scope: '',
      isClosure: false,
      file: '',
      startLine: 0,
      line: 0,
      includes: 0,
    };
    if (!isAddress(func)) return { ...nothing, kind: callKinds.unknown };
    const symbols = this.#symbols;
    const head = this.#read(memory, func, this.#head);
    const flags = head.readUInt32LE(symbols.function_flags);
    const isInternal = head.readUInt8(symbols.function_type) === symbols.internal_function;
    const isClosure = (flags & symbols.closure_flag) !== 0;
    const isLasting = isInternal || (flags & symbols.immutable_flag) !== 0;
    const pointers = {
      name: readU64(head, symbols.function_name),
      scope: readU64(head, symbols.function_scope),
      file: 0,
    };
    const key =
      isLasting && !isClosure && pointers.name !== 0
        ? `${func} ${pointers.name} ${pointers.scope}`
        : undefined;
    const common = { ...nothing, isClosure };
    if (isInternal) return { ...common, kind: callKinds.internal, ...this.#namesOf(memory, pointers, key) };
    const source = this.#read(memory, func, this.#source);
    pointers.file = readU64(source, symbols.op_array_filename);
    return {
      ...common,
      kind: pointers.name === 0 ? this.#codeKind(callInfo) : callKinds.user,
      startLine: source.readUInt32LE(symbols.op_array_line_start),
      ...this.#namesOf(memory, pointers, key),
      ...this.#position(memory, opline),
    };
  }

  /** Code without a name is a file, or a text for eval(). */
  #codeKind(callInfo: number): CallKind {
    const { call_code, call_top } = this.#symbols;
    if ((callInfo & call_code) === 0) throw new TornError();
    return (callInfo & call_top) === 0 ? callKinds.included : callKinds.main;
  }

  /** A call that has not run its first instruction has no line yet. */
  #position(memory: Memory, opline: number): { line: number; includes: number } {
    if (!isAddress(opline)) return { line: 0, includes: 0 };
    const { op_lineno, op_opcode, op_extended_value, include_opcode } = this.#symbols;
    const op = this.#read(memory, opline, this.#op);
    const isInclude = op.readUInt8(op_opcode) === include_opcode;
    return { line: op.readUInt32LE(op_lineno), includes: isInclude ? op.readUInt32LE(op_extended_value) : 0 };
  }

  /** @param key by which they are remembered; undefined for what must be read each time */
  #namesOf(
    memory: Memory,
    { name, scope, file }: Readonly<Record<keyof FunctionNames, number>>,
    key: string | undefined,
  ): FunctionNames {
    const known = key === undefined ? undefined : this.#names.get(key);
    if (known !== undefined) return known;
    const className = scope === 0 ? 0 : this.#pointerAt(memory, scope, this.#symbols.class_name);
    const names = {
      name: name === 0 ? '' : this.#stringAt(memory, name),
      scope: className === 0 ? '' : this.#stringAt(memory, className),
      file: file === 0 ? '' : this.#stringAt(memory, file),
    };
    if (key === undefined) return names;
    if (this.#names.size >= rememberedFunctions) this.#names.clear();
    this.#names.set(key, names);
    return names;
  }

  #pointerAt(memory: Memory, structure: number, offset: number): number {
    return readU64(this.#read(memory, structure, this.#pointer, offset), 0);
  }

  #stringAt(memory: Memory, address: number): string {
    const { string_length, string_bytes } = this.#symbols;
    const length = readU64(this.#read(memory, address, this.#string), string_length);
    if (length > longestString) throw new TornError();
    return this.#read(memory, address, Buffer.alloc(length), string_bytes).toString('latin1');
  }

  #read(memory: Memory, address: number, target: Buffer, offset = 0): Buffer {
    if (!isAddress(address) || !memory.read(address + offset, target)) throw new TornError();
    return target;
  }
}

/** Whether a pointer may be one: PHP's structures are aligned. */
function isAddress(pointer: number): boolean {
  return pointer >= lowestAddress && pointer <= highestAddress && pointer % 8 === 0;
}
