/** Memory of a worker, and how much of it is returned. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { releasePages } from '../../src/posix/memory.ts';
import { poolText } from '../harness/pool.ts';
import { type Server, startServer } from '../harness/server.ts';
import { run, text } from './scripts.ts';

const mebibyte = 1024 * 1024;

/** Resident memory below the master, bytes (proc(5)). */
function residentBytes(server: Server): number {
  const sizes = server.workers().map(({ pid }) => {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  });
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function poolOf(workers: number): Promise<number> {
  await using server = await startServer({
    engine: 'embedded',
    pools: (folder) => poolText(folder, 'www', `pm.max_children = ${workers}`),
  });
  // Until each has served: before, it may not have started yet.
  for (const seen = new Set<string>(); seen.size < workers; ) {
    const pids = Array.from({ length: workers }, () => text(server, `usleep(20000); echo getmypid();`));
    for (const pid of await Promise.all(pids)) seen.add(pid);
  }
  const bytes = residentBytes(server);
  await server.stop();
  return bytes;
}

test('a further worker takes less than 110 MB', async () => {
  const one = await poolOf(1);
  const three = await poolOf(3);
  const each = (three - one) / 2 / mebibyte;
  assert.ok(each < 110, `${each.toFixed(0)} MB`);
  // A figure below the engine's own data would mean that the look was too early.
  assert.ok(each > 30, `${each.toFixed(0)} MB`);
});

test('memory that a fatal error has blown up goes back to the system', async () => {
  await using server = await startServer({
    engine: 'embedded',
    pools: (folder) =>
      poolText(folder, 'www', 'php_admin_value[memory_limit] = 200M\nphp_value[display_errors] = 0'),
  });
  await text(server, `echo 'warm';`);
  const before = residentBytes(server);
  const blown = await run(server, `$a = []; for (;;) $a[] = str_repeat('x', 1 << 20);`);
  assert.equal(blown.status, 500);
  assert.equal(await text(server, `echo 'next';`), 'next');
  const growth = (residentBytes(server) - before) / mebibyte;
  assert.ok(growth < 60, `${growth.toFixed(0)} MB more after 200 MB were used`);
  await server.stop();
});

test('releasePages() makes zeros of whole pages, and refuses to start inside of one', () => {
  const memory = new WebAssembly.Memory({ initial: 3 });
  const bytes = new Uint8Array(memory.buffer).fill(7);
  releasePages(bytes.subarray(65536, 2 * 65536));
  assert.deepEqual([bytes[65535], bytes[65536], bytes[2 * 65536 - 1], bytes[2 * 65536]], [7, 0, 0, 7]);
  bytes[65536] = 9;
  assert.equal(bytes[65536], 9);
  releasePages(bytes.subarray(5, 5));
  assert.throws(() => releasePages(bytes.subarray(100, 65536)), { code: 'EINVAL' });
});
