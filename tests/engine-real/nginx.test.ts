/** Responses and requests of every shape through a real nginx. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { get as httpGet, request as httpRequest, type IncomingMessage } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { requires } from '../harness/debian.ts';
import { engines } from '../harness/engines.ts';
import { startNginx } from '../harness/nginx.ts';
import { poolText } from '../harness/pool.ts';
import type { ProcessId } from '../harness/processes.ts';
import { type Server, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import type { WebServer } from '../harness/web-server.ts';
import { script } from './scripts.ts';

const mebibyte = 1024 * 1024;

const block = (port: number, root: string, socket: string): string => `server {
listen 127.0.0.1:${port};
root ${root};
client_max_body_size 128m;
client_body_buffer_size 1m;
location / {
include /etc/nginx/fastcgi_params;
fastcgi_param SCRIPT_FILENAME $document_root$uri;
fastcgi_param PHP_VALUE $http_x_php_value;
fastcgi_param PHP_ADMIN_VALUE $http_x_php_admin_value;
fastcgi_pass unix:${socket};
fastcgi_buffering off;
fastcgi_request_buffering off;
}
}`;

for (const { name: engine, skip } of engines)
  describe(`through nginx (${engine})`, { skip: skip || requires('nginx') }, () => {
    let server: Server;
    let nginx: WebServer;
    let phpLog: string;

    before(async () => {
      server = await startServer({
        engine,
        pools: (folder) =>
          poolText(
            folder,
            'www',
            `pm.max_children = 2
pm.status_path = /status
php_admin_value[upload_max_filesize] = 100M
php_admin_value[post_max_size] = 100M
php_admin_value[upload_tmp_dir] = ${folder.join('tmp')}
php_value[display_errors] = 0
php_admin_value[output_buffering] = 0
php_admin_value[error_log] = ${folder.join('log/php.log')}
php_admin_flag[log_errors] = on`,
          ),
      });
      server.folder.mkdir('data', 0o777);
      phpLog = server.folder.join('log/php.log');
      nginx = await startNginx((port) => block(port, server.folder.join('www'), server.socket()));
    });
    after(async () => {
      await nginx?.[Symbol.asyncDispose]();
      await server?.stop();
      await server?.[Symbol.asyncDispose]();
    });

    const url = (code: string): string =>
      nginx.url(script(server, code).replace(server.folder.join('www'), ''));
    const get = (code: string, init?: RequestInit): Promise<Response> => fetch(url(code), init);
    const says = async (code: string, init?: RequestInit): Promise<string> => (await get(code, init)).text();
    /** The response as soon as its head is there; fetch() would hide reason phrases and repeated headers. */
    const open = (code: string, method = 'GET'): Promise<IncomingMessage> =>
      new Promise((resolve, reject) => {
        httpRequest(url(code), { method }, resolve).on('error', reject).end();
      });
    /** Resident memory of processes, bytes (proc(5)). */
    const memoryOf = (processes: readonly ProcessId[]): number =>
      processes
        .map(({ pid }) => /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1])
        .reduce((sum, kib) => sum + Number(kib ?? 0) * 1024, 0);
    /** Highest growth of that of all hosts and workers while something goes on. None of them ends meanwhile. */
    const growthDuring = async (work: () => Promise<void>): Promise<number> => {
      const processes = server.workers();
      const start = memoryOf(processes);
      let highest = start;
      const timer = setInterval(() => {
        highest = Math.max(highest, memoryOf(processes));
      }, 10);
      await work();
      clearInterval(timer);
      return Math.max(highest, memoryOf(processes)) - start;
    };

    test('uploads of 50 MB are moved whole, and do not gather in memory', async () => {
      const bytes = Buffer.alloc(50 * mebibyte, 'elephants never forget ');
      const md5 = createHash('md5').update(bytes).digest('hex');
      const upload = async (): Promise<void> => {
        const form = new FormData();
        form.set('file', new Blob([bytes]), 'big.bin');
        const said = await says(
          `$to = '${server.folder.join('data')}/big.bin'; $moved = move_uploaded_file($_FILES['file']['tmp_name'], $to);
         echo json_encode([$moved, filesize($to), md5_file($to)]); unlink($to);`,
          { method: 'POST', body: form },
        );
        assert.deepEqual(JSON.parse(said), [true, bytes.length, md5]);
      };
      await upload();
      // Buffers wait for the garbage collector for a while, so one upload more or less does not tell.
      const growth = await growthDuring(async () => {
        for (let i = 0; i < 3; i++) await upload();
      });
      assert.ok(growth < 100 * mebibyte, `grew by ${Math.round(growth / mebibyte)} MB`);
    });

    test('a response of 100 MB does not gather in the host, however slow the client', async () => {
      const code = `$piece = random_bytes(65536); for ($i = 0; $i < 1600; $i++) echo $piece;`;
      const fetchAll = async (pauses: boolean): Promise<void> => {
        let length = 0;
        let sincePause = 0;
        for await (const chunk of await open(code)) {
          length += (chunk as Buffer).length;
          sincePause += (chunk as Buffer).length;
          if (pauses && sincePause > 10 * mebibyte) {
            sincePause = 0;
            await new Promise((resolve) => setTimeout(resolve, 20));
          }
        }
        assert.equal(length, 100 * mebibyte);
      };
      await fetchAll(false);
      for (const pauses of [false, true]) {
        const growth = await growthDuring(() => fetchAll(pauses));
        assert.ok(growth < 16 * mebibyte, `grew by ${(growth / mebibyte).toFixed(1)} MB, pauses: ${pauses}`);
      }
    });

    test('bytes of every value arrive as they are', async () => {
      const all = `header('Content-Type: application/octet-stream'); for ($i = 0; $i < 256; $i++) echo chr($i); echo "\\0\\0end";`;
      const bytes = Buffer.from(await (await get(all)).arrayBuffer());
      const expected = Buffer.concat([
        Buffer.from(Array.from({ length: 256 }, (_byte, i) => i)),
        Buffer.from('\0\0end'),
      ]);
      assert.deepEqual(bytes, expected);
      const body = Buffer.from(Array.from({ length: 70_000 }, (_byte, i) => i % 256));
      const echoed = await get(`readfile('php://input');`, { method: 'PUT', body });
      assert.deepEqual(Buffer.from(await echoed.arrayBuffer()), body);
    });

    test('head and first bytes come before the script ends', async () => {
      const flag = server.folder.join('data/go-on');
      const response =
        await open(`header('X-Early: yes'); setcookie('a', '1'); setcookie('b', '2'); echo 'first'; flush();
      while (!file_exists('${flag}')) { usleep(2000); clearstatcache(); } unlink('${flag}'); echo ' last';`);
      assert.equal(response.headers['x-early'], 'yes');
      assert.deepEqual(response.headers['set-cookie'], ['a=1', 'b=2']);
      response.setEncoding('utf8');
      const chunks: string[] = [];
      for await (const chunk of response) {
        chunks.push(chunk as string);
        if (chunks.length === 1) server.folder.write('data/go-on', '', 0o666);
      }
      assert.equal(chunks[0], 'first');
      assert.equal(chunks.join(''), 'first last');
    });

    for (const [name, code, status, reason, body] of [
      ['exit(3) is no error', `echo 'done'; exit(3);`, 200, 'OK', 'done'],
      ['a fatal error is 500', `echo ''; strlen();`, 500, 'Internal Server Error', ''],
      ['a parse error is 500', `if (`, 500, 'Internal Server Error', ''],
      [
        'an own reason phrase',
        `header('HTTP/1.1 418 I am an elephant'); echo 'x';`,
        418,
        'I am an elephant',
        'x',
      ],
      ['a Status header', `header('Status: 404 Gone fishing'); echo 'x';`, 404, 'Gone fishing', 'x'],
      ['a code alone', `http_response_code(451); echo 'x';`, 451, 'Unavailable For Legal Reasons', 'x'],
      ['a redirect', `header('Location: /elsewhere');`, 302, 'Found', ''],
      ['204', `http_response_code(204);`, 204, 'No Content', ''],
      ['304', `http_response_code(304);`, 304, 'Not Modified', ''],
    ] as const) {
      test(`status: ${name}`, async () => {
        const response = await open(code);
        const chunks: Buffer[] = [];
        for await (const chunk of response) chunks.push(chunk as Buffer);
        assert.deepEqual(
          [response.statusCode, response.statusMessage, Buffer.concat(chunks).toString()],
          [status, reason, body],
        );
        if (status === 304) assert.equal(response.headers['content-type'], undefined);
      });
    }

    test('a fatal error is told to the log, and to the client only with display_errors', async () => {
      const fatal = `undefined_function_of_this_test();`;
      const hidden = await get(fatal);
      assert.deepEqual([hidden.status, await hidden.text()], [500, '']);
      assert.match(
        readFileSync(phpLog, 'utf8'),
        /PHP Fatal error: {2}Uncaught Error: Call to undefined function undefined_function_of_this_test\(\)/,
      );
      const shown = await get(fatal, { headers: { 'X-Php-Value': 'display_errors=1' } });
      assert.equal(shown.status, 200);
      assert.match(await shown.text(), /Fatal error.*undefined_function_of_this_test/);
      assert.equal((await get(fatal)).status, 500, 'PHP_VALUE was for its request only');
      const partial = await get(`echo 'begun'; flush(); strlen();`);
      assert.deepEqual([partial.status, await partial.text()], [200, 'begun']);
    });

    test('HEAD runs the script and sends no body', async () => {
      const response = await open(`header('X-Ran: 1'); echo str_repeat('x', 100000);`, 'HEAD');
      let length = 0;
      for await (const chunk of response) length += (chunk as Buffer).length;
      assert.deepEqual([response.headers['x-ran'], length], ['1', 0]);
    });

    test('PHP_VALUE and PHP_ADMIN_VALUE are for their request only', async () => {
      const show = `ini_set('user_agent', 'mine'); echo ini_get('memory_limit'), ' ', ini_get('user_agent'), ' ', ini_get('precision');`;
      const plain = await says(show);
      // A header cannot hold a line end, so one value each.
      const headers = { 'X-Php-Value': 'precision=5', 'X-Php-Admin-Value': 'user_agent=locked' };
      for (let i = 0; i < 4; i++) {
        assert.match(await says(show, { headers }), / locked 5$/);
        assert.equal(await says(show), plain);
      }
    });

    test('.user.ini', async () => {
      server.folder.write('www/own/.user.ini', 'precision = 7\nmemory_limit = 99M\nallow_url_fopen = 0\n');
      server.folder.write(
        'www/own/show.php',
        `<?php echo ini_get('precision'), ' ', ini_get('memory_limit'), ' ', ini_get('allow_url_fopen');`,
      );
      // allow_url_fopen is the system's: .user.ini cannot change it.
      assert.equal(await (await fetch(nginx.url('/own/show.php'))).text(), '7 99M 1');
      assert.notEqual(await says(`echo ini_get('precision');`), '7');
    });

    test('request headers: Proxy, Authorization, getallheaders()', async () => {
      const headers = {
        Proxy: 'http://evil',
        Authorization: `Basic ${btoa('mowgli:a:b')}`,
        'X-Some-Thing': '1',
      };
      const said = JSON.parse(
        await says(
          `$all = getallheaders(); echo json_encode([$_SERVER['HTTP_PROXY'] ?? null, getenv('HTTP_PROXY') || getenv('http_proxy'), $_SERVER['PHP_AUTH_USER'], $_SERVER['PHP_AUTH_PW'], $all['X-Some-Thing'], $all['Proxy'], $all === apache_request_headers()]);`,
          { headers },
        ),
      );
      assert.deepEqual(said, [null, false, 'mowgli', 'a:b', '1', 'http://evil', true]);
    });

    test('fastcgi_finish_request() lets the client go while the script goes on', async () => {
      const flag = server.folder.join('data/finish');
      const response = await says(`echo 'answered'; $done = fastcgi_finish_request(); echo 'lost';
      while (!file_exists('${flag}')) { usleep(2000); clearstatcache(); }
      file_put_contents('${flag}-done', json_encode([$done, fastcgi_finish_request(), connection_status()]));`);
      assert.equal(response, 'answered');
      server.folder.write('data/finish', '', 0o666);
      const left = await poll('the rest of the script', () => {
        try {
          return readFileSync(`${flag}-done`, 'utf8') || undefined;
        } catch {
          return undefined;
        }
      });
      assert.deepEqual(JSON.parse(left), [true, false, 0]);
    });

    test('fpm_get_status() is the status page as an array', async () => {
      const status = JSON.parse(await says(`echo json_encode(fpm_get_status());`)) as Record<string, unknown>;
      const procs = status['procs'] as Record<string, unknown>[];
      assert.deepEqual(
        [status['pool'], status['process-manager'], status['total-processes']],
        ['www', 'static', 2],
      );
      const running = procs.filter((proc) => proc['state'] === 'Running');
      assert.equal(running.length, 1);
      assert.match(String(running[0]?.['script']), /\/www\/[0-9a-f]+\.php$/);
      assert.equal(typeof running[0]?.['last-request-cpu'], 'number');
    });

    test('a client that goes away in the middle does no harm', async () => {
      await new Promise<void>((resolve, reject) => {
        const going = httpGet(url(`for (;;) { echo str_repeat('x', 65536); }`), (response) => {
          response.once('data', () => {
            going.destroy();
            resolve();
          });
        });
        going.on('error', reject);
      });
      for (let i = 0; i < 4; i++) assert.equal(await says(`echo 'fine';`), 'fine');
    });
  });
