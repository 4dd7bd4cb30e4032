/** The cluster's alternatives to HAProxy at work: nginx and Apache that know three nodes, one of them dead. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { startApache } from '../harness/apache.ts';
import { requires } from '../harness/debian.ts';
import { checkout } from '../harness/folder.ts';
import { startNginx } from '../harness/nginx.ts';
import { poolText } from '../harness/pool.ts';
import { type Server, startServer } from '../harness/server.ts';
import { freePort, type WebServer } from '../harness/web-server.ts';

const script = `<?php
header('Cache-Control: public, max-age=60');
echo php_sapi_name(), ' ', $_SERVER['SERVER_PORT'], ' ', $_SERVER['REQUEST_URI'], ' ', $_SERVER['HTTP_PROXY'] ?? 'none', ' ', bin2hex(random_bytes(8));`;

suite('alternatives in examples/cluster', { skip: requires('php-fpm') }, () => {
  const ports: number[] = [];
  let nodes: Server;

  before(async () => {
    ports.push(await freePort(), await freePort(), await freePort());
    nodes = await startServer({
      kind: 'php-fpm',
      pools: (folder) => {
        folder.write('current/public/index.php', script);
        folder.write('current/public/assets/style.css', 'body{}');
        // The second node is dead.
        const alive = [ports[0], ports[2]];
        // Each of nginx's two processes keeps two connections, and php-fpm a worker for each of them.
        const lines = (port?: number) => `listen = 127.0.0.1:${port}\npm.max_children = 6`;
        return alive.map((port, n) => poolText(folder, `node${n}`, lines(port))).join('\n');
      },
    });
  });

  after(() => nodes?.[Symbol.asyncDispose]());

  /** An alternative with this test's addresses and paths, and without TLS. */
  function adapted(name: string): string {
    return readFileSync(join(checkout, 'examples/cluster/alternatives', name), 'utf8')
      .replaceAll(/192\.0\.2\.3(\d):9000/g, (_, node) => `127.0.0.1:${ports[Number(node) - 1]}`)
      .replaceAll('/srv/app', nodes.folder.path)
      .replaceAll(/^ *(ssl_|SSL).*\n/gm, '');
  }

  async function behaves(server: WebServer): Promise<void> {
    const seen = new Set<string>();
    for (let n = 0; n < 12; n += 1) {
      const answer = await fetch(server.url(`/any/path?n=${n}`), { headers: { Proxy: 'http://evil.test' } });
      const body = await answer.text();
      assert.equal(answer.status, 200, body);
      assert.match(body, new RegExp(`^fpm-fcgi \\d+ /any/path\\?n=${n} none `));
      seen.add(body);
    }
    assert.equal(seen.size, 12);
    assert.equal(await (await fetch(server.url('/assets/style.css'))).text(), 'body{}');
  }

  test('nginx: a request for a dead node goes elsewhere, a public page is kept', {
    skip: requires('nginx'),
  }, async () => {
    await using server = await startNginx((port) =>
      adapted('nginx-fastcgi.conf')
        .replace('listen 443 ssl http2;', `listen 127.0.0.1:${port};`)
        .replace('include fastcgi_params', 'include /etc/nginx/fastcgi_params')
        .replace('/var/cache/nginx/pages', 'pages'),
    );
    await behaves(server);
    const page = async () => (await fetch(server.url('/page?same'))).text();
    const all = new Set(await Promise.all([page(), page(), page(), page(), page()]));
    assert.equal(all.size, 1, 'one request to PHP for all');
    const own = await fetch(server.url('/page?same'), { headers: { Cookie: 'PHPSESSID=1' } });
    assert.ok(!all.has(await own.text()), 'a visitor with a session is asked for anew');
  });

  test('Apache: a request for a dead member goes elsewhere', { skip: requires('apache2') }, async () => {
    const modules = ['proxy_balancer', 'lbmethod_bybusyness', 'slotmem_shm', 'headers'];
    await using server = await startApache((port) => {
      const load = modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`);
      return `${load.join('\n')}\n${adapted('apache-balancer.conf').replace('*:443', `127.0.0.1:${port}`)}`;
    });
    await behaves(server);
  });
});
