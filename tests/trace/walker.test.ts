import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { stackFrames } from '../../src/trace/frames.ts';
import { glanceAtStack, lookAtStack } from '../../src/trace/look.ts';
import { referenceFrames } from '../../src/trace/reference-frames.ts';
import { StackWalker, type Walk } from '../../src/trace/walker.ts';
import { FakeMemory, symbols } from './fake-memory.ts';

const main = { file: '/s/main.php', line: 9, callInfo: symbols.call_code | symbols.call_top };
const walk = (memory: FakeMemory, depth = 100): Walk | undefined =>
  new StackWalker(symbols).walk(memory, { depth, lines: true });

function walkOf(memory: FakeMemory): Walk {
  const result = walk(memory);
  assert.ok(result !== undefined);
  return result;
}

test('frames in the words of the reference, and as people want them', () => {
  const memory = new FakeMemory();
  const places = memory.stack([
    { name: 'sleep' },
    { name: 'run', scope: 'App\\Job', file: '/s/job.php', line: 12 },
    { name: '{closure}', scope: 'App\\Job', file: '/s/job.php', line: 20, startLine: 18, isClosure: true },
    { name: 'usort' },
    { isPlaceholder: true },
    { name: 'go', scope: 'class@anonymous\0/s/x.php:3$0', file: '/s/inc.php', line: 4 },
    { file: '/s/inc.php', line: 5, callInfo: symbols.call_code },
    { ...main, includes: 8 },
  ]);
  const { calls, isSteady } = walkOf(memory);
  assert.equal(isSteady, true);
  const address = (index: number): string => `[0x${(places[index] ?? 0).toString(16).padStart(16, '0')}]`;
  assert.deepEqual(referenceFrames(calls, 20), [
    `${address(0)} sleep() /s/job.php:12`,
    `${address(1)} run() /s/job.php:20`,
    // The reference looks no further than the place-holder.
    `${address(2)} {closure}() unknown:0`,
    `${address(3)} usort() unknown:0`,
    `${address(4)} ???() /s/inc.php:4`,
    `${address(5)} go() /s/inc.php:5`,
    `${address(6)} [INCLUDE_OR_EVAL]() /s/main.php:9`,
  ]);
  assert.equal(referenceFrames(calls, 2).length, 2);
  assert.deepEqual(
    stackFrames(calls).map(({ class: scope, function: name, file, line }) => [
      scope,
      name,
      `${file}:${line}`,
    ]),
    [
      [undefined, 'sleep', '/s/job.php:12'],
      ['App\\Job', 'run', '/s/job.php:12'],
      ['App\\Job', '{closure:/s/job.php:18}', '/s/job.php:20'],
      [undefined, 'usort', '/s/inc.php:4'],
      [undefined, '???', '/s/inc.php:4'],
      ['class@anonymous', 'go', '/s/inc.php:4'],
      [undefined, 'require', '/s/inc.php:5'],
      [undefined, '{main}', '/s/main.php:9'],
    ],
  );
});

test('a function that nobody written in PHP has called has no place', () => {
  const memory = new FakeMemory();
  memory.stack([{ name: 'flush', callInfo: symbols.call_top }]);
  const { calls } = walkOf(memory);
  assert.match(referenceFrames(calls, 20)[0] ?? '', / flush\(\) unknown:0$/);
  assert.deepEqual(stackFrames(calls), [{ function: 'flush', file: '', line: 0 }]);
});

test('what has no name, as the function that a fiber begins with', () => {
  const memory = new FakeMemory();
  memory.stack([{}, main]);
  const { calls } = walkOf(memory);
  assert.match(referenceFrames(calls, 20)[0] ?? '', / \[INCLUDE_OR_EVAL\]\(\) \/s\/main.php:9$/);
  assert.equal(stackFrames(calls)[0]?.function, '{internal}');
});

test('no PHP code runs: no calls', () => {
  assert.deepEqual(walk(new FakeMemory()), { calls: [], isSteady: true, isWhole: true });
});

test('the bytes of names never become a line, an escape sequence or half a character', () => {
  const memory = new FakeMemory();
  memory.stack([{ name: 'a\n\x1b[31m\xc3\xa9', file: '/s/\xffx\0y', line: 1 }, main]);
  const [frame] = stackFrames(walkOf(memory).calls);
  assert.deepEqual(frame, { function: 'a\ufffd\ufffd[31mé', file: '/s/\ufffdx\ufffdy', line: 1 });
});

test('a chain that comes back to itself and one without end stop at the depth', () => {
  const memory = new FakeMemory();
  const places = memory.stack([{ name: 'a', file: '/s/a', line: 1 }, main]);
  memory.put((places[1] ?? 0) + symbols.execute_data_prev, places[0] ?? 0);
  assert.equal(walk(memory, 50)?.calls.length, 50);
});

