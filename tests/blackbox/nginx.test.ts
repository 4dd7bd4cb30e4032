/** nginx with the server block of the usual set-up guide, letter for letter but for paths, port and server name. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { requires } from '../harness/debian.ts';
import { engines } from '../harness/engines.ts';
import { startNginx } from '../harness/nginx.ts';
import { guidePool, guideWarnings } from '../harness/pool.ts';
import { type Server, startServer } from '../harness/server.ts';
import { type SiteInfo, writeSite } from '../harness/site.ts';
import { poll } from '../harness/waiting.ts';
import type { WebServer } from '../harness/web-server.ts';

const fastcgiParams = '/etc/nginx/fastcgi_params';

const guideBlock = (port: number, root: string, socket: string): string => `
server {
listen 127.0.0.1:${port};
server_name example.com;
root ${root};
index index.php index.html;
# Serve static files directly, no PHP involvement
location / {
try_files $uri $uri/ /index.php?$query_string;
}
# Delegate PHP to PHP-FPM
location ~ .php$ {
# Security: prevent executing uploaded files as PHP
try_files $uri =404;
fastcgi_split_path_info ^(.+.php)(/.+)$;
fastcgi_pass unix:${socket};
fastcgi_index index.php;
fastcgi_param SCRIPT_FILENAME $realpath_root$fastcgi_script_name;
include ${fastcgiParams};
# Performance tuning
fastcgi_buffers 16 16k;
fastcgi_buffer_size 32k;
fastcgi_read_timeout 300;
}
# Block access to the FPM status page from public
location ~ ^/(fpm-status|fpm-ping)$ {
allow 127.0.0.1;
deny all;
fastcgi_pass unix:${socket};
fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
include ${fastcgiParams};
}
}`;

/** In addition to the guide's block: passes PATH_INFO, keeps connections to the pool alive. */
const variantBlock = (root: string, socket: string): string => `
upstream kept { server unix:${socket}; keepalive 4; }
server {
listen 127.0.0.2:PORT;
root ${root};
client_max_body_size 64m;
location ~ ^(.+\\.php)(/.*)?$ {
fastcgi_split_path_info ^(.+\\.php)(/.*)$;
fastcgi_pass kept;
fastcgi_keep_conn on;
include ${fastcgiParams};
fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
fastcgi_param PATH_INFO $fastcgi_path_info;
}
}`;

