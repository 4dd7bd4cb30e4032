import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, readSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ErrorLog } from '../../src/log/error-log.ts';
import { parseLevel } from '../../src/log/levels.ts';
import { setNonBlocking, socketPair } from '../../src/posix/descriptors.ts';
import { runInChild } from '../posix/child.ts';
import { type Cleanup, emptyFile, folderFor, linesOf, withoutTime } from './support.ts';

/** A log that writes to a file, with another file in the place of stderr. */
function logFor(t: Cleanup, useStderr = false) {
  const folder = folderFor(t);
  const stderr = emptyFile(folder, 'stderr');
  const fd = openSync(stderr, 'a');
  const path = join(folder, 'error.log');
  const log = new ErrorLog({ stderr: fd });
  t.after(() => {
    log.close();
    closeSync(fd);
  });
  log.open({ kind: 'file', path, useStderr });
  return { log, folder, path, stderr, stderrFd: fd };
}

test('levels are read in any case, and warn is warning', () => {
  assert.equal(parseLevel('NOTICE'), 'notice');
  assert.equal(parseLevel('Warn'), 'warning');
  assert.equal(parseLevel('toString'), undefined);
});

test('lines go to the file, which is for the owner alone, and until the launch to stderr as well', (t) => {
  const { log, path, stderr } = logFor(t);
  log.notice('one');
  log.debug('never seen');
  log.launched(false);
  log.alert('two');
  assert.deepEqual(linesOf(path), ['[TIME] NOTICE: one', '[TIME] ALERT: two']);
  assert.deepEqual(linesOf(stderr), ['[TIME] NOTICE: one']);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('with stderr in use the file is there and stays empty', (t) => {
  const { log, path, stderr } = logFor(t, true);
  log.error('to people');
  assert.equal(readFileSync(path, 'utf8'), '');
  assert.deepEqual(linesOf(stderr), ['[TIME] ERROR: to people']);
});

test('a log file that is stderr gets every line once', (t) => {
  const folder = folderFor(t);
  const path = emptyFile(folder, 'both');
  const stderr = openSync(path, 'a');
  const log = new ErrorLog({ stderr });
  log.open({ kind: 'file', path, useStderr: false });
  log.notice('once');
  log.close();
  closeSync(stderr);
  assert.deepEqual(linesOf(path), ['[TIME] NOTICE: once']);
});

test('levels below the threshold are dropped, and the debug level tells the place', (t) => {
  const { log, path } = logFor(t);
  log.launched(false);
  log.configure({ level: 'error', limit: 1024 });
  log.warning('dropped');
  log.error('kept');
  log.configure({ level: 'debug', limit: 1024 });
  function speaker(): void {
    log.debug('from a function');
  }
  speaker();
  const [kept = '', debug = ''] = readFileSync(path, 'utf8').split('\n');
  assert.match(kept, /\] ERROR: kept$/);
  const expected = `^\\[.*\\.\\d{6}\\] DEBUG: pid ${process.pid}, speaker\\(\\), line \\d+: from a function$`;
  assert.match(debug, new RegExp(expected));
  const line = Number(/line (\d+):/.exec(debug)?.[1]);
  const source = readFileSync(new URL(import.meta.url), 'utf8').split('\n');
  assert.match(source[line - 1] ?? '', /log\.debug\('from a function'\)/);
});

test('errors of Node and of the C library carry number and text', (t) => {
  const { log, path } = logFor(t);
  try {
    openSync('/no/such/file', 'r');
  } catch (error) {
    log.sysError("cannot read '/no/such/file'", error);
  }
  log.sysError('odd', new Error('without a number'));
  assert.deepEqual(linesOf(path), [
    "[TIME] ERROR: cannot read '/no/such/file': No such file or directory (2)",
    '[TIME] ERROR: odd: without a number',
  ]);
});

test('a file that cannot be opened is said and thrown', (t) => {
  const folder = folderFor(t);
  const stderr = emptyFile(folder, 'stderr');
  const fd = openSync(stderr, 'a');
  const log = new ErrorLog({ stderr: fd });
  const path = join(folder, 'missing/error.log');
  assert.throws(() => log.open({ kind: 'file', path, useStderr: false }), { code: 'ENOENT' });
  closeSync(fd);
  assert.deepEqual(linesOf(stderr), [
    `[TIME] ERROR: failed to open error_log (${path}): No such file or directory (2)`,
  ]);
});

test('after a rotation lines go to the new file, on the same descriptor', (t) => {
  const { log, path, folder } = logFor(t);
  log.launched(false);
  const before = log.fd;
  log.notice('old');
  renameSync(path, join(folder, 'error.log.1'));
  assert.equal(log.reopen(), true);
  log.notice('new');
  assert.equal(log.fd, before);
  assert.deepEqual(linesOf(join(folder, 'error.log.1')), ['[TIME] NOTICE: old']);
  assert.deepEqual(linesOf(path), ['[TIME] NOTICE: error log file re-opened', '[TIME] NOTICE: new']);
});

test('a rotation that fails keeps the old file', (t) => {
  const { log, path, folder } = logFor(t);
  log.launched(false);
  const moved = `${folder}.moved`;
  renameSync(folder, moved);
  assert.equal(log.reopen(), false);
  log.notice('goes on');
  renameSync(moved, folder);
  assert.deepEqual(linesOf(path), [
    `[TIME] ERROR: failed to open error_log (${path}): No such file or directory (2)`,
    '[TIME] ERROR: unable to re-opened error log file',
    '[TIME] NOTICE: goes on',
  ]);
});

test('a full disk loses lines, says so once, and the log goes on when there is room again', (t) => {
  const folder = folderFor(t);
  const stderr = emptyFile(folder, 'stderr');
  const fd = openSync(stderr, 'a');
  const log = new ErrorLog({ stderr: fd });
  t.after(() => {
    log.close();
    closeSync(fd);
  });
  log.open({ kind: 'file', path: '/dev/full', useStderr: false });
  log.launched(false);
  log.error('lost one');
  log.error('lost two');
  assert.match(String(log.lastFailure), /ENOSPC/);
  assert.deepEqual(linesOf(stderr), [
    "[TIME] ERROR: cannot write the error log '/dev/full': No space left on device (28); lines are lost until it can be written",
  ]);
});

// A log that waited for its reader would wait here for ever, since the reader is this test.
test('a reader that goes away or does not read never throws and never blocks', (t) => {
  const [reader, writer] = socketPair();
  const log = new ErrorLog({ stderr: writer });
  setNonBlocking(reader, true);
  t.after(() => closeSync(writer));
  for (let count = 0; count < 2000; count += 1) log.error('x'.repeat(900));
  assert.match(String(log.lastFailure), /does not read/);
  const received = drain(reader);
  assert.ok(
    withoutTime(received.slice(0, received.lastIndexOf('\n') + 1)).every((line) => line.length === 914),
  );
  log.error('read again');
  assert.equal(log.lastFailure, undefined);
  assert.match(drain(reader), /\] ERROR: read again\n$/);
  closeSync(reader);
  log.error('nobody is there');
  assert.match(String(log.lastFailure), /EPIPE/);
});

