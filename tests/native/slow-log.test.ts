/**
 * The slow log against Debian's php-fpm on the same scripts. Hathi has no right to trace here, as in a container;
 * php-fpm has, and without it its entries are empty, which is shown as well.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { askAdmin } from '../admin/client.ts';
import { isPhpAtLeast, requires } from '../harness/debian.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { type Server, type ServerKind, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild } from './built-engine.ts';
import { slowIncludes, slowScripts } from './slow-scripts.ts';

const withoutTracing = ['setpriv', '--bounding-set', '-sys_ptrace', '--inh-caps', '-sys_ptrace'];

interface Start {
  readonly kind: ServerKind;
  readonly workers: number;
  readonly through?: readonly string[];
  readonly lines?: string;
}

function start({ kind, workers, through, lines = '' }: Start): Promise<Server> {
  return startServer({
    kind,
    engine: 'native',
    ...(through === undefined ? {} : { through }),
    pools: (folder) =>
      (kind === 'php-fpm' ? '' : `admin.listen = ${folder.join('run/admin.sock')}\n`) +
      poolText(
        folder,
        'www',
        `pm.max_children = ${workers}\nslowlog = ${folder.join('log/slow')}\nrequest_slowlog_timeout = 1\n${lines}`,
      ),
  });
}

/** A namespace has to be told before anything else. */
const opening = /^<\?php(\s+namespace \w+;)?/;

/** Runs the scripts, each in a worker of its own, until all have an entry. Gives back the log, cut into entries. */
async function entriesOf(server: Server, scripts: Readonly<Record<string, string>>): Promise<string[]> {
  for (const [name, code] of Object.entries(slowIncludes)) server.folder.write(`www/${name}`, code);
  for (const [name, code] of Object.entries(scripts)) {
    // One after the other: a worker that was taken for silent connections serves them in turn.
    const path = server.folder.write(`www/${name}`, code.replace(opening, '$& touch($_SERVER["BEGUN"]);'));
    const begun = server.folder.join(`tmp/${name}`);
    request(server.socket(), scriptParams(path, { BEGUN: begun })).catch(() => {});
    await poll(`${name} to begin`, () => existsSync(begun) || undefined, 8000);
  }
  await poll(
    'an entry for each script',
    () =>
      server.log.lines.filter((line) => /finished trace of/.test(line)).length ===
        Object.keys(scripts).length || undefined,
    8000,
  );
  const text = readFileSync(server.folder.join('log/slow'), 'latin1').replaceAll(server.folder.path, 'DIR');
  return text.split(/^\n/m).slice(1).sort(byScript);
}

function byScript(left: string, right: string): number {
  const script = (entry: string): string => /script_filename = (.*)/.exec(entry)?.[1] ?? '';
  return script(left) < script(right) ? -1 : 1;
}

/** Masks parts that always differ: the time, the process, the addresses. */
function masked(entry: string): string {
  return entry
    .replace(/^\[\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d\]/, '[TIME]')
    .replace(/\bpid \d+/, 'pid PID')
    .replace(/^\[0x[0-9a-f]{16}\]/gm, '[ADDRESS]');
}

/** The lines of the error log about one worker, in order. */
function linesAbout(server: Server, entry: string): string[] {
  const pid = /pid (\d+)/.exec(entry)?.[1] ?? '';
  return server.log.lines
    .filter((line) => new RegExp(`(?:child|trace|trace of) ${pid}\\b(?! started)`).test(line))
    .map((line) =>
      line
        .replaceAll(server.folder.path, 'DIR')
        .replaceAll(pid, 'PID')
        .replace(/^\[[^\]]*\] /, '')
        .replace(/\(\d\.\d{6} sec\)/, '(N sec)'),
    );
}

// Each waits for a second to pass: they do so together.
const options = { skip: nativeBuild().skip || requires('root', 'php-fpm'), concurrency: true };

