/** Status and ping over the pool's socket, against Debian's php-fpm: what a monitoring script reads. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { requires } from '../harness/debian.ts';
import { type Reply, request, scriptParams } from '../harness/fastcgi.ts';
import type { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { cleanEnv, run, type Server } from '../harness/server.ts';
import { nativeBuild } from '../native/built-engine.ts';
import { withBoth } from './life.ts';

const skip = requires('root', 'php-fpm', 'libfcgi-bin');

const pools = (folder: TestFolder): string =>
  poolText(
    folder,
    'www',
    'pm.max_children = 1\npm.status_path = /status\nping.path = /ping\nping.response = here',
  );

/** Asks for a page by its path, as a web server without a script would. */
function page(server: Server, path: string, query = '', more: Record<string, string> = {}): Promise<Reply> {
  return request(more['SOCKET'] ?? server.socket(), {
    ...scriptParams(path, { SCRIPT_NAME: path, REQUEST_URI: path, QUERY_STRING: query }),
    ...more,
  });
}

/** Headers without PHP's version. */
function headersOf(reply: Reply): [string, readonly string[]][] {
  return [...reply.headers].filter(([name]) => name !== 'x-powered-by' && name !== 'date');
}

/** Masks parts that always differ, and the line that PHP 8.2 lacks. */
function maskedStatus(body: string): string {
  return (
    body
      .replace(/^memory peak: .*\n/gm, '')
      // The reference knows none of a Unix socket.
      .replace(/^(listen queue len: +)\d+$/gm, '$1N')
      .replace(/("listen queue len":)\d+/g, '$1N')
      .replace(/,"memory peak":\d+/g, '')
      // php-fpm counts a worker as active for a moment after its answer.
      .replace(/^((idle|active) processes: +)[01]$/gm, '$1N')
      .replace(/\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}/g, 'TIME')
      .replace(/(start since: +|"start since":|"start time":|start time: +)\d+/g, '$1N')
  );
}

/** Requests that make the counters move, each awaited. */
async function load(server: Server, count: number): Promise<void> {
  const script = server.folder.write('www/hello.php', '<?php echo "hello";');
  for (let done = 0; done < count; done += 1) await request(server.socket(), scriptParams(script));
}

describe('pages of a pool', { skip }, () => {
  test('text and json after five requests: every line, every header', async () => {
    const { 'php-fpm': reference, hathi } = await withBoth({ pools }, async (server) => {
      await load(server, 5);
      const text = await page(server, '/status');
      const json = await page(server, '/status', 'json');
      return {
        text: maskedStatus(text.body.toString()),
        textHeaders: headersOf(text),
        json: Object.keys(JSON.parse(json.body.toString()) as object).filter((key) => key !== 'memory peak'),
        jsonHeaders: headersOf(json),
      };
    });
    assert.deepEqual(hathi, reference);
    assert.match(reference.text, /^accepted conn: +6$/m);
  });

  test('HEAD, an unknown format, ping and HEAD of ping', async () => {
    const { 'php-fpm': reference, hathi } = await withBoth({ pools }, async (server) => {
      const replies = [
        await page(server, '/status', '', { REQUEST_METHOD: 'HEAD' }),
        await page(server, '/ping'),
        await page(server, '/ping', '', { REQUEST_METHOD: 'HEAD' }),
        await page(server, '/ping', 'json'),
      ];
      return replies.map((reply) => [reply.status, reply.body.toString(), headersOf(reply)]);
    });
    assert.deepEqual(hathi, reference);
  });

  test('cgi-fcgi gets the same page', async () => {
    const { 'php-fpm': reference, hathi } = await withBoth({ pools }, async (server) => {
      const { stdout, code } = await run('/usr/bin/cgi-fcgi', ['-bind', '-connect', server.socket()], {
        env: cleanEnv({
          SCRIPT_NAME: '/status',
          SCRIPT_FILENAME: '/status',
          REQUEST_METHOD: 'GET',
          QUERY_STRING: '',
        }),
      });
      return {
        code,
        text: maskedStatus(stdout)
          .replaceAll('\r', '')
          .replace(/^X-Powered-By.*\n/gim, ''),
      };
    });
    assert.deepEqual(hathi, reference);
  });
});

