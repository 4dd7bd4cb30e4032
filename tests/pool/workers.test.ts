import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reapWorker, startedMessage, type WorkerDeath } from '../../src/pool/reap.ts';
import {
  observeWorker,
  type WorkerState,
  workerStates,
  workerTransitions,
} from '../../src/pool/worker-states.ts';

const states = Object.values(workerStates);
const legal = new Set([
  'starting idle',
  'starting busy',
  'starting stopping',
  'starting ended',
  'idle busy',
  'idle stopping',
  'idle ended',
  'busy idle',
  'busy stopping',
  'busy ended',
  'stopping ended',
]);

for (const from of states) {
  for (const to of states) {
    const isLegal = legal.has(`${from} ${to}`);
    test(`${isLegal ? 'legal path' : 'blocked move'}: ${from} to ${to}`, () => {
      if (isLegal) assert.equal(workerTransitions.move(from, to), to);
      else
        assert.throws(() => workerTransitions.move(from, to), {
          message: `a worker cannot go from "${from}" to "${to}"`,
        });
    });
  }
}

test('every state has a row in the table', () => {
  assert.deepEqual(Object.keys(workerTransitions.table).sort(), [...states].sort());
});

test('only a worker that is up follows its slot', () => {
  assert.equal(observeWorker('idle', 'running'), 'busy');
  assert.equal(observeWorker('busy', 'idle'), 'idle');
  assert.equal(observeWorker('busy', 'finishing'), 'busy');
  assert.equal(observeWorker('busy', 'unknown'), 'busy');
  for (const state of ['starting', 'stopping', 'ended'] as const) {
    assert.equal(observeWorker(state, 'idle'), state);
    assert.equal(observeWorker(state, 'running'), state);
  }
  assert.throws(() => observeWorker('lost' as WorkerState, 'idle'), /state "lost"/);
});

const death: WorkerDeath = {
  pool: 'www',
  pid: 42,
  end: { type: 'exit', code: 0 },
  lifetimeMicros: 12_000_345,
  stoppedByManager: false,
  isNormal: true,
};

const deaths: readonly (readonly [string, Partial<WorkerDeath>, string, boolean, boolean])[] = [
  ['max_requests', {}, 'notice: exited with code 0', true, false],
  ['failed initialisation', { end: { type: 'exit', code: 70 } }, 'warning: exited with code 70', true, false],
  [
    'quit',
    { end: { type: 'signal', signal: 3, core: false } },
    'notice: exited on signal 3 (SIGQUIT)',
    true,
    false,
  ],
  [
    'term',
    { end: { type: 'signal', signal: 15, core: false } },
    'warning: exited on signal 15 (SIGTERM)',
    true,
    false,
  ],
  [
    'crash',
    { end: { type: 'signal', signal: 11, core: true } },
    'warning: exited on signal 11 (SIGSEGV - core dumped)',
    true,
    true,
  ],
  [
    'bus error',
    { end: { type: 'signal', signal: 7, core: false } },
    'warning: exited on signal 7 (SIGBUS)',
    true,
    true,
  ],
  [
    'abort',
    { end: { type: 'signal', signal: 6, core: false } },
    'warning: exited on signal 6 (SIGABRT)',
    true,
    false,
  ],
  [
    'nameless signal',
    { end: { type: 'signal', signal: 40, core: false } },
    'warning: exited on signal 40 ()',
    true,
    false,
  ],
  [
    'not in normal operation',
    { end: { type: 'signal', signal: 15, core: false }, isNormal: false },
    'debug: exited on signal 15 (SIGTERM)',
    false,
    false,
  ],
  ['idle stop', { stoppedByManager: true }, 'debug: has been killed by the process management', false, false],
  [
    'idle stop by quit',
    { stoppedByManager: true, end: { type: 'signal', signal: 3, core: false } },
    'debug: has been killed by the process management',
    false,
    false,
  ],
  [
    'idle stop that took a kill',
    { stoppedByManager: true, end: { type: 'signal', signal: 9, core: false } },
    'warning: exited on signal 9 (SIGKILL)',
    true,
    false,
  ],
];

for (const [name, changes, expected, replace, crashed] of deaths) {
  test(`reaping: ${name}`, () => {
    const [level, what] = expected.split(': ');
    assert.deepEqual(reapWorker({ ...death, ...changes }), {
      message: { level, text: `[pool www] child 42 ${what} after 12.000345 seconds from start` },
      replace,
      crashed,
    });
  });
}

test('only a replacement is announced with a notice', () => {
  assert.deepEqual(startedMessage('www', 7, true), { level: 'notice', text: '[pool www] child 7 started' });
  assert.equal(startedMessage('www', 7, false).level, 'debug');
});
