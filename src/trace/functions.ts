/** Facts about a function, read from its zend_function. */

import type { EngineSymbols } from '../scoreboard/engine-symbols.ts';
import { readU64 } from '../scoreboard/numbers.ts';
import { asBinary, type BinaryString } from '../text/binary.ts';
import type { Memory } from './memory.ts';
import { pointerAt, readAt, stringAt } from './reading.ts';

export interface FunctionFacts {
  /** A function of PHP itself or of an extension. */
  readonly isInternal: boolean;
  readonly isClosure: boolean;
  /** Names are binary strings, empty when missing. */
  readonly name: BinaryString;
  readonly scope: BinaryString;
  /** For a function written in PHP: its file and first line. */
  readonly file: BinaryString;
  readonly startLine: number;
}

/** Size of the cache: more functions than a large application has. */
const remembered = 20_000;

export class FunctionReader {
  readonly #symbols: EngineSymbols;
  readonly #head: Buffer;
  readonly #source: Buffer;
  /**
   * Functions that outlive requests (PHP's own, OPcache's) by address, which all workers share, so each is read once.
   * The address of any other function may be reused a moment later and differs between workers.
   */
  readonly #lasting = new Map<number, FunctionFacts>();

  constructor(symbols: EngineSymbols) {
    this.#symbols = symbols;
    const { function_type, function_flags, function_name, function_scope } = symbols;
    this.#head = Buffer.alloc(Math.max(function_type, function_flags, function_name, function_scope) + 8);
    this.#source = Buffer.alloc(Math.max(symbols.op_array_filename, symbols.op_array_line_start) + 8);
  }

  /** @throws TornError */
  read(memory: Memory, address: number): FunctionFacts {
    const known = this.#lasting.get(address);
    if (known !== undefined) return known;
    const symbols = this.#symbols;
    const head = readAt(memory, address, this.#head);
    const flags = head.readUInt32LE(symbols.function_flags);
    const isInternal = head.readUInt8(symbols.function_type) === symbols.internal_function;
    const isClosure = (flags & symbols.closure_flag) !== 0;
    const name = readU64(head, symbols.function_name);
    const scope = readU64(head, symbols.function_scope);
    const names = {
      name: name === 0 ? asBinary('') : stringAt(memory, name, symbols),
      scope:
        scope === 0 ? asBinary('') : stringAt(memory, pointerAt(memory, scope, symbols.class_name), symbols),
    };
    const source = isInternal ? { file: asBinary(''), startLine: 0 } : this.#sourceOf(memory, address);
    const facts = { isInternal, isClosure, ...names, ...source };
    // The main code of a file is copied for each request; so is a closure.
    const isLasting = (isInternal || (flags & symbols.immutable_flag) !== 0) && name !== 0 && !isClosure;
    if (isLasting && this.#lasting.size < remembered) this.#lasting.set(address, facts);
    return facts;
  }

  #sourceOf(memory: Memory, address: number): Pick<FunctionFacts, 'file' | 'startLine'> {
    const { op_array_filename, op_array_line_start } = this.#symbols;
    const source = readAt(memory, address, this.#source);
    const startLine = source.readUInt32LE(op_array_line_start);
    const file = readU64(source, op_array_filename);
    return { file: file === 0 ? asBinary('') : stringAt(memory, file, this.#symbols), startLine };
  }
}
