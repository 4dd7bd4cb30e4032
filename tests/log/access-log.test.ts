import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type AccessValues, compileAccessFormat } from '../../src/log/access-format.ts';
import { AccessLog, type AccessLogTrouble, isSuppressed } from '../../src/log/access-log.ts';
import { openLogFile } from '../../src/log/open-file.ts';
import { socketPair } from '../../src/posix/descriptors.ts';
import { asBinary } from '../../src/text/binary.ts';
import { folderFor } from './support.ts';

const values: AccessValues = {
  pool: asBinary('www'),
  pid: 1,
  parentPid: 1,
  remoteAddress: asBinary(''),
  method: asBinary('GET'),
  uri: asBinary('/ping'),
  path: asBinary('/ping'),
  query: asBinary(''),
  script: asBinary(''),
  user: asBinary(''),
  requestId: asBinary(''),
  servedBy: 'classic',
  contentLength: 0,
  status: 200,
  memoryPeak: 0,
  duration: 0,
  cpuUser: 0,
  cpuSystem: 0,
  acceptedAt: 0,
  loggedAt: 0,
  parameters: new Map(),
  headers: [],
};

function format(text: string) {
  const compiled = compileAccessFormat(text);
  assert.ok(compiled.ok);
  return compiled;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('lines of one turn of the loop are one write', async () => {
  const [reader, fd] = socketPair();
  const log = new AccessLog({ fd, format: format('%r') });
  log.add({ ...values, uri: asBinary('/a') });
  log.add({ ...values, uri: asBinary('/b') });
  await turn();
  log.add({ ...values, uri: asBinary('/c') });
  log.close();
  const buffer = Buffer.alloc(100);
  assert.equal(buffer.toString('latin1', 0, readSync(reader, buffer)), '/a\n/b\n/c\n');
  closeSync(reader);
});

test('a path is suppressed by every condition together and by none alone', () => {
  const paths = new Set(['/ping']);
  assert.equal(isSuppressed(values, paths), true);
  assert.equal(isSuppressed({ ...values, method: asBinary('HEAD'), status: 299 }, paths), true);
  const shown: Partial<AccessValues>[] = [
    { uri: asBinary('/ping/') },
    { uri: asBinary('/pin') },
    { method: asBinary('POST') },
    { method: asBinary('get') },
    { query: asBinary('full') },
    { contentLength: 1 },
    { status: 199 },
    { status: 300 },
    { status: 500 },
  ];
  for (const change of shown) assert.equal(isSuppressed({ ...values, ...change }, paths), false);
});

test('suppressed requests leave no line', (t) => {
  const path = join(folderFor(t), 'access.log');
  const log = new AccessLog({ fd: openLogFile(path), format: format('%r %s'), suppressPaths: ['/ping'] });
  log.add(values);
  log.add({ ...values, status: 503 });
  log.close();
  assert.equal(readFileSync(path, 'utf8'), '/ping 503\n');
});

test('a line with nothing in it is none', (t) => {
  const path = join(folderFor(t), 'access.log');
  const log = new AccessLog({ fd: openLogFile(path), format: format('%q') });
  for (const query of ['', 'a', '']) log.add({ ...values, query: asBinary(query) });
  log.close();
  assert.equal(readFileSync(path, 'utf8'), 'a\n');
});

test('a line over the limit is cut, keeps its newline, and is reported', (t) => {
  const path = join(folderFor(t), 'access.log');
  const troubles: AccessLogTrouble[] = [];
  const onTrouble = (trouble: AccessLogTrouble) => void troubles.push(trouble);
  const log = new AccessLog({ fd: openLogFile(path), format: format('%r'), onTrouble });
  log.add({ ...values, uri: asBinary('x'.repeat(1023)) });
  assert.deepEqual(troubles, []);
  log.add({ ...values, uri: asBinary('y'.repeat(1024)) });
  log.close();
  assert.equal(readFileSync(path, 'latin1'), `${'x'.repeat(1023)}\n${'y'.repeat(1023)}\n`);
  const text = 'the log buffer is full (1024). The access log request has been truncated.';
  assert.deepEqual(troubles, [{ kind: 'cut', text }]);
});

test('after a rotation lines go to the new file', (t) => {
  const folder = folderFor(t);
  const log = new AccessLog({ fd: openLogFile(join(folder, 'old')), format: format('%r') });
  log.add({ ...values, uri: asBinary('/before') });
  log.reopen(openLogFile(join(folder, 'new')));
  log.add({ ...values, uri: asBinary('/after') });
  log.close();
  log.close();
  assert.equal(readFileSync(join(folder, 'old'), 'utf8'), '/before\n');
  assert.equal(readFileSync(join(folder, 'new'), 'utf8'), '/after\n');
});

test('a full disk is reported once and throws nothing', () => {
  const troubles: AccessLogTrouble[] = [];
  const onTrouble = (trouble: AccessLogTrouble) => void troubles.push(trouble);
  const log = new AccessLog({ fd: openSync('/dev/full', 'a'), format: format('%r'), onTrouble });
  log.add(values);
  log.add(values);
  log.flush();
  log.add(values);
  log.close();
  assert.deepEqual(
    troubles.map((trouble) => [trouble.kind, trouble.kind === 'write' && trouble.lines]),
    [['write', 2]],
  );
});

test('a log file under the name of a descriptor is a copy of it', () => {
  const [reader, writer] = socketPair();
  const copy = openLogFile(`/proc/self/fd/${writer}`);
  const log = new AccessLog({ fd: copy, format: format('%r') });
  log.add(values);
  log.close();
  const buffer = Buffer.alloc(100);
  assert.equal(buffer.toString('latin1', 0, readSync(reader, buffer)), '/ping\n');
  closeSync(reader);
  closeSync(writer);
});
