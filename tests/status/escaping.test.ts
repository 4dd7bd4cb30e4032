import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { poolFields, processFieldsOf } from '../../src/status/fields.ts';
import { renderStatus } from '../../src/status/render.ts';
import { selectFormat } from '../../src/status/select.ts';
import type { ProcessStatus, StatusSnapshot } from '../../src/status/status-snapshot.ts';
import { localTime, numberText } from '../../src/status/values.ts';
import { asBinary } from '../../src/text/binary.ts';
import { noRequestTexts } from '../../src/text/request-texts.ts';

const process: ProcessStatus = {
  pid: 7,
  state: 'Idle',
  startTime: 1_700_000_000,
  requests: 1,
  requestDuration: 2,
  method: asBinary('GET'),
  uri: asBinary('/'),
  path: asBinary('/'),
  query: asBinary(''),
  contentLength: 0,
  user: asBinary(''),
  script: asBinary('/srv/index.php'),
  requestId: asBinary(''),
  lastRequestCpu: 0,
  lastRequestMemory: 0,
  application: undefined,
};
const snapshot: StatusSnapshot = {
  pool: asBinary('www'),
  processManager: 'static',
  startTime: 1_700_000_000,
  acceptedConnections: 0,
  listenQueue: 0,
  maxListenQueue: 0,
  listenQueueLength: 0,
  idleProcesses: 1,
  activeProcesses: 0,
  maxActiveProcesses: 0,
  maxChildrenReached: 0,
  slowRequests: 0,
  memoryPeak: 0,
  maxChildren: 1,
  isBooted: false,
  processes: [process],
};
const processFields = processFieldsOf(snapshot);
const now = 1_700_000_005_000;

function page(format: string, changes: Partial<ProcessStatus>, pool = 'www'): string {
  const processes = [{ ...process, ...changes }];
  return renderStatus({ ...snapshot, pool: asBinary(pool), processes }, `${format}&full`, now).body.toString(
    'utf8',
  );
}

const nasty = `<b>&"'\\]]>\n\x1b[2J\xff\0`;

test('html and xml escape markup, quotes and what is no text', () => {
  const escaped = '&lt;b&gt;&amp;&quot;&#039;\\]]&gt;\ufffd\ufffd[2J\ufffd\ufffd';
  for (const field of ['method', 'uri', 'user', 'script'] as const) {
    assert.ok(page('html', { [field]: nasty }).includes(`<td>${escaped}</td>`), field);
    assert.ok(page('xml', { [field]: nasty }).includes(`>${escaped}</`), field);
  }
  assert.ok(page('xml', { query: asBinary(nasty) }).includes(`<request-uri>/?${escaped}</request-uri>`));
  assert.ok(page('html', {}, nasty).includes(`<tr><th>pool</th><td>${escaped}</td></tr>`));
});

test('json escapes quotes, backslashes, slashes and what is no text', () => {
  const expected = '"<b>&\\"\'\\\\]]>\\ufffd\\ufffd[2J\\ufffd\\ufffd"';
  assert.ok(page('json', { user: asBinary(nasty) }).includes(`"user":${expected}`));
  assert.ok(page('json', { script: asBinary('/a/é') }).includes('"script":"\\/a\\/\\ufffd"'));
});

