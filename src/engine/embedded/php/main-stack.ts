/**
 * The stack that requests run on. V8 gives each call that may suspend a stack of its own, and a large one, which deep
 * recursion needs, it makes and throws away at each call (measured: 11 us, a quarter of a hello world). So the calls of
 * all requests are made by one that never returns: a loop in WebAssembly, which waits for the next on the same stack.
 */

import { setFlagsFromString } from 'node:v8';
import { encodeNumber, noResult, opcodes, sectionIds } from './binary-module.ts';
import type { Engine } from './engine.ts';

/**
 * Size of the machine's stack under the engine, in KB; memory that is not used costs nothing. Most recursion comes to
 * the end of the C stack of stack-guard.ts first, then; freeing, comparing and sorting, which need little of that, to the
 * end of this one.
 */
const stackKilobytes = 128 * 1024;

/** To be called in the process before its first thread that runs PHP is started. */
export function enlargeStacks(): void {
  // V8 takes the lower of both. The second is also that of JavaScript, of which threads that run know nothing.
  setFlagsFromString(`--wasm-stack-switching-stack-size=${stackKilobytes}`);
  setFlagsFromString(`--stack-size=${stackKilobytes}`);
}

/** A C function of at most one parameter, with its signature as in trampoline.ts: `i`, `ii`, `v`, `vi`. */
export type LoopFunction = readonly [name: string, signature: 'i' | 'ii' | 'v' | 'vi'];

interface Call {
  readonly index: number;
  readonly argument: number;
  readonly answer: PromiseWithResolvers<number>;
}

const i32 = 0x7f;
const functionType = 0x60;
const kindFunction = 0;
/** Types of next() and argument(), of done(), of the loop itself. */
const ownTypes = { give: 0, take: 1, run: 2, count: 3 } as const;
const imported = { next: 0, argument: 1, done: 2, first: 3 } as const;

/** Runs calls of C functions one after the other, each on the stack of the one before. */
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
        argument: () => this.#call?.argument,
        done: (result: number) => this.#done(result),
        ...Object.fromEntries(functions.map(([name]) => [name, engine.function(name)])),
      },
    });
    this.#start = WebAssembly.promising(exports['run'] as () => void);
  }

  /**
   * Calls one of the functions, of which only one runs at a time.
   *
   * @returns a promise that is rejected when the engine traps; the next call then has a new stack
   */
  call(name: string, argument = 0): Promise<number> {
    const answer = Promise.withResolvers<number>();
    this.#call = { index: this.#names.indexOf(name), argument, answer };
    const wake = this.#wake;
    this.#wake = undefined;
    if (this.#isRunning) wake?.(this.#call.index);
    else void this.#run();
    return answer.promise;
  }

  /** Gives the stack back, if it only waits: what recursion has used of it stays used as long as it is there. */
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
 * The module with the loop: `next` gives the number of a function, `argument` its argument, `done` takes its result,
 * all imported from `e` as are the functions.
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
      ],
      ...types,
    ]),
    ...section(sectionIds.imports, [
      ...[
        importOf('next', ownTypes.give),
        importOf('argument', ownTypes.give),
        importOf('done', ownTypes.take),
      ],
      ...functions.map(([name], index) => importOf(name, ownTypes.count + index)),
    ]),
    ...section(sectionIds.functions, [[ownTypes.run]]),
    ...section(sectionIds.exports, [[...text('run'), kindFunction, imported.first + functions.length]]),
    ...section(sectionIds.code, [[...encodeNumber(body.length), ...body]]),
  );
}

/** A block for each function inside the loop: the branch out of the first leads to the call of the first. */
function loopBody(functions: readonly LoopFunction[]): number[] {
  const last = functions.length - 1;
  const calls = functions.flatMap(([, signature], index) => [
    ...[opcodes.end],
    ...(signature.length > 1 ? [opcodes.call, imported.argument] : []),
    ...[opcodes.call, imported.first + index],
    ...(signature.startsWith('v') ? [opcodes.i32Const, 0] : []),
    ...[opcodes.call, imported.done, opcodes.branch, last - index],
  ]);
  return [
    ...[opcodes.loop, noResult],
    ...functions.flatMap(() => [opcodes.block, noResult]),
    ...[opcodes.call, imported.next],
    // Any other number is the end.
    ...[opcodes.branchTable, functions.length, ...functions.keys(), functions.length + 1],
    ...calls,
    ...[opcodes.end],
  ];
}
