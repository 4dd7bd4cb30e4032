/** Logs on the standard streams, with the error log in a file: they stay on the streams that the master was started with. */
import assert from 'node:assert/strict';
import { readFileSync, symlinkSync } from 'node:fs';
import { testEngines } from '../harness/engines.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { type EngineName, type Server, serverKind, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';

/** The reference loses them: from USR1 on its access lines are in the error log, and stdout is /dev/null. */
const options = { skip: serverKind === 'php-fpm' && 'the reference mixes them up' };

/** Every name of a stream for a log, by pool. */
const pools: Readonly<Record<string, { access: string; slow: string }>> = {
  plain: { access: '/dev/stderr', slow: '/dev/stdout' },
  proc: { access: '/proc/self/fd/2', slow: '/proc/self/fd/1' },
  odd: { access: '/dev/fd/2', slow: '/dev//fd/1' },
  link: { access: 'LINK', slow: '/dev/fd/1' },
};
/** The master finds the stream; hosts of both engines have its descriptor. */
const namesFor = (engine: EngineName): string[] =>
  engine === 'native' ? Object.keys(pools) : ['plain', 'link'];

async function askAll(server: Server, names: readonly string[], script: string): Promise<void> {
  const path = server.folder.join('www', script);
  await Promise.all(
    names.map(async (name) => {
      const { status } = await request(
        server.socket(name),
        scriptParams(path, { SCRIPT_NAME: `/${script}` }),
      );
      assert.equal(status, 200);
    }),
  );
}

testEngines('access and slow logs on stdout and stderr, over USR1 and a reload', options, async (engine) => {
  const names = namesFor(engine);
  await using server = await startServer({
    engine,
    log: 'file',
    // Relative to the folder of the test, which is where the master starts.
    through: ['/bin/sh', '-c', 'exec "$@" >>log/stdout 2>>log/stderr', 'sh'],
    expected: [/executing too slow/, /no PHP stack in the slow log|'slowlog' is limited with the embedded/],
    pools: (folder) => {
      folder.write('www/hello.php', '<?php echo "hello";');
      folder.write('www/slow.php', '<?php sleep(2);');
      symlinkSync('/dev/stderr', folder.join('stderr'));
      return names
        .map((name) => {
          const { access = '', slow = '' } = pools[name] ?? {};
          return poolText(
            folder,
            name,
            `access.log = ${access.replace('LINK', folder.join('stderr'))}\naccess.format = "access %n %r"\n` +
              `slowlog = ${slow}\nrequest_slowlog_timeout = 1`,
          );
        })
        .join('');
    },
  });
  const { folder, log } = server;
  const linesIn = (file: string, pattern: RegExp): number =>
    readFileSync(folder.join('log', file), 'latin1')
      .split('\n')
      .filter((line) => pattern.test(line)).length;
  const wanted = async (file: string, pattern: RegExp, count: number): Promise<void> => {
    await poll(`${count} of ${pattern} in ${file}`, () => linesIn(file, pattern) === count || undefined);
  };
  await askAll(server, names, 'hello.php');
  await wanted('stderr', /^access \w+ \/hello.php$/, names.length);
  const from = log.mark();
  server.signal('SIGUSR1');
  await log.waitFor(/NOTICE: access log file re-opened/, from);
  await askAll(server, names, 'hello.php');
  await wanted('stderr', /^access \w+ \/hello.php$/, 2 * names.length);
  await server.reload();
  await askAll(server, names, 'slow.php');
  await wanted('stderr', /^access \w+ \/slow.php$/, names.length);
  await wanted('stdout', /^script_filename = .*slow.php$/, names.length);
  assert.equal(linesIn('error.log', /^access|^script_filename/), 0);
  await server.stop();
});
