/** The status page that C renders is the one of TypeScript, byte by byte, whatever workers wrote into the scoreboard. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  headerAt,
  headerFields,
  headerSize,
  slotAt,
  slotFields,
  slotPosition,
  slotSize,
  stringCapacity,
} from '../../src/scoreboard/layout.ts';
import { ScoreboardReader } from '../../src/scoreboard/reader.ts';
import { poolStatus } from '../../src/status/pool-status.ts';
import { cgiResponse, renderStatus } from '../../src/status/render.ts';
import { statusFormats } from '../../src/status/select.ts';
import { checkout, TestFolder } from '../harness/folder.ts';
import { compileChecked, targetSkip } from './fuzz-target.ts';

interface Case {
  readonly pool: string;
  readonly query: string;
  readonly pids: readonly number[];
  readonly laneSlots: number;
  readonly maxChildren: number;
  readonly isBooted: boolean;
  readonly showsMemoryPeak: boolean;
  readonly kernelQueue: number;
  readonly kernelLimit: number;
  readonly mostQueued: number;
  readonly nowSeconds: number;
  readonly nowMicros: number;
  readonly bytes: Buffer;
}

const text = (longest: number) =>
  fc
    .array(
      fc.oneof(
        fc.constantFrom(...'abc/?&=<>"\'\\%-', '\0', '\n', '\x1b[2J', '\x7f', '\x85', '\xff', '\xc0\xaf'),
        fc
          .constantFrom('\u00e9', '\u2028', '\u202e', '\ufeff', '\ufffe', '\u{1f4a9}', '\u{10ffff}', '\u0600')
          .map((character) => Buffer.from(character).toString('latin1')),
        // The start of a character that does not end.
        fc.constantFrom('\xe2\x80', '\xf0\x9f\x92', '\xed\xa0\x80', '\xf4\x90\x80\x80'),
      ),
      { maxLength: longest },
    )
    .map((pieces) => pieces.join(''));

/** Mostly what an honest worker writes. */
const number = fc.oneof(
  fc.nat(50).map(BigInt),
  fc.bigInt(0n, 1n << 40n),
  fc.constantFrom(0n, (1n << 53n) - 1n, 1n << 53n, (1n << 64n) - 1n),
);
const second = fc.integer({ min: 0, max: 2_000_000_000 }).map(BigInt);

const slot = fc.record({
  numbers: fc.array(number, { minLength: 20, maxLength: 20 }),
  stage: fc.integer({ min: 0, max: 9 }),
  isFree: fc.integer({ min: 0, max: 9 }).map((one) => one === 0),
  started: second,
  texts: fc.array(text(40), { minLength: 7, maxLength: 7 }),
  isLong: fc.boolean(),
  lie: fc.integer({ min: 0, max: 20 }),
  // Shares of a hundred with few decimals: the middle of two hundredths is among them.
  cpu: fc.tuple(fc.nat(4000), fc.constantFrom(0, 1, 3, 7, 800, 1600, 100_000)),
});

