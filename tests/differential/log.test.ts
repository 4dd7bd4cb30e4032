/** The same output and the same request through PHP-FPM and through our classes: the logs must be equal. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type AccessValues, compileAccessFormat } from '../../src/log/access-format.ts';
import { ErrorLog } from '../../src/log/error-log.ts';
import { type OutputStream, WorkerOutput } from '../../src/log/worker-output.ts';
import { asBinary } from '../../src/text/binary.ts';
import { phpFpm } from '../harness/debian.ts';
import { poll } from '../harness/waiting.ts';
import { type Cleanup, emptyFile, folderFor, withoutTime } from '../log/support.ts';
import { isRoot } from '../posix/child.ts';

const isInstalled = (program: string) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
const canRun = isRoot && isInstalled(phpFpm) && isInstalled('cgi-fcgi');
const skip = canRun ? false : 'needs root, php-fpm and cgi-fcgi';

/** Output of the script, one entry per write. php-fpm is to read them one by one: see {@link bytesRead}. */
const writes: [stream: OutputStream, text: string][] = [
  ['stderr', `${'x'.repeat(1000)}\n`],
  ['stderr', 'a\n\n\nb\nunfinished'],
  ['stderr', ' more\n'],
  ['stderr', `${'y'.repeat(430)}\n`],
  ['stderr', `${'z'.repeat(511)}\n`],
  ['stderr', `${'w'.repeat(512)}\n`],
  ['stdout', 'some "quoted" \x01 \xff\n'],
  ['stderr', 'one'],
  ['stdout', 'two'],
  ['stderr', 'three'],
  ['stderr', 'k'.repeat(300)],
  ['stderr', 'l'.repeat(300)],
  ['stderr', '\n'],
  ['stderr', 'tail'],
];
const limit = 512;
const accessFormat =
  '%m "%r" %q %Q %s %f %l %n %R|%{HTTP_HOST}e %{NONE}e %{X-Test}o %{X-None}o %u|%%|%{%Y}t %';

function script(): string {
  const calls = writes.map(([stream, text]) => {
    const bytes = `base64_decode('${Buffer.from(text, 'latin1').toString('base64')}')`;
    return `fwrite($${stream}, ${bytes}); next_go($goes);`;
  });
  return `<?php header('X-Test: yes "quoted"');
function next_go(string $goes): void {
  static $next = 0;
  for ($file = "$goes.$next"; !file_exists($file); clearstatcache()) usleep(1000);
  $next++;
}
$goes = $_SERVER['GOES'];
$stdout = fopen('php://stdout', 'w'); $stderr = fopen('php://stderr', 'w');
${calls.join('\n')}`;
}

/** Bytes that a process has read so far, pipes included: proc(5). */
function bytesRead(pid: number): number {
  return Number(/^rchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'latin1'))?.[1]);
}

function configuration(folder: string): string {
  const pool = (name: string, decorate: string) => `[${name}]
user = www-data
listen = ${folder}/${name}.sock
pm = static
pm.max_children = 1
catch_workers_output = yes
decorate_workers_output = ${decorate}
access.log = ${folder}/${name}.access
access.format = '${accessFormat}'
`;
  return `[global]\nlog_limit = ${limit}\nerror_log = ${folder}/error.log\n${pool('plain', 'no')}${pool('fancy', 'yes')}`;
}

