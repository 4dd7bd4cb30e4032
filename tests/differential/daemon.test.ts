/** `-D`: what the caller sees, and what kind of process it leaves behind, against Debian's php-fpm. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { requires } from '../harness/debian.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import type { TestFolder } from '../harness/folder.ts';
import { descendants, identify } from '../harness/processes.ts';
import { poll } from '../harness/waiting.ts';
import { globalText, maskedLines, plainPool } from './both.ts';
import { both } from './daemon.ts';
import { isShared, type ProcessFacts, processFacts } from './life.ts';

const skip = requires('root', 'php-fpm');

/** Starts a command as an ordinary user. */
const asNobody = ['/usr/bin/setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];

const plain = (folder: TestFolder): string => globalText(folder) + plainPool(folder);

/** Lines that both have, with the folder's name masked. */
function shared(text: string, folder: TestFolder): string[] {
  return maskedLines(text.replaceAll(folder.path, 'DIR')).filter(isShared);
}

test('the caller returns 0 once the sockets are there, and the log goes on without it', {
  skip,
}, async () => {
  const { reference, hathi } = await both(plain, async ({ folder, caller, log }) => {
    const script = folder.write('www/hello.php', '<?php echo "hello";');
    const reply = await request(folder.join('run/www.sock'), scriptParams(script));
    await log.waitFor(/ready to handle connections/);
    return {
      code: caller.code,
      stdout: caller.stdout,
      stderr: shared(caller.stderr, folder),
      log: shared(log.text(), folder),
      body: reply.body.toString(),
    };
  });
  assert.deepEqual(hathi, reference);
});

test('the daemon leads a session of its own and holds nothing of its caller', { skip }, async () => {
  const { reference, hathi } = await both(plain, async ({ folder, pid }): Promise<ProcessFacts> => {
    const facts = processFacts(pid);
    return JSON.parse(JSON.stringify(facts).replaceAll(folder.path, 'DIR')) as ProcessFacts;
  });
  assert.deepEqual(hathi, reference);
  assert.deepEqual(hathi.streams, ['/dev/null', '/dev/null', 'DIR/error.log']);
  assert.equal(hathi.title, 'php-fpm: master process (DIR/server.conf)');
});

test('with error_log = syslog stderr leads nowhere', { skip }, async () => {
  const text = (folder: TestFolder): string => globalText(folder, 'error_log = syslog') + plainPool(folder);
  const { reference, hathi } = await both(text, async ({ pid }) => processFacts(pid).streams);
  assert.deepEqual(hathi, reference);
});

test('ps shows the pool of a worker', { skip }, async () => {
  // A worker has its master's title until it has given itself its own.
  const { reference, hathi } = await both(plain, ({ pid }) =>
    poll('the title of a worker', () => {
      const titles = descendants(pid).map((worker) => processFacts(worker.pid).title);
      return titles.length > 0 && titles.every((title) => !title.includes('master')) ? titles : undefined;
    }),
  );
  assert.deepEqual(hathi, reference);
  assert.deepEqual(hathi, ['php-fpm: pool www']);
});

test('a reload in the background: the lines, and the master is still the one of the pid file', {
  skip,
}, async () => {
  const { reference, hathi } = await both(plain, async ({ folder, pid, log }) => {
    await log.waitFor(/ready to handle connections/);
    const from = log.mark();
    process.kill(pid, 'SIGUSR2');
    await log.waitFor(/ready to handle connections/, from);
    const now = await poll('the pid file', () => {
      const written = Number(readFileSync(folder.join('run/server.pid'), 'utf8'));
      return written > 0 && identify(written) !== undefined ? written : undefined;
    });
    // php-fpm has another pid by now, and what it says at the start twice.
    const lines = [...new Set(shared(log.lines.slice(from).join('\n'), folder))];
    if (now !== pid) process.kill(now, 'SIGTERM');
    return { lines, samePid: now === pid };
  });
  assert.deepEqual(hathi.lines, reference.lines);
  assert.deepEqual([hathi.samePid, reference.samePid], [true, false]);
});

test('an ordinary user runs it: what needs root is mentioned and ignored, the rest works', {
  skip,
}, async () => {
  const text = (folder: TestFolder): string => {
    folder.mkdir('.', 0o777);
    return (
      globalText(folder, 'process.priority = -5') + plainPool(folder, 'process.priority = -5\nchroot = /tmp')
    );
  };
  const { reference, hathi } = await both(
    text,
    async ({ folder, caller, pid, log }) => {
      const script = folder.write('www/who.php', '<?php echo "hello";');
      const reply = await request(folder.join('run/www.sock'), scriptParams(script));
      await log.waitFor(/ready to handle connections/);
      const owner = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
      return {
        owner,
        code: caller.code,
        stderr: shared(caller.stderr, folder),
        log: shared(log.text(), folder),
        body: reply.body.toString(),
      };
    },
    asNobody,
  );
  assert.deepEqual(hathi, reference);
});
