/** Logs and uploads when the disk is full, and logs that are moved away. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { requires } from '../harness/debian.ts';
import { testEngines } from '../harness/engines.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { serverKind, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { ask, loaded } from './hello.ts';

/** php-fpm has no hosts and other answers: these tests are about Hathi alone. */
const options = { skip: serverKind === 'php-fpm' && 'the reference answers otherwise' };

testEngines(
  'a full disk costs lines and uploads, not requests',
  { skip: options.skip || requires('root') },
  async (engine) => {
    const lost = /ERROR: \[pool www\] cannot write the access log: (.*ENOSPC|No space left on device)/;
    using disk = new TestFolder();
    execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=1777', 'none', disk.path]);
    try {
      await using server = await startServer({
        engine,
        pools: (to) =>
          poolText(
            to,
            'www',
            `access.log = ${disk.path}/log\nphp_admin_value[upload_tmp_dir] = ${disk.path}`,
          ),
        expected: [lost],
      });
      assert.equal(await ask(server), 'hello');
      fill(`${disk.path}/fill`);
      for (let i = 0; i < 120; i++) assert.equal(await ask(server), 'hello');
      await server.log.waitFor(lost);
      const upload = server.folder.write('www/upload.php', '<?php echo $_FILES["f"]["error"];');
      const boundary = 'multipart/form-data; boundary=b';
      const part = 'Content-Disposition: form-data; name="f"; filename="x"';
      const reply = await request(
        server.socket(),
        scriptParams(upload, { REQUEST_METHOD: 'POST', CONTENT_TYPE: boundary }),
        `--b\r\n${part}\r\n\r\n${'x'.repeat(100_000)}\r\n--b--\r\n`,
      );
      assert.equal(reply.body.toString(), '7', 'UPLOAD_ERR_CANT_WRITE');
      assert.equal(server.log.count(lost), 1, 'once, not a line a request');

      rmSync(`${disk.path}/fill`);
      await ask(server);
      await poll(
        'the log to go on',
        () => readFileSync(`${disk.path}/log`, 'utf8').endsWith('hello.php" 200\n') || undefined,
      );
      await server.stop();
    } finally {
      execFileSync('/bin/umount', ['-l', disk.path]);
    }
  },
);

/** Writes until the file system is full. */
function fill(path: string): void {
  try {
    for (;;) appendFileSync(path, Buffer.alloc(4096));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}

testEngines('rotation under load loses and tears no line of the access log', options, async (engine) => {
  await using server = await startServer({
    engine,
    pools: (to) =>
      poolText(
        to,
        'www',
        `pm.max_children = 2\naccess.log = ${to.join('log/access')}\naccess.format = "begin %m %s %r%Q%q end"`,
      ),
  });
  const result = await loaded(server, 4, async () => {
    for (let i = 1; i <= 10; i++) {
      renameSync(server.folder.join('log/access'), server.folder.join(`log/access.${i}`));
      const from = server.log.mark();
      server.signal('SIGUSR1');
      if (i === 5) server.signal('SIGUSR2');
      await server.log.waitFor(/access log file re-opened$/, from);
      await delay(150);
    }
  });
  await server.stop();
  assert.deepEqual(Object.keys(result.counts), ['ok'], result.samples.join('\n'));
  const lines = readdirSync(server.folder.join('log'))
    .filter((name) => name.startsWith('access'))
    .flatMap((name) => readFileSync(server.folder.join('log', name), 'utf8').split('\n').slice(0, -1));
  assert.equal(lines.length, result.counts.ok);
  assert.deepEqual(new Set(lines), new Set(['begin GET 200 /load.php end']));
});
