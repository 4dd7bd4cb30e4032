/** Faults of scripts, users and limits in whole masters with native workers: client, log and the next request. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { suite, test } from 'node:test';
import { requires } from '../harness/debian.ts';
import { RequestLost, request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { isRoot, type Server, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild } from './built-engine.ts';
import { crashingScript } from './crashing-script.ts';

const { skip } = nativeBuild();

/** The client's view of a script. */
async function run(
  server: Server,
  name: string,
  code: string,
): Promise<{ status: number; body: string; stderr: string }> {
  const script = server.folder.write(`www/${name}.php`, `<?php ${code}`);
  const { status, body, stderr } = await request(server.socket(), scriptParams(script));
  return { status, body: body.toString(), stderr };
}

/** Microseconds at which a line of a log at debug level was written. */
function timeOf(line: string): number {
  const [, time = '', micros = ''] = /^\[\S+ (\S+)\.(\d{6})\]/.exec(line) ?? [];
  return Date.parse(`1970-01-01T${time}Z`) * 1000 + Number(micros);
}

suite('faults of scripts', { skip }, () => {
  test('recursion without end, memory without end, a crash: the answer, the log, the next request', async () => {
    await using server = await startServer({
      engine: 'native',
      pools: (to) =>
        poolText(
          to,
          'www',
          'php_admin_value[memory_limit] = 16M\nphp_flag[display_errors] = off\nphp_admin_flag[log_errors] = on',
        ),
      global: 'log_level = debug',
      expected: [/exited on signal 11/],
    });
    const faults = {
      recursion: 'function f() { return f() + 1; } echo f();',
      memory: '$all = []; for (;;) { $all[] = str_repeat("x", 100000); }',
    };
    for (const [name, code] of Object.entries(faults)) {
      const from = server.log.mark();
      const answer = await run(server, name, code);
      assert.deepEqual([answer.status, answer.body], [500, ''], name);
      assert.match(
        answer.stderr,
        /^PHP message: PHP Fatal error: {2}Allowed memory size of 16777216 bytes exhausted/,
      );
      await server.log.waitFor(/child \d+ exited with code 0 after/, from);
      await server.log.waitFor(/child \d+ started/, from);
      assert.equal((await run(server, 'next', 'echo "next";')).body, 'next');
    }
    const gaps = [];
    for (let crash = 1; crash <= 3; crash++) {
      const from = server.log.mark();
      const pid = Number((await run(server, 'pid', 'echo getmypid();')).body);
      process.kill(pid, 'SIGSEGV');
      const gone = await server.log.waitFor(
        /WARNING: .*\[pool www\] child \d+ exited on signal 11 \(SIGSEGV/,
        from,
      );
      const back = await server.log.waitFor(/\[pool www\] child \d+ started/, from);
      gaps.push(timeOf(back) - timeOf(gone));
      assert.equal((await run(server, 'next', 'echo "next";')).body, 'next');
    }
    assert.ok(Math.min(...gaps) < 100_000, `the slot was back after ${gaps.join(', ')} microseconds`);
    await server.stop();
  });

  test('no script, one that is not ours to read, one that cannot be parsed, one that takes its worker along', async () => {
    await using server = await startServer({
      engine: 'native',
      pools: (to) =>
        poolText(
          to,
          'www',
          'catch_workers_output = yes\nphp_flag[display_errors] = off\nphp_admin_flag[log_errors] = on',
        ),
      expected: [/said into stderr/, /exited on signal (9|11|15)/],
    });
    const file = (name: string): string => server.folder.join(`www/${name}.php`);
    server.folder.write('www/secret.php', '<?php echo "secret";', 0o600);
    server.folder.write('www/wrong.php', '<?php if (');
    server.folder.write('www/crash.php', crashingScript);
    server.folder.write('www/killed.php', '<?php echo "begun"; flush(); posix_kill(getmypid(), 9);');
    server.folder.write('www/ended.php', '<?php posix_kill(getmypid(), 15); for (;;);');
    const lost = (name: string): string =>
      `NOTICE: [pool www] child PID, script '${file(name)}' (request: "GET /${name}.php") was lost with it`;
    const said = (text: string): string => `WARNING: [pool www] child PID said into stderr: "${text}"`;
    const denied = `Unable to open primary script: ${file('secret')} (Permission denied)`;
    const startup =
      'PHP message: PHP Warning:  PHP Request Startup: Failed to open stream: Permission denied in Unknown on line 0';
    const parse = `PHP message: PHP Parse error:  Unclosed '(' in ${file('wrong')} on line 1`;
    const gone = (signal: string): string =>
      `WARNING: [pool www] child PID exited on signal ${signal} after TIME`;
    const started = 'NOTICE: [pool www] child PID started';
    const cases: readonly (readonly [name: string, answer: unknown, log: readonly string[]])[] = [
      ['none', [404, 'File not found.\n', 'Primary script unknown'], []],
      ...(isRoot
        ? ([
            [
              'secret',
              [403, 'Access denied.\n', `${startup}; ${denied}`],
              [said(`NOTICE: ${startup}`), said(`ERROR: ${denied}`)],
            ],
          ] as const)
        : []),
      ['wrong', [500, '', parse], [said(`NOTICE: ${parse}`)]],
      [
        'crash',
        [500, 'The worker that ran the script was lost.\n', ''],
        [gone('11 (SIGSEGV)'), lost('crash'), started],
      ],
      ['killed', 'lost', [gone('9 (SIGKILL)'), lost('killed'), started]],
      // PHP holds signals back while it is in a critical section, not for ever.
      [
        'ended',
        [503, 'The worker was ended before the script was done.\n', ''],
        [gone('15 (SIGTERM)'), started],
      ],
    ];
    for (const [name, answer, log] of cases) {
      const from = server.log.mark();
      const got = await request(server.socket(), scriptParams(file(name))).then(
        ({ status, body, stderr }) => [status, body.toString(), stderr],
        (error: unknown) => (error instanceof RequestLost ? 'lost' : error),
      );
      assert.deepEqual(got, answer, name);
      await poll(`the log of ${name}`, () => server.log.lines.length - from >= log.length || undefined);
      assert.equal((await run(server, 'next', 'echo "next";')).body, 'next');
      const lines = server.log.lines.slice(from).map((line) =>
        line
          .replace(/^\[[^\]]*\] /, '')
          .replace(/child \d+/, 'child PID')
          .replace(/after [\d.]+ seconds from start$/, 'after TIME')
          .replace(' - core dumped', ''),
      );
      assert.deepEqual(lines, log, name);
    }
    await server.stop();
  });

  test('a full OPcache: scripts go on without it', async () => {
    await using server = await startServer({
      engine: 'native',
      pools: (to) => poolText(to, 'www', 'pm.max_children = 2'),
      args: [
        '-d',
        'opcache.memory_consumption=8',
        '-d',
        'opcache.max_accelerated_files=200',
        '-d',
        'opcache.file_update_protection=0',
        '-d',
        'opcache.interned_strings_buffer=1',
      ],
    });
    const code = Array.from(
      { length: 200 },
      (_, line) => `function f${line}() { return "${'x'.repeat(200)}${line}"; }`,
    );
    for (let file = 0; file < 160; file++) {
      server.folder.write(`www/part${file}.php`, `<?php namespace n${file}; ${code.join('\n')}`);
    }
    const fill =
      'for ($i = 0; $i < 160; $i++) include __DIR__ . "/part$i.php"; $s = opcache_get_status(false); echo json_encode([$s["cache_full"], n59\\f7() !== ""]);';
    assert.equal((await run(server, 'fill', fill)).body, '[true,true]');
    for (let round = 0; round < 10; round++) {
      assert.equal((await run(server, `after${round}`, `echo "after ${round}";`)).body, `after ${round}`);
    }
    await server.stop();
  });
});

