/** process.scheduler: how workers are scheduled, and that what they start is scheduled as ever. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, type TestContext, test } from 'node:test';
import { FakeMaster, type FakeMasterOptions } from '../embedded/fake-master.ts';
import { checkout, TestFolder } from '../harness/folder.ts';
import { isRoot } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild } from './built-engine.ts';
import { callingExtension } from './calling-extension.ts';

const { command, skip } = nativeBuild();

/** sched(7). */
const policies = { other: 0, batch: 3, idle: 5 } as const;

/** Nice value and policy, fields 19 and 41 of /proc/PID/stat, proc(5). */
const code = `<?php
function of(string $stat): string { $f = explode(' ', preg_replace('/^.*\\) /s', '', $stat)); return "$f[16] $f[38]"; }
$seen = ['worker' => of(file_get_contents('/proc/self/stat'))];
$seen['shell_exec'] = of(shell_exec('cat /proc/self/stat'));
exec('cat /proc/self/stat', $lines);
$seen['exec'] = of($lines[0]);
$seen['popen'] = of(fgets($pipe = popen('cat /proc/self/stat', 'r')));
foreach (['a shell' => 'cat /proc/self/stat', 'no shell' => ['cat', '/proc/self/stat']] as $how => $command) {
  $process = proc_open($command, [1 => ['pipe', 'w']], $pipes);
  $seen["proc_open, $how"] = of(stream_get_contents($pipes[1]));
  proc_close($process);
}
mail('nobody', 'subject', 'text');
$seen['mail'] = of(file_get_contents(__DIR__ . '/mail'));
$seen['the worker again'] = of(file_get_contents('/proc/self/stat'));
echo json_encode($seen);`;

async function seen({
  before: first = '',
  ...options
}: FakeMasterOptions & { readonly before?: string }): Promise<Record<string, string>> {
  await using master = new FakeMaster({
    command,
    slots: 1,
    ...options,
    settings: [['php_admin_value', 'sendmail_path=cat /proc/self/stat > mail'], ...(options.settings ?? [])],
  });
  await master.nextOf('ready');
  await master.startWorker(0);
  master.send(['accept']);
  master.folder.write('ask.php', code.replace('<?php', `<?php ${first}`));
  const answer = await master.get('ask.php');
  assert.equal(answer.stderr, '');
  assert.deepEqual([master.chatter, master.messages.filter(({ type }) => type === 'log')], ['', []]);
  return JSON.parse(answer.body) as Record<string, string>;
}

function expected(worker: number, children: number, nice = 0): Record<string, string> {
  const names = ['shell_exec', 'exec', 'popen', 'proc_open, a shell', 'proc_open, no shell', 'mail'];
  const own = `${nice} ${worker}`;
  return {
    worker: own,
    ...Object.fromEntries(names.map((name) => [name, `${nice} ${children}`])),
    'the worker again': own,
  };
}

/** A CPU cgroup of the test's own, below the one that it runs in; undefined where it gets none. */
function makeQuota(): string | undefined {
  const own = /^\d+:(?:[^:]*,)?cpu(?:,[^:]*)?:(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'latin1'))?.[1];
  const parent = own === undefined ? '' : join('/sys/fs/cgroup/cpu', own);
  // A cgroup of version 2 that has processes cannot hand the controller on.
  if (!isRoot || own === undefined || !existsSync(join(parent, 'cpu.cfs_quota_us'))) return undefined;
  const group = join(parent, `hathi-test-${process.pid}`);
  mkdirSync(group);
  writeFileSync(join(group, 'cpu.cfs_period_us'), '20000');
  return group;
}

async function underQuota(t: TestContext): Promise<void> {
  const group = makeQuota();
  if (group === undefined) return t.skip('needs root and a CPU controller of version 1');
  try {
    const within = ['/bin/sh', '-c', `echo $$ > ${group}/cgroup.procs; exec "$@"`, 'sh', ...command];
    const answer = await seen({
      command: within,
      // A twentieth of a core, in pieces that are shorter than a slice: it is used up on a busy machine as well.
      before: `
        $quota = fn($micros) => file_put_contents('${group}/cpu.cfs_quota_us', $micros);
        $used = fn() => getrusage()['ru_utime.tv_sec'] * 1e6 + getrusage()['ru_utime.tv_usec'];
        $quota(1000); $end = $used() + 2e4; while ($used() < $end); $quota(-1);`,
    });
    assert.deepEqual(answer, expected(policies.batch, policies.other));
    const throttled = /^nr_throttled (\d+)$/m.exec(readFileSync(join(group, 'cpu.stat'), 'latin1'))?.[1];
    assert.ok(Number(throttled) > 0, 'the quota was used up');
  } finally {
    await poll('the end of all processes in the group', () => removed(group) || undefined);
  }
}

function removed(group: string): boolean {
  try {
    rmdirSync(group);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false;
    throw error;
  }
}

suite('process.scheduler', { skip }, () => {
  let folder: TestFolder;
  before(() => {
    folder = new TestFolder();
  });
  after(() => folder[Symbol.dispose]());

  test('batch, as ever', async () => {
    assert.deepEqual(await seen({}), expected(policies.batch, policies.other));
  });

  test('also what an extension starts, which PHP binds to the C library by itself', async () => {
    const settings = [['php_admin_value', `extension=${callingExtension(folder)}`]] as const;
    await using master = await FakeMaster.serving({ command, slots: 1, settings });
    master.folder.write(
      'ask.php',
      '<?php $f = fn($s) => explode(" ", preg_replace("/^.*\\) /s", "", $s))[38]; echo $f(line_of("cat /proc/self/stat")), $f(file_get_contents("/proc/self/stat"));',
    );
    assert.equal((await master.get('ask.php')).body, `${policies.other}${policies.batch}`);
  });

  test('other', async () => {
    const settings = [['process.scheduler', 'other']] as const;
    assert.deepEqual(await seen({ settings }), expected(policies.other, policies.other));
  });

  test('a priority stays', { skip: isRoot ? false : 'needs root' }, async () => {
    for (const nice of [7, -4]) {
      const settings = [
        ['root', '1'],
        ['process.priority', String(nice)],
      ] as const;
      assert.deepEqual(await seen({ settings }), expected(policies.batch, policies.other, nice));
    }
  });

  test('a policy that the master was started under stays', async () => {
    const given = ['chrt', '--idle', '0', ...command];
    assert.deepEqual(await seen({ command: given }), expected(policies.idle, policies.idle));
  });

  test('under a quota of CPU time it is as ever, and what it takes counts for the quota', (t) =>
    underQuota(t));

  test('where a filter of system calls forbids it nothing is said', async () => {
    const program = folder.join('filtered');
    const source = `${checkout}/tests/native/filter-program.c`;
    execFileSync(process.env['CC'] || 'cc', ['-O1', '-Wall', '-Werror', source, '-o', program]);
    const filtered = [program, ...command];
    assert.deepEqual(await seen({ command: filtered }), expected(policies.other, policies.other));
  });
});
