import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type HostState, hostStates, hostTransitions } from '../../src/generation/host-states.ts';
import { masterStates, masterTransitions } from '../../src/master/master-states.ts';

const legal: [HostState[], string][] = [
  [['starting', 'ready', 'serving', 'draining', 'gone'], 'the life of a host over a reload'],
  [['starting', 'gone'], 'a host that cannot start'],
  [['starting', 'draining', 'gone'], 'a host that a pool was woken for, and that a reload replaces'],
  [['starting', 'ending', 'gone'], 'a host that is given up while it starts'],
  [['ready', 'ending', 'gone'], 'a new generation that is discarded'],
  [['serving', 'gone'], 'a host that crashes'],
  [['draining', 'ending', 'gone'], 'a drain that takes too long'],
];
for (const [path, name] of legal) {
  test(`${name} is a legal path`, () => {
    for (const [index, to] of path.slice(1).entries()) hostTransitions.move(path[index] as HostState, to);
  });
}

const blocked: [HostState, HostState, string][] = [
  ['starting', 'serving', 'a host that is not ready must not accept'],
  ['draining', 'serving', 'a drained listener is not taken up again'],
  ['gone', 'starting', 'a new host is a new process'],
  ['ending', 'draining', 'a host that was hung up on hears nothing more'],
];
for (const [from, to, reason] of blocked) {
  test(`from ${from} to ${to} is blocked: ${reason}`, () => {
    assert.throws(() => hostTransitions.move(from, to), new RegExp(`from "${from}" to "${to}"`));
  });
}

test('every state has a row and every row ends in known states', () => {
  assert.deepEqual(Object.keys(hostTransitions.table).sort(), Object.values(hostStates).sort());
  assert.deepEqual(Object.keys(masterTransitions.table).sort(), Object.values(masterStates).sort());
});

test('a stop can be hastened but not taken back', () => {
  assert.ok(masterTransitions.allows('finishing', 'terminating'));
  for (const state of Object.values(masterStates))
    assert.equal(masterTransitions.allows('terminating', state), false);
  assert.equal(masterTransitions.allows('finishing', 'reloading'), false);
  assert.ok(masterTransitions.allows('reloading', 'normal'));
  assert.equal(
    masterTransitions.allows('starting', 'reloading'),
    false,
    'a start ends before a reload begins',
  );
});
