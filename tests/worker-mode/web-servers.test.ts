/** Behind nginx and Apache: clients of a booted application beside others that end it by exit, exceptions and fatal errors. */
import assert from 'node:assert/strict';
import { Agent, request as httpRequest } from 'node:http';
import { after, before, suite, test } from 'node:test';
import { startApache } from '../harness/apache.ts';
import { requires } from '../harness/debian.ts';
import { startNginx } from '../harness/nginx.ts';
import { poolText } from '../harness/pool.ts';
import { type Server, startServer } from '../harness/server.ts';
import type { WebServer } from '../harness/web-server.ts';
import { nativeBuild } from '../native/built-engine.ts';
import { writeApplication } from './application.ts';

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** What each client asks for by turns, and what it is to get; `NONCE` is its own. */
const script: readonly (readonly [query: string, status: number, body: string])[] = [
  ['do=sleep&us=500&nonce=NONCE', 200, 'NONCE'],
  ['do=exit', 200, 'bye shut'],
  ['do=sleep&us=0&nonce=NONCE', 200, 'NONCE'],
  ['do=throw', 500, 'before '],
  ['do=sleep&us=100&nonce=NONCE', 200, 'NONCE'],
  ['do=fatal', 500, 'printed '],
  ['do=sleep&us=0&nonce=NONCE', 200, 'NONCE'],
  ['do=shutdown', 200, 'handled, at the end'],
];
const clients = 8;
const rounds = 6;

suite('worker mode behind web servers', { skip: nativeBuild().skip || requires('nginx', 'apache2') }, () => {
  let server: Server;
  let nginx: WebServer;
  let apache: WebServer;
  let root: string;
  const agent = new Agent({ keepAlive: true, maxSockets: clients });

  before(async () => {
    server = await startServer({
      engine: 'native',
      pools: (folder) => {
        const front = writeApplication(folder);
        root = front.slice(0, front.lastIndexOf('/'));
        const lines = ['pm.max_children = 4', `worker.script = ${front}`, 'php_flag[display_errors] = off'];
        return poolText(folder, 'www', `${lines.join('\n')}\nphp_admin_value[error_log] = /dev/null`);
      },
      expected: [/exited/],
    });
    nginx = await startNginx(
      (port) => `upstream app { server unix:${server.socket()}; keepalive 4; }
server {
listen 127.0.0.1:${port};
root ${root};
location / { try_files $uri /index.php$is_args$args; }
location ~ \\.php$ {
include /etc/nginx/fastcgi_params;
fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
fastcgi_keep_conn on;
fastcgi_pass app;
}
}`,
    );
    apache = await startApache(
      (port) => `<VirtualHost *:${port}>
DocumentRoot ${root}
<Directory ${root}>
Require all granted
FallbackResource /index.php
</Directory>
<FilesMatch "\\.php$">
SetHandler "proxy:unix:${server.socket()}|fcgi://localhost/"
</FilesMatch>
</VirtualHost>`,
    );
  });
  after(async () => {
    agent.destroy();
    await apache[Symbol.asyncDispose]();
    await nginx[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  const get = (port: number, path: string): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const outgoing = httpRequest({ host: '127.0.0.1', port, path, agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
        );
      });
      outgoing.on('error', reject);
      outgoing.end();
    });

  for (const name of ['nginx', 'Apache'] as const) {
    test(`${name}: each client gets its own answers, whatever others do to the application`, async () => {
      const { port } = name === 'nginx' ? nginx : apache;
      const client = async (number: number): Promise<void> => {
        for (let round = 0; round < rounds; round += 1) {
          for (const [turn, [query, status, body]] of script.entries()) {
            const nonce = `${name}-${number}-${round}-${turn}`;
            // By the front controller's name, and by a path that is no file.
            const path = turn % 2 === 0 ? '/index.php' : `/page/${number}`;
            const answer = await get(port, `${path}?${query.replace('NONCE', nonce)}`);
            assert.deepEqual([answer.status, answer.body], [status, body.replace('NONCE', nonce)], query);
          }
        }
      };
      await Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
    });

    test(`${name}: another script and a file beside the application`, async () => {
      const { port } = name === 'nginx' ? nginx : apache;
      const classic = await get(port, '/classic.php?n=7');
      assert.match(classic.body, /^classic \d+ 7$/);
      server.folder.write('www/public/style.css', 'body {}');
      assert.equal((await get(port, '/style.css')).body, 'body {}');
    });
  }
});
