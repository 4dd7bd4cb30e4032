/** process.scheduler: how workers are scheduled, and that what they start is scheduled as ever. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, suite, test } from 'node:test';
import { FakeMaster, type FakeMasterOptions } from '../embedded/fake-master.ts';
import { checkout, TestFolder } from '../harness/folder.ts';
import { isRoot } from '../harness/server.ts';
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

async function seen(options: FakeMasterOptions): Promise<Record<string, string>> {
  await using master = new FakeMaster({
    command,
    slots: 1,
    ...options,
    settings: [['php_admin_value', 'sendmail_path=cat /proc/self/stat > mail'], ...(options.settings ?? [])],
  });
  await master.nextOf('ready');
  await master.startWorker(0);
  master.send(['accept']);
  master.folder.write('ask.php', code);
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

  test('where a filter of system calls forbids it nothing is said', async () => {
    const program = folder.join('filtered');
    const source = `${checkout}/tests/native/filter-program.c`;
    execFileSync(process.env['CC'] || 'cc', ['-O1', '-Wall', '-Werror', source, '-o', program]);
    const filtered = [program, ...command];
    assert.deepEqual(await seen({ command: filtered }), expected(policies.other, policies.other));
  });
});