suite('the slow log', options, () => {
  test('has the reference’s entries and log lines, without the right to trace', async () => {
    const workers = Object.keys(slowScripts).length;
    await using reference = await start({ kind: 'php-fpm', workers });
    await using hathi = await start({ kind: 'hathi', workers, through: withoutTracing });
    const [wanted, seen] = await Promise.all([
      entriesOf(reference, slowScripts),
      entriesOf(hathi, slowScripts),
    ]);
    assert.deepEqual(seen.map(masked), wanted.map(masked));
    assert.ok(
      wanted.some((entry) => entry.split('\n').length > 20),
      'the depth is reached',
    );
    const lines = linesAbout(reference, wanted[0] ?? '');
    assert.equal(lines.length, 4);
    assert.deepEqual(linesAbout(hathi, seen[0] ?? ''), lines);
  });

  test('of the reference is empty without that right', async () => {
    await using reference = await start({ kind: 'php-fpm', workers: 1, through: withoutTracing });
    const path = reference.folder.write('www/plain.php', '<?php sleep(3);');
    request(reference.socket(), scriptParams(path)).catch(() => {});
    await reference.log.waitFor(/failed to ptrace\(ATTACH\) child \d+: Operation not permitted/, 0, 5000);
    const slow = reference.folder.join('log/slow');
    assert.equal(existsSync(slow) ? readFileSync(slow, 'utf8') : '', '');
  });

  test('in detail: request, duration, memory, classes, includes, lines; and what follows the script', async () => {
    const lines = 'slowlog.format = detailed\nrequest_terminate_timeout_track_finished = yes';
    await using hathi = await start({ kind: 'hathi', workers: 3, lines });
    const { 'methods.php': methods = '', 'include.php': include = '' } = slowScripts;
    const [included = '', method = '', shutdown = ''] = await entriesOf(hathi, {
      'include.php': include,
      'methods.php': methods.replace('sleep(9)', '(function () { sleep(9); })()'),
      'shutdown.php': '<?php function b\u202eye() { sleep(9); } register_shutdown_function("b\u202eye");',
    });
    const facts = /^request = "GET \/\w+\.php" duration = 1\.\d{6} memory = \d{7,9}$/;
    assert.match(included.split('\n')[2] ?? '', facts);
    assert.deepEqual(included.split('\n').slice(3), [
      'sleep() DIR/www/included.inc:3',
      'include() DIR/www/included.inc:3',
      'late() DIR/www/include.php:1',
      '{main}() DIR/www/include.php:1',
      '',
    ]);
    // Since 8.4 it is PHP that names them so, by the function where there is one.
    const closurePlace = isPhpAtLeast('8.4') ? 'App\\Base::step()' : 'DIR/www/methods.php';
    assert.deepEqual(method.split('\n').slice(3), [
      'sleep() DIR/www/methods.php:3',
      `App\\Base::{closure:${closurePlace}:3}() DIR/www/methods.php:3`,
      'App\\Base::step() DIR/www/methods.php:3',
      'App\\Base::run() DIR/www/methods.php:3',
      'App\\Job::__call() DIR/www/methods.php:4',
      'App\\Job::__callStatic() DIR/www/methods.php:5',
      '{main}() DIR/www/methods.php:6',
      '',
    ]);
    assert.deepEqual(shutdown.split('\n').slice(3), [
      'sleep() DIR/www/shutdown.php:1',
      // As the file's bytes: U+FFFD for the mark that would turn the rest of the line.
      'b\xef\xbf\xbdye() DIR/www/shutdown.php:1',
      '',
    ]);
    const { body } = await askAdmin({ socketPath: hathi.folder.join('run/admin.sock'), path: '/api/slow' });
    const latest = JSON.parse(body).requests.find(({ uri }: { uri: string }) => uri === '/include.php');
    assert.deepEqual(latest.frames[1], {
      function: 'include',
      file: hathi.folder.join('www/included.inc'),
      line: 3,
    });
  });
});