const cases = fc
  .record({
    pool: text(12).map((pool) =>
      Buffer.from(Buffer.from(pool, 'latin1').toString('utf8').replaceAll('\0', '')).toString('latin1'),
    ),
    format: fc.constantFrom(...statusFormats, 'full=1', 'html=2&json', 'fulls', 'a&&=', 'xml&full&x=%26full'),
    isFull: fc.boolean(),
    slots: fc.array(slot, { maxLength: 6 }),
    pids: fc.array(fc.nat(3), { minLength: 6, maxLength: 6 }),
    header: fc.array(number, { minLength: 30, maxLength: 30 }),
    started: second,
    small: fc.array(fc.nat(4), { minLength: 6, maxLength: 6 }),
    nowSeconds: second,
    nowMicros: fc.bigInt(0n, 1n << 50n),
  })
  .map((made): Case => {
    const bytes = Buffer.alloc(headerSize + made.slots.length * slotSize);
    for (const [index, field] of headerFields.entries()) {
      const value = made.header[index] ?? 0n;
      if (field.type === 'u32') bytes.writeUInt32LE(Number(value & 0xffff_ffffn), field.offset);
      else if (field.type === 'u64') bytes.writeBigUInt64LE(value, field.offset);
    }
    bytes.writeBigUInt64LE(made.started * 1_000_000n + 999_999n, headerAt.start_epoch_micros);
    for (const [index, one] of made.slots.entries()) writeSlot(bytes, slotPosition(index), one);
    const [laneSlots = 0, maxChildren = 0, flags = 0, kernelQueue = 0, kernelLimit = 0, most = 0] =
      made.small;
    return {
      pool: made.pool,
      query: `${made.format}${made.isFull ? '&full' : ''}`,
      pids: made.slots.map((_, index) => made.pids[index] ?? 0),
      laneSlots: Math.min(laneSlots, made.slots.length),
      maxChildren,
      isBooted: (flags & 1) !== 0,
      showsMemoryPeak: (flags & 2) !== 0,
      kernelQueue,
      kernelLimit,
      mostQueued: most === 0 ? 0 : 4096,
      nowSeconds: Number(made.nowSeconds),
      nowMicros: Number(made.nowMicros),
      bytes,
    };
  });

function writeSlot(
  bytes: Buffer,
  at: number,
  one: typeof slot extends fc.Arbitrary<infer Slot> ? Slot : never,
) {
  let texts = 0;
  for (const [index, field] of slotFields.entries()) {
    const value = one.numbers[index % one.numbers.length] ?? 0n;
    if (field.type === 'u32') bytes.writeUInt32LE(Number(value & 0xffff_fffen), at + field.offset);
    else if (field.type === 'u64') bytes.writeBigUInt64LE(value, at + field.offset);
    else {
      const capacity = stringCapacity[field.name];
      const short = Buffer.from(one.texts[texts++] ?? '', 'latin1');
      const whole = one.isLong && short.length > 0 ? Buffer.alloc(capacity, short) : short;
      const length = Math.min(whole.length, capacity);
      whole.copy(bytes, at + field.offset + 2, 0, length);
      bytes.writeUInt16LE(one.lie === 0 ? 0xffff : length, at + field.offset);
    }
  }
  // Growth is divided in the numbers of both languages, which agree up to 2^53.
  for (const offset of [slotAt.heap_bytes, slotAt.warm_heap_bytes])
    bytes.writeBigUInt64LE(bytes.readBigUInt64LE(at + offset) & ((1n << 40n) - 1n), at + offset);
  bytes.writeUInt32LE(one.stage, at + slotAt.state);
  bytes.writeUInt32LE(one.isFree ? 0 : 7, at + slotAt.pid);
  bytes.writeBigUInt64LE(one.started * 1_000_000n, at + slotAt.started_epoch_micros);
  bytes.writeBigUInt64LE(BigInt(one.cpu[0]), at + slotAt.cpu_micros);
  bytes.writeBigUInt64LE(BigInt(one.cpu[1]), at + slotAt.cpu_wall_micros);
}

/** The same with a thousand slots. */
function large(one: Case): Case {
  const times = Math.ceil(1000 / one.pids.length);
  const slots = Array<Buffer>(times).fill(one.bytes.subarray(headerSize));
  return {
    ...one,
    query: `full&${one.query}`,
    pids: Array<readonly number[]>(times).fill(one.pids).flat(),
    bytes: Buffer.concat([one.bytes.subarray(0, headerSize), ...slots]),
  };
}

