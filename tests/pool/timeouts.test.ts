import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkTimeouts,
  type TimedWorker,
  type TimeoutSettings,
  timeoutPeriod,
} from '../../src/pool/timeouts.ts';
import type { SlotSnapshot } from '../../src/scoreboard/decode.ts';
import { type WorkerStage, workerStages } from '../../src/scoreboard/states.ts';
import { asBinary } from '../../src/text/binary.ts';
import { slot } from './slot.ts';

const pool: TimeoutSettings = {
  name: 'www',
  request_terminate_timeout: 5,
  request_terminate_timeout_track_finished: false,
  request_slowlog_timeout: 2,
};
const second = 1_000_000;

function worker(changes: Partial<SlotSnapshot>, slowLogged = 0): TimedWorker {
  return { snapshot: slot({ acceptedClockMicros: 100 * second, ...changes }), pid: 42, slowLogged };
}

function stagesOver(settings: TimeoutSettings): string[] {
  const stages = [...Object.keys(workerStages), 'unknown'] as SlotSnapshot['stage'][];
  const workers = stages.map((stage, index) => worker({ stage, slot: index }));
  return checkTimeouts(settings, workers, 105 * second, true).terminate.map(({ slot }) => stages[slot]!);
}

test('a slow request is named once, an overdue one at every check', () => {
  const check = (elapsed: number, slowLogged = 0): [number, number] => {
    const { slow, terminate } = checkTimeouts(pool, [worker({}, slowLogged)], 100 * second + elapsed, true);
    return [slow.length, terminate.length];
  };
  assert.deepEqual(check(1_999_999), [0, 0]);
  assert.deepEqual(check(2_000_000), [1, 0]);
  assert.deepEqual(check(2_500_000, 100 * second), [0, 0]);
  assert.deepEqual(check(2_500_000, 90 * second), [1, 0], 'what was logged was an earlier request');
  assert.deepEqual(check(4_999_999, 100 * second), [0, 0]);
  assert.deepEqual(check(5_000_000, 100 * second), [0, 1]);
  assert.deepEqual(check(9_000_000, 100 * second), [0, 1]);
});

test('the texts are those of the reference', () => {
  const busy = worker({
    slot: 3,
    method: asBinary('GET'),
    uri: asBinary('/a'),
    query: asBinary('b=1'),
    script: asBinary('/srv/a.php'),
    requestId: asBinary('id-1'),
  });
  const { slow, terminate } = checkTimeouts(pool, [busy], 105_000_042 + 1_234_567, true);
  const request = `[pool www] child 42, script '/srv/a.php' (request: "GET /a?b=1")`;
  assert.deepEqual(slow, [
    {
      slot: 3,
      pid: 42,
      acceptedClockMicros: 100 * second,
      message: {
        level: 'warning',
        text: `${request} executing too slow (6.234609 sec), logging`,
        requestId: 'id-1',
      },
    },
  ]);
  assert.deepEqual(terminate[0]?.message, {
    level: 'warning',
    text: `${request} execution timed out (6.234609 sec), terminating`,
    requestId: 'id-1',
  });
});

test('a worker without a request line is named as the reference names it', () => {
  const { terminate } = checkTimeouts(pool, [worker({ stage: 'readingHeaders' })], 105 * second, true);
  assert.match(terminate[0]?.message.text ?? '', /script '' \(request: " "\)/);
});

test('nothing of a request starts a line of its own in the log', () => {
  const hostile = worker({
    method: asBinary('G\nT'),
    uri: asBinary('/\xe9\r'),
    query: asBinary('\x1b[31m'),
    script: asBinary('/a\n\xe9'),
  });
  const text = checkTimeouts(pool, [hostile], 105 * second, true).terminate[0]!.message.text;
  assert.match(text, /^[^\p{Cc}]*$/u);
  assert.match(text, /script '\/a\.\.' \(request: "G\\nT /);
  const turned = worker({ uri: asBinary(Buffer.from('/a\u009b31m\u202e\u2028b').toString('latin1')) });
  assert.match(
    checkTimeouts(pool, [turned], 105 * second, true).terminate[0]!.message.text,
    /"GET \/a\\xc2\\x9b31m\\xe2\\x80\\xae\\xe2\\x80\\xa8b"/,
  );
});

test('queries are shown where they are asked for', () => {
  const { slow, terminate } = checkTimeouts(
    pool,
    [worker({ uri: asBinary('/a'), query: asBinary('b=1') })],
    105 * second,
    false,
  );
  for (const [overdue] of [slow, terminate]) {
    assert.match(overdue?.message.text ?? '', /\(request: "GET \/a"\)/);
  }
});

test('UTF-8 in a URI is shown as it is', () => {
  const uri = Buffer.from('/kaffee/größe').toString('latin1');
  const text = checkTimeouts(pool, [worker({ uri: asBinary(uri) })], 105 * second, true).terminate[0]!.message
    .text;
  assert.match(text, /"GET \/kaffee\/größe"/);
});

test('only stages from the first byte to the end of the script are timed', () => {
  assert.deepEqual(stagesOver(pool), ['readingHeaders', 'requestInformation', 'running', 'unknown']);
});

test('track_finished times up to the next accept', () => {
  assert.deepEqual(stagesOver({ ...pool, request_terminate_timeout_track_finished: true }), [
    'readingHeaders',
    'requestInformation',
    'running',
    'ending',
    'finishing',
    'unknown',
  ]);
});

test('only a running script is slow; with track_finished also what follows it', () => {
  const stages = ['readingHeaders', 'running', 'ending', 'finishing', 'idle', 'unknown'] as const;
  const slow = (request_terminate_timeout_track_finished: boolean): WorkerStage[] =>
    stages.filter((stage) => {
      const settings = { ...pool, request_terminate_timeout_track_finished };
      return checkTimeouts(settings, [worker({ stage })], 104 * second, true).slow.length > 0;
    });
  assert.deepEqual(slow(false), ['running']);
  assert.deepEqual(slow(true), ['running', 'ending', 'finishing']);
});

test('a time-out of 0 is none, and a request from the future is young', () => {
  const off = { ...pool, request_terminate_timeout: 0, request_slowlog_timeout: 0 };
  assert.deepEqual(checkTimeouts(off, [worker({})], 1e6 * second, true), { slow: [], terminate: [] });
  assert.deepEqual(checkTimeouts(pool, [worker({})], 0, true), { slow: [], terminate: [] });
});

test('the period is a third of the shortest time-out, and never under 130 ms', () => {
  const off = { ...pool, request_terminate_timeout: 0, request_slowlog_timeout: 0 };
  assert.equal(timeoutPeriod([off]), undefined);
  assert.equal(timeoutPeriod([]), undefined);
  assert.equal(timeoutPeriod([off, pool]), 666);
  assert.equal(timeoutPeriod([{ ...off, request_terminate_timeout: 1 }]), 333);
});
