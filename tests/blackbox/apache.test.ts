/** Apache with the virtual host of the usual set-up guide (SetHandler on a Unix socket), and with ProxyPassMatch. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startApache } from '../harness/apache.ts';
import { requires } from '../harness/debian.ts';
import { engines } from '../harness/engines.ts';
import { guidePool, guideWarnings } from '../harness/pool.ts';
import { type Server, startServer } from '../harness/server.ts';
import { type SiteInfo, writeSite } from '../harness/site.ts';
import type { WebServer } from '../harness/web-server.ts';

const guideHost = (port: number, root: string, socket: string): string => `
<VirtualHost *:${port}>
ServerName example.com
DocumentRoot ${root}
<Directory ${root}>
Options -Indexes +FollowSymLinks
AllowOverride All
Require all granted
</Directory>
<FilesMatch ".php$">
SetHandler "proxy:unix:${socket}|fcgi://localhost/"
</FilesMatch>
ErrorLog \${APACHE_LOG_DIR}/myapp-error.log
CustomLog \${APACHE_LOG_DIR}/myapp-access.log combined
</VirtualHost>`;

const proxyPassHost = (port: number, root: string, socket: string): string => `
<VirtualHost *:${port}>
ServerName proxypass.example.com
DocumentRoot ${root}
<Directory ${root}>
Require all granted
</Directory>
ProxyPassMatch "^/(.*\\.php(/.*)?)$" "unix:${socket}|fcgi://localhost${root}/"
</VirtualHost>`;

for (const { name: engine, skip } of engines)
  describe(`Apache (${engine})`, { skip: skip || requires('apache2') }, () => {
    let server: Server;
    let apache: WebServer;
    let root: string;
    // Apache joins the slash that ends the fcgi:// URL with the absolute path, and PHP keeps both.
    let scriptFilename: string;
    const ask = async (path: string, host: string, init: RequestInit = {}): Promise<Response> =>
      await fetch(apache.url(path), { ...init, headers: { ...init.headers, Host: host } });
    const infoOf = async (path: string, host = 'example.com', init?: RequestInit): Promise<SiteInfo> => {
      const response = await ask(path, host, init);
      const text = await response.text();
      assert.equal(response.status, 200, text);
      return JSON.parse(text) as SiteInfo;
    };

    before(async () => {
      server = await startServer({ engine, pools: guidePool, expected: guideWarnings });
      root = writeSite(server.folder);
      scriptFilename = `/${root}/info.php`;
      server.folder.write('www/public/.htaccess', 'DirectoryIndex index.php\n');
      const socket = server.socket('myapp');
      apache = await startApache((port) => {
        const log =
          'LogFormat "%h %l %u %t \\"%r\\" %>s %O" combined\nLoadModule autoindex_module /usr/lib/apache2/modules/mod_autoindex.so\n';
        return log + guideHost(port, root, socket) + proxyPassHost(port, root, socket);
      });
    });

    after(async () => {
      await apache?.[Symbol.asyncDispose]();
      await server?.stop();
      await server?.[Symbol.asyncDispose]();
    });

    test('serves static files itself', async () => {
      const response = await ask('/style.css', 'example.com');
      assert.equal(response.headers.get('content-type'), 'text/css');
      assert.equal(await response.text(), 'body { color: black }\n');
    });

    for (const host of ['example.com', 'proxypass.example.com']) {
      test(`${host}: a script gets its own path and the variables that PHP makes of Apache's form`, async () => {
        const info = await infoOf('/info.php?a=1', host);
        assert.equal(info.server['SCRIPT_FILENAME'], scriptFilename);
        assert.equal(info.server['SCRIPT_NAME'], '/info.php');
        assert.equal(info.server['PHP_SELF'], '/info.php');
        assert.equal(info.server['DOCUMENT_ROOT'], root);
        assert.equal(info.server['REQUEST_URI'], '/info.php?a=1');
        assert.deepEqual(info.get, { a: '1' });
      });

      test(`${host}: PATH_INFO`, async () => {
        const info = await infoOf('/info.php/a/b?x=1', host);
        assert.equal(info.server['PATH_INFO'], '/a/b');
        assert.equal(info.server['SCRIPT_NAME'], '/info.php');
        assert.equal(info.server['PHP_SELF'], '/info.php/a/b');
        assert.equal(info.server['SCRIPT_FILENAME'], scriptFilename);
      });
    }

    test('finds the index of a folder', async () => {
      assert.equal((await infoOf('/sub/')).server['SCRIPT_NAME'], '/sub/index.php');
    });

    test('takes a form', async () => {
      const info = await infoOf('/info.php', 'example.com', {
        method: 'POST',
        body: new URLSearchParams({ name: 'Raju', size: 'large' }),
      });
      assert.deepEqual(info.post, { name: 'Raju', size: 'large' });
    });

    test('passes status, cookies and a large answer', async () => {
      const made = await ask('/cookies.php', 'example.com');
      assert.equal(made.status, 201);
      assert.deepEqual(made.headers.getSetCookie(), ['a=1', 'b=2']);
      assert.equal((await (await ask('/large.php', 'example.com')).text()).length, 512 * 8192);
    });

    test('says 404 for a script that is not there', async () => {
      assert.equal((await ask('/nothing.php', 'proxypass.example.com')).status, 404);
      assert.equal((await ask('/nothing.php', 'example.com')).status, 404);
    });
  });
