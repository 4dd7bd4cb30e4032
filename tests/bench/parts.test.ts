/** The parts of the benchmark whose faults would not show in its output. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { Connection } from '../../bench/lib/connection.ts';
import { type Figure, verdict } from '../../bench/lib/figure.ts';
import { medianInterval, quantile, summarize } from '../../bench/lib/statistics.ts';
import { renderTable } from '../../bench/lib/table.ts';
import { TestFolder } from '../harness/folder.ts';

test('quantiles lie between neighbours', () => {
  assert.equal(quantile([3, 1, 2], 0.5), 2);
  assert.equal(quantile([4, 1, 3, 2], 0.5), 2.5);
  assert.equal(quantile([10, 20], 0.99), 19.9);
  assert.throws(() => quantile([], 0.5), RangeError);
  assert.equal(
    quantile([1, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY], 0.75),
    Number.POSITIVE_INFINITY,
  );
});

test('a quantile is never outside of the values, and grows with its share', () => {
  const values = fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1 });
  const share = fc.double({ noNaN: true, min: 0, max: 1 });
  fc.assert(
    fc.property(values, share, share, (all, a, b) => {
      const [low, high] = [quantile(all, Math.min(a, b)), quantile(all, Math.max(a, b))];
      assert.ok(low >= Math.min(...all) - 1e-9 && high <= Math.max(...all) + 1e-9);
      assert.ok(low <= high + 1e-9);
    }),
  );
});

test('the spread is half the distance of the quartiles, in per cent', () => {
  const sample = summarize([90, 95, 100, 105, 110]);
  assert.deepEqual(sample, { median: 100, spread: 5, lowest: 90, highest: 110, rounds: 5 });
  assert.equal(summarize([0, 0]).spread, 0);
});

test('the interval of a median lies within the values, is narrow where they agree, and needs a few of them', () => {
  assert.equal(medianInterval([[1, 2, 3]]), undefined);
  assert.deepEqual(
    medianInterval([
      [5, 5],
      [5, 5],
    ]),
    [5, 5],
  );
  const wide = medianInterval([Array.from({ length: 10 }, (_, index) => 1 + index / 10)]);
  const [low = 0, high = 0] = wide ?? [];
  assert.ok(low >= 1 && low < 1.45 && high > 1.45 && high <= 1.9, String(wide));
  // Restarts that differ make it wider than rounds alone would.
  const together = medianInterval([[1, 1, 1, 2, 2, 2]]) ?? [0, 0];
  const apart = medianInterval([
    [1, 1, 1],
    [2, 2, 2],
  ]) ?? [0, 0];
  assert.ok(apart[1] - apart[0] >= together[1] - together[0]);
});

const figure = (hathi: number, more: Partial<Figure>): Figure => ({
  label: 'a figure',
  unit: 'ms',
  hathi: summarize([hathi]),
  ...more,
});

test('a target is reached or missed by the median that it is about', () => {
  const most = { of: 'hathi', limit: 'at most', value: 10 } as const;
  assert.equal(verdict(figure(10, { target: most })), 'reached');
  assert.equal(verdict(figure(10.1, { target: most })), 'missed');
  const least = { of: 'hathi', limit: 'at least', value: 10 } as const;
  assert.equal(verdict(figure(9.9, { target: least })), 'missed');
  const ratio = { of: 'ratio', limit: 'at most', value: 4 } as const;
  assert.equal(verdict(figure(1, { target: ratio, ratio: summarize([4.1]) })), 'missed');
  assert.equal(verdict(figure(1, { target: ratio })), undefined);
  assert.equal(verdict(figure(1, {})), undefined);
});

test('the table says what was missed', () => {
  const target = { of: 'hathi', limit: 'at most', value: 0.3 } as const;
  const text = renderTable('Title', [figure(0.25, { target }), figure(0.5, { target, note: 'why' })]);
  const [title, , first, second, note] = text.split('\n');
  assert.equal(title, 'Title');
  assert.match(first ?? '', /a figure +0\.250 ms +at most 0\.3 ms +reached$/);
  assert.match(second ?? '', /0\.500 ms +at most 0\.3 ms +MISSED$/);
  assert.match(note ?? '', /a figure: why/);
});

/** A record of FastCGI with as much padding as is asked for. */
function record(type: number, content: string, padding = 0): Buffer {
  const header = Buffer.from([1, type, 0, 1, 0, content.length, padding, 0]);
  return Buffer.concat([header, Buffer.from(content), Buffer.alloc(padding)]);
}

/** A client's result for a server that sends these bytes in pieces of this size. */
async function answerTo(bytes: Buffer, pieces: number): Promise<string> {
  using folder = new TestFolder();
  const path = folder.join('server.sock');
  const server = createServer(async (socket) => {
    socket.setNoDelay(true);
    for await (const _ of socket) {
      for (let at = 0; at < bytes.length; at += pieces) {
        await new Promise((resolve) => socket.write(bytes.subarray(at, at + pieces), resolve));
      }
      socket.end();
    }
  }).listen(path);
  try {
    using connection = await Connection.open(path);
    const answer = await connection.exchange(Buffer.from('request'));
    return `${answer.bytes} ${answer.tail}`;
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

test('the client reads records however they are cut', async () => {
  const response = Buffer.concat([
    record(6, 'head', 4),
    record(6, 'hello', 3),
    record(6, ''),
    record(3, '\0\0\0\0\0\0\0\0'),
  ]);
  for (const pieces of [1, 2, 3, 7, 8, 9, 20, 1000])
    assert.equal(await answerTo(response, pieces), '9 hello');
});

test('the client takes a log message and a broken connection for failures', async () => {
  const logged = Buffer.concat([record(7, 'PHP Warning'), record(3, '\0\0\0\0\0\0\0\0')]);
  await assert.rejects(answerTo(logged, 1000), /PHP Warning/);
  await assert.rejects(answerTo(record(6, 'half of it'), 1000), /ended before/);
});