test('pm.status_listen: the same pages on an address of their own, and the counters are the pool’s', {
  skip,
}, async () => {
  const withAddress = (folder: TestFolder): string =>
    `${pools(folder)}\npm.status_listen = ${folder.join('run/status.sock')}\n`;
  const { 'php-fpm': reference, hathi } = await withBoth({ pools: withAddress }, async (server) => {
    await load(server, 3);
    const socket = server.folder.join('run/status.sock');
    const status = await page(server, '/status', '', { SOCKET: socket });
    const ping = await page(server, '/ping', '', { SOCKET: socket });
    return {
      status: maskedStatus(status.body.toString()),
      headers: headersOf(status),
      ping: [ping.status, ping.body.toString(), headersOf(ping)],
    };
  });
  assert.deepEqual(hathi, reference);
  assert.match(hathi.status, /^accepted conn: +3$/m);
});

/** Every header line in its order, with the version of PHP masked. */
function allHeaders(reply: Reply): string[] {
  return [...reply.headers].flatMap(([name, values]) =>
    values.map((value) => `${name}: ${value.replace(/^PHP\/[\d.]+\S*/, 'PHP/VERSION')}`),
  );
}

for (const [title, args, engine] of [
  ['X-Powered-By stands in every answer of pm.status_listen', ['-d', 'expose_php=1'], 'embedded'],
  ['native engine: it stands in them as well', ['-d', 'expose_php=1'], 'native'],
  ['expose_php = off leaves X-Powered-By out of them', ['-d', 'expose_php=0'], 'embedded'],
  ['native engine: expose_php = off leaves it out as well', ['-d', 'expose_php=0'], 'native'],
] as const) {
  test(title, { skip: skip || (engine === 'native' && nativeBuild().skip) }, async () => {
    const withAddress = (folder: TestFolder): string =>
      `${pools(folder)}\npm.status_listen = ${folder.join('run/status.sock')}\n`;
    const { 'php-fpm': reference, hathi } = await withBoth(
      { pools: withAddress, args, engine },
      async (server) => {
        const socket = { SOCKET: server.folder.join('run/status.sock') };
        const replies = [
          await page(server, '/status', '', socket),
          await page(server, '/status', 'json', socket),
          await page(server, '/status', '', { ...socket, REQUEST_METHOD: 'HEAD' }),
          await page(server, '/ping', '', socket),
          await page(server, '/ping', '', { ...socket, REQUEST_METHOD: 'HEAD' }),
          await page(server, '/nothing', '', socket),
        ];
        return replies.map((reply) => [reply.status, ...allHeaders(reply)]);
      },
    );
    assert.deepEqual(hathi, reference);
    assert.equal(JSON.stringify(hathi).includes('x-powered-by'), args[1] === 'expose_php=1');
  });
}

test('fpm_get_status() of a script has the keys and the counters of the page', { skip }, async () => {
  const { 'php-fpm': reference, hathi } = await withBoth({ pools }, async (server) => {
    await load(server, 2);
    const script = server.folder.write('www/status.php', '<?php echo json_encode(fpm_get_status());');
    const reply = await request(server.socket(), scriptParams(script));
    const status = JSON.parse(reply.body.toString()) as Record<string, unknown>;
    // Newer than PHP 8.2.
    delete status['memory-peak'];
    const processes = status['procs'] as Record<string, unknown>[];
    return {
      keys: Object.keys(status),
      pool: status['pool'],
      manager: status['process-manager'],
      accepted: status['accepted-conn'],
      total: status['total-processes'],
      processKeys: Object.keys(processes[0] ?? {}),
    };
  });
  assert.deepEqual(hathi, reference);
});