suite('what a pool asks of its system', { skip: skip || requires('root') }, () => {
  test('a user that is removed meanwhile: the pool serves on, a reload is refused', async () => {
    const user = `hathi-test-${process.pid}`;
    execFileSync('/usr/sbin/useradd', ['--system', '--no-create-home', '--shell', '/usr/sbin/nologin', user]);
    let isThere = true;
    const remove = (): void => {
      if (isThere) execFileSync('/usr/sbin/userdel', ['-f', user]);
      isThere = false;
    };
    try {
      await using server = await startServer({
        engine: 'native',
        pools: (to) => poolText(to, 'www', `user = ${user}\ngroup = ${user}`),
        expected: [/cannot get uid for user/, /reload refused/, /post process the configuration/],
      });
      server.folder.write('www/who.php', '<?php echo getmypid(), " ", posix_getuid();');
      remove();
      const ask = async (): Promise<string> =>
        (await run(server, 'who', 'echo getmypid(), " ", getmyuid() >= 0;')).body;
      const before = await ask();
      const from = server.log.mark();
      server.signal('SIGUSR2');
      await server.log.waitFor(/ERROR: reload refused: the running configuration stays in force/, from);
      assert.ok(
        server.log.lines.slice(from).some((line) => line.endsWith(`cannot get uid for user '${user}'`)),
      );
      assert.equal(await ask(), before);
      // A worker that is made anew is still that user.
      process.kill(Number(before.split(' ')[0]), 'SIGQUIT');
      const after = await poll('another worker', async () => {
        const answer = await ask().catch((error: unknown) => {
          if (error instanceof RequestLost) return before;
          throw error;
        });
        return answer === before ? undefined : answer;
      });
      assert.match(after, /^\d+ 1$/);
      await server.stop();
    } finally {
      remove();
    }
  });

  test('extension = in one pool is that pool’s only; one that is not there costs a warning', async () => {
    await using server = await startServer({
      engine: 'native',
      pools: (to) =>
        poolText(to, 'www', 'php_admin_value[extension] = posix') +
        poolText(to, 'other') +
        poolText(to, 'wrong', 'php_value[extension] = no_such_extension'),
      args: ['-n'],
      expected: [/no_such_extension/],
    });
    const script = server.folder.write(
      'www/has.php',
      '<?php echo extension_loaded("posix") ? posix_getpid() === getmypid() : "no";',
    );
    const has = async (pool: string): Promise<string> =>
      (await request(server.socket(pool), scriptParams(script))).body.toString();
    assert.deepEqual([await has('www'), await has('other'), await has('wrong')], ['1', 'no', 'no']);
    await server.stop();
  });
});
