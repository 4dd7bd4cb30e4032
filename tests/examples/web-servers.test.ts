/** The example of each web server at work: a page, a pretty URL, a file, the ping page, what must stay hidden. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { startApache } from '../harness/apache.ts';
import { startCaddy } from '../harness/caddy.ts';
import { requires } from '../harness/debian.ts';
import { checkout } from '../harness/folder.ts';
import { startNginx } from '../harness/nginx.ts';
import { poolText } from '../harness/pool.ts';
import { type Server, startServer } from '../harness/server.ts';
import type { WebServer } from '../harness/web-server.ts';

const example = (path: string) => readFileSync(join(checkout, 'examples', path), 'utf8');

suite('examples of web servers', { skip: requires('php-fpm') }, () => {
  let pool: Server;

  before(async () => {
    pool = await startServer({
      kind: 'php-fpm',
      pools: (folder) => {
        folder.write('public/index.php', '<?php echo "front ", $_SERVER["REQUEST_URI"];');
        folder.write('public/page.php', '<?php echo "page ", $_GET["q"] ?? "";');
        folder.write('public/style.css', 'body{}');
        return poolText(folder, 'myapp', 'pm.status_path = /fpm-status\nping.path = /fpm-ping');
      },
    });
  });

  after(() => pool?.[Symbol.asyncDispose]());

  /** The example with this test's paths. */
  const adapted = (path: string) =>
    example(path)
      .replaceAll('/var/www/myapp', pool.folder.path)
      .replaceAll('/run/php/myapp-fpm.sock', pool.folder.join('run/myapp.sock'));

  async function behaves(server: WebServer, { prettyUrls = true, missingScript = 404 } = {}): Promise<void> {
    const text = async (path: string) => (await fetch(server.url(path))).text();
    assert.equal(await text('/page.php?q=1'), 'page 1');
    assert.match(await text('/'), /^front /);
    assert.equal(await text('/style.css'), 'body{}');
    assert.equal(await text('/fpm-ping'), 'pong');
    assert.match(await text('/fpm-status'), /^pool: +myapp/);
    assert.equal((await fetch(server.url('/missing.php'))).status, missingScript);
    if (prettyUrls) assert.equal(await text('/pretty/url?a=b'), 'front /pretty/url?a=b');
  }

  test('nginx', { skip: requires('nginx') }, async () => {
    await using server = await startNginx((port) =>
      adapted('nginx/myapp.conf')
        .replace('listen 80;', `listen 127.0.0.1:${port};`)
        .replaceAll('include fastcgi_params', 'include /etc/nginx/fastcgi_params'),
    );
    await behaves(server);
  });

  test('Apache', { skip: requires('apache2') }, async () => {
    await using server = await startApache((port) => {
      const site = adapted('apache/myapp.conf')
        .replace('*:80', `127.0.0.1:${port}`)
        .replaceAll(/\$\{APACHE_LOG_DIR\}/g, pool.folder.path);
      // In Debian this line stands in mods-enabled/dir.conf.
      return `DirectoryIndex index.html index.php\n${site}`;
    });
    // Pretty URLs are the application's .htaccess there.
    await behaves(server, { prettyUrls: false });
  });

  test('Caddy', { skip: requires('caddy') }, async () => {
    const [, site] = /^example\.com \{\n(.*)^\}/ms.exec(adapted('caddy/Caddyfile')) ?? [];
    assert.ok(site);
    await using server = await startCaddy(site);
    // Its php_fastcgi sends every unknown path to the application, PHP names too.
    await behaves(server, { missingScript: 200 });
    assert.equal((await fetch(server.url('/.env'))).status, 404);
  });
});
