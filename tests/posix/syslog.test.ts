import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { needsRoot, runInChild } from './child.ts';

// The C library always writes to /dev/log, so the child moves into a root folder with a log of its own.
test('messages carry facility, priority, name and process id', { skip: needsRoot }, (t) => {
  const root = mkdtempSync(join(tmpdir(), 'hathi-syslog-'));
  t.after(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, 'dev'));
  const result = runInChild(`
    const { declare } = await posix('libc.ts');
    const { chroot } = await posix('limits.ts');
    const { openSystemLog, writeSystemLog, closeSystemLog } = await posix('syslog.ts');
    const path = Buffer.from(${JSON.stringify(join(root, 'dev/log'))} + '\\0');
    const address = Buffer.concat([Buffer.from([1, 0]), path]);
    const fd = declare('int socket(int a, int b, int c)')(1, 2, 0);
    declare('int bind(int fd, const void *address, uint length)')(fd, address, address.length);
    const receive = declare('intptr_t recv(int fd, void *to, size_t length, int flags)');
    chroot(${JSON.stringify(root)});
    openSystemLog('hathi-test', 16 << 3);
    const messages = [];
    for (const [priority, text] of [[5, 'a notice'], [1, 'alert %s %n'], [7, 'nul\\0byte']]) {
      writeSystemLog(priority, Buffer.from(text));
      const buffer = Buffer.alloc(1024);
      const length = receive(fd, buffer, 1024, 0x40);
      messages.push(buffer.toString('utf8', 0, length));
    }
    closeSystemLog();
    say(messages.map((message) => message.replace(/> .*? hathi/, '> hathi').replace(String(process.pid), 'PID')
      .replace(/>\\w+ +\\d+ [\\d:]+ /, '>')));
  `);
  assert.deepEqual(result, [
    '<133>hathi-test[PID]: a notice',
    '<129>hathi-test[PID]: alert %s %n',
    '<135>hathi-test[PID]: nul byte',
  ]);
});
