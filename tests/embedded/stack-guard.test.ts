import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { encodeNumber, encodeSigned, opcodes as op } from '../../src/engine/embedded/php/binary-module.ts';
import { ModuleParts } from '../../src/engine/embedded/php/binary-parts.ts';
import {
  guardEngine,
  guardExtension,
  overflowText,
  stackOf,
} from '../../src/engine/embedded/php/stack-guard.ts';

const i32 = 0x7f;
const heapBase = 1 << 20;
/** A stack of 512 KB at 1 MB. */
const stack = { bottom: heapBase, top: heapBase + 512 * 1024 };
/** The reserve, and the room for leaf functions. */
const reserve = 256 * 1024;
const redZone = 4096;

function section(id: number, elements: readonly (readonly number[])[]): number[] {
  const content = [...encodeNumber(elements.length), ...elements.flat()];
  return [id, ...encodeNumber(content.length), ...content];
}

function name(text: string): number[] {
  return [text.length, ...Buffer.from(text)];
}

const prologue = (bytes: number): number[] => [
  ...[op.globalGet, 0, op.i32Const, ...encodeSigned(bytes), op.i32Sub, op.localTee, 1, op.globalSet, 0],
];
const epilogue = (bytes: number): number[] => [
  ...[op.localGet, 1, op.i32Const, ...encodeSigned(bytes), op.i32Add, op.globalSet, 0],
];

/** Functions of one parameter and result, with a second variable. */
const bodies: Readonly<Record<string, readonly number[]>> = {
  // Calls itself as often as it is told.
  recurse: [
    ...prologue(1024),
    ...[op.localGet, 0, op.if, 0x40, op.localGet, 0, op.i32Const, 1, op.i32Sub, op.call, 1, 0x1a, op.end],
    ...epilogue(1024),
    ...[op.localGet, 0],
  ],
  // Takes as much as it is told, as alloca() does.
  take: [op.globalGet, 0, op.localGet, 0, op.i32Sub, op.globalSet, 0, op.globalGet, 0],
  // The bytes of the instruction that is looked for, in numbers and in a table of branches.
  lookAlike: [
    ...[
      0x42,
      0xa4,
      0x80,
      0x90,
      0x01,
      0x1a,
      0x44,
      op.globalSet,
      0,
      op.globalSet,
      0,
      op.globalSet,
      0,
      op.globalSet,
      0,
      0x1a,
    ],
    ...[0x02, 0x40, op.localGet, 0, op.branchTable, 1, 0, 0, op.end],
    ...[op.i32Const, 0x24],
  ],
};

/** A module with an error function, which says what it got and whether it comes back. */
function moduleBytes(): Buffer {
  const functions = Object.values(bodies).map((body) => [1, 1, i32, ...body, op.end]);
  return Buffer.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, [
      [0x60, 3, i32, i32, i32, 0],
      [0x60, 1, i32, 1, i32],
    ]),
    ...section(2, [[...name('e'), ...name('raise'), 0, 0]]),
    ...section(
      3,
      functions.map(() => [1]),
    ),
    ...section(5, [[1, 32, 64]]),
    ...section(6, [
      [i32, 1, op.i32Const, ...encodeSigned(stack.top), op.end],
      [i32, 0, op.i32Const, ...encodeSigned(heapBase), op.end],
    ]),
    ...section(7, [
      [...name('__stack_pointer'), 3, 0],
      [...name('__heap_base'), 3, 1],
      [...name('memory'), 2, 0],
      [...name('zend_error_noreturn'), 0, 0],
      ...Object.keys(bodies).map((key, index) => [...name(key), 0, index + 1]),
    ]),
    ...section(
      10,
      functions.map((body) => [...encodeNumber(body.length), ...body]),
    ),
  ]);
}

interface Guarded {
  readonly exports: Readonly<Record<string, (value: number) => number>>;
  readonly pointer: { value: number };
  readonly text: { value: number };
  /** Arguments, and the pointer. */
  readonly raised: readonly (readonly number[])[];
}

class Unwound extends Error {}

/** @param replaced bodies by the functions' numbers. */
function guard(bytes: Buffer, replaced?: ReadonlyMap<number, readonly number[]>): Buffer {
  const parts = new ModuleParts(bytes);
  guardEngine(parts, stack, replaced);
  return parts.build();
}

function guarded(): Guarded {
  const raised: number[][] = [];
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(guard(moduleBytes())), {
    e: {
      raise: (...args: number[]) => {
        raised.push([...args, pointer.value]);
        throw new Unwound();
      },
    },
  });
  const pointer = exports['__stack_pointer'] as Guarded['pointer'];
  return {
    exports: exports as Guarded['exports'],
    pointer,
    text: exports[overflowText] as Guarded['text'],
    raised,
  };
}

const calls = (bytes: number): number => Math.floor(bytes / 1024);

