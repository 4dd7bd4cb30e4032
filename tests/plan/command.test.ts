/** `hathi plan`: of a running master, of answers of any kind, and without a master. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { suite, test } from 'node:test';
import { planCommand } from '../../src/cli/watch/plan.ts';
import { readShare, readSize, readWhatIf } from '../../src/cli/watch/plan-options.ts';
import { plotRows } from '../../src/plan/plot.ts';
import { noDurations } from '../../src/scoreboard/durations.ts';
import { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { hour } from './history.ts';

const megabyte = 2 ** 20;

async function run(args: string[]) {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const code = await planCommand(args, { stdout, stderr, env: {} });
  stdout.end();
  stderr.end();
  return { code, stdout: await text(stdout), stderr: await text(stderr) };
}

const name = 'www\x1b[31m<b>';
const counts = noDurations.counts.map((_, index) => (index > 20 && index < 35 ? 100 : 0));
const pools = {
  master: { residentBytes: 80 * megabyte },
  memory: {
    source: 'cgroup v2',
    limitBytes: 2048 * megabyte,
    usedBytes: 700 * megabyte,
    othersBytes: 300 * megabyte,
  },
  pools: [
    {
      name,
      processManager: 'dynamic',
      maxChildren: 4,
      sharedBytes: 64 * megabyte,
      workerMemory: {
        measured: 4,
        averageBytes: 30 * megabyte,
        peakBytes: 44 * megabyte,
        growthBytesPerRequest: 8192,
      },
      totals: { durations: { counts, sumMicros: 1 } },
    },
  ],
};
const history = hour(
  (minute) =>
    minute === 50 ? { rate: 80, meanMicros: 50_000, busy: 4, queue: 3 } : { rate: 3, meanMicros: 50_000 },
  4,
);

/** An endpoint with these answers. */
async function endpoint(
  answers: Readonly<Record<string, unknown>>,
): Promise<AsyncDisposable & { port: number }> {
  const server = createServer((request, response) => {
    const answer = answers[(request.url ?? '').split('?')[0] ?? ''];
    response
      .writeHead(answer === undefined ? 404 : 200)
      .end(JSON.stringify(answer ?? { error: 'no such path' }));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as { port: number };
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
}

suite('hathi plan', () => {
  test('what a pool needs and why, the lines to paste, and nothing that a terminal obeys', async () => {
    await using server = await endpoint({ '/api/pools': pools, '/api/history': history });
    const where = ['--connect', String(server.port)];
    const { code, stdout, stderr } = await run(where);
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(
      stdout,
      /^MEMORY {2}2G \(cgroup v2\), 20 % reserve, others 300M, master 80M: 1\.2G for pools$/m,
    );
    assert.match(stdout, /needs {5}8 workers: 80\.\d requests a second x 50 ms = 4\.00 busy/);
    assert.match(stdout, /costs {5}304M: 8 x 30M \(largest seen 44M, 8K more a request\), shared 64M/);
    assert.match(stdout, /now {7}4 workers: in the busiest minute \d+ % wait, p95 /);
    assert.match(stdout, /then {6}8 workers: in the busiest minute \d+(\.\d)? % wait/);
    assert.match(stdout, /^ {2}pm\.max_requests = 1900 +; a request leaves its worker 8\.0 KB larger/m);
    assert.match(stdout, /4 \|-+#/, 'the curve, and the limit as a line');
    assert.doesNotMatch(stdout.replaceAll('\n', ''), /[\p{Cc}]/u);
    const lines = (await run([...where, '--write'])).stdout;
    assert.match(lines, /^\[www.+\]\npm = dynamic +; .+\npm\.max_children = 8 +; /);
    const json = JSON.parse((await run([...where, '--json', '--what-if', 'max_children=12,rate=2x'])).stdout);
    assert.equal(json.pools[0].plan.recommended, 8);
    const { now, whatIf } = json.pools[0];
    assert.equal(whatIf.workers, 12);
    assert.ok(Math.abs(whatIf.peak.arrivals / now.peak.arrivals - 2) < 0.1);
    assert.ok(whatIf.peak.p95 < now.peak.p95, 'three times the workers, twice the load');
  });

  test('memory that is to be, and the page', async () => {
    await using server = await endpoint({ '/api/pools': pools, '/api/history': history });
    using folder = new TestFolder();
    const file = folder.join('plan.html');
    const args = [
      '--connect',
      String(server.port),
      '--memory',
      '400M',
      '--others',
      '120M',
      '--reserve',
      '0.1',
    ];
    const { stdout } = await run(args);
    assert.match(
      stdout,
      /^MEMORY {2}400M \(--memory\), 10 % reserve, others 120M, master 80M: 160M for pools$/m,
    );
    assert.match(stdout, /gets {6}3 workers: more does not fit/);
    assert.equal((await run([...args, '--html', file])).code, 0);
    const page = readFileSync(file, 'utf8');
    assert.match(page, /<h2>www.+&lt;b&gt;<\/h2>/);
    assert.match(page, /Predicted wait, p95/);
    assert.doesNotMatch(page, /<script|https?:|\x1b|<b>\w*<\/h2>/);
    assert.match(
      (await run([...args, '--html', '/nonexistent/x.html'])).stderr,
      /^hathi plan: Cannot write "\/nonexistent\/x.html"/,
    );
  });

  test('pools by name; masters of another version are refused by what they lack', async () => {
    await using server = await endpoint({ '/api/pools': pools, '/api/history': { at: [], busy: [] } });
    const old = await run(['--connect', String(server.port)]);
    assert.deepEqual([old.code, old.stdout], [1, '']);
    assert.match(old.stderr, /it has no requestsPerSecond, so it is of another version/);
    assert.match((await run(['--connect', String(server.port), 'shop'])).stderr, /There is no pool "shop"/);
    await using empty = await endpoint({ '/api/pools': [] });
    assert.match((await run(['--connect', String(empty.port)])).stderr, /"pools" must be a list/);
  });

  test('without a master the configuration tells what it can, and what it cannot', async () => {
    using folder = new TestFolder();
    folder.mkdir('run');
    const file = folder.write(
      'server.conf',
      `[global]\nerror_log = ${folder.join('error.log')}\n${poolText(folder, 'www', 'pm.max_children = 25\nphp_admin_value[memory_limit] = 256M')}`,
    );
    const { code, stdout } = await run(['-y', file, '--memory', '2G']);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^No master was asked: Cannot find the master/);
    assert.match(stdout, /Not known without one:\n {2}what a worker takes/);
    assert.match(
      stdout,
      /POOL www {2}pm = static, pm\.max_children = 25; scripts may take 256M each \(memory_limit\), 6\.2G together/,
    );
    assert.equal(JSON.parse((await run(['-y', file, '--json'])).stdout).isMeasured, false);
    assert.match(
      (await run(['-y', file, '--write'])).stderr,
      /nothing measured for --html, --write and --what-if/,
    );
    assert.match((await run(['-y', folder.join('none.conf')])).stderr, /Neither can ".*none\.conf" be read/);
  });

  test('arguments', async () => {
    assert.equal(readSize('--memory', '1.5g'), 1.5 * 2 ** 30);
    assert.equal(readSize('--memory', '600M'), 600 * megabyte);
    assert.equal(readShare('--reserve', '20%'), 0.2);
    assert.equal(readShare('--reserve', '15'), 0.15);
    assert.deepEqual(readWhatIf('rate=2x,service=0.5x'), { rate: 2, service: 0.5 });
    for (const args of [
      ['--memory', '2X'],
      ['--memory', '1e9'],
      ['--reserve', '120%'],
      ['--what-if', 'rate=2'],
      ['--what-if', 'max_children=0'],
      ['--what-if', 'colour=red'],
      ['--write', '--json'],
    ]) {
      const { code, stderr } = await run(args);
      assert.equal(code, 64, args.join(' '));
      assert.match(stderr, /^hathi plan: .+\nTry: hathi plan --help\n$/);
    }
    assert.match((await run(['--help'])).stdout, /^Usage: hathi plan /);
  });

  test('the curve', () => {
    assert.deepEqual(plotRows({ values: [0, 1, 2, 4], limit: 3, width: 10, height: 4 }), [
      '     4 |   #',
      '     3 |---#',
      '       |  ##',
      '       | ###',
      '     0 +----',
    ]);
    assert.deepEqual(plotRows({ values: [], limit: 3, width: 10, height: 4 }), []);
  });
});