test('text and openmetrics keep every value on its line', () => {
  assert.match(page('', { user: asBinary(nasty) }), /^user: {17}<b>&"'\\]]>\ufffd\ufffd\[2J\ufffd\ufffd$/m);
  assert.match(
    page('openmetrics', {}, `w"\\\n`),
    /^# HELP phpfpm_up Could pool w\\"\\\\\ufffd using a static PM on PHP-FPM be reached\?$/m,
  );
});

test('empty strings are shown as a dash', () => {
  const [, text] = page('', noRequestTexts).split('************************\n');
  assert.match(text!, /^request method: {7}-\nrequest URI: {10}-$/m);
  assert.match(text!, /^user: {17}-\nscript: {15}-$/m);
});

const bytes = fc
  .string({
    unit: fc.integer({ max: 255 }).map((code) => String.fromCharCode(code)),
    maxLength: 40,
  })
  .map(asBinary);
const strings = fc.record({ method: bytes, uri: bytes, query: bytes, user: bytes, script: bytes });

test('no bytes break a format', () => {
  fc.assert(
    fc.property(strings, bytes, (changes, pool) => {
      const text = page('', changes, pool);
      assert.equal(text.split('\n').length, poolFields.length + 2 + processFields.length + 1);

      const json = JSON.parse(page('json', changes, pool));
      assert.equal(json.processes.length, 1);
      assert.equal(Object.keys(json.processes[0]).length, processFields.length);
      assert.equal(Object.keys(json).length, poolFields.length + 1);

      for (const format of ['xml', 'html']) {
        const markup = page(format, changes, pool);
        const plain = page(format, {}, '');
        const tags = (body: string): string[] => [...body.matchAll(/<[^>]*>/g)].map(([tag]) => tag);
        assert.deepEqual(tags(markup), tags(plain), 'the same tags as without');
        assert.doesNotMatch(markup, /&(?!(amp|lt|gt|quot|#039);)/);
        assert.doesNotMatch(markup.replaceAll('\n', ''), /[\u0000-\u001f\u007f-\u009f\ufffe\uffff]/);
      }

      const metrics = page('openmetrics', changes, pool).split('\n');
      assert.equal(metrics.length, 3 * (poolFields.length - 3 + 1) + 2);
    }),
    { numRuns: 500 },
  );
});

test('worker mode: fields of the application follow those of php-fpm in each format', () => {
  const application = { boots: 2, bootMicros: 12_345, requests: 67, growthBytesPerRequest: 8 };
  const booted = { ...snapshot, isBooted: true, processes: [{ ...process, application }, process] };
  const body = (of: StatusSnapshot, format: string): string =>
    renderStatus(of, `${format}&full`, now).body.toString();
  const [first, second] = JSON.parse(body(booted, 'json')).processes;
  const figures = { boots: 2, 'boot time': 12_345, 'requests since boot': 67, 'memory growth': 8 };
  const [plain] = JSON.parse(body(snapshot, 'json')).processes;
  assert.deepEqual(first, { ...plain, ...figures });
  assert.deepEqual(Object.values(second).slice(-4), [0, 0, 0, 0]);
  assert.match(
    body(booted, 'text'),
    /memory: {2}0\nboots: {16}2\nboot time: {12}12345\nrequests since boot: {2}67\nmemory growth: {8}8\n/,
  );
  assert.match(body(booted, 'html'), /<th>requests since boot<\/th><th>memory growth<\/th><\/tr>/);
  assert.match(body(booted, 'html'), /<td>2<\/td><td>12345<\/td><td>67<\/td><td>8<\/td><\/tr>/);
  assert.match(
    body(booted, 'xml'),
    /<boots>2<\/boots><boot-time>12345<\/boot-time><requests-since-boot>67<\/requests-since-boot><memory-growth>8<\/memory-growth><\/process>/,
  );
  assert.equal(body(booted, 'openmetrics'), body(snapshot, 'openmetrics'));
});

test('any numbers at all give valid json', () => {
  fc.assert(
    fc.property(fc.double(), fc.double(), fc.double(), (memory, cpu, startTime) => {
      const changes = { lastRequestMemory: memory, lastRequestCpu: cpu, startTime };
      assert.doesNotThrow(() => JSON.parse(page('json', changes)));
      assert.equal(page('', changes).split('\n').length, poolFields.length + 2 + processFields.length + 1);
    }),
  );
});

for (const [query, format, full] of [
  ['', 'text', false],
  ['json', 'json', false],
  ['json=1&full', 'json', true],
  ['full=&xml', 'xml', true],
  ['json&html', 'html', false],
  ['openmetrics&json', 'json', false],
  ['text', 'text', false],
  ['JSON', 'text', false],
  ['j', 'text', false],
  ['jsonp', 'text', false],
  ['a=json', 'text', false],
  ['ful', 'text', false],
] as const) {
  test(`the query "${query}" asks for ${format}${full ? ' full' : ''}`, () => {
    assert.deepEqual(selectFormat(query), { format, full });
  });
}

test('local times have the zone of their own moment', () => {
  const before = globalThis.process.env['TZ'];
  try {
    globalThis.process.env['TZ'] = 'Asia/Kolkata';
    assert.equal(localTime(1_700_000_000), '15/Nov/2023:03:43:20 +0530');
    globalThis.process.env['TZ'] = 'America/St_Johns';
    assert.equal(localTime(1_690_000_000), '22/Jul/2023:01:56:40 -0230');
    assert.equal(localTime(1_700_000_000), '14/Nov/2023:18:43:20 -0330');
  } finally {
    if (before === undefined) delete globalThis.process.env['TZ'];
    else globalThis.process.env['TZ'] = before;
  }
});

test('numbers are written in full', () => {
  assert.equal(numberText('number', 2 ** 70), '1180591620717411303424');
  assert.equal(numberText('number', 12.9), '12');
  assert.equal(numberText('percent', 12.345), '12.35');
  assert.throws(() => numberText('number', asBinary('x')), /cannot print "x" as a number/);
});
