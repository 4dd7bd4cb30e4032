/** Registers session.save_handler modules written in JavaScript. PHP does everything else of sessions. */

import type { PhpCalls } from './calls.ts';
import type { Engine } from './engine.ts';
import { zendString } from './layout.ts';
import { makeString } from './values.ts';

/** Storage of sessions. Strings are bytes; an exception is a failure, whose message becomes a PHP warning. */
export interface SessionStore {
  /** The first call, also after each close. @returns false for an invalid save path */
  open(savePath: string): boolean;
  close(): Promise<void>;
  read(id: string, lifetime: number): Promise<string>;
  write(id: string, data: string, lifetime: number): Promise<void>;
  /** Extends the session's lifetime without writing. */
  touch(id: string, lifetime: number): Promise<void>;
  destroy(id: string): Promise<void>;
  has(id: string): Promise<boolean>;
}

/** A storage failure; without a message the script only sees PHP's own warning. */
export class SessionFailure extends Error {}

const success = 0;
const failure = -1;
/** Marks an open store: PHP checks for null. */
const openMark = 1;

/**
 * Call it after PHP's start and before the pool's values are set. Signatures and order are those of `ps_module`
 * (ext/session/php_session.h).
 */
export function registerSessionModule(
  engine: Engine,
  calls: PhpCalls,
  name: string,
  store: SessionStore,
): void {
  const { memory } = engine;
  const text = (string: number): string =>
    memory.slice(string + zendString.bytes, memory.word(string + zendString.length));
  const attempt = async (action: () => Promise<unknown>): Promise<number> => {
    try {
      await action();
      return success;
    } catch (error) {
      if (error instanceof SessionFailure && error.message !== '') await calls.warn(error.message);
      return failure;
    }
  };
  const open = (mark: number, savePath: number): number => {
    if (!store.open(memory.string(savePath))) return failure;
    memory.setWord(mark, openMark);
    return success;
  };
  const close = async (mark: number): Promise<number> => {
    memory.setWord(mark, 0);
    return await attempt(() => store.close());
  };
  const read = (_mark: number, id: number, value: number, lifetime: bigint): Promise<number> =>
    attempt(async () => {
      const data = await store.read(text(id), Number(lifetime));
      memory.setWord(value, makeString(engine, data));
    });
  const write = (_mark: number, id: number, value: number, lifetime: bigint): Promise<number> =>
    attempt(() => store.write(text(id), text(value), Number(lifetime)));
  const destroy = (_mark: number, id: number): Promise<number> => attempt(() => store.destroy(text(id)));
  // Sessions expire by themselves.
  const collect = (_mark: number, _lifetime: number, removed: number): bigint => {
    memory.bytes.writeBigInt64LE(0n, removed);
    return 0n;
  };
  const createId = (mark: number): number => engine.function('php_session_create_id')(mark);
  const isKnown = (_mark: number, id: number): Promise<number> =>
    attempt(async () => {
      if (!(await store.has(text(id)))) throw new SessionFailure();
    });
  const touch = (_mark: number, id: number, _value: number, lifetime: bigint): Promise<number> =>
    attempt(() => store.touch(text(id), Number(lifetime)));
  const suspending = (call: unknown): WebAssembly.Suspending =>
    new WebAssembly.Suspending(call as (...args: number[]) => Promise<number>);
  const pointers = [
    engine.pointer('iiii', open as (...args: number[]) => number),
    engine.pointer('ii', suspending(close)),
    engine.pointer('iiiij', suspending(read)),
    engine.pointer('iiiij', suspending(write)),
    engine.pointer('iii', suspending(destroy)),
    engine.pointer('jiji', collect as (...args: number[]) => unknown),
    engine.pointer('ii', createId as (...args: number[]) => number),
    engine.pointer('iii', suspending(isKnown)),
    engine.pointer('iiiij', suspending(touch)),
  ];
  const module = memory.allocate(4 * (pointers.length + 1));
  memory.setWord(module, memory.allocateString(name));
  for (const [index, pointer] of pointers.entries()) memory.setWord(module + 4 * (index + 1), pointer);
  if (engine.function('php_session_register_module')(module) !== success) {
    throw new Error(`cannot register session.save_handler = ${name} in this PHP build`);
  }
}
