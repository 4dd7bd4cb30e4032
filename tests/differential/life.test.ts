/** Messages and actions of a running master on signals, compared with Debian's php-fpm: lines, order, levels, files. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { describe, test } from 'node:test';
import { requires } from '../harness/debian.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import type { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { run, type Server, serverCommand } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { maskedLines } from './both.ts';
import { comparableLog, end, leftFiles, processFacts, withBoth } from './life.ts';

const skip = requires('root', 'php-fpm');

/** Runs it with both and expects the same. */
async function same<T>(
  pools: (folder: TestFolder) => string,
  act: (server: Server) => Promise<T>,
  global = '',
): Promise<T> {
  const { 'php-fpm': reference, hathi } = await withBoth({ pools, global }, act);
  assert.deepEqual(hathi, reference);
  return reference;
}

describe('signals', { skip }, () => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) {
    test(`start and ${signal}: every line, the exit code, the files`, async () => {
      const seen = await same(poolText, async (server) => {
        const running = { files: leftFiles(server), pid: Number(server.readPidFile()) === server.pid };
        const pidMode = statSync(server.pidFile).mode & 0o777;
        await end(server, signal);
        const { exitCode } = server.child;
        return { running, pidMode, exitCode, left: leftFiles(server), log: comparableLog(server) };
      });
      assert.deepEqual(seen.left, []);
      assert.deepEqual(seen.log.slice(0, 2), [
        '[TIME] NOTICE: fpm is running, pid PID',
        '[TIME] NOTICE: ready to handle connections',
      ]);
    });
  }

  test('SIGUSR1 without an access log', async () => {
    await same(poolText, async (server) => {
      server.signal('SIGUSR1');
      await server.log.waitFor(/error log file re-opened/);
      await end(server, 'SIGTERM');
      return comparableLog(server);
    });
  });

  for (const signal of ['SIGUSR2', 'SIGHUP'] as const) {
    test(`${signal} reloads with the lines that monitoring knows, in their order`, async () => {
      const log = await same(poolText, async (server) => {
        const from = server.log.mark();
        server.signal(signal);
        await server.ready(from, 20_000);
        await end(server, 'SIGTERM');
        return comparableLog(server, from);
      });
      assert.deepEqual(log.slice(0, 5), [
        '[TIME] NOTICE: Reloading in progress ...',
        '[TIME] NOTICE: reloading: HOW',
        '[TIME] NOTICE: using inherited socket fd=FD, "DIR/run/www.sock"',
        '[TIME] NOTICE: fpm is running, pid PID',
        '[TIME] NOTICE: ready to handle connections',
      ]);
    });
  }

  test('two pools, one of them on a port: the lines of a reload come in the order of the file', async () => {
    await same(
      (folder) => poolText(folder, 'b') + poolText(folder, 'a', 'listen = 127.0.0.1:18471'),
      async (server) => {
        const from = server.log.mark();
        server.signal('SIGUSR2');
        await server.ready(from, 20_000);
        await end(server, 'SIGTERM');
        return comparableLog(server, from);
      },
    );
  });

  test('a reload by an ordinary user tells first what it ignores', async () => {
    const pools = (folder: TestFolder): string =>
      `[www]\nuser = www-data\nprocess.priority = 3\npm = dynamic\npm.max_children = 1\npm.min_spare_servers = 1\npm.max_spare_servers = 1\nlisten = ${folder.join('run/www.sock')}\n`;
    const through = ['/usr/bin/setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const { 'php-fpm': reference, hathi } = await withBoth({ pools, through }, async (server) => {
      const from = server.log.mark();
      server.signal('SIGUSR2');
      await server.ready(from, 20_000);
      await end(server, 'SIGTERM');
      return comparableLog(server, from);
    });
    assert.deepEqual(hathi, reference);
    assert.match(reference[3] ?? '', /'user' directive is ignored/);
  });

  test('a star for a host: what it means, and which address is left out', async () => {
    const log = await same(
      (folder) => poolText(folder, 'www', 'listen = *:18478'),
      async (server) => {
        server.expect(/multiple addresses/);
        await end(server, 'SIGTERM');
        return comparableLog(server);
      },
    );
    assert.equal(log[0], '[TIME] WARNING: Found multiple addresses for *, 127.0.0.1 ignored');
  });

  test('SIGTERM after SIGQUIT hastens the end', async () => {
    await same(
      poolText,
      async (server) => {
        // Busy, not asleep: in php-fpm SIGQUIT ends a sleep.
        const begun = server.folder.join('log/begun');
        const script = server.folder.write(
          'www/slow.php',
          `<?php touch('${begun}'); for (;;) { $busy = 1; }`,
        );
        const lost = request(server.socket(), scriptParams(script)).then(
          () => false,
          () => true,
        );
        await poll('the start of the script', () => existsSync(begun) || undefined);
        server.signal('SIGQUIT');
        await server.log.waitFor(/Finishing/);
        await end(server, 'SIGTERM');
        assert.equal(await lost, true, 'the request outlived SIGTERM');
        return comparableLog(server);
      },
      'process_control_timeout = 30',
    );
  });
});

