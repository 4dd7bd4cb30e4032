import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { ErrorLog } from '../../src/log/error-log.ts';
import type { Level } from '../../src/log/levels.ts';
import { PoolVoice } from '../../src/log/pool-voice.ts';
import { WorkerOutput } from '../../src/log/worker-output.ts';
import { type Cleanup, emptyFile, folderFor, withoutTime } from './support.ts';

interface Setup {
  decorate?: boolean;
  limit?: number;
  level?: Level;
}

function outputFor(t: Cleanup, { decorate = true, limit = 1024, level = 'notice' }: Setup = {}) {
  const path = emptyFile(folderFor(t), 'log');
  const stderr = openSync(path, 'a');
  t.after(() => closeSync(stderr));
  const log = new ErrorLog({ stderr, level, limit });
  const output = new WorkerOutput({ log, pool: 'www', decorate });
  return {
    write: (text: string, stream: 'stdout' | 'stderr' = 'stderr', pid = 7) =>
      output.write(pid, stream, Buffer.from(text, 'latin1')),
    flush: () => output.flush(7),
    end: () => output.end(7),
    text: () => readFileSync(path, 'latin1'),
    lines: () => withoutTime(readFileSync(path, 'latin1')),
  };
}

const said = (text: string, stream = 'stderr') =>
  `[TIME] WARNING: [pool www] child 7 said into ${stream}: "${text}"`;

test('lines are decorated, empty ones dropped, quotes kept as they are', (t) => {
  const worker = outputFor(t);
  worker.write('a\n\n\n"b"\n');
  assert.deepEqual(worker.lines(), [said('a'), said('"b"')]);
});

test('a line grows over several writes until its newline or the end of the request', (t) => {
  const worker = outputFor(t);
  worker.write('un');
  worker.write('finished');
  assert.equal(worker.text(), '');
  worker.flush();
  worker.write(' tail\nnext');
  worker.flush();
  worker.flush();
  assert.deepEqual(worker.lines(), [said('unfinished'), said(' tail'), said('next')]);
});

test('a change of the stream ends the line', (t) => {
  const worker = outputFor(t);
  worker.write('one');
  worker.write('two', 'stdout');
  worker.write('three\n');
  assert.deepEqual(worker.lines(), [said('one'), said('two', 'stdout'), said('three')]);
});

test('workers do not mix', (t) => {
  const worker = outputFor(t);
  worker.write('mine');
  worker.write('yours\n', 'stderr', 8);
  worker.write(' still\n');
  assert.deepEqual(worker.lines(), [said('yours').replace('child 7', 'child 8'), said('mine still')]);
});

test('words that a worker could take for commands are text', (t) => {
  const worker = outputFor(t);
  worker.write('\0fscf\0 not a flush');
  assert.equal(worker.text(), '');
  worker.write('\n');
  assert.deepEqual(worker.lines(), [said('\\x00fscf\\x00 not a flush')]);
});

test('the end of a worker is told with what it said first and last', (t) => {
  const worker = outputFor(t);
  worker.write('last words');
  worker.end();
  worker.end();
  worker.write('heard before\n');
  worker.write('then this');
  worker.end();
  assert.deepEqual(worker.lines(), [
    `${said('last words')}, pipe is closed`,
    said('heard before'),
    said('then this'),
  ]);
});

test('undecorated lines are the text and nothing else', (t) => {
  const worker = outputFor(t, { decorate: false });
  worker.write('{"level":"info"}\n\xff\x01"\n');
  assert.equal(worker.text(), '{"level":"info"}\n\xff\\x01"\n');
});

test('what a terminal would obey is escaped, decorated or not, and in pieces', (t) => {
  const text = '\x1b[31m\r\0\xc2\x9b2J\n';
  const shown = '\\x1b[31m\\x0d\\x00\\xc2\\x9b2J';
  for (const decorate of [true, false]) {
    const worker = outputFor(t, { decorate });
    worker.write(text.slice(0, 9));
    worker.write(text.slice(9));
    assert.deepEqual(worker.lines(), [decorate ? said(shown) : shown]);
  }
  const worker = outputFor(t, { limit: 512, decorate: false });
  worker.write(`${'\x1b'.repeat(600)}\n`);
  const lines = worker.lines();
  assert.ok(lines.every((line) => line.length <= 511));
  assert.equal(lines.join(''), '\\x1b'.repeat(600));
});

