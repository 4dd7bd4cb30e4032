/**
 * Frameworks with their kernel kept, behind nginx and Apache: under load, with reloads, exit, fatal errors and leaks in
 * between, nothing is lost or mixed up.
 */
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
import { type Framework, frameworks, writeFramework } from './frameworks.ts';

const names = Object.keys(frameworks) as Framework[];
const clients = Number(process.env['HATHI_TEST_CLIENTS'] ?? 16);
const requestsEach = Math.ceil(Number(process.env['HATHI_TEST_REQUESTS'] ?? 1200) / clients);
/** What one request of each client does to the application; a new process after a fatal error costs seconds of CPU. */
const harm = (number: number): string => (number === 1 ? 'fatal' : number % 2 === 0 ? 'exit' : 'leak');

interface Answer {
  readonly status: number;
  readonly cookie: string | undefined;
  readonly body: string;
}

function get(
  port: number,
  path: string,
  agent: Agent,
  headers: Record<string, string> = {},
  body?: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST';
    const outgoing = httpRequest({ host: '127.0.0.1', port, path, agent, headers, method }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          cookie: response.headers['set-cookie']?.[0]?.split(';')[0],
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const packages = requires(
  'nginx',
  'apache2',
  'php-symfony-framework-bundle',
  'php-slim',
  'php-laravel-framework',
);

suite('frameworks in worker mode', { skip: nativeBuild().skip || packages }, () => {
  let server: Server;
  let nginx: WebServer;
  let apache: WebServer;
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  /** Apache closes kept connections when it needs a thread, and a request that is on its way then is lost. */
  const closing = new Agent({ keepAlive: false });

  before(async () => {
    server = await startServer({
      engine: 'native',
      pools: (folder) =>
        names
          .map((name) =>
            poolText(
              folder,
              name,
              `pm.max_children = 3
worker.script = ${writeFramework(folder, name)}
php_admin_value[session.save_path] = ${folder.join('tmp')}
php_admin_value[error_reporting] = 0
php_admin_value[error_log] = /dev/null`,
            ),
          )
          .join(''),
      expected: [/exited/],
      startCap: 60_000,
    });
    nginx = await startNginx(
      (port) => `server {
listen 127.0.0.1:${port};
${names
  .map(
    (name) => `location ~ ^/${name}(?<rest>/.*)$ {
include /etc/nginx/fastcgi_params;
fastcgi_param SCRIPT_FILENAME ${server.folder.join('www')}$rest;
fastcgi_param SCRIPT_NAME $rest;
fastcgi_param REQUEST_URI $rest;
fastcgi_pass unix:${server.socket(name)};
}`,
  )
  .join('\n')}
}`,
    );
    apache = await startApache((port) =>
      names
        .map(
          (name) => `<VirtualHost *:${port}>
ServerName ${name}.test
ProxyPass / unix:${server.socket(name)}|fcgi://${name}${server.folder.join('www')}/
</VirtualHost>`,
        )
        .join('\n'),
    );
  });
  after(async () => {
    agent.destroy();
    await apache[Symbol.asyncDispose]();
    await nginx[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  for (const name of names) {
    test(`${name}: each answer has its own nonce, with reloads in between`, async () => {
      let left = clients * requestsEach;
      const client = async (number: number): Promise<void> => {
        for (let n = 0; n < requestsEach; n += 1) {
          const nonce = `${name}-${number}-${n}-${Math.random().toString(36).slice(2)}`;
          const does = n === Math.floor(requestsEach / 2) ? `disturb/${harm(number)}` : 'hello';
          const answer =
            n % 2 === 0
              ? await get(nginx.port, `/${name}/${does}/${nonce}`, agent)
              : await get(apache.port, `/${does}/${nonce}`, closing, { Host: `${name}.test` });
          const isFatal = does.endsWith('fatal');
          // Behind it a framework's own page may follow.
          const body = isFatal ? answer.body.slice(0, nonce.length) : answer.body;
          assert.deepEqual([answer.status, body], [isFatal ? 500 : 200, nonce], does);
          left -= 1;
        }
      };
      const load = Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
      for (let reload = 0; reload < 2 && left > 0; reload += 1) await server.reload(60_000);
      await load;
      assert.equal(left, 0);
    });

    test(`${name}: a session belongs to its client`, async () => {
      const visit = (cookie?: string): Promise<Answer> =>
        get(nginx.port, `/${name}/session`, agent, cookie === undefined ? {} : { Cookie: cookie });
      const [one, two] = [await visit(), await visit()];
      assert.deepEqual([one.body, two.body], ['1', '1']);
      assert.ok(one.cookie !== undefined && two.cookie !== undefined && one.cookie !== two.cookie);
      for (let n = 2; n < 5; n += 1) assert.equal((await visit(one.cookie)).body, String(n));
      assert.equal((await visit(two.cookie)).body, '2');
    });
  }

  test('symfony: a form, an upload, an error page, a page that is not there', async () => {
    const type = { 'Content-Type': 'multipart/form-data; boundary=b' };
    const part = (head: string, text: string): string =>
      `--b\r\nContent-Disposition: form-data; ${head}\r\n\r\n${text}\r\n`;
    for (const word of ['one', 'two']) {
      const body = `${part('name="text"', word)}${part('name="file"; filename="a"', 'of a file')}--b--\r\n`;
      const sent = await get(nginx.port, '/symfony/form', agent, type, body);
      assert.match(sent.body, new RegExp(`^${word}:[0-9a-f]{32}$`));
    }
    const plain = { 'Content-Type': 'application/x-www-form-urlencoded' };
    assert.equal((await get(nginx.port, '/symfony/form', agent, plain, 'text=plain')).body, 'plain:none');
    assert.equal((await get(nginx.port, '/symfony/fail', agent)).status, 500);
    assert.equal((await get(nginx.port, '/symfony/nowhere', agent)).status, 404);
    assert.equal((await get(nginx.port, '/symfony/hello/still', agent)).body, 'still');
  });
});
