/**
 * Whole masters with native workers beside Debian's php-fpm: the same configuration, requests and signals; every line
 * of the log, in order, and every answer. No line is left out here: who reads the log of php-fpm must be able to read
 * this one.
 */
import assert from 'node:assert/strict';

import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { suite, test } from 'node:test';
import { requires, testedPhp } from '../harness/debian.ts';
import { RequestLost, request, scriptParams } from '../harness/fastcgi.ts';
import type { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { exited } from '../harness/processes.ts';
import type { Server } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild } from '../native/built-engine.ts';
import { comparableLog, end, leftFiles, processFacts, withBoth } from './life.ts';

const skip = requires('root', 'php-fpm') || nativeBuild().skip;

/** Runs a script; what comes back is all that a client sees, `lost` where there is no whole answer. */
async function run(server: Server, code: string, more: Record<string, string> = {}): Promise<string> {
  const name = `www/${Buffer.from(code).toString('base64url').slice(0, 40)}${code.length}.php`;
  const script = server.folder.write(name, `<?php ${code}`);
  try {
    const { status, headers, body, stderr } = await request(server.socket(), scriptParams(script, more));
    return JSON.stringify([status, [...headers], body.toString(), stderr])
      .replaceAll(basename(server.folder.path), 'FOLDER')
      .replaceAll(/\d+\.\d{6}/g, 'N');
  } catch (error) {
    if (error instanceof RequestLost) return 'lost';
    throw error;
  }
}

/** Labels of this PHP's status page, without values. */
async function statusLabels(server: Server): Promise<string[]> {
  const params = scriptParams('/status', { SCRIPT_NAME: '/status', QUERY_STRING: 'full' });
  const { body } = await request(server.socket(), params);
  return body
    .toString()
    .split('\n')
    .map((line) => line.replace(/:.*/, ''));
}

/**
 * Everything that workers wrote so far is in the log once this line is. php-fpm reads up to 1023 bytes of the pipe at a
 * time: on a busy machine they are of several requests, and so cut elsewhere.
 */
async function settle(server: Server): Promise<void> {
  const from = server.log.mark();
  await run(server, 'file_put_contents("php://stderr", "that was all\\n");');
  await server.log.waitFor(/that was all/, from);
}

/** Acts on both and expects the same: what it gives back, the log, the exit code. */
async function same(
  lines: string,
  act: (server: Server) => Promise<unknown>,
  {
    global = '',
    args = [] as string[],
    env = {} as NodeJS.ProcessEnv,
    pools = (to: TestFolder) => poolText(to, 'www', lines),
  } = {},
): Promise<void> {
  const seen = await withBoth({ engine: 'native', pools, global, args, env }, async (server) => {
    server.expect(/./);
    const result = await act(server);
    if (server.child.exitCode === null) await end(server, 'SIGTERM');
    return { result, log: comparableLog(server), exitCode: server.child.exitCode };
  });
  assert.deepEqual(seen.hathi, seen['php-fpm']);
}

const caught =
  'catch_workers_output = yes\nphp_admin_flag[log_errors] = on\nphp_flag[display_errors] = off\n';
const stderr = (text: string): string => `file_put_contents("php://stderr", ${text});`;

