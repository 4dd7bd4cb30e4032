/** Which way a request went is seen in the access log, the API and by `hathi request --verbose`. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, suite, test } from 'node:test';
import { requestCommand } from '../../src/cli/request.ts';
import { askAdmin } from '../admin/client.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { type Server, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild } from '../native/built-engine.ts';
import { writeApplication } from './application.ts';

type Figures = Readonly<Record<string, string | number>>;

suite('which way a request went', { skip: nativeBuild().skip }, () => {
  let server: Server;
  let script: string;
  let adminSocket: string;

  before(async () => {
    server = await startServer({
      engine: 'native',
      expected: [/executing too slow/],
      pools: (folder) => {
        adminSocket = folder.join('run/admin.sock');
        const slow = `\nslowlog = ${folder.join('log/slow')}\nrequest_slowlog_timeout = 1s`;
        script = writeApplication(folder);
        const lines = (format: string, name: string): string =>
          `worker.script = ${script}\naccess.log = ${folder.join(`log/${name}`)}\n${format}`;
        return [
          `admin.listen = ${adminSocket}\n`,
          poolText(folder, 'www', lines('access.format = "%r %W"', 'text')),
          poolText(
            folder,
            'figures',
            `worker.script = ${script}\npm.max_children = 1\npm.status_path = /status`,
          ),
          poolText(folder, 'json', `${lines('access.log_format = json', 'json')}${slow}`),
        ].join('');
      },
    });
    const classic = script.replace('index.php', 'classic.php');
    for (const pool of ['www', 'json']) {
      for (const asked of [script, classic, script]) await request(server.socket(pool), scriptParams(asked));
    }
  });
  after(() => server[Symbol.asyncDispose]());

  test('%W', async () => {
    const log = await poll('three lines', () => {
      const lines = readFileSync(server.folder.join('log/text'), 'utf8').split('\n');
      return lines.length > 3 ? lines : undefined;
    });
    assert.deepEqual(log.sort(), ['', '/classic.php classic', '/index.php worker', '/index.php worker']);
  });

  test('served_by', async () => {
    const log = await poll('three lines', () => {
      const lines = readFileSync(server.folder.join('log/json'), 'utf8').split('\n');
      return lines.length > 3 ? lines.slice(0, 3) : undefined;
    });
    const ways = log.map((line) => JSON.parse(line) as { served_by: string });
    assert.deepEqual(ways.map(({ served_by }) => served_by).sort(), ['classic', 'worker', 'worker']);
  });

  test('the API: boots, their time, requests since', async () => {
    const { body } = await askAdmin({ socketPath: adminSocket, path: '/api/pools' });
    const answer = JSON.parse(body) as {
      pools: {
        name: string;
        workers: { application?: { boots: number; bootMicros: number; requests: number } }[];
      }[];
    };
    const pools = answer.pools.filter(({ name }) => name !== 'figures');
    for (const { workers } of pools) {
      const [booted, other] = workers.map(({ application }) => application);
      assert.deepEqual([booted?.boots, booted?.requests, other], [1, 2, undefined]);
      assert.ok(booted !== undefined && booted.bootMicros > 0 && booted.bootMicros < 10e6);
    }
    assert.deepEqual(
      pools.map(({ workers }) => workers.length),
      [2, 2],
    );
  });

  test('status page, fpm_get_status() and metrics: boot, requests since, growth of memory a request', async () => {
    const pool = server.socket('figures');
    const ask = async (action: string): Promise<string> =>
      (await request(pool, scriptParams(script, { QUERY_STRING: `do=${action}` }))).body.toString();
    const page = async (): Promise<Figures> => {
      const { body } = await request(pool, scriptParams('/status', { QUERY_STRING: 'json&full' }));
      return (JSON.parse(body.toString()) as { processes: Figures[] }).processes[0] as Figures;
    };
    await ask('hello');
    const first = await page();
    assert.equal(first['boots'], 1);
    assert.ok(Number(first['boot time']) > 0);
    assert.equal(first['memory growth'], 0);
    for (let n = 0; n < 60; n += 1) assert.equal(await ask('leak'), 'leaked');
    const later = await page();
    assert.equal(later['requests since boot'], Number(first['requests since boot']) + 61);
    assert.equal(later['boot time'], first['boot time']);
    const growth = Number(later['memory growth']);
    assert.ok(growth > 4000 && growth < 9000, `${growth}`);
    // The function shows the same figures, itself in a request more.
    const { procs } = JSON.parse(await ask('fpm-status')) as { procs: Figures[] };
    assert.equal(procs[0]?.['requests-since-boot'], Number(later['requests since boot']) + 1);
    assert.ok(Math.abs(Number(procs[0]?.['memory-growth']) - growth) < 400, JSON.stringify(procs));
    assert.deepEqual([procs[0]?.['boots'], procs[0]?.['boot-time']], [1, later['boot time']]);
    const { body } = await askAdmin({ socketPath: adminSocket, path: '/metrics' });
    const value = (sample: string): number =>
      Number(new RegExp(`^hathi_${sample.replace(/[{}]/g, '\\$&')} (.+)$`, 'm').exec(body)?.[1]);
    assert.equal(value('workers_booted{pool="figures"}'), 1);
    assert.equal(value('worker_boot_seconds{pool="figures",of="largest"}'), Number(first['boot time']) / 1e6);
    assert.ok(value('application_growth_bytes{pool="figures",of="average"}') > 4000);
  });

  test('the slow log has the frames of the handler', async () => {
    const query = 'do=sleep&us=1500000';
    await request(server.socket('json'), scriptParams(script, { QUERY_STRING: query }));
    const log = readFileSync(server.folder.join('log/slow'), 'utf8');
    assert.match(log, /^\[0x[0-9a-f]+\] usleep\(\) .*actions\.php:\d+$/m);
    assert.match(log, /^\[0x[0-9a-f]+\] frankenphp_handle_request\(\) .*index\.php:\d+$/m);
  });

  const verbose = async (asked: string, ...more: string[]): Promise<string> => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const args = ['--connect', server.socket(), '--script', asked, '-v', ...more];
    assert.equal(await requestCommand(args, { stdout, stderr }), 0);
    stderr.end();
    return await text(stderr);
  };

  test('hathi request --verbose', async () => {
    assert.match(
      await verbose(script),
      /served by worker \d+: the booted application, request \d+ since its boot\n$/,
    );
    const classic = script.replace('index.php', 'classic.php');
    assert.match(await verbose(classic), /served by worker \d+: a script, request \d+\n$/);
    const reply = await request(server.socket(), scriptParams(script, { HTTP_HATHI_VERBOSE: '1' }));
    assert.equal(reply.headers.has('x-hathi-served-by'), false);
  });
});
