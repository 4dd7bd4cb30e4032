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
    const { pools } = JSON.parse(body) as {
      pools: { workers: { application?: { boots: number; bootMicros: number; requests: number } }[] }[];
    };
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