/** Runs the script once in each of two pools of the reference. Its error log is what it writes to stderr. */
async function runReference(folder: string): Promise<{ lines: string[]; access: string }> {
  chmodSync(folder, 0o755);
  writeFileSync(join(folder, 'script.php'), script());
  writeFileSync(join(folder, 'fpm.conf'), configuration(folder));
  const server = spawn(phpFpm, ['-F', '-O', '-y', join(folder, 'fpm.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  const isReady = new Promise<void>((resolve, reject) => {
    server.stderr.setEncoding('latin1').on('data', (chunk: string) => {
      log += chunk;
      if (log.includes('ready to handle connections')) resolve();
    });
    server.once('exit', () => reject(new Error(`the reference did not start: ${log}`)));
  });
  const ended = once(server.stderr, 'end');
  try {
    await isReady;
    for (const pool of ['plain', 'fancy']) await request(folder, pool, server.pid ?? 0);
  } finally {
    server.kill('SIGTERM');
    await ended;
  }
  const lines = withoutTime(log).filter((line) => !line.includes(' NOTICE: '));
  return { lines, access: readFileSync(join(folder, 'fancy.access'), 'latin1') };
}

/** Runs the script in a pool of the reference; it goes on after each write when the master has read that. */
async function request(folder: string, pool: string, master: number): Promise<void> {
  const goes = join(folder, `${pool}.go`);
  const environment = {
    SCRIPT_FILENAME: join(folder, 'script.php'),
    SCRIPT_NAME: '/script.php',
    REQUEST_METHOD: 'GET',
    QUERY_STRING: 'a=1',
    HTTP_HOST: 'example.test',
    GOES: goes,
  };
  let wanted = bytesRead(master);
  const client = spawn('cgi-fcgi', ['-bind', '-connect', join(folder, `${pool}.sock`)], {
    env: environment,
    stdio: 'ignore',
  });
  const ended = once(client, 'close');
  try {
    for (const [index, [, text]] of writes.entries()) {
      wanted += text.length;
      await poll(`write ${index} is read`, () => bytesRead(master) >= wanted || undefined);
      writeFileSync(`${goes}.${index}`, '');
    }
    assert.equal((await ended)[0], 0);
  } finally {
    client.kill();
  }
}

/** The same writes through our own classes, of workers with the process ids that the reference had. */
function runOurs(t: Cleanup, pids: { plain: number; fancy: number }): string[] {
  const path = emptyFile(folderFor(t), 'ours');
  const stderr = openSync(path, 'a');
  const log = new ErrorLog({ stderr, limit });
  for (const pool of ['plain', 'fancy'] as const) {
    const output = new WorkerOutput({ log, pool, decorate: pool === 'fancy' });
    for (const [stream, text] of writes) output.write(pids[pool], stream, Buffer.from(text, 'latin1'));
    output.flush(pids[pool]);
  }
  closeSync(stderr);
  return withoutTime(readFileSync(path, 'latin1'));
}

test('worker output and access log are those of PHP-FPM', { skip }, async (t) => {
  const folder = folderFor(t);
  const reference = await runReference(folder);
  const pid = Number(/child (\d+) said/.exec(reference.lines.join('\n'))?.[1]);
  // The reference leaves controls as they are (docs/differences.md).
  const wanted = reference.lines.map((line) => line.replace('\x01', '\\x01'));
  assert.deepEqual(runOurs(t, { plain: 1, fancy: pid }), wanted);

  const compiled = compileAccessFormat(accessFormat);
  assert.ok(compiled.ok);
  const now = Math.floor(Date.now() / 1000);
  const values: AccessValues = {
    pool: asBinary('fancy'),
    pid,
    parentPid: 1,
    remoteAddress: asBinary(''),
    method: asBinary('GET'),
    uri: asBinary('/script.php'),
    path: asBinary('/script.php'),
    query: asBinary('a=1'),
    script: asBinary(join(folder, 'script.php')),
    user: asBinary(''),
    requestId: asBinary(''),
    servedBy: 'classic',
    contentLength: 0,
    status: 200,
    memoryPeak: 0,
    duration: 0,
    cpuUser: 0,
    cpuSystem: 0,
    acceptedAt: now,
    loggedAt: now,
    parameters: new Map([['HTTP_HOST', 'example.test']]),
    headers: [['X-Test', 'yes "quoted"']],
  };
  assert.equal(`${compiled.render(values).toString('latin1')}\n`, reference.access);
});
