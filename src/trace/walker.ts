/**
 * Walks the PHP stack in a worker's memory while the worker runs on. The memory is untrusted: it may have been freed a
 * moment before, or a script may have written it. Each address is checked; lengths and the number of calls are bounded.
 * A walk that meets an impossible value is torn, and the caller tries again.
 */

import type { EngineSymbols } from '../scoreboard/engine-symbols.ts';
import { readU64 } from '../scoreboard/numbers.ts';
import { asBinary } from '../text/binary.ts';
import { type FunctionFacts, FunctionReader } from './functions.ts';
import type { Memory } from './memory.ts';
import { isAddress, pointerAt, readAt, TornError } from './reading.ts';

/** Kinds of code that a call runs. */
export const callKinds = {
  /** A function written in PHP. */
  user: 'user',
  /** A function of PHP itself or of an extension. */
  internal: 'internal',
  /** An included file, or a text for eval(). */
  included: 'included',
  /** The request's script. */
  main: 'main',
  /** The executor's own place-holder, for example below a generator. */
  unknown: 'unknown',
} as const;
export type CallKind = (typeof callKinds)[keyof typeof callKinds];

/** A running call: its function and current place. */
export interface Call extends Omit<FunctionFacts, 'isInternal'> {
  /** Address of its execute_data. */
  readonly address: number;
  readonly kind: CallKind;
  /** Current line of code written in PHP; otherwise 0. */
  readonly line: number;
  /** The construct by which this call runs an `included` call: the extended value of its opcode, or 0. */
  readonly includes: number;
}

const unnamed = asBinary('');
const noFunction = { isClosure: false, name: unnamed, scope: unnamed, file: unnamed, startLine: 0 } as const;

export interface Walk {
  /** Innermost first; empty while no PHP code runs. */
  readonly calls: readonly Call[];
  /**
   * The same call was running at the first and the last read. Otherwise calls came and went: the worker did pass
   * through the stack, but its innermost calls may be of different moments.
   */
  readonly isSteady: boolean;
  /** The stack reaches the outermost call or the requested depth. */
  readonly isWhole: boolean;
}

/** The calls of a request are close together; one read of this size sees them at one moment. */
const windowBytes = 16_384;

/** The pointers of a call, read before their targets. */
interface Place {
  readonly address: number;
  readonly func: number;
  readonly opline: number;
  readonly callInfo: number;
  readonly prev: number;
}

export interface WalkOptions {
  /** Further calls are left out. */
  readonly depth: number;
  /** Without lines a walk is shorter: it does not read instructions. */
  readonly lines: boolean;
}

export class StackWalker {
  readonly #symbols: EngineSymbols;
  readonly #functions: FunctionReader;
  readonly #window = Buffer.alloc(windowBytes);
  readonly #frame: Buffer;
  readonly #op: Buffer;

  constructor(symbols: EngineSymbols) {
    this.#symbols = symbols;
    this.#functions = new FunctionReader(symbols);
    const { execute_data_opline, execute_data_func, execute_data_call_info, execute_data_prev } = symbols;
    const pointers = [execute_data_opline, execute_data_func, execute_data_call_info, execute_data_prev];
    this.#frame = Buffer.alloc(Math.max(...pointers) + 8);
    this.#op = Buffer.alloc(Math.max(symbols.op_lineno, symbols.op_opcode, symbols.op_extended_value) + 8);
  }

  /**
   * Reads the stack once.
   *
   * @returns undefined when it changed too much meanwhile: try again
   */
  walk(memory: Memory, { depth, lines }: WalkOptions): Walk | undefined {
    try {
      const current = this.#current(memory);
      const places = current === 0 ? [] : this.#places(memory, current, depth);
      const isSame = this.#current(memory) === current;
      const isWhole = this.#isWhole(places, isSame);
      if (!isSame && !isWhole) return undefined;
      const calls: Call[] = [];
      for (const place of places) {
        const isCallerOfFile = calls.at(-1)?.kind === callKinds.included;
        calls.push(this.#call(memory, place, lines || isCallerOfFile));
      }
      const isCut = places.length === depth;
      return {
        calls,
        isSteady: isSame && (isWhole || isCut) && this.#current(memory) === current,
        isWhole: isWhole || (isSame && isCut),
      };
    } catch (error) {
      if (error instanceof TornError) return undefined;
      throw error;
    }
  }

  #current(memory: Memory): number {
    const current = pointerAt(memory, this.#symbols.current_execute_data);
    if (current !== 0 && !isAddress(current)) throw new TornError();
    return current;
  }

  /** A cyclic chain ends at `depth` as well. */
  #places(memory: Memory, current: number, depth: number): Place[] {
    const places: Place[] = [];
    const symbols = this.#symbols;
    const start = current + this.#frame.length - windowBytes;
    const hasWindow = start > 0 && memory.read(start, this.#window);
    for (let address = current; address !== 0 && places.length < depth; ) {
      const isInWindow = hasWindow && address >= start && address <= current;
      if (isInWindow && !isAddress(address)) throw new TornError();
      const bytes = isInWindow
        ? this.#window.subarray(address - start)
        : readAt(memory, address, this.#frame);
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
   * Whether a chain ends at the outermost call. Remains of an ended call, or a call still being prepared, do not lead
   * there. The same call may run again by the last read. If another one runs by then, the chain has to lead to the
   * request's script: remains may look like an outermost call.
   */
  #isWhole(places: readonly Place[], isSame: boolean): boolean {
    const outermost = places.at(-1);
    if (outermost === undefined) return true;
    const { call_top, call_code } = this.#symbols;
    const wanted = isSame ? call_top : call_top | call_code;
    return outermost.prev === 0 && (outermost.callInfo & wanted) === wanted;
  }

  #call(memory: Memory, { address, func, opline, callInfo }: Place, withLine: boolean): Call {
    const nowhere = { line: 0, includes: 0 };
    if (!isAddress(func)) return { ...noFunction, ...nowhere, address, kind: callKinds.unknown };
    const { isInternal, ...facts } = this.#functions.read(memory, func);
    if (isInternal) return { ...facts, ...nowhere, address, kind: callKinds.internal };
    const kind = facts.name === '' ? this.#codeKind(callInfo) : callKinds.user;
    return { ...facts, ...(withLine ? this.#position(memory, opline) : nowhere), address, kind };
  }

  /** Code without a name is a file or a text for eval(). */
  #codeKind(callInfo: number): CallKind {
    const { call_code, call_top } = this.#symbols;
    if ((callInfo & call_code) === 0) throw new TornError();
    return (callInfo & call_top) === 0 ? callKinds.included : callKinds.main;
  }

  /** A call has no line before its first instruction. */
  #position(memory: Memory, opline: number): Pick<Call, 'line' | 'includes'> {
    if (!isAddress(opline)) return { line: 0, includes: 0 };
    const { op_lineno, op_opcode, op_extended_value, include_opcode } = this.#symbols;
    const op = readAt(memory, opline, this.#op);
    const isInclude = op.readUInt8(op_opcode) === include_opcode;
    return { line: op.readUInt32LE(op_lineno), includes: isInclude ? op.readUInt32LE(op_extended_value) : 0 };
  }
}
