import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { needsRoot, runInChild } from './child.ts';

test('resource limits are set soft and hard, and a started program has them', () => {
  const result = runInChild(`
    const { setResourceLimit, getResourceLimit } = await posix('limits.ts');
    const { execFileSync } = await import('node:child_process');
    setResourceLimit('nofile', 777);
    setResourceLimit('core', 4096);
    const own = [getResourceLimit('nofile'), getResourceLimit('core')];
    // Node raises its soft limit again when it starts; a shell does not.
    const shell = execFileSync('sh', ['-c', 'ulimit -Hn; ulimit -Sn; ulimit -c'], { encoding: 'utf8' });
    say({ own, shell: shell.trim().split('\\n') });
  `);
  assert.deepEqual(result, {
    own: [
      { soft: 777, hard: 777 },
      { soft: 4096, hard: 4096 },
    ],
    shell: ['777', '777', '8'],
  });
});

test('-1 is unlimited, and an impossible limit is an error with its errno', { skip: needsRoot }, () => {
  const result = runInChild(`
    const { setResourceLimit, getResourceLimit } = await posix('limits.ts');
    setResourceLimit('core', -1);
    let refused;
    try { setResourceLimit('nofile', -1); } catch (error) { refused = { code: error.code, text: error.message }; }
    say({ core: getResourceLimit('core'), refused });
  `);
  assert.deepEqual(result, {
    core: { soft: -1, hard: -1 },
    refused: {
      code: 'EPERM',
      text: "setrlimit() failed for 'nofile = -1': Operation not permitted (1)",
    },
  });
});

test('whether a limit or a priority can be had is found out without a change', { skip: needsRoot }, () => {
  const rows = [
    ['nofile', 500],
    ['nofile', 1000],
    ['nofile', 2_000_000_000],
    ['priority', 5],
    ['priority', -5],
  ];
  for (const user of [0, 65_534]) {
    const result = runInChild(`
      const limits = await posix('limits.ts');
      const { getPriority } = await import('node:os');
      limits.setResourceLimit('nofile', 777);
      process.setuid(${user});
      const attempt = (action) => { try { action(); return 'fine'; } catch (error) { return error.code; } };
      const found = ${JSON.stringify(rows)}.map(([what, value]) => attempt(() =>
        what === 'priority' ? limits.checkPriority(value) : limits.checkResourceLimit(what, value)));
      const after = [limits.getResourceLimit('nofile'), getPriority()];
      say({ found, after, raised: attempt(() => limits.setResourceLimit('nofile', 1000)) });
    `) as { found: string[]; after: unknown; raised: string };
    // Root in a container may not raise it either.
    const nice = user === 0 ? 'fine' : 'EACCES';
    assert.deepEqual(result.found, ['fine', result.raised, 'EPERM', 'fine', nice], `user ${user}`);
    assert.deepEqual(result.after, [{ soft: 777, hard: 777 }, 0]);
    if (user !== 0) assert.equal(result.raised, 'EPERM');
  }
});

test('chroot makes the folder the root and leaves no way out', { skip: needsRoot }, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hathi-chroot-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'inside'), '');
  const result = runInChild(`
    const { chroot } = await posix('limits.ts');
    const { readdirSync } = await import('node:fs');
    chroot(${JSON.stringify(folder)});
    say({ root: readdirSync('/'), above: readdirSync('../..'), cwd: process.cwd() });
  `);
  assert.deepEqual(result, { root: ['inside'], above: ['inside'], cwd: '/' });
});

test('a chroot that is not there is an error with its path', { skip: needsRoot }, () => {
  const result = runInChild(`
    const { chroot } = await posix('limits.ts');
    try { chroot('/no/such/folder'); } catch (error) { say([error.code, error.message]); }
  `);
  assert.deepEqual(result, [
    'ENOENT',
    "chroot() failed for '/no/such/folder': No such file or directory (2)",
  ]);
});

test('priority and dumpable take effect', () => {
  const result = runInChild(`
    const limits = await posix('limits.ts');
    const { getPriority } = await import('node:os');
    limits.setPriority(7);
    limits.setDumpable(false);
    const cleared = limits.isDumpable();
    limits.setDumpable(true);
    say({ nice: getPriority(), cleared, dumpable: limits.isDumpable() });
  `);
  assert.deepEqual(result, { nice: 7, cleared: false, dumpable: true });
});