test('log_level = debug names pid, function and line in the same form', { skip }, async () => {
  const shapes = await withBoth({ pools: poolText, global: 'log_level = debug' }, async (server) => {
    await end(server, 'SIGTERM');
    return server.log.lines;
  });
  const form =
    /^\[\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d\.\d{6}\] (DEBUG|NOTICE|WARNING): pid \d+, \w+\(\), line \d+: ./;
  for (const [kind, lines] of Object.entries(shapes)) {
    for (const line of lines) assert.match(line, form, kind);
  }
  // Decisions, as opposed to system calls: both have them.
  for (const text of [
    '[pool www] child \\d+ started',
    'received SIGTERM',
    "switching to 'terminating' state",
    '[pool www] child \\d+ exited',
  ]) {
    const pattern = new RegExp(`DEBUG: pid \\d+, \\w+\\(\\), line \\d+: ${text.replaceAll('[', '\\[')}`);
    for (const [kind, lines] of Object.entries(shapes)) {
      assert.ok(
        lines.some((line) => pattern.test(line)),
        `${kind} has no line ${pattern}`,
      );
    }
  }
});

test('in the foreground: title, session, folder, umask, streams', { skip }, async () => {
  await same(poolText, async (server) => {
    const { streams, ...facts } = processFacts(server.pid);
    await end(server, 'SIGTERM');
    return JSON.stringify({ ...facts, streams: streams.slice(0, 2) }).replaceAll(server.folder.path, 'DIR');
  });
});

describe('process managers', { skip }, () => {
  test('pm.max_children reached: the line comes once, with its level', async () => {
    const pools = (folder: TestFolder): string =>
      poolText(
        folder,
        'www',
        'pm = dynamic\npm.max_children = 1\npm.start_servers = 1\npm.min_spare_servers = 1\npm.max_spare_servers = 1',
      );
    await same(pools, async (server) => {
      server.expect(/server reached pm.max_children/);
      const script = server.folder.write('www/slow.php', '<?php usleep(700000); echo "done";');
      const answers = [1, 2].map(() => request(server.socket(), scriptParams(script)));
      await server.log.waitFor(/server reached pm.max_children setting \(1\)/);
      await Promise.all(answers);
      const lines = comparableLog(server).filter((line) => line.includes('max_children'));
      await end(server, 'SIGTERM');
      return lines.slice(0, 1);
    });
  });

  test('process.max: fewer workers than the pool wants, and the line says so', async () => {
    await same(
      (folder) => poolText(folder, 'www', 'pm = static\npm.max_children = 3'),
      async (server) => {
        server.expect(/maximum number of processes/);
        await end(server, 'SIGTERM');
        return comparableLog(server).filter((line) => line.includes('maximum number'));
      },
      'process.max = 2',
    );
  });

  test('pm.max_requests: the worker ends with code 0 and another one starts', async () => {
    await same(
      (folder) => poolText(folder, 'www', 'pm.max_requests = 1'),
      async (server) => {
        const script = server.folder.write('www/hello.php', '<?php echo "hello";');
        const from = server.log.mark();
        await request(server.socket(), scriptParams(script));
        await server.log.waitFor(/child \d+ started/, from);
        const lines = comparableLog(server, from);
        await end(server, 'SIGTERM');
        return lines;
      },
    );
  });

  test('request_terminate_timeout: the three lines', async () => {
    await same(
      (folder) => poolText(folder, 'www', 'request_terminate_timeout = 1'),
      async (server) => {
        server.expect(/execution timed out/, /exited on signal 15/);
        const script = server.folder.write('www/loop.php', '<?php for (;;) { $x = 1; }');
        const from = server.log.mark();
        await request(server.socket(), scriptParams(script, { QUERY_STRING: 'a=1' })).catch(() => {});
        await server.log.waitFor(/child \d+ started/, from);
        const lines = comparableLog(server, from).map((line) => line.replace(/\(\d\.\d{6} sec\)/, '(N sec)'));
        await end(server, 'SIGTERM');
        return lines;
      },
    );
  });
});

test('error_log holds the same lines as stderr until the master is up, and alone from then on', {
  skip,
}, async () => {
  const { 'php-fpm': reference, hathi } = await withBoth({ pools: poolText, log: 'file' }, async (server) => {
    // The line comes a moment before stderr is given up.
    const streams = await poll('stderr in the log', () => {
      const paths = processFacts(server.pid).streams;
      return paths[2] === server.errorLog
        ? paths.map((path) => path.replace(server.folder.path, 'DIR'))
        : undefined;
    });
    await end(server, 'SIGTERM');
    return { streams, file: readFileSync(server.errorLog, 'utf8').split('\n').length > 3 };
  });
  assert.deepEqual(hathi, reference);
});

test('a second instance on the same socket is refused, and the first one serves on', { skip }, async () => {
  await same(poolText, async (server) => {
    const script = server.folder.write('www/hello.php', '<?php echo "hello";');
    const second = [];
    for (const mode of ['-F', '-D']) {
      const { code, stderr } = await run(serverCommand(server.kind), [mode, '-y', server.configFile]);
      second.push({ code, stderr: maskedLines(stderr.replaceAll(server.folder.path, 'DIR')) });
    }
    const reply = await request(server.socket(), scriptParams(script));
    const files = leftFiles(server);
    await end(server, 'SIGTERM');
    return { second, body: reply.body.toString(), files };
  });
});