for (const { name: engine, skip } of engines)
  describe(`nginx (${engine})`, { skip: skip || requires('nginx') }, () => {
    let server: Server;
    let nginx: WebServer;
    const variant = (path: string): string => nginx.url(path).replace('127.0.0.1', '127.0.0.2');
    const infoOf = async (url: string, init?: RequestInit): Promise<SiteInfo> => {
      const response = await fetch(url, init);
      const text = await response.text();
      assert.equal(response.status, 200, text);
      return JSON.parse(text) as SiteInfo;
    };

    before(async () => {
      server = await startServer({ engine, pools: guidePool, expected: guideWarnings });
      const root = writeSite(server.folder);
      const socket = server.socket('myapp');
      nginx = await startNginx(
        (port) => guideBlock(port, root, socket) + variantBlock(root, socket).replace('PORT', String(port)),
      );
    });

    after(async () => {
      await nginx?.[Symbol.asyncDispose]();
      await server?.stop();
      await server?.[Symbol.asyncDispose]();
    });

    test('serves static files itself', async () => {
      const response = await fetch(nginx.url('/style.css'));
      assert.equal(response.headers.get('content-type'), 'text/css');
      assert.equal(response.headers.get('x-powered-by'), null);
      assert.equal(await response.text(), 'body { color: black }\n');
    });

    test('hands a script its variables', async () => {
      const info = await infoOf(nginx.url('/info.php?a=1&b=two%20words'), { headers: { 'X-Test': 'yes' } });
      assert.equal(info.script, 'info.php');
      assert.deepEqual(info.get, { a: '1', b: 'two words' });
      const expected = {
        REQUEST_METHOD: 'GET',
        REQUEST_URI: '/info.php?a=1&b=two%20words',
        QUERY_STRING: 'a=1&b=two%20words',
        SCRIPT_NAME: '/info.php',
        SCRIPT_FILENAME: server.folder.join('www/public/info.php'),
        DOCUMENT_ROOT: server.folder.join('www/public'),
        PHP_SELF: '/info.php',
        SERVER_NAME: 'example.com',
        SERVER_PROTOCOL: 'HTTP/1.1',
        GATEWAY_INTERFACE: 'CGI/1.1',
        REMOTE_ADDR: '127.0.0.1',
        HTTP_X_TEST: 'yes',
        FCGI_ROLE: 'RESPONDER',
      };
      for (const [name, value] of Object.entries(expected)) assert.equal(info.server[name], value, name);
      assert.match(info.server['SERVER_SOFTWARE'] ?? '', /^nginx\//);
    });

    test('sends what is no file to the front controller', async () => {
      const info = await infoOf(nginx.url('/some/pretty/url?x=1'));
      assert.equal(info.script, 'index.php');
      assert.deepEqual(info.get, { x: '1' });
      assert.equal(info.server['REQUEST_URI'], '/some/pretty/url?x=1');
      assert.equal(info.server['SCRIPT_NAME'], '/index.php');
    });

    test('finds the index of a folder', async () => {
      assert.equal((await infoOf(nginx.url('/sub/'))).server['SCRIPT_NAME'], '/sub/index.php');
    });

    test('answers 404 itself for a script that is not there, and never runs an upload', async () => {
      assert.equal((await fetch(nginx.url('/nothing.php'))).status, 404);
      const upload = await fetch(nginx.url('/uploads/picture.png'));
      assert.equal(upload.headers.get('content-type'), 'image/png');
      assert.match(await upload.text(), /^<\?php/);
      // Does not end in .php for nginx's sake, so that it reaches the front controller and not the picture.
      assert.equal((await fetch(nginx.url('/uploads/picture.png/x.php'))).status, 404);
    });

    test('takes a form with an upload', async () => {
      const bytes = randomBytes(600_000);
      const form = new FormData();
      form.set('title', 'An elephant');
      form.set('picture', new Blob([bytes]), 'elephant.bin');
      const info = await infoOf(nginx.url('/info.php'), { method: 'POST', body: form });
      assert.deepEqual(info.post, { title: 'An elephant' });
      const md5 = createHash('md5').update(bytes).digest('hex');
      assert.deepEqual(info.files, { picture: { name: 'elephant.bin', size: bytes.length, error: 0, md5 } });
    });

    test('takes an upload of 20 MB', async () => {
      const bytes = Buffer.alloc(20 * 1024 * 1024, 'hathi');
      const form = new FormData();
      form.set('file', new Blob([bytes]), 'big.bin');
      const info = await infoOf(variant('/info.php'), { method: 'POST', body: form });
      assert.equal(info.files['file']?.md5, createHash('md5').update(bytes).digest('hex'));
    });

    test('passes a raw body, status, several cookies and a large answer', async () => {
      const raw = await infoOf(nginx.url('/info.php'), {
        method: 'PUT',
        headers: { 'Content-Type': 'application/octet-stream' },
        body: 'x'.repeat(70_000),
      });
      assert.equal(raw.bodyLength, 70_000);

      const made = await fetch(nginx.url('/cookies.php'));
      assert.equal(made.status, 201);
      assert.deepEqual(made.headers.getSetCookie(), ['a=1', 'b=2']);

      const large = await (await fetch(nginx.url('/large.php'))).text();
      assert.equal(large.length, 512 * 8192);
      assert.equal(large.slice(8190, 8194), 'AABB');
    });

    test('answers HEAD without a body', async () => {
      const response = await fetch(nginx.url('/info.php'), { method: 'HEAD' });
      assert.equal(response.status, 200);
      assert.equal(response.headers.get('content-type'), 'application/json');
      assert.equal(await response.text(), '');
    });

    test('shows status and ping to 127.0.0.1', async () => {
      const ping = await fetch(nginx.url('/fpm-ping'));
      assert.equal(ping.headers.get('content-type'), 'text/plain;charset=UTF-8');
      assert.equal(await ping.text(), 'pong');
      // On a busy machine the embedded engine's further workers come up after the pool serves.
      const status = await poll('five workers', async () => {
        const page = await (await fetch(nginx.url('/fpm-status?json&full'))).json();
        const known = page as Record<string, unknown>;
        return Array.isArray(known['processes']) && known['processes'].length >= 5 ? known : undefined;
      });
      assert.equal(status['pool'], 'myapp');
    });

    test('a script may ask its own site after fastcgi_finish_request(), over the kept connections as well', async () => {
      const out = server.folder.mkdir('www/own', 0o777);
      server.folder.write(
        'www/public/own.php',
        `<?php echo "early"; fastcgi_finish_request(); ini_set("default_socket_timeout", 5);
        $answer = @file_get_contents($_GET["url"]); file_put_contents($_GET["file"] . ".new", $answer === false ? "none" : strlen($answer));
        rename($_GET["file"] . ".new", $_GET["file"]);`,
      );
      for (let round = 0; round < 4; round += 1) {
        const file = join(out, String(round));
        const query = new URLSearchParams({ file, url: variant('/cookies.php') });
        assert.equal(await (await fetch(variant(`/own.php?${query}`))).text(), 'early');
        await poll('the end of the script', () => existsSync(file) || undefined);
        assert.equal(readFileSync(file, 'utf8'), '4');
      }
    });

    test('with PATH_INFO passed on', async () => {
      const info = await infoOf(variant('/info.php/a/b%20c?q=1'));
      assert.equal(info.server['PATH_INFO'], '/a/b c');
      assert.equal(info.server['SCRIPT_NAME'], '/info.php');
      assert.equal(info.server['PHP_SELF'], '/info.php/a/b c');
    });

    test('with connections to the pool kept alive', async () => {
      for (let i = 0; i < 20; i++) {
        const info = await infoOf(variant(`/info.php?n=${i}`), {
          method: 'POST',
          body: new URLSearchParams({ i: `${i}` }),
        });
        assert.deepEqual([info.get, info.post], [{ n: `${i}` }, { i: `${i}` }]);
      }
    });
  });
