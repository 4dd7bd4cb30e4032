/** The life of a booted application in the embedded engine: what its threads do otherwise than processes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { type Reply, request, scriptParams } from '../harness/fastcgi.ts';
import type { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { type Server, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { writeApplication } from './application.ts';

suite('a booted application in the embedded engine', () => {
  let server: Server;
  let script: string;

  const pool = (folder: TestFolder, more: string): string =>
    poolText(
      folder,
      'www',
      `worker.script = ${script}
worker.other_children = 1
worker.boot_timeout = 2s
catch_workers_output = yes
access.log = ${folder.join('log/access')}
access.format = "%W %s %q"
php_admin_value[session.save_path] = ${folder.join('tmp')}
php_admin_flag[log_errors] = on
php_flag[display_errors] = off
php_value[output_buffering] = 4096
${more}`,
    );
  const configure = (more: string): void => server.configure((folder) => pool(folder, more));

  before(async () => {
    server = await startServer({
      engine: 'embedded',
      pools: (folder) => {
        script = writeApplication(folder);
        return pool(folder, '');
      },
      expected: [/PHP message|said into|Fatal|cannot start|exited|is to call|boots anew/],
    });
  });
  after(() => server[Symbol.asyncDispose]());

  const send = (path: string, query: string, more: Record<string, string> = {}): Promise<Reply> =>
    request(server.socket(), scriptParams(path, { QUERY_STRING: query, ...more }));
  const ask = (action: string, more: Record<string, string> = {}): Promise<Reply> =>
    send(script, `do=${action}`, more);
  const header = (reply: Reply, name: string): string | undefined => reply.headers.get(name)?.[0];

  test('exit: the answer goes out with what belongs to it, then the application boots anew', async () => {
    const first = await ask('hello');
    const exit = await ask('exit');
    assert.deepEqual([exit.status, exit.body.toString()], [200, 'bye shut']);
    const later = await ask('hello');
    assert.equal(header(later, 'x-pid'), header(first, 'x-pid'));
    assert.notEqual(header(later, 'x-boot'), header(first, 'x-boot'));
    assert.equal(readFileSync(server.folder.join('log/boot-shutdown'), 'utf8'), 'x');
    assert.equal((await ask('shutdown-exit')).body.toString(), 'handled first ');
  });

  for (const [what, action, printed, message] of [
    ['a fatal error', 'fatal', 'printed ', /Cannot redeclare/],
    ['memory used up', 'memory', '', /Allowed memory size/],
    ['a fatal error at the end of a request', 'shutdown-fatal', 'handled ', /Cannot redeclare/],
  ] as const) {
    test(`${what}: a 500 with what PHP still has of the output, then the application boots anew`, async () => {
      const first = await ask('hello');
      const fatal = await ask(action);
      assert.deepEqual([fatal.status, fatal.body.toString()], [500, printed]);
      assert.match(fatal.stderr, message);
      const next = await ask('hello');
      assert.equal(next.body.toString(), 'hello');
      assert.notEqual(header(next, 'x-boot'), header(first, 'x-boot'));
    });
  }

  test('another script runs beside it, in a worker of its own; who served a request is told', async () => {
    const application = await ask('hello', { HATHI_VERBOSE: '1' });
    assert.match(header(application, 'x-hathi-served-by') ?? '', /^worker; pid=\d+; requests=\d+$/);
    const other = await send(server.folder.join('www/public/classic.php'), 'n=5', { HATHI_VERBOSE: '1' });
    assert.match(other.body.toString(), /^classic \d+ 5$/);
    assert.match(header(other, 'x-hathi-served-by') ?? '', /^classic; pid=\d+; requests=1$/);
    const outside = await send(server.folder.join('www/public/outside.php'), '');
    assert.match(
      outside.body.toString(),
      /^hathi_handle_request\(\) can only be called by the script of a pool/,
    );
    assert.equal((await send('/no/such/file.php', 'do=hello')).body.toString(), 'hello');
    await poll('the lines of the access log', () => {
      const log = readFileSync(server.folder.join('log/access'), 'utf8');
      return (/^worker 200 do=hello$/m.test(log) && /^classic 200 n=5$/m.test(log)) || undefined;
    });
  });

  test('its figures', async () => {
    const status = JSON.parse((await ask('fpm-status')).body.toString()) as {
      procs: Record<string, number>[];
    };
    const [worker, other] = status.procs;
    assert.ok((worker?.['boots'] ?? 0) > 3 && (worker?.['boot-time'] ?? 0) > 0, JSON.stringify(worker));
    assert.equal(other?.['boots'], 0);
  });

  test('opcache_reset(): the application boots anew', async () => {
    const first = await ask('hello');
    await ask('reset-opcache');
    await poll(
      'the next boot',
      async () => header(await ask('hello'), 'x-boot') !== header(first, 'x-boot') || undefined,
    );
    await server.log.waitFor(/the application boots anew: OPcache is to restart/);
  });

  test('a reload to an application that cannot be booted, or not in time, leaves the old one serving', async () => {
    const first = await ask('hello');
    const text = readFileSync(script);
    for (const [broken, message] of [
      [
        '<?php function a() {} function a() {}',
        /cannot start: .*Cannot redeclare function a\(\).* on line 1/,
      ],
      [
        '<?php echo "usage: none"; exit(4);',
        /never called hathi_handle_request\(\): it ended with exit status 4, and printed: usage: none/,
      ],
      [
        '<?php sleep(60);',
        /cannot start: .*does not wait for a request after 2 seconds \(worker\.boot_timeout\)/,
      ],
    ] as const) {
      server.folder.write('www/public/index.php', broken);
      const from = server.log.mark();
      server.signal('SIGUSR2');
      await server.log.waitFor(message, from);
      await server.ready(from, 10_000);
      assert.equal(header(await ask('hello'), 'x-boot'), header(first, 'x-boot'));
    }
    server.folder.write('www/public/index.php', text);
    await server.reload();
    assert.notEqual(header(await ask('hello'), 'x-boot'), header(first, 'x-boot'));
  });

  test('worker.on_exit = keep: the application goes on', async () => {
    configure('worker.on_exit = keep');
    await server.reload();
    const first = await ask('hello');
    assert.equal((await ask('exit')).body.toString(), 'bye shut');
    assert.equal(header(await ask('hello'), 'x-boot'), header(first, 'x-boot'));
  });

  test('a script without a loop is booted for each request, which is said once', async () => {
    server.folder.write(
      'www/public/index.php',
      '<?php error_log("on its way"); frankenphp_handle_request(fn () => print("once"));',
    );
    await server.reload();
    for (let n = 0; n < 3; n += 1) assert.equal((await ask('hello')).body.toString(), 'once');
    await server.log.waitFor(/is to call hathi_handle_request\(\) in a loop/);
    await server.log.waitFor(/said into stderr: "NOTICE: PHP message: on its way"/, 0);
    assert.equal(server.log.lines.filter((line) => /in a loop/.test(line)).length, 1);
  });
});