suite('a native pool beside php-fpm', { skip, concurrency: 2 }, () => {
  test('what workers write: lines, pieces, what is too long', async () => {
    await same(caught, async (server) => {
      const answers = [];
      for (const text of ['"a\\nb\\n\\nc"', '"no newline"', '"\\"quoted\\" \\t\\n"']) {
        answers.push(await run(server, stderr(text)));
      }
      for (const size of [948, 949, 950, 1023, 2500]) {
        answers.push(await run(server, stderr(`str_repeat("x", ${size}) . "\\n"`)));
        await settle(server);
      }
      answers.push(await run(server, 'file_put_contents("php://stdout", "to stdout\\n");'));
      await settle(server);
      return answers;
    });
  });

  test('the same without decoration, and with a log_limit', async () => {
    await same(
      `${caught}decorate_workers_output = no`,
      async (server) => {
        for (const size of [511, 512, 600, 1300]) {
          await run(server, stderr(`str_repeat("x", ${size}) . "\\n"`));
          await settle(server);
        }
        const answer = await run(server, 'error_log("mine"); error_log(str_repeat("m", 900));');
        await settle(server);
        return answer;
      },
      { global: 'log_limit = 512' },
    );
  });

  test('messages of PHP and of the worker', async () => {
    await same(`${caught}php_admin_value[no.such.setting] = 1\nrlimit_files = 1000`, async (server) => {
      const answers = [
        await run(
          server,
          'error_log("a message"); error_log("two\\nlines"); error_log(str_repeat("m", 3000));',
        ),
        await run(
          server,
          'echo $undefined; trigger_error("mine", E_USER_WARNING); throw new Exception("x");',
        ),
        await run(server, 'echo ini_get("precision");', {
          PHP_VALUE: '[section]\nno.such = 1\nprecision = 5',
        }),
        await run(server, '', { SCRIPT_FILENAME: server.folder.write('www/page.txt', 'x') }),
        await run(server, '', { SCRIPT_FILENAME: server.folder.join('www/none.php') }),
      ];
      await settle(server);
      return answers;
    });
  });

  test('workers that die: every signal has its line, and its successor', async () => {
    await same('pm.max_children = 2', async (server) => {
      const ends = [];
      for (const signal of [15, 3, 2, 10, 12, 9, 1, 11]) {
        const from = server.log.mark();
        const pid = /(\d+)","/.exec(await run(server, 'echo getmypid();'))?.[1];
        process.kill(Number(pid), signal);
        ends.push((await server.log.waitFor(/child \d+ exited/, from)).replace(/^.*child \d+|after.*/g, ''));
        await server.log.waitFor(/child \d+ started/, from);
      }
      return ends;
    });
  });

  test('a reload with other sockets: those that were there are announced, the one that nobody wants goes', async () => {
    const pools = (to: TestFolder): string => poolText(to, 'www') + poolText(to, 'old');
    await same(
      '',
      async (server) => {
        server.configure(
          (to) =>
            poolText(to, 'www') +
            poolText(
              to,
              'new',
              'pm = dynamic\npm.max_children = 2\npm.min_spare_servers = 1\npm.max_spare_servers = 1',
            ),
        );
        await server.reload();
        const answer = await run(server, 'echo "x";');
        await poll('the end of the old socket', () => !existsSync(server.socket('old')) || undefined);
        return [answer, leftFiles(server)];
      },
      { pools },
    );
  });

  test('fastcgi_finish_request(): the time-out no longer counts, the client is let go', async () => {
    await same('request_terminate_timeout = 1\ncatch_workers_output = yes', async (server) => {
      const code =
        'echo "early"; fastcgi_finish_request(); $t = microtime(true); while (microtime(true) < $t + 1.6);';
      const answer = await run(server, `${code} file_put_contents("php://stderr", "done\\n");`);
      assert.equal(server.log.count(/done/), 0, 'the client waited for the script');
      await server.log.waitFor(/done/);
      return answer;
    });
  });

  test('what ps(1) shows: titles, and who is found by the name of a pool', async () => {
    const pools = (to: TestFolder): string =>
      poolText(to, 'www', 'pm.max_children = 2') + poolText(to, 'www2');
    const titles = (server: Server): string[] =>
      [server.pid, ...server.workers().map(({ pid }) => pid)]
        .map((pid) => processFacts(pid).title.replace(server.folder.path, 'DIR'))
        .filter((title) => /pool|master/.test(title))
        .sort();
    // A worker of php-fpm has its master's title for a moment.
    const settled = (server: Server): string[] | undefined =>
      titles(server).filter((title) => title.includes('pool')).length >= 3 ? titles(server) : undefined;
    await same('', (server) => poll('the titles of all workers', () => settled(server)), { pools });
  });

  test('limits, by numbers and by words', async () => {
    const values = ['unlimited', 'UNLIMITED', '0', '12345'];
    const pools = (to: TestFolder): string =>
      values.map((value, at) => poolText(to, `pool${at}`, `rlimit_core = ${value}`)).join('') +
      poolText(to, 'files', 'rlimit_files = 200') +
      poolText(to, 'nice', 'process.priority = 0') +
      poolText(to, 'nicer', 'process.priority = 3');
    const code =
      '<?php preg_match_all("/^Max (?:open files|core file size) .*/m", file_get_contents("/proc/self/limits"), $m); echo implode($m[0]), explode(" ", file_get_contents("/proc/self/stat"))[18];';
    await same(
      '',
      async (server) => {
        const script = server.folder.write('www/limits.php', code);
        const names = [...values.map((_, at) => `pool${at}`), 'files', 'nice', 'nicer'];
        const replies = names.map((name) => request(server.socket(name), scriptParams(script)));
        return (await Promise.all(replies)).map(({ body }) => body.toString());
      },
      { pools },
    );
  });

  test('environment, variables and status as a script sees them', async () => {
    const lines = 'env[B] = b\nenv[A] = $HOME\nenv[B] = c\nclear_env = yes\npm.status_path = /status';
    await same(lines, async (server) => [
      await run(server, 'echo json_encode(getenv());'),
      await run(
        server,
        'unset($_SERVER["REQUEST_TIME"], $_SERVER["REQUEST_TIME_FLOAT"]); echo json_encode($_SERVER);',
        {
          HTTP_PROXY: 'x',
          HTTP_A_B: 'c',
        },
      ),
      await run(server, 'echo json_encode(getallheaders());', {
        HTTP_PROXY: 'x',
        HTTP_A_B: 'c',
        CONTENT_TYPE: 't',
      }),
      await run(
        server,
        '$s = fpm_get_status(); $p = $s["procs"][0]; echo json_encode([array_keys($s), $p["request-uri"], $p["query-string"], $p["script"], $p["state"]]);',
        { QUERY_STRING: 'a=b' },
      ),
      await run(server, 'header("HTTP/1.1 " . str_repeat("4", 2000)); echo "x";'),
      await run(server, 'echo json_encode(getallheaders());', {
        HTTP__X: '1',
        HTTP_X__Y: '2',
        'HTTP_X-Y': '3',
      }),
      await run(server, 'echo json_encode(fpm_get_status()["procs"][0]["request-uri"]);', {
        SCRIPT_NAME: '',
      }),
      await run(
        server,
        '$f = preg_grep("/^(hathi|frankenphp)_/", get_defined_functions()["internal"], PREG_GREP_INVERT); sort($f); echo implode(" ", $f);',
      ),
      await statusLabels(server),
    ]);
  });

  test('clear_env = no: the environment of the master, whatever a shell between makes of it', async () => {
    const none = { PWD: undefined, OLDPWD: undefined, SHLVL: undefined, _: undefined };
    const odd = { PWD: '/nowhere', OLDPWD: '/x', SHLVL: '7', _: 'q', 'a.b': '1', version: 'v', IFS: ',' };
    const code =
      '$e = getenv(); unset($e["HATHI_ENGINE_DIR"], $e["HATHI_RUNTIME_DIR"]); echo json_encode([$e, $_ENV]);';
    for (const env of [none, odd]) {
      await same('clear_env = no\nenv[C] = $PWD', (server) => run(server, code), { env });
    }
  });

  /** A line for each thing that PHP has; which module it belongs to is a number inside of PHP. */
  const inventory = `foreach (get_defined_constants(true) as $group => $list) foreach ($list as $name => $value)
    if ($name !== 'PHP_BINARY') echo "$group $name ", is_resource($value) || $value !== $value ? '' : json_encode($value), "\n";
  foreach (get_loaded_extensions() as $name) { $e = new ReflectionExtension($name);
    echo "$name ", json_encode([$e->getVersion(), $e->getINIEntries(), array_keys($e->getConstants()), array_values(preg_grep('/^(hathi|frankenphp)_/', array_keys($e->getFunctions()), PREG_GREP_INVERT)), $e->getClassNames(), $e->getDependencies()]), "\n"; }
  $classes = get_declared_classes(); sort($classes);
  echo json_encode([ini_get_all(), stream_get_wrappers(), stream_get_filters(), $classes]), "\n";
  ob_start(); phpinfo(INFO_GENERAL | INFO_CONFIGURATION | INFO_MODULES);
  echo preg_replace('~.*(memory|Cache|Interned|keys|Build System|Start time|restart).*~i', '', ob_get_clean());`;

  test('everything that PHP says of itself', async () => {
    await same('', async (server) => JSON.parse(await run(server, inventory))[2].split('\n'));
  });

  test('the same with extensions of the pool', async () => {
    // As php-fpm wants it, which loads the last one first.
    const names = ['xsl', 'dom', 'pdo_sqlite', 'pdo', 'shmop', 'ctype'];
    const lines = names.map((name) => `php_admin_value[extension] = ${name}`).join('\n');
    await same(
      lines,
      async (server) =>
        JSON.parse(await run(server, inventory))[2]
          .split('\n')
          .sort(),
      {
        args: ['-n'],
      },
    );
  });

  for (const path of ['/proc/self/fd/2', '/dev/stderr', '/proc/self/fd/1']) {
    test(`error_log = ${path} of a pool, and the same by its name`, async () => {
      await same(`${caught}php_admin_value[error_log] = ${path}`, async (server) => {
        const answer = await run(
          server,
          `error_log("a message"); echo $undefined; $file = @fopen("${path}", "a"); echo $file ? "open" : "denied"; throw new Exception("x");`,
        );
        await settle(server);
        return answer;
      });
    });
  }

  test('an access log whose format yields nothing at times', async () => {
    const pools = (to: TestFolder): string =>
      poolText(to, 'www', `access.log = ${to.join('log/access')}\naccess.format = "%u"`);
    await same(
      '',
      async (server) => {
        await run(server, 'echo 1;');
        await run(server, 'echo 1;', { HTTP_AUTHORIZATION: 'Basic dXNlcjpwYXNz' });
        await end(server, 'SIGTERM');
        return readFileSync(server.folder.join('log/access'), 'utf8');
      },
      { pools },
    );
  });

  test('names of users and groups that are empty, as root: as if they were not there', async () => {
    const pools = (to: TestFolder): string =>
      `[www]\nuser =\ngroup = ""\nlisten.owner =\nlisten.group =\npm = static\npm.max_children = 1\nlisten = ${to.join('run/www.sock')}\n`;
    await same('', (server) => run(server, 'echo posix_getuid(), posix_getgid();'), { pools, args: ['-R'] });
  });

  test('functions that are taken away for one request, which ends by a fatal error', async () => {
    const code = 'echo function_exists("strrev") ? "there" : "gone"; throw new Exception("y");';
    const seen = await withBoth({ engine: 'native', pools: (to) => poolText(to) }, async (server) => {
      server.expect(/./);
      // Its end has fewer of PHP's own functions to leave alone.
      return await run(server, code, { PHP_VALUE: 'disable_functions=strrev' });
    });
    assert.deepEqual(seen.hathi, seen['php-fpm']);
    assert.match(seen.hathi, /gone/);
  });

  test('a crash too many reloads, and says so by its own line; a reload that comes too late is refused', async () => {
    const global =
      'emergency_restart_threshold = 1\nemergency_restart_interval = 1m\nprocess_control_timeout = 9';
    await same(
      '',
      async (server) => {
        const from = server.log.mark();
        const pid = /(\d+)","/.exec(await run(server, 'echo getmypid();'))?.[1];
        process.kill(Number(pid), 'SIGSEGV');
        await server.ready(from, 20_000);
        const begun = server.folder.join('log/begun');
        const busy = `touch('${begun}'); $t = microtime(true); while (microtime(true) < $t + 0.4); echo 'done';`;
        const answer = run(server, busy);
        await poll('the start of the script', () => existsSync(begun) || undefined);
        server.signal('SIGQUIT');
        await server.log.waitFor(/Finishing/);
        server.signal('SIGUSR2');
        await exited(server.child);
        return await answer;
      },
      { global },
    );
  });

  test('-c FILE, -d and -n: which ini files count', async () => {
    const show =
      'echo json_encode([php_ini_loaded_file(), trim((string) php_ini_scanned_files()), ini_get("memory_limit"), ini_get("precision"), extension_loaded("Zend OPcache")]);';
    await same('', (server) => run(server, show), {
      args: ['-c', `/etc/php/${testedPhp}/cli`, '-d', 'precision=7'],
    });
    await same('', (server) => run(server, show), { args: ['-n', '-d', 'memory_limit=33M'] });
  });

  test('chroot without a /tmp: uploads, temporary files, sessions', async () => {
    const pools = (to: TestFolder): string =>
      poolText(to, 'www', `${caught}chroot = ${to.mkdir('jail')}\nchdir = /`);
    const code =
      'echo json_encode([getcwd(), __FILE__, $_FILES["f"]["error"] ?? null, @tempnam("/tmp", "x"), is_resource(@tmpfile()), @session_start()]);';
    const part = '--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\nxyz\r\n--b--\r\n';
    await same(
      '',
      async (server) => {
        server.folder.write('jail/x.php', `<?php ${code}`);
        const params = scriptParams('/x.php', {
          REQUEST_METHOD: 'POST',
          CONTENT_TYPE: 'multipart/form-data; boundary=b',
        });
        const { status, body, stderr } = await request(server.socket(), params, part);
        const none = await request(server.socket(), scriptParams('/none.php'));
        return [status, body.toString(), stderr, none.status];
      },
      { pools },
    );
  });

  test('a listen.allowed_clients with entries that are none', async () => {
    await same(
      `${caught}listen = 127.0.0.1:18472\nlisten.allowed_clients = 127.0.0.1,nobody,1.2.3.999`,
      async (server) => {
        await server.log.waitFor(/Wrong IP address '1\.2\.3\.999'/);
      },
    );
  });
});
