import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { Strangers } from '../../src/boot/strangers.ts';
import { type EndedChild, endedChildren } from '../../src/posix/children.ts';

/** A system with children that have ended, whose time passes when a test says so. */
function system(): { strangers: Strangers; ended: EndedChild[]; reaped: number[]; pass: () => boolean } {
  const ended: EndedChild[] = [];
  const reaped: number[] = [];
  let due: (() => void) | undefined;
  const reap = (pid: number): void => {
    reaped.push(pid);
    ended.splice(
      ended.findIndex((child) => child.pid === pid),
      1,
    );
  };
  const later = (act: () => void): void => {
    assert.equal(due, undefined, 'one look at a time');
    due = act;
  };
  const pass = (): boolean => {
    const act = due;
    due = undefined;
    act?.();
    return due !== undefined;
  };
  return { strangers: new Strangers({ ended: () => [...ended], reap, later }), ended, reaped, pass };
}

test('a child that is there at two looks is a stranger, and is waited for', () => {
  const { strangers, ended, reaped, pass } = system();
  ended.push({ pid: 7, startTicks: 100 }, { pid: 8, startTicks: 100 });
  strangers.childEnded();
  strangers.childEnded();
  assert.ok(pass(), 'looks again');
  assert.deepEqual(reaped, []);
  assert.ok(!pass());
  assert.deepEqual(reaped, [7, 8]);
});

test("Node's own children are gone at the second look, and a pid that came back is another child", () => {
  const { strangers, ended, reaped, pass } = system();
  ended.push({ pid: 7, startTicks: 100 }, { pid: 8, startTicks: 100 });
  strangers.childEnded();
  pass();
  ended.splice(0, 2, { pid: 8, startTicks: 250 });
  assert.ok(pass());
  assert.deepEqual(reaped, []);
  pass();
  assert.deepEqual(reaped, [8]);
});

test('nothing to do is no reason to look again', () => {
  const { strangers, pass } = system();
  strangers.childEnded();
  assert.ok(!pass());
});

test('a child that nobody has waited for is found', async () => {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  await once(child, 'spawn');
  child.kill('SIGKILL');
  // Node has not come to wait for it.
  const until = performance.now() + 5000;
  let found: readonly EndedChild[] = [];
  while (found.length === 0 && performance.now() < until) found = endedChildren();
  assert.deepEqual(
    found.map(({ pid }) => pid),
    [child.pid],
  );
  await once(child, 'exit');
});