/** nginx's parameters of a request for a page of the pool, as of docs/monitoring.md. */
function throughNginx(uri: string): Record<string, string> {
  const [path = '', query = ''] = uri.split('?');
  return {
    QUERY_STRING: query,
    REQUEST_METHOD: 'GET',
    CONTENT_TYPE: '',
    CONTENT_LENGTH: '',
    SCRIPT_FILENAME: path,
    SCRIPT_NAME: path,
    REQUEST_URI: uri,
    DOCUMENT_URI: path,
    DOCUMENT_ROOT: '/usr/share/nginx/html',
    SERVER_PROTOCOL: 'HTTP/1.1',
    REMOTE_ADDR: '127.0.0.1',
  };
}

/** Datadog's own FastCGI. */
function datadog(path: string, query: string): Record<string, string> {
  return {
    CONTENT_LENGTH: '0',
    CONTENT_TYPE: '',
    DOCUMENT_ROOT: '/',
    GATEWAY_INTERFACE: 'FastCGI/1.1',
    QUERY_STRING: query,
    REDIRECT_STATUS: '200',
    REMOTE_ADDR: '127.0.0.1',
    REMOTE_PORT: '80',
    REQUEST_METHOD: 'GET',
    REQUEST_URI: path,
    SCRIPT_FILENAME: path,
    SCRIPT_NAME: path,
    SERVER_NAME: 'localhost',
    SERVER_PORT: '80',
    SERVER_PROTOCOL: 'HTTP/1.1',
    SERVER_SOFTWARE: 'datadog-php-fpm',
  };
}

/**
 * What monitoring agents send, over FastCGI or through a web server: influxdata/telegraf (inputs/phpfpm),
 * DataDog/integrations-core (php_fpm), hipages/php-fpm_exporter, the templates of Zabbix, collectd's curl_json.
 */
const agents: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  // The script's name without its slash, and text.
  Telegraf: {
    SCRIPT_NAME: '/status',
    SCRIPT_FILENAME: 'status',
    REQUEST_METHOD: 'GET',
    CONTENT_LENGTH: '0',
    SERVER_PROTOCOL: 'HTTP/1.0',
    SERVER_SOFTWARE: 'go / fcgiclient ',
    REMOTE_ADDR: '127.0.0.1',
  },
  'Telegraf, through nginx': throughNginx('/status'),
  'Datadog, status': datadog('/status', 'json'),
  'Datadog, ping': datadog('/ping', ''),
  'Datadog, status through nginx': throughNginx('/status?json=True'),
  'Datadog, ping through nginx': throughNginx('/ping'),
  'the exporter': {
    QUERY_STRING: 'json&full',
    REQUEST_METHOD: 'GET',
    SCRIPT_FILENAME: '/status',
    SCRIPT_NAME: '/status',
    SERVER_SOFTWARE: 'go / php-fpm_exporter ',
    REMOTE_ADDR: '127.0.0.1',
    CONTENT_LENGTH: '0',
  },
  'Zabbix and collectd, through nginx': throughNginx('/status?json'),
};

/** The form of an answer: names and kinds, and no figures. */
function form(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(form);
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, form(inner)]));
}

test('monitoring agents read what they read from php-fpm', { skip }, async () => {
  const { 'php-fpm': reference, hathi } = await withBoth({ pools }, async (server) => {
    const read: Record<string, unknown> = {};
    for (const [agent, params] of Object.entries(agents)) {
      const { status, body, headers } = await request(server.socket(), params);
      const text = body.toString();
      const shown = text.startsWith('{') ? form(JSON.parse(text)) : text.replace(/^(.*?): .*$/gm, '$1');
      read[agent] = { status, type: headers.get('content-type'), shown };
    }
    return read;
  });
  assert.deepEqual(hathi, reference);
  assert.match(JSON.stringify(reference), /accepted conn/);
});
