/** PHP's services for functions made of JavaScript: arguments by PHP's rules, and warnings. */

import type { Engine } from './engine.ts';
import { argumentCount } from './module-functions.ts';

/** `E_WARNING` */
export const warningLevel = 2;

/** Types of arguments (php-src, "parameter parsing"): a string or path, an integer, a flag, the zval itself. */
type Kind = 's' | 'p' | 'l' | 'b' | 'z';
/** An argument: a binary string, a number, the address of a zval; undefined when omitted. */
export type Argument = string | number | undefined;

const valueError = 'zend_argument_value_error';
const cellBytes = 8;
/** More than `zend_fcall_info` and `zend_fcall_info_cache` have. */
const callableBytes = 96;

export class PhpCalls {
  readonly #engine: Engine;
  readonly #parse: (...args: number[]) => Promise<number>;
  readonly #complain: (...args: number[]) => Promise<number>;

  constructor(engine: Engine) {
    this.#engine = engine;
    // Both may call code of the script: a __toString(), an error handler.
    this.#parse = engine.suspendable('zend_parse_parameters');
    this.#complain = engine.suspendable('php_error_docref');
  }

  /**
   * The arguments of the running function.
   *
   * @param specification letters of {@link Kind}, with `|` before optional ones
   * @param count number of arguments to parse, where the function takes more
   * @returns undefined for invalid arguments: PHP has thrown
   */
  async arguments(
    frame: number,
    specification: string,
    count = argumentCount(this.#engine, frame),
  ): Promise<Argument[] | undefined> {
    const { memory } = this.#engine;
    const kinds = [...specification.replace('|', '')] as Kind[];
    const cells = kinds.reduce((count, kind) => count + cellsOf(kind), 0);
    const block = memory.allocate((cells + 1) * (cellBytes + 4) + specification.length + 1);
    const first = block + Math.ceil((cells * 4) / cellBytes) * cellBytes;
    const text = first + cells * cellBytes;
    memory.bytes.fill(0, block, text);
    for (let cell = 0; cell < cells; cell += 1) memory.setWord(block + cell * 4, first + cell * cellBytes);
    memory.writeString(text, specification);
    try {
      if ((await this.#parse(count, text, block)) !== 0) return undefined;
      return this.#read(kinds, first, count);
    } finally {
      this.#engine.function('free')(block);
    }
  }

  /** Whether the only argument of the running function is callable. Else PHP has thrown. */
  async isCallable(frame: number): Promise<boolean> {
    const { memory } = this.#engine;
    // Two pointers, and what they point to: `zend_fcall_info` and its cache.
    const block = memory.allocate(2 * 4 + 2 * callableBytes);
    const text = memory.allocateString('f');
    memory.bytes.fill(0, block, block + 2 * 4 + 2 * callableBytes);
    memory.setWord(block, block + 2 * 4);
    memory.setWord(block + 4, block + 2 * 4 + callableBytes);
    try {
      return (await this.#parse(argumentCount(this.#engine, frame), text, block)) === 0;
    } finally {
      for (const address of [block, text]) this.#engine.function('free')(address);
    }
  }

  /** Throws a ValueError, or warns as old PHP does. @param number of the argument, from 1 */
  async refuseArgument(number: number, text: string): Promise<void> {
    if (!this.#engine.has(valueError)) return await this.warn(`Argument #${number} ${text}`);
    const format = this.#engine.memory.allocateString(text.replaceAll('%', '%%'));
    this.#engine.function(valueError)(number, format, 0);
    this.#engine.function('free')(format);
  }

  #read(kinds: readonly Kind[], first: number, count: number): Argument[] {
    const { memory } = this.#engine;
    let cell = first;
    return kinds.map((kind, index) => {
      const at = cell;
      cell += cellsOf(kind) * cellBytes;
      if (index >= count) return undefined;
      if (kind === 'l') return Number(memory.bytes.readBigInt64LE(at));
      if (kind === 'b') return memory.bytes[at];
      if (kind === 'z') return memory.word(at);
      return memory.slice(memory.word(at), memory.word(at + cellBytes));
    });
  }

  /** A warning that names the running function. */
  async warn(text: string): Promise<void> {
    const { memory } = this.#engine;
    const format = memory.allocateString(text.replaceAll('%', '%%'));
    await this.#complain(0, warningLevel, format, 0);
    this.#engine.function('free')(format);
  }
}

/** A string needs an address and a length. */
function cellsOf(kind: Kind): number {
  return kind === 's' || kind === 'p' ? 2 : 1;
}
