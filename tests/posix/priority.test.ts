import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { test } from 'node:test';
import { lowerPriority } from '../../src/posix/priority.ts';
import { exited } from '../harness/processes.ts';
import { isRoot } from '../harness/server.ts';

/** Tells that its threads are there. */
const script = `process.stdout.write('up'); setInterval(() => {}, 1e6)`;

test('a process has a lower priority for a while, and so have its threads', {
  skip: !isRoot && 'needs root',
}, async (t) => {
  const child = spawn(process.execPath, ['-e', script], { detached: true });
  t.after(() => child.kill('SIGKILL'));
  const { pid = 0 } = child;
  const before = getPriority(pid);
  const session = (): string =>
    readFileSync(`/proc/${pid}/autogroup`, 'latin1')
      .replace(/.* nice /, '')
      .trim();
  const hasSessions = existsSync(`/proc/${pid}/autogroup`);
  const restore = lowerPriority(pid, 10);
  assert.equal(getPriority(pid), before + 10);
  if (hasSessions) assert.equal(session(), '10');
  await once(child.stdout, 'data');
  const threads = readdirSync(`/proc/${pid}/task`).map(Number);
  assert.ok(threads.length > 1);
  assert.deepEqual(new Set(threads.map((thread) => getPriority(thread))), new Set([before + 10]));
  const [, chosen = 0, ...others] = threads;
  setPriority(chosen, before + 3);
  restore?.();
  if (hasSessions) assert.equal(session(), '0');
  assert.deepEqual(
    new Set([threads[0] ?? 0, ...others].map((thread) => getPriority(thread))),
    new Set([before]),
  );
  assert.equal(getPriority(chosen), before + 3, 'one that it has chosen itself');
  child.kill();
  await exited(child);
  assert.equal(lowerPriority(pid, 10), undefined, 'it has ended');
});
