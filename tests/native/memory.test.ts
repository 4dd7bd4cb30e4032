/** A worker's memory for the master: what is handed over, and that nobody else gets it. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { receiveDescriptor } from '../../src/posix/descriptors.ts';
import { ScoreboardReader } from '../../src/scoreboard/reader.ts';
import { isProcessMemory, ProcessMemory } from '../../src/trace/memory.ts';
import { StackWalker } from '../../src/trace/walker.ts';
import { FakeMaster } from '../embedded/fake-master.ts';
import { requires } from '../harness/debian.ts';
import { checkout, TestFolder } from '../harness/folder.ts';
import { nativeBuild } from './built-engine.ts';
import { identity } from './identity.ts';

const { command, skip } = nativeBuild();

function groupsOf(pid: number): string[] {
  return /^Gid:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]?.split('\t') ?? [];
}

suite('the memory of a native worker', { skip: skip || requires('root') }, () => {
  test('comes before its "up", is for reading only, and ends with it', async () => {
    await using master = await FakeMaster.serving({ command, slots: 1, settings: identity() });
    const types = master.messages.map(({ type }) => type);
    assert.deepEqual(types.slice(-2), ['memory', 'up']);
    const offer = master.messages.find((message) => message.type === 'memory');
    const pid = offer?.pid ?? 0;
    const fd = receiveDescriptor(master.descriptorFd, 0);
    assert.equal(readlinkSync(`/proc/self/fd/${fd}`), `/proc/${pid}/mem`);
    assert.equal(isProcessMemory(fd, pid), true);
    assert.equal(isProcessMemory(fd, pid + 1), false);
    assert.match(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'), /^flags:\s+0100000$|^flags:\s+02100000$/m);

    const symbols = new ScoreboardReader(master.scoreboardFd, 1, 'native').readEngineSymbols();
    assert.ok(symbols !== undefined);
    const memory = new ProcessMemory(fd);
    const walker = new StackWalker(symbols);
    assert.deepEqual(walker.walk(memory, { depth: 5, lines: true }), {
      calls: [],
      isSteady: true,
      isWhole: true,
    });
    await master.endWorker(0, 'kill');
    assert.equal(walker.walk(memory, { depth: 5, lines: true }), undefined);
    memory.close();
  });

  test('is closed to other processes of its user, the worker and the host included', async () => {
    await using master = await FakeMaster.serving({ command, slots: 2, settings: identity() });
    const [first = 0, second = 0] = master.messages
      .filter((message) => message.type === 'up')
      .map(({ pid }) => pid);
    const host = master.child.pid ?? 0;
    assert.equal(new Set(groupsOf(first)).size, 1);
    assert.ok(new Set(groupsOf(host)).size > 1, 'the host has the guard');
    for (const pid of [first, second, host]) assert.equal(statSync(`/proc/${pid}/mem`).uid, 0);
    // Neither /proc, by which a chroot could be left, nor the memory stays open in a worker.
    const files = readdirSync(`/proc/${first}/fd`).map((fd) => readlinkSync(`/proc/${first}/fd/${fd}`));
    assert.deepEqual(
      files.filter((file) => file.startsWith('/proc')),
      [],
    );
    master.folder.write(
      'mem.php',
      '<?php foreach (explode(" ", $_SERVER["QUERY_STRING"]) as $id) echo (int) (bool) @fopen("/proc/$id/mem", "r");',
    );
    const answer = await master.get('mem.php', { QUERY_STRING: `self ${first} ${second} ${host}` });
    assert.equal(answer.body, '0000');
  });

  test('is there in a chroot without /proc, too', async () => {
    using root = new TestFolder('hathi-root-');
    const settings = [...identity(), ['chroot', root.path]] as const;
    await using master = await FakeMaster.serving({ command, slots: 1, settings });
    const offer = master.messages.find((message) => message.type === 'memory');
    const fd = receiveDescriptor(master.descriptorFd, 0);
    assert.equal(isProcessMemory(fd, offer?.pid ?? 0), true);
    closeSync(fd);
  });

  test('cannot be opened by others in the moment in which the worker can', () => {
    using folder = new TestFolder();
    const program = folder.join('guard');
    const source = join(checkout, 'tests/native/guard-program.c');
    const flags = ['-std=gnu11', '-D_GNU_SOURCE', '-Wall', '-iquote', join(checkout, 'native')];
    execFileSync(process.env['CC'] || 'cc', [...flags, '-o', program, source]);
    const lines = (mode: string): string[] =>
      spawnSync(program, [mode], { encoding: 'utf8' }).stdout.trimEnd().split('\n');
    assert.deepEqual(lines('guarded'), [
      'in the moment: Permission denied',
      'after it: Permission denied',
      'read: what is in memory',
      'write: Bad file descriptor',
      'groups: 33 33 33',
      'dumpable: no',
    ]);
    // The same process gets in where the guard is gone too early: the first line above could have been another one.
    assert.equal(lines('bare')[0], 'in the moment: opened');
    // Without the guard the memory is not opened up, and the remedy is told.
    const [moment, reason] = lines('none');
    assert.equal(moment, 'in the moment: Permission denied');
    assert.match(
      reason ?? '',
      /^no memory: the worker cannot open \/proc\/self\/mem: Permission denied; .*map the group 65534/,
    );
  });
});
