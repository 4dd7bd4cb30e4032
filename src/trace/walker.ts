/**
 * Walks the PHP stack in a worker's memory while the worker runs on. Nothing that is read there is trusted: it may
 * have been freed a moment before, or a script may have written it. Each address is checked, each length is bounded,
 * and so is the number of calls; a walk that meets what cannot be is torn, and the caller tries again.
 */

import type { EngineSymbols } from '../scoreboard/engine-symbols.ts';
import { readU64 } from '../scoreboard/numbers.ts';
import { type FunctionFacts, FunctionReader } from './functions.ts';
import type { Memory } from './memory.ts';
import { isAddress, pointerAt, readAt, TornError } from './reading.ts';

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

/** A call that is running: its function and where it is. */
export interface Call extends Omit<FunctionFacts, 'isInternal'> {
  /** Of its execute_data. */
  readonly address: number;
  readonly kind: CallKind;
  /** Where code written in PHP is now; 0 for all else. */
  readonly line: number;
  /** By which construct an `included` call below this one came: the extended value of its opcode; 0 for none. */
  readonly includes: number;
}

const noFunction = { isClosure: false, name: '', scope: '', file: '', startLine: 0 } as const;

export interface Walk {
  /** Innermost first; none while no PHP code runs. */
  readonly calls: readonly Call[];
  /**
   * The same call was running at the first and the last read. Else calls came and went meanwhile: the stack is one that
   * the worker has passed through, but its innermost calls may be of different moments.
   */
  readonly isSteady: boolean;
  /** It goes down to where PHP itself was called, or as deep as was asked for. */
  readonly isWhole: boolean;
}

/** The calls of a request lie close together: read as one piece they are of one moment. */
const windowBytes = 16_384;

/** The pointers of a call, read before anything that they point to. */
interface Place {
  readonly address: number;
  readonly func: number;
  readonly opline: number;
  readonly callInfo: number;
  readonly prev: number;
}

export interface WalkOptions {
  /** Calls beyond this one are left out. */
  readonly depth: number;
  /** Without them a walk is shorter: a look at each instruction is left out. */
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
   * One look at the stack.
   *
   * @returns undefined for what is no stack, because it moved too far meanwhile: to be tried again
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

  /** A chain that comes back to itself ends at `depth` as well. */
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
   * Whether a chain ends where PHP itself was called. What is left of a call that is gone, or a call that is still being
   * prepared, does not lead there. The same call may run again by the last read. Where another one runs by then, the
   * chain has to lead to the request's script: a left-over may look like a call that PHP itself made.
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

  /** Code without a name is a file, or a text for eval(). */
  #codeKind(callInfo: number): CallKind {
    const { call_code, call_top } = this.#symbols;
    if ((callInfo & call_code) === 0) throw new TornError();
    return (callInfo & call_top) === 0 ? callKinds.included : callKinds.main;
  }

  /** A call that has not run its first instruction has no line yet. */
  #position(memory: Memory, opline: number): Pick<Call, 'line' | 'includes'> {
    if (!isAddress(opline)) return { line: 0, includes: 0 };
    const { op_lineno, op_opcode, op_extended_value, include_opcode } = this.#symbols;
    const op = readAt(memory, opline, this.#op);
    const isInclude = op.readUInt8(op_opcode) === include_opcode;
    return { line: op.readUInt32LE(op_lineno), includes: isInclude ? op.readUInt32LE(op_extended_value) : 0 };
  }
}
