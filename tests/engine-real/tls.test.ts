/** HTTPS from scripts, against a server whose certificate a CA of the test has signed. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { run as runCommand, type Server, startServer } from '../harness/server.ts';
import { json, text } from './scripts.ts';

async function openssl(folder: TestFolder, ...args: string[]): Promise<void> {
  const made = await runCommand('/usr/bin/openssl', args, { cwd: folder.path });
  if (made.code !== 0) throw new Error(`cannot make a certificate: ${made.stderr}`);
}

/** Makes `ca.pem` and a certificate of it for localhost and 127.0.0.1. */
async function makeCertificates(folder: TestFolder): Promise<void> {
  const key = ['-newkey', 'rsa:2048', '-nodes', '-days', '2'];
  await openssl(
    folder,
    'req',
    '-x509',
    ...key,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-subj',
    '/CN=Herd CA',
  );
  await openssl(
    folder,
    'req',
    '-new',
    ...key.slice(0, 3),
    '-keyout',
    'host.key',
    '-out',
    'host.csr',
    '-subj',
    '/CN=localhost',
  );
  folder.write('names', 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names'];
  await openssl(folder, 'x509', '-req', '-in', 'host.csr', '-out', 'host.pem', ...signed);
}

describe('HTTPS from a script', { skip: !existsSync('/usr/bin/openssl') && 'needs openssl' }, () => {
  let folder: TestFolder;
  let https: HttpsServer;
  let server: Server;
  let params: Record<string, string>;

  before(async () => {
    folder = new TestFolder('hathi-tls-');
    await makeCertificates(folder);
    https = createServer(
      { key: readFileSync(folder.join('host.key')), cert: readFileSync(folder.join('host.pem')) },
      (request, response) => {
        request.setEncoding('utf8');
        let body = '';
        request.on('data', (piece: string) => {
          body += piece;
        });
        request.on('end', () => response.end(`${request.method} ${request.url} ${body.length}`));
      },
    );
    await new Promise<void>((resolve) => https.listen(0, '127.0.0.1', resolve));
    server = await startServer({
      engine: 'embedded',
      pools: (own) => poolText(own, 'www', 'request_terminate_timeout = 20'),
    });
    params = { PORT: `${(https.address() as AddressInfo).port}`, CA: folder.join('ca.pem') };
  });
  after(async () => {
    https?.close();
    https?.closeAllConnections();
    await server?.stop();
    await server?.[Symbol.asyncDispose]();
    folder?.[Symbol.dispose]();
  });

  test('curl trusts the CA that it is given and no other', async () => {
    const get = `$curl = curl_init("https://localhost:$_SERVER[PORT]/get");
      curl_setopt_array($curl, [CURLOPT_RETURNTRANSFER => true] + $more);
      $body = curl_exec($curl); echo json_encode([$body, curl_errno($curl), curl_getinfo($curl, CURLINFO_SSL_VERIFYRESULT)]);`;
    assert.deepEqual(await json(server, `$more = [CURLOPT_CAINFO => $_SERVER['CA']]; ${get}`, { params }), [
      'GET /get 0',
      0,
      0,
    ]);
    const post = `$more = [CURLOPT_CAINFO => $_SERVER['CA'], CURLOPT_POSTFIELDS => str_repeat('x', 200000)]; ${get}`;
    assert.deepEqual(await json(server, post, { params }), ['POST /get 200000', 0, 0]);
    const [body, code] = (await json(server, `$more = []; ${get}`, { params })) as [unknown, number];
    assert.equal(body, false);
    assert.equal(code, 60, 'CURLE_PEER_FAILED_VERIFICATION');
  });

  test('so do streams', async () => {
    const fetch = `echo json_encode([@file_get_contents("https://$host:$_SERVER[PORT]/stream", false, stream_context_create(['ssl' => $ssl])), error_get_last()['message'] ?? '']);`;
    const trusted = `$host = '127.0.0.1'; $ssl = ['cafile' => $_SERVER['CA']]; ${fetch}`;
    assert.deepEqual(await json(server, trusted, { params }), ['GET /stream 0', '']);
    const [body] = (await json(server, `$host = 'localhost'; $ssl = []; ${fetch}`, { params })) as [unknown];
    assert.equal(body, false);
    const wrongName = `$host = '127.0.0.1'; $ssl = ['cafile' => $_SERVER['CA'], 'peer_name' => 'example.com']; ${fetch}`;
    assert.equal(((await json(server, wrongName, { params })) as [unknown])[0], false);
  });

  test('a CA of the pool counts for both', async () => {
    const values = {
      ...params,
      PHP_ADMIN_VALUE: `openssl.cafile=${params['CA']}\ncurl.cainfo=${params['CA']}`,
    };
    const both = `$curl = curl_init("https://localhost:$_SERVER[PORT]/c"); curl_setopt($curl, CURLOPT_RETURNTRANSFER, true);
      echo json_encode([curl_exec($curl), file_get_contents("https://localhost:$_SERVER[PORT]/s")]);`;
    assert.deepEqual(await json(server, both, { params: values }), ['GET /c 0', 'GET /s 0']);
  });

  test("the system's CA bundle is the default", {
    skip: !existsSync('/etc/ssl/certs/ca-certificates.crt') && 'needs ca-certificates',
  }, async () => {
    const said = await text(
      server,
      `echo ini_get('openssl.cafile'), ' ', ini_get('curl.cainfo'), ' ', is_readable(ini_get('curl.cainfo'));`,
    );
    assert.equal(said, '/etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt 1');
  });
});