test('a log level above warning drops worker output', (t) => {
  const worker = outputFor(t, { level: 'error' });
  worker.write('unheard\n');
  assert.equal(worker.text(), '');
});

test('the debug form has the place that the reference prints', (t) => {
  const worker = outputFor(t, { level: 'debug' });
  worker.write('x\n');
  const place = `pid ${process.pid}, (null)(), line 0: `;
  assert.deepEqual(worker.lines(), [said('x').replace('WARNING: ', `WARNING: ${place}`)]);
});

test('a line that fills log_limit goes on in the next', (t) => {
  const worker = outputFor(t, { limit: 512 });
  worker.write('x'.repeat(900));
  worker.write('y'.repeat(300));
  worker.flush();
  const lines = worker.text().trimEnd().split('\n');
  const text = lines.map((line) => line.slice(line.indexOf('"') + 1, -1));
  assert.equal(text.join(''), 'x'.repeat(900) + 'y'.repeat(300));
  assert.deepEqual(
    lines.map((line) => line.length <= 511),
    lines.map(() => true),
  );
  assert.equal(lines[0]?.length, 511);
});

test('undecorated text is cut into the same pieces however it arrives', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ maxLength: 700, unit: fc.constantFrom('a', 'b', '\n') }), { maxLength: 6 }),
      (chunks) => {
        const whole = outputFor(t, { decorate: false, limit: 512 });
        whole.write(chunks.join(''));
        whole.flush();
        const parts = outputFor(t, { decorate: false, limit: 512 });
        for (const chunk of chunks) parts.write(chunk);
        parts.flush();
        const expected = chunks
          .join('')
          .split('\n')
          .flatMap((line) => line.match(/.{1,511}/g) ?? []);
        assert.equal(parts.text(), whole.text());
        assert.deepEqual(whole.text().split('\n').slice(0, -1), expected);
      },
    ),
    { numRuns: 40 },
  );
});

const noLimit = { bytesPerSecond: 1e9, burst: 1e9 };

/** Ten lines of 36 bytes, which cost 1000, are what may be said at once, and half of it a second. */
function boundedOutput(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const path = emptyFile(folderFor(t), 'log');
  const stderr = openSync(path, 'a');
  t.after(() => closeSync(stderr));
  const log = new ErrorLog({ stderr });
  const clock = { now: 0 };
  const limits = { output: { bytesPerSecond: 500, burst: 1000 }, messages: noLimit };
  const voice = new PoolVoice(log, 'www', () => clock.now, limits);
  const output = new WorkerOutput({ log, pool: 'www', decorate: false, voice });
  return {
    write: (text: string, pid = 7) => output.write(pid, 'stderr', Buffer.from(text)),
    pass: (milliseconds: number) => {
      clock.now += milliseconds;
      t.mock.timers.tick(milliseconds);
    },
    lines: () => withoutTime(readFileSync(path, 'latin1')),
  };
}

const tenLines = `${'x'.repeat(35)}\n`.repeat(10);

test('what is too much is dropped, and said', (t) => {
  const worker = boundedOutput(t);
  worker.write(tenLines);
  worker.write(tenLines);
  worker.write('of another worker\n', 8);
  assert.equal(worker.lines().length, 10);
  worker.pass(1000);
  assert.match(
    worker.lines()[10] ?? '',
    /WARNING: \[pool www\] 11 lines of this pool were dropped in the last second: /,
  );
  worker.write('heard again\n');
  worker.pass(1000);
  assert.deepEqual(worker.lines().slice(11), ['heard again']);
});

test('a line of which a part was dropped is not joined with the next', (t) => {
  const worker = boundedOutput(t);
  worker.write(`${tenLines}begun `);
  worker.write('and dropped');
  worker.pass(2000);
  worker.write(' and goes on\nwhole\n');
  const lines = worker.lines();
  assert.equal(lines[10], 'begun ');
  assert.match(lines[11] ?? '', / 1 line of this pool/);
  assert.deepEqual(lines.slice(12), ['whole']);
});
