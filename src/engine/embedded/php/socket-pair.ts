/** stream_socket_pair() for scripts, stream sockets only: the engine's C library makes no pairs. */

import type { PhpCalls } from './calls.ts';
import type { Engine } from './engine.ts';
import { zval, zvalType } from './layout.ts';
import type { ModuleFunctions } from './module-functions.ts';
import { pairConnections } from './network.ts';
import { kindOf, writeValue } from './values.ts';

/** Arguments for which a pair is possible: these families, stream sockets. */
const families: readonly number[] = [1, 2, 10];
const streamType = 1;

/** The function that makes a stream of a connection, and an unused address. */
const clientFunction = 'stream_socket_client';
const address = 'tcp://127.0.0.1:1';

export function installSocketPair(engine: Engine, functions: ModuleFunctions, calls: PhpCalls): void {
  // PHP 7.4 lacks the necessary call.
  if (!engine.has('zend_call_known_function') || !engine.has('zend_fetch_function_str')) return;
  const call = engine.suspendable('zend_call_known_function');
  functions.replaceAsync('stream_socket_pair', (own) => {
    const refuse = WebAssembly.promising(own) as (frame: number, result: number) => Promise<void>;
    return async (frame, result) => {
      const [family, type] = ((await calls.arguments(frame, 'lll')) ?? []) as number[];
      if (family === undefined || type === undefined) return;
      const connect = findFunction(engine, clientFunction);
      if (!families.includes(family) || type !== streamType || connect === 0)
        return await refuse(frame, result);
      const ends = engine.memory.allocate(3 * zval.size);
      engine.memory.bytes.fill(0, ends, ends + 3 * zval.size);
      const target = ends + 2 * zval.size;
      writeValue(engine, target, address);
      await pairConnections(async () => {
        for (const end of [ends, ends + zval.size]) await call(connect, 0, 0, end, 1, target, 0);
      });
      moveToArray(engine, [ends, ends + zval.size], result);
      engine.function('zval_ptr_dtor')(target);
      engine.function('free')(ends);
    };
  });
}

function findFunction(engine: Engine, name: string): number {
  const text = engine.memory.allocateString(name);
  const found = engine.function('zend_fetch_function_str')(text, name.length);
  engine.function('free')(text);
  return found;
}

/** The array takes ownership of the streams; if one failed the result is false. */
function moveToArray(engine: Engine, ends: readonly number[], result: number): void {
  if (ends.some((end) => kindOf(engine, end) === zvalType.false)) {
    for (const end of ends) engine.function('zval_ptr_dtor')(end);
    return writeValue(engine, result, false);
  }
  writeValue(engine, result, []);
  const array = engine.memory.word(result + zval.value);
  for (const end of ends) engine.function('zend_hash_next_index_insert')(array, end);
}