test('pointers that cannot be, absurd lengths and memory that is gone make no walk', () => {
  const spoil: ((memory: FakeMemory, places: number[]) => void)[] = [
    (memory) => {
      memory.current = 8;
    },
    (memory, [first = 0]) => {
      memory.current = first + 1;
    },
    (memory) => {
      memory.current = 2 ** 52;
    },
    (memory, [first = 0]) => memory.put(first + symbols.execute_data_prev, 2 ** 53 - 8),
    (memory, [first = 0]) => memory.put(first + symbols.execute_data_func, 0x7fff_0000_0000),
    (memory, [first = 0]) => memory.put(first + symbols.execute_data_opline, 0x7fff_0000_0000),
    // The name's length.
    (memory, [first = 0]) => {
      const func = Number(memory.bytes.readBigUInt64LE(first - memory.start + symbols.execute_data_func));
      const name = Number(memory.bytes.readBigUInt64LE(func - memory.start + symbols.function_name));
      memory.put(name + symbols.string_length, 5000);
    },
  ];
  for (const [index, change] of spoil.entries()) {
    const memory = new FakeMemory();
    const places = memory.stack([{ name: 'a', file: '/s/a', line: 1 }, main]);
    assert.ok(walk(memory) !== undefined);
    change(memory, places);
    assert.equal(walk(memory), undefined, `case ${index}`);
  }
});

test('a stack that moves meanwhile is looked at again', () => {
  const memory = new FakeMemory();
  const inner = memory.stack([{ name: 'inner' }, { name: 'outer', file: '/s/o', line: 2 }, main]);
  const pending = memory.call({ name: 'pending' });
  // While it is being prepared a call is linked to nothing.
  memory.current = pending;
  memory.beforeRead = (read) => {
    if (read === 2) memory.current = inner[0] ?? 0;
  };
  assert.equal(walk(memory), undefined);
  memory.reads = 0;
  memory.current = pending;
  const walked = lookAtStack(new StackWalker(symbols), memory, 20);
  assert.deepEqual([walked?.isSteady, walked?.calls.map(({ name }) => name)], [true, ['inner', 'outer', '']]);
});

test('a call that is being prepared is no stack even when it runs at both ends of the look', () => {
  const memory = new FakeMemory();
  const [leaf = 0, outer = 0] = memory.stack([{ name: 'leaf' }, main]);
  memory.put(leaf + symbols.execute_data_prev, 0);
  const walker = new StackWalker(symbols);
  assert.equal(glanceAtStack(walker, memory, 20), undefined);
  // For an entry of the slow log it is better than nothing.
  assert.deepEqual(lookAtStack(walker, memory, 20)?.calls.length, 1);
  memory.put(leaf + symbols.execute_data_prev, outer);
  assert.equal(glanceAtStack(walker, memory, 20)?.isSteady, true);
  assert.equal(glanceAtStack(walker, memory, 1)?.isSteady, true, 'it is cut at the depth');
});

test('calls that come and go above a chain that holds leave it whole, and it is known as unsteady', () => {
  const memory = new FakeMemory();
  /** Another call runs whenever somebody looks. */
  const alternate = ([first = 0, second = 0]: readonly number[]): void => {
    let looks = 0;
    memory.beforeRead = (_, address) => {
      if (address !== symbols.current_execute_data) return;
      memory.current = looks % 2 === 0 ? first : second;
      looks += 1;
    };
  };
  alternate(memory.stack([{ name: 'leaf' }, { name: 'loop', file: '/s/l', line: 3 }, main]));
  const walked = glanceAtStack(new StackWalker(symbols), memory, 20);
  assert.deepEqual([walked?.isSteady, walked?.calls.map(({ name }) => name)], [false, ['leaf', 'loop', '']]);
  // Without the request's script at its end it may be a left-over of a call that PHP itself made.
  alternate(memory.stack([{ name: 'leaf' }, { name: 'callback', callInfo: symbols.call_top }]));
  assert.equal(glanceAtStack(new StackWalker(symbols), memory, 20), undefined);
});

test('names are remembered only of what no request makes', () => {
  const walker = new StackWalker(symbols);
  const nameOf = (name: string, isImmutable: boolean, file?: string): string | undefined => {
    // Every worker is forked from one host: the same address may hold another function in each.
    const memory = new FakeMemory();
    memory.stack([{ name, isImmutable, ...(file === undefined ? {} : { file }) }, main]);
    return walker.walk(memory, { depth: 5, lines: false })?.calls[0]?.name;
  };
  assert.deepEqual([nameOf('one', false, '/a'), nameOf('two', false, '/a')], ['one', 'two']);
  assert.deepEqual([nameOf('one', true, '/a'), nameOf('two', true, '/a')], ['one', 'one']);
});

test('whatever the memory holds, a walk ends and never throws', () => {
  const run = (content: Uint8Array, changes: readonly (readonly [number, number])[]): void => {
    const memory = new FakeMemory(4096);
    memory.stack([{ name: 'a', scope: 'B', file: '/s/a', line: 1 }, main]);
    for (const [at, value] of changes) memory.bytes.writeUInt8(value, at % 1024);
    Buffer.from(content).copy(memory.bytes, 1024);
    const walked = walk(memory, 64);
    if (walked === undefined) return;
    assert.ok(walked.calls.length <= 64);
    for (const line of referenceFrames(walked.calls, 64)) assert.ok(line.length < 10_000);
    stackFrames(walked.calls);
  };
  const change = fc.tuple(fc.nat(1023), fc.nat(255));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 3000 }), fc.array(change, { maxLength: 20 }), run), {
    numRuns: 300,
  });
});