/** The case as the program reads it (struct head). */
function encode(one: Case): Buffer {
  const head = Buffer.alloc(56);
  const pool = Buffer.from(one.pool, 'latin1');
  const query = Buffer.from(one.query, 'latin1');
  const words = [
    ...[one.pids.length, one.pids.length - one.laneSlots, one.maxChildren, Number(one.isBooted)],
    ...[Number(one.showsMemoryPeak), one.kernelQueue, one.kernelLimit, one.mostQueued],
    ...[pool.length, query.length],
  ];
  for (const [index, word] of words.entries()) head.writeUInt32LE(word, 4 * index);
  head.writeBigUInt64LE(BigInt(one.nowSeconds), 40);
  head.writeBigUInt64LE(BigInt(one.nowMicros), 48);
  const pids = Buffer.alloc(4 * one.pids.length);
  for (const [index, pid] of one.pids.entries()) pids.writeUInt32LE(pid, 4 * index);
  return Buffer.concat([head, pool, query, pids, one.bytes]);
}

function rendered(one: Case, file: string): Buffer {
  const fd = openSync(file, 'r');
  const reader = new ScoreboardReader(fd, one.pids.length, 'native', () => one.mostQueued);
  const scoreboard = reader.read();
  const snapshot = poolStatus({
    pool: {
      name: Buffer.from(one.pool, 'latin1').toString('utf8'),
      pm: 'dynamic',
      'pm.max_children': one.maxChildren,
      'worker.script': one.isBooted ? '/app.php' : undefined,
    },
    scoreboard,
    workers: one.pids.map((pid, index) => ({ slot: index, pid })).filter(({ pid }) => pid !== 0),
    firstLaneSlot: one.pids.length - one.laneSlots,
    startedAt: scoreboard.header.startEpochMicros / 1000,
    listenQueue: one.kernelQueue,
    maxListenQueue: scoreboard.header.maxListenQueue,
    listenQueueLength: one.kernelLimit,
    maxChildrenReached: scoreboard.header.maxChildrenReached,
    slowRequests: scoreboard.header.slowRequests,
    showsMemoryPeak: one.showsMemoryPeak,
    nowMicros: one.nowMicros,
  });
  const { headers, body } = renderStatus(snapshot, one.query, one.nowSeconds * 1000);
  closeSync(fd);
  return cgiResponse(headers, body);
}

test('pages in all formats, of random scoreboards', { skip: targetSkip }, (context) => {
  using folder = new TestFolder();
  const program = compileChecked(folder.join('status'), [
    join(checkout, 'tests/native/status-program.c'),
    ...[
      ...[
        'host/status_page.c',
        'host/status_styles.c',
        'host/status_text.c',
        'record/status_figures.c',
        'record/text_line.c',
      ],
      ...['record/scoreboard.c', 'shared/clock.c', 'shared/text.c'],
    ].map((file) => join(checkout, 'native', file)),
  ]);
  const seed = Date.now() % 2 ** 31;
  context.diagnostic(`seed ${seed}`);
  const zone = process.env['TZ'];
  for (const name of ['UTC', 'America/St_Johns', 'Asia/Kathmandu']) {
    process.env['TZ'] = name;
    const some = fc.sample(cases, { numRuns: 1000, seed });
    const all = [
      ...some,
      ...some
        .filter(({ pids }) => pids.length > 3)
        .slice(0, 5)
        .map(large),
    ];
    const { status, stdout, stderr } = spawnSync(program, {
      input: Buffer.concat(all.map(encode)),
      maxBuffer: 2 ** 30,
    });
    assert.equal(status, 0, stderr.toString());
    let at = 0;
    for (const [index, one] of all.entries()) {
      const length = stdout.readUInt32LE(at);
      const file = folder.write('scoreboard', one.bytes);
      const wanted = rendered(one, file);
      const found = stdout.subarray(at + 4, at + 4 + length);
      if (!found.equals(wanted))
        assert.equal(found.toString('utf8'), wanted.toString('utf8'), `case ${index}`);
      at += 4 + length;
    }
    assert.equal(at, stdout.length);
  }
  if (zone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zone;
});
