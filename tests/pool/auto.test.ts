/** `pm = auto` as a process manager: what it does for a target. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ManagerInput } from '../../src/pool/management.ts';
import { decide } from '../../src/pool/manager.ts';
import { input, settings, workers } from './pool-of.ts';

const pool = settings({ pm: 'auto', 'pm.min_children': 2, 'pm.max_children': 8 });

function auto(
  target: number,
  changes: Partial<NonNullable<ManagerInput['auto']>> = {},
): ManagerInput['auto'] {
  return { target, isAtMaximum: false, isMemoryShort: false, ...changes };
}

/** `+3` spawns in slot 3, `-3` asks to go. */
function actions(changes: Partial<ManagerInput>): string {
  return decide(input({ pool, ...changes }))
    .actions.map((action) => `${action.type === 'spawn' ? '+' : '-'}${action.slot}`)
    .join(' ');
}

suite('the auto manager', () => {
  test('it starts the least, and at a heartbeat as many as are wanted', () => {
    assert.equal(actions({ event: { type: 'start' } }), '+0 +1');
    assert.equal(actions({ workers: workers('rr'), auto: auto(5)! }), '+2 +3 +4');
    assert.equal(actions({ workers: workers('rrcc'), auto: auto(5)! }), '+4', 'those on their way count');
    assert.equal(actions({ workers: workers('rrxx'), auto: auto(4)! }), '+4 +5', 'those that leave do not');
    assert.equal(actions({ workers: workers('rr') }), '', 'nothing is decided before it was measured');
    assert.equal(actions({ workers: workers('rrrrrrrr'), auto: auto(20)! }), '', 'there are no more slots');
  });

  test('idle ones go, the oldest first; who has a request stays, unless memory is short', () => {
    assert.equal(actions({ workers: workers('riri'), auto: auto(3)! }), '-1');
    assert.equal(actions({ workers: workers('rrrr'), auto: auto(2)! }), '');
    assert.equal(actions({ workers: workers('rrir'), auto: auto(2, { isMemoryShort: true })! }), '-2 -0');
    assert.equal(actions({ workers: workers('rrxr'), auto: auto(3, { isMemoryShort: true })! }), '');
  });

  test('more than pm.max_children is said once an episode, and counted', () => {
    const full = { pool, workers: workers('rrrrrrrr'), auto: auto(8, { isAtMaximum: true })! };
    const first = decide(input(full));
    assert.deepEqual(
      first.messages.map(({ text }) => text),
      ['[pool www] server reached pm.max_children setting (8), consider raising it'],
    );
    const second = decide(input({ ...full, memory: first.memory }));
    assert.deepEqual([second.messages, second.memory.maxChildrenReached], [[], 1]);
    const over = decide(input({ ...full, auto: auto(8)!, memory: second.memory }));
    assert.equal(over.memory.atMaximum, false);
  });
});
