/** Memory of a worker that does not exist, with a PHP stack in it. */
import type { EngineSymbols } from '../../src/scoreboard/engine-symbols.ts';
import type { Memory } from '../../src/trace/memory.ts';

/** As PHP 8.2 on a 64-bit machine has it. */
export const symbols: EngineSymbols = {
  current_execute_data: 0x5555_0000,
  execute_data_opline: 0,
  execute_data_func: 24,
  execute_data_call_info: 40,
  execute_data_prev: 48,
  function_type: 0,
  function_flags: 4,
  function_name: 8,
  function_scope: 16,
  op_array_filename: 144,
  op_array_line_start: 152,
  op_lineno: 24,
  op_opcode: 28,
  op_extended_value: 20,
  class_name: 8,
  string_length: 16,
  string_bytes: 24,
  internal_function: 1,
  call_code: 1 << 16,
  call_top: 1 << 17,
  closure_flag: 1 << 22,
  include_opcode: 73,
  immutable_flag: 1 << 7,
};

export interface FakeCall {
  readonly name?: string;
  readonly scope?: string;
  /** Absent for a function of PHP itself. */
  readonly file?: string;
  readonly line?: number;
  readonly startLine?: number;
  readonly callInfo?: number;
  readonly isClosure?: boolean;
  /** It is OPcache's and stays where it is. */
  readonly isImmutable?: boolean;
  /** Its running instruction includes a file, in that way. */
  readonly includes?: number;
  /** Without a function, as the executor's place-holders. */
  readonly isPlaceholder?: boolean;
}

export class FakeMemory implements Memory {
  readonly start = 0x5555_0000;
  readonly bytes: Buffer;
  reads = 0;
  /** Called before every read: memory changes while it is read. */
  beforeRead: (read: number, address: number) => void = () => {};
  #end = 64;

  constructor(size = 65_536) {
    this.bytes = Buffer.alloc(size);
  }

  read(address: number, target: Buffer): boolean {
    this.beforeRead(this.reads, address);
    this.reads += 1;
    const from = address - this.start;
    if (from < 0 || from + target.length > this.bytes.length) return false;
    this.bytes.copy(target, 0, from);
    return true;
  }

  put(address: number, value: number): void {
    this.bytes.writeBigUInt64LE(BigInt(value), address - this.start);
  }

  set current(address: number) {
    this.put(symbols.current_execute_data, address);
  }

  string(text: string): number {
    const at = this.#take(24 + text.length + 1);
    this.put(at + symbols.string_length, text.length);
    this.bytes.write(text, at - this.start + symbols.string_bytes, 'latin1');
    return at;
  }

  /** A whole stack, innermost call first; addresses of the calls. */
  stack(calls: readonly FakeCall[]): number[] {
    const places = calls.map((call) => this.call(call));
    for (const [index, place] of places.entries()) {
      this.put(place + symbols.execute_data_prev, places[index + 1] ?? 0);
    }
    this.current = places[0] ?? 0;
    return places;
  }

  call({ isPlaceholder = false, callInfo = 0, ...call }: FakeCall): number {
    const at = this.#take(80);
    const from = at - this.start;
    if (!isPlaceholder) this.put(at + symbols.execute_data_func, this.#function(call));
    if (call.file !== undefined) this.put(at + symbols.execute_data_opline, this.#instruction(call));
    this.bytes.writeUInt32LE(callInfo, from + symbols.execute_data_call_info);
    return at;
  }

  #function({ name, scope, file, startLine = 1, ...call }: FakeCall): number {
    const at = this.#take(240);
    const from = at - this.start;
    this.bytes.writeUInt8(file === undefined ? symbols.internal_function : 2, from);
    const closure = call.isClosure === true ? symbols.closure_flag : 0;
    const immutable = call.isImmutable === true ? symbols.immutable_flag : 0;
    this.bytes.writeUInt32LE(closure | immutable, from + symbols.function_flags);
    if (name !== undefined) this.put(at + symbols.function_name, this.string(name));
    if (scope !== undefined) this.put(at + symbols.function_scope, this.#class(scope));
    if (file !== undefined) {
      this.put(at + symbols.op_array_filename, this.string(file));
      this.bytes.writeUInt32LE(startLine, from + symbols.op_array_line_start);
    }
    return at;
  }

  #class(name: string): number {
    const at = this.#take(64);
    this.put(at + symbols.class_name, this.string(name));
    return at;
  }

  #instruction({ line = 1, includes }: FakeCall): number {
    const at = this.#take(40);
    const from = at - this.start;
    this.bytes.writeUInt32LE(line, from + symbols.op_lineno);
    this.bytes.writeUInt8(includes === undefined ? 61 : symbols.include_opcode, from + symbols.op_opcode);
    this.bytes.writeUInt32LE(includes ?? 0, from + symbols.op_extended_value);
    return at;
  }

  #take(size: number): number {
    const at = this.start + this.#end;
    this.#end += Math.ceil(size / 8) * 8;
    return at;
  }
}
