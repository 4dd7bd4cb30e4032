/** Pieces of output on their way into a stream. */
import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { StreamOutput } from '../../src/fastcgi/stream-output.ts';

/** A peer that reads, and how many writes it got. */
function peer(): { stream: Duplex; got: Buffer[]; writes: () => number } {
  const got: Buffer[] = [];
  let writes = 0;
  const stream = new Duplex({
    writableHighWaterMark: 1 << 20,
    read: () => {},
    write: (bytes: Buffer, _encoding, done) => {
      writes += 1;
      got.push(bytes);
      done();
    },
  });
  return { stream, got, writes: () => writes };
}

for (const [what, size, count, most] of [
  ['answers of 16 bytes', 16, 10_000, 40],
  ['single bytes', 1, 10_000, 40],
  ['pieces of a page', 8192, 64, 64],
] as const) {
  test(`${what} leave whole, in order and in few writes`, () => {
    const { stream, got, writes } = peer();
    const output = new StreamOutput(stream);
    const sent = Array.from({ length: count }, (_, index) => Buffer.alloc(size, index % 251));
    for (const chunk of sent) output.send([chunk]);
    output.flush();
    assert.ok(Buffer.concat(got).equals(Buffer.concat(sent)));
    assert.ok(writes() <= most, `${writes()} writes`);
    assert.equal(output.pendingBytes, 0);
  });
}
