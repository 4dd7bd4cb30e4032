/**
 * The content of the header's `engine_symbols`, by which a worker's PHP stack can be read from outside its process:
 * where the executor keeps the running call, and the layout of PHP's structures in that build. This is the only list:
 * the master's reader and native/php/symbols.h derive from it. New symbols go at the end.
 *
 * The host and its workers share all addresses: workers are forked from it.
 */

import { readU64 } from './numbers.ts';

/** First eight bytes; the host writes them last. */
export const engineSymbolsMagic = 'HATHISY\0';
/** Incremented when a symbol moves or changes its meaning. */
export const engineSymbolsVersion = 1;

export interface EngineSymbol {
  readonly name: string;
  /** Its C expression. */
  readonly value: string;
}

const offset = (structure: string, member: string): string => `offsetof(${structure}, ${member})`;

/** The address comes first, as u64; the others are u32. */
export const engineAddress = {
  name: 'current_execute_data',
  value: '(uintptr_t)&EG(current_execute_data)',
} as const satisfies EngineSymbol;

export const engineNumbers = [
  { name: 'execute_data_opline', value: offset('zend_execute_data', 'opline') },
  { name: 'execute_data_func', value: offset('zend_execute_data', 'func') },
  { name: 'execute_data_call_info', value: offset('zend_execute_data', 'This.u1.type_info') },
  { name: 'execute_data_prev', value: offset('zend_execute_data', 'prev_execute_data') },
  { name: 'function_type', value: offset('zend_function', 'type') },
  { name: 'function_flags', value: offset('zend_function', 'common.fn_flags') },
  { name: 'function_name', value: offset('zend_function', 'common.function_name') },
  { name: 'function_scope', value: offset('zend_function', 'common.scope') },
  { name: 'op_array_filename', value: offset('zend_op_array', 'filename') },
  { name: 'op_array_line_start', value: offset('zend_op_array', 'line_start') },
  { name: 'op_lineno', value: offset('zend_op', 'lineno') },
  { name: 'op_opcode', value: offset('zend_op', 'opcode') },
  { name: 'op_extended_value', value: offset('zend_op', 'extended_value') },
  { name: 'class_name', value: offset('zend_class_entry', 'name') },
  { name: 'string_length', value: offset('zend_string', 'len') },
  { name: 'string_bytes', value: offset('zend_string', 'val') },
  { name: 'internal_function', value: 'ZEND_INTERNAL_FUNCTION' },
  { name: 'call_code', value: 'ZEND_CALL_CODE' },
  { name: 'call_top', value: 'ZEND_CALL_TOP' },
  { name: 'closure_flag', value: 'ZEND_ACC_CLOSURE' },
  { name: 'include_opcode', value: 'ZEND_INCLUDE_OR_EVAL' },
  { name: 'immutable_flag', value: 'ZEND_ACC_IMMUTABLE' },
] as const satisfies readonly EngineSymbol[];

type EngineNumberName = (typeof engineNumbers)[number]['name'];

/** Address of the executor's running call, offsets in bytes, constants. */
export type EngineSymbols = Readonly<Record<typeof engineAddress.name | EngineNumberName, number>>;

const versionAt = 8;
const addressAt = 16;
const numbersAt = 24;

/** Offset in bytes from the start of `engine_symbols`. */
export function engineNumberAt(index: number): number {
  return numbersAt + 4 * index;
}

/** No structure of PHP is this large; a larger offset is refused. */
const largestOffset = 4096;

/**
 * Reads the symbols that a host published. The host may be under a script's control, so offsets are bounded here;
 * addresses are checked at use.
 *
 * @returns undefined when the host has published nothing, or another version
 */
export function readEngineSymbols(bytes: Buffer): EngineSymbols | undefined {
  const magic = bytes.toString('latin1', 0, engineSymbolsMagic.length);
  if (magic !== engineSymbolsMagic || bytes.readUInt32LE(versionAt) !== engineSymbolsVersion)
    return undefined;
  const numbers = engineNumbers.map(({ name, value }, index) => {
    const number = bytes.readUInt32LE(engineNumberAt(index));
    return [name, value.startsWith('offsetof') ? Math.min(number, largestOffset) : number] as const;
  });
  return {
    ...(Object.fromEntries(numbers) as Record<EngineNumberName, number>),
    [engineAddress.name]: readU64(bytes, addressAt),
  };
}

/** The text of native/php/symbols.h. */
export function engineSymbolsHeader(): string {
  const lines = engineNumbers.map(({ value }, index) => `\tX(${engineNumberAt(index)}, ${value})`);
  return [
    '/* Made from src/scoreboard/engine-symbols.ts. Do not edit. */',
    '#ifndef HATHI_SYMBOLS_H',
    '#define HATHI_SYMBOLS_H',
    '',
    `#define HATHI_SYMBOLS_MAGIC "${engineSymbolsMagic.slice(0, -1)}"`,
    '',
    '/* Positions in the field engine_symbols of the header. */',
    'enum {',
    `\tHATHI_SYMBOLS_VERSION = ${engineSymbolsVersion},`,
    `\tHATHI_SYMBOLS_VERSION_AT = ${versionAt},`,
    `\tHATHI_SYMBOLS_ADDRESS_AT = ${addressAt},`,
    '};',
    '',
    `#define HATHI_SYMBOLS_ADDRESS ${engineAddress.value}`,
    '',
    '/* X(position, value) for each number. */',
    `#define HATHI_SYMBOLS_NUMBERS(X) \\\n${lines.join(' \\\n')}`,
    '',
    '#endif',
    '',
  ].join('\n');
}