suite('The guard of the C stack', () => {
  test('lets pass what fits, and leaves the pointer where it was', () => {
    const { exports, pointer, text } = guarded();
    text.value = 4711;
    const depth = calls(512 * 1024 - reserve - redZone) - 1;
    assert.equal(exports['recurse']?.(depth), depth);
    assert.equal(exports['take']?.(1000), stack.top - 1000);
    assert.equal(pointer.value, stack.top - 1000);
  });

  test('asks PHP for the end of the script with its text, before the reserve is touched', () => {
    const { exports, text, raised } = guarded();
    text.value = 4711;
    assert.throws(() => exports['recurse']?.(calls(512 * 1024)), Unwound);
    const [[level, address, args, pointer = 0] = []] = raised;
    assert.deepEqual([level, address, args], [1, 4711, 0]);
    assert.ok(
      pointer < stack.bottom + reserve + redZone && pointer > stack.bottom + reserve,
      `at ${pointer}`,
    );
  });

  test('asks once, gives the reserve, and traps at its end', () => {
    const { exports, pointer, text, raised } = guarded();
    text.value = 4711;
    assert.throws(() => exports['recurse']?.(1000), Unwound);
    assert.equal(text.value, 0);
    pointer.value = stack.top;
    const depth = calls(512 * 1024 - redZone) - 1;
    assert.equal(exports['recurse']?.(depth), depth);
    assert.throws(() => exports['recurse']?.(depth + 3), WebAssembly.RuntimeError);
    assert.equal(raised.length, 1);
  });

  for (const [what, bytes] of [
    ['jumps over the end', 600 * 1024],
    ['goes round the memory', -8],
    ['ends at its top again', 2 ** 31],
  ] as const) {
    test(`traps when an allocation ${what}`, () => {
      const { exports, text } = guarded();
      text.value = 4711;
      assert.throws(() => exports['take']?.(bytes), WebAssembly.RuntimeError);
    });
  }

  test('makes the memory as much larger as the stack is', () => {
    const { exports } = guarded();
    assert.equal((exports['memory'] as never as WebAssembly.Memory).buffer.byteLength, (32 + 8) * 65536);
  });

  test('takes no number for an instruction', () => {
    assert.equal(guarded().exports['lookAlike']?.(0), 0x24);
  });

  test('leaves out a function that has another body, and guards those around it', () => {
    const bytes = guard(moduleBytes(), new Map([[2, [0, op.i32Const, 42, op.end]]]));
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { e: { raise: () => {} } });
    const { take, lookAlike, recurse } = exports as Guarded['exports'];
    assert.deepEqual([take?.(2 ** 31), lookAlike?.(0)], [42, 0x24]);
    assert.throws(() => recurse?.(1000), WebAssembly.RuntimeError);
  });

  test('knows where the heap of a module begins', () => {
    assert.equal(stackOf(new ModuleParts(moduleBytes())).bottom, heapBase);
  });

  for (const [what, bytes] of [
    ['nothing', Buffer.alloc(0)],
    ['a text', Buffer.from('<html>not found</html>')],
    ['half of a module', moduleBytes().subarray(0, 100)],
    ['a module without anything', Buffer.from([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00])],
    [
      'an unknown instruction',
      Buffer.from(moduleBytes().map((byte) => (byte === op.branchTable ? 0xfb : byte))),
    ],
  ] as const) {
    test(`is refused by ${what}`, () => {
      assert.throws(() => guard(bytes), { code: 'HATHI_BINARY_MODULE' });
    });
  }
});

suite('The guard of an extension', () => {
  /** The same functions, with the stack pointer of the engine. */
  function extension(): Buffer {
    const functions = [bodies['recurse'], bodies['take']].map((body) => [1, 1, i32, ...(body ?? []), op.end]);
    return Buffer.from([
      ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
      ...section(1, [
        [0x60, 1, i32, 1, i32],
        [0x60, 0, 0],
      ]),
      ...section(2, [
        [...name('e'), ...name('f'), 0, 1],
        [...name('e'), ...name('memory'), 2, 0, 1],
        [...name('e'), ...name('__stack_pointer'), 3, i32, 1],
      ]),
      ...section(
        3,
        functions.map(() => [0]),
      ),
      ...section(7, [
        [...name('recurse'), 0, 1],
        [...name('take'), 0, 2],
      ]),
      ...section(
        10,
        functions.map((body) => [...encodeNumber(body.length), ...body]),
      ),
    ]);
  }

  test('gives it all of the stack and traps at the end', () => {
    const module = new WebAssembly.Module(guardExtension(extension(), stack));
    const pointer = new (
      WebAssembly as never as { Global: new (type: object, value: number) => { value: number } }
    ).Global({ value: 'i32', mutable: true }, stack.top);
    const { exports } = new WebAssembly.Instance(module, {
      e: { f: () => {}, memory: new WebAssembly.Memory({ initial: 1 }), __stack_pointer: pointer },
    });
    const { recurse, take } = exports as Guarded['exports'];
    const depth = calls(512 * 1024 - redZone) - 1;
    assert.equal(recurse?.(depth), depth);
    assert.throws(() => recurse?.(depth + 3), WebAssembly.RuntimeError);
    pointer.value = stack.top;
    assert.throws(() => take?.(-8), WebAssembly.RuntimeError);
  });
});
