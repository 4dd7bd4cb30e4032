import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBytes, formatDuration, type RequestRecord, renderRequest } from '../../src/http/log.ts';

const record: RequestRecord = {
  time: new Date(2026, 0, 2, 3, 4, 5),
  method: 'GET',
  uri: '/a?b',
  status: 200,
  duration: 12.3,
  bytes: 2048,
  details: ['2.0 MB'],
};

test('a line tells time, status, method, URI, duration, bytes and details', () => {
  assert.equal(renderRequest(record), '03:04:05  200  GET   /a?b  12 ms · 2.0 KB · 2.0 MB');
});

test('colours change nothing but the colour', () => {
  assert.equal(renderRequest(record, true).replaceAll(/\x1b\[\d+m/g, ''), renderRequest(record));
});

test('what a client chose cannot steer the terminal', () => {
  const line = renderRequest({ ...record, uri: '/\x1b]0;x\x07\n\x9b', details: ['a\rb'] });
  assert.match(line, /\/\\x1b\]0;x\\x07\\n\\x9b/);
  assert.doesNotMatch(line, /[\x00-\x1f\x7f\x80-\x9f]/);
});

test('a long URI is cut', () => {
  assert.ok(renderRequest({ ...record, uri: '/'.repeat(5000) }).length < 300);
});

test('figures are readable', () => {
  assert.deepEqual([0.84, 34.2, 2500].map(formatDuration), ['0.8 ms', '34 ms', '2.50 s']);
  assert.deepEqual([0, 1023, 1536, 20 * 1024 ** 2, 3 * 1024 ** 3].map(formatBytes), [
    '0 B',
    '1023 B',
    '1.5 KB',
    '20 MB',
    '3.0 GB',
  ]);
});