function drain(fd: number): string {
  const buffer = Buffer.alloc(65_536);
  let text = '';
  for (;;) {
    try {
      const length = readSync(fd, buffer);
      if (length === 0) return text;
      text += buffer.toString('latin1', 0, length);
    } catch {
      return text;
    }
  }
}

test('a log under a descriptor name works where it cannot be opened, and is not re-opened', () => {
  const folder = process.cwd();
  const result = runInChild(`
    const { ErrorLog } = await import(${JSON.stringify(`file://${folder}/src/log/error-log.ts`)});
    const { socketPair, duplicateOnto, receiveDescriptor } = await posix('descriptors.ts');
    const { readSync } = await import('node:fs');
    const [reader, writer] = socketPair();
    duplicateOnto(writer, 2);
    const log = new ErrorLog();
    log.open({ kind: 'file', path: '/dev/stderr', useStderr: false });
    log.notice('to a socket');
    log.reopen();
    const buffer = Buffer.alloc(1024);
    say(buffer.toString('utf8', 0, readSync(reader, buffer)).replace(/\\[.*?\\] /g, ''));
  `);
  assert.equal(result, 'NOTICE: to a socket\nNOTICE: error log file re-opened\n');
});

test('once launched, what others write to stderr is in the log too, also after a rotation', (t) => {
  const folder = folderFor(t);
  const path = join(folder, 'error.log');
  runInChild(`
    const { ErrorLog } = await import(${JSON.stringify(`file://${process.cwd()}/src/log/error-log.ts`)});
    const { renameSync, writeSync } = await import('node:fs');
    const log = new ErrorLog();
    log.open({ kind: 'file', path: ${JSON.stringify(path)}, useStderr: false });
    log.launched(true);
    writeSync(2, 'somebody else\\n');
    renameSync(${JSON.stringify(path)}, ${JSON.stringify(`${path}.1`)});
    log.reopen();
    writeSync(2, 'somebody else again\\n');
    say(null);
  `);
  assert.deepEqual(linesOf(`${path}.1`), ['somebody else']);
  assert.deepEqual(linesOf(path), ['[TIME] NOTICE: error log file re-opened', 'somebody else again']);
});
