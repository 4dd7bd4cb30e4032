/**
 * The stack of requests. V8 gives each call that may suspend a new stack, and allocates and frees a large one, which
 * deep recursion needs, at each call (measured: 11 us, a quarter of a hello world). So one call that never returns
 * makes the calls of all requests: a loop in WebAssembly, which waits for the next one on the same stack.
 */

import { setFlagsFromString } from 'node:v8';
import { encodeNumber, noResult, opcodes, sectionIds } from './binary-module.ts';
import type { CFunction, Engine } from './engine.ts';

/**
 * Size of the machine stack below the engine, in KB; unused memory costs nothing. Most recursion then reaches the end
 * of the C stack of stack-guard.ts first; freeing, comparing and sorting, which use little of that, reach the end of
 * this one.
 */
const stackKilobytes = 128 * 1024;

/** Call it in the process before its first PHP thread starts. */
export function enlargeStacks(): void {
  // V8 uses the lower of both. The second also limits JavaScript's stack; running threads do not see the change.
  setFlagsFromString(`--wasm-stack-switching-stack-size=${stackKilobytes}`);
  setFlagsFromString(`--stack-size=${stackKilobytes}`);
}

/** A C function and its signature as in trampoline.ts, of `v` and `i`; one without a symbol comes with it. */
export type LoopFunction = readonly [name: string, signature: string, found?: CFunction];

interface Call {
  readonly index: number;
  readonly args: readonly number[];
  readonly answer: PromiseWithResolvers<number>;
}

const i32 = 0x7f;
const functionType = 0x60;
const kindFunction = 0;
/** Types of next(), of done(), of the loop itself, and of argument(). */
const ownTypes = { give: 0, take: 1, run: 2, map: 3, count: 4 } as const;
const imported = { next: 0, argument: 1, done: 2, first: 3 } as const;

/** Runs C functions one after the other on the same stack. */
export class MainStack {
  readonly #names: readonly string[];
  readonly #start: (...args: unknown[]) => Promise<unknown>;
  #isRunning = false;
  #call: Call | undefined;
  /** Set while the loop waits. */
  #wake: ((index: number) => void) | undefined;

  constructor(engine: Engine, functions: readonly LoopFunction[]) {
    this.#names = functions.map(([name]) => name);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(loopModule(functions)), {
      e: {
        next: new WebAssembly.Suspending(() => this.#next()),
        argument: (index: number) => this.#call?.args[index],
        done: (result: number) => this.#done(result),
        ...Object.fromEntries(functions.map(([name, , found]) => [name, found ?? engine.function(name)])),
      },
    });
    this.#start = WebAssembly.promising(exports['run'] as () => void);
  }

  /**
   * Calls one of the functions; only one runs at a time.
   *
   * @returns a promise that rejects when the engine traps; the next call then has a new stack
   */
  call(name: string, ...args: readonly number[]): Promise<number> {
    const answer = Promise.withResolvers<number>();
    this.#call = { index: this.#names.indexOf(name), args, answer };
    const wake = this.#wake;
    this.#wake = undefined;
    if (this.#isRunning) wake?.(this.#call.index);
    else void this.#run();
    return answer.promise;
  }

  /** Frees the stack if it is only waiting: memory touched by recursion stays in use as long as the stack exists. */
  end(): void {
    if (this.#wake === undefined) return;
    this.#isRunning = false;
    this.#wake(this.#names.length);
    this.#wake = undefined;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      await this.#start();
    } catch (error) {
      this.#isRunning = false;
      this.#call?.answer.reject(error);
    }
  }

  #next(): number | Promise<number> {
    if (this.#call !== undefined) return this.#call.index;
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #done(result: number): void {
    this.#call?.answer.resolve(result);
    this.#call = undefined;
  }
}

function text(name: string): number[] {
  return [name.length, ...Buffer.from(name)];
}

function section(id: number, elements: readonly (readonly number[])[]): number[] {
  const content = [...encodeNumber(elements.length), ...elements.flat()];
  return [id, ...encodeNumber(content.length), ...content];
}

/**
 * The module with the loop: `next` returns the number of a function, `argument` one of its arguments, `done` takes its
 * result.
 * These and the functions are imported from `e`.
 */
function loopModule(functions: readonly LoopFunction[]): Uint8Array<ArrayBuffer> {
  const types = functions.map(([, signature]) => [
    ...[functionType, signature.length - 1, ...[...signature.slice(1)].fill('').map(() => i32)],
    ...(signature.startsWith('v') ? [0] : [1, i32]),
  ]);
  const importOf = (name: string, type: number): number[] => [
    ...text('e'),
    ...text(name),
    kindFunction,
    type,
  ];
  const body = [0, ...loopBody(functions), opcodes.end];
  return Uint8Array.of(
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(sectionIds.types, [
      ...[
        [functionType, 0, 1, i32],
        [functionType, 1, i32, 0],
        [functionType, 0, 0],
        [functionType, 1, i32, 1, i32],
      ],
      ...types,
    ]),
    ...section(sectionIds.imports, [
      ...[
        importOf('next', ownTypes.give),
        importOf('argument', ownTypes.map),
        importOf('done', ownTypes.take),
      ],
      ...functions.map(([name], index) => importOf(name, ownTypes.count + index)),
    ]),
    ...section(sectionIds.functions, [[ownTypes.run]]),
    ...section(sectionIds.exports, [[...text('run'), kindFunction, imported.first + functions.length]]),
    ...section(sectionIds.code, [[...encodeNumber(body.length), ...body]]),
  );
}

/** A block for each function inside the loop: the branch out of the first leads to the first call. */
function loopBody(functions: readonly LoopFunction[]): number[] {
  const last = functions.length - 1;
  const calls = functions.flatMap(([, signature], index) => [
    ...[opcodes.end],
    ...[...signature.slice(1)].flatMap((_, parameter) => [
      ...[opcodes.i32Const, parameter, opcodes.call, imported.argument],
    ]),
    ...[opcodes.call, imported.first + index],
    ...(signature.startsWith('v') ? [opcodes.i32Const, 0] : []),
    ...[opcodes.call, imported.done, opcodes.branch, last - index],
  ]);
  return [
    ...[opcodes.loop, noResult],
    ...functions.flatMap(() => [opcodes.block, noResult]),
    ...[opcodes.call, imported.next],
    // Any other number ends the loop.
    ...[opcodes.branchTable, functions.length, ...functions.keys(), functions.length + 1],
    ...calls,
    ...[opcodes.end],
  ];
}
