import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { ProcessHandle } from '../../src/posix/pidfd.ts';
import { parentOf, tracerOf } from '../../src/posix/process-stat.ts';
import { adopt, descendants, killTree } from '../harness/processes.ts';
import { poll } from '../harness/waiting.ts';

test('a handle is of that process and that parent only, and says when it has ended', async () => {
  // Its own child is the one that is looked at, as a worker is the child of a host.
  const host = spawn('sh', ['-c', 'sleep 1000 & wait'], { stdio: 'ignore' });
  adopt(host);
  const pid = host.pid ?? 0;
  const worker = await poll('the child', () => {
    const [child] = descendants(pid);
    return child && ProcessHandle.openChild(child.pid, pid);
  });
  assert.ok(worker?.isAlive);
  assert.equal(parentOf(worker.pid), pid);
  assert.equal(tracerOf(worker.pid), 0);

  assert.equal(ProcessHandle.openChild(worker.pid, process.pid), undefined, 'of another parent');
  assert.equal(ProcessHandle.openChild(process.ppid, pid), undefined, 'no child at all');
  for (const none of [1, 0, -1, -pid, 1.5, Number.NaN, 2 ** 31 - 1])
    assert.equal(ProcessHandle.openChild(none, pid), undefined, String(none));

  const again = ProcessHandle.openChild(worker.pid, pid);
  assert.ok(again?.isAlive);
  // Orphaned, it is known all the same.
  host.kill('SIGKILL');
  await once(host, 'exit');
  assert.ok(again.isAlive);
  assert.equal(again.signal('SIGKILL'), true);
  await poll('its end', () => (worker.isAlive ? undefined : true));
  assert.equal(again.isAlive, false);
  again.close();
  worker.close();
  await killTree(host);
});
