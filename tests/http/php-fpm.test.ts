/** The front before a real PHP-FPM. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { after, before, suite, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Front, startFront } from '../../src/http/front.ts';
import { requires } from '../harness/debian.ts';
import { poolText } from '../harness/pool.ts';
import { type Server, startServer } from '../harness/server.ts';
import { ask } from './client.ts';

const megabyte = 1024 * 1024;

const scripts = {
  'index.php': '<?php echo "front ", $_SERVER["REQUEST_URI"], " ", $_GET["q"] ?? "";',
  'server.php': '<?php header("Content-Type: application/json"); echo json_encode($_SERVER);',
  'folder/index.php': '<?php echo "folder";',
  'upload.php': '<?php $f = $_FILES["file"]; echo $f["size"], " ", hash_file("sha256", $f["tmp_name"]);',
  'input.php':
    '<?php echo $_SERVER["CONTENT_LENGTH"], " ", hash("sha256", file_get_contents("php://input"));',
  'big.php': '<?php $m = str_repeat("elephant", 131072); for ($i = 0; $i < 100; $i++) { echo $m; }',
  'session.php': '<?php session_start(); echo ++$_SESSION["n"];',
};

suite('with a real PHP-FPM', { skip: requires('php-fpm') }, () => {
  let server: Server;
  let front: Front;

  before(async () => {
    server = await startServer({
      kind: 'php-fpm',
      pools: (folder) => {
        for (const [name, text] of Object.entries(scripts)) folder.write(`site/${name}`, text);
        const temporary = folder.mkdir('tmp', 0o777);
        return poolText(
          folder,
          'www',
          [
            'php_value[upload_max_filesize] = 64M',
            'php_value[post_max_size] = 64M',
            `php_value[upload_tmp_dir] = ${temporary}`,
            `php_value[session.save_path] = ${temporary}`,
          ].join('\n'),
        );
      },
    });
    front = await startFront({
      docroot: server.folder.join('site'),
      host: '127.0.0.1',
      port: 0,
      connect: { path: server.folder.join('run/www.sock') },
    });
  });

  after(async () => {
    await front?.stop();
    await server?.[Symbol.asyncDispose]();
  });

  const text = async (path: string) => String((await ask(front.port, path)).body);

  test('a pretty URL reaches the front controller with its query', async () => {
    assert.equal(await text('/a%20b/c?q=1'), 'front /a%20b/c?q=1 1');
  });

  test('a folder runs its index', async () => {
    assert.equal(await text('/folder/'), 'folder');
  });

  test('PHP sees script, path info and address as behind nginx', async () => {
    const seen = JSON.parse(await text('/server.php/a/b?x=y')) as Record<string, string>;
    const site = server.folder.join('site');
    const { PHP_SELF, SCRIPT_NAME, SCRIPT_FILENAME, PATH_INFO, QUERY_STRING, REQUEST_URI, SERVER_PORT } =
      seen;
    assert.deepEqual(
      { PHP_SELF, SCRIPT_NAME, SCRIPT_FILENAME, PATH_INFO, QUERY_STRING, REQUEST_URI, SERVER_PORT },
      {
        PHP_SELF: '/server.php/a/b',
        SCRIPT_NAME: '/server.php',
        SCRIPT_FILENAME: `${site}/server.php`,
        PATH_INFO: '/a/b',
        QUERY_STRING: 'x=y',
        REQUEST_URI: '/server.php/a/b?x=y',
        SERVER_PORT: String(front.port),
      },
    );
    assert.equal('HTTPS' in seen, false);
    assert.equal(seen['HTTP_HOST'], `127.0.0.1:${front.port}`);
  });

  test('a session goes on', async () => {
    const first = await ask(front.port, '/session.php');
    const cookie = first.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    assert.equal(String((await ask(front.port, '/session.php', { headers: { cookie } })).body), '2');
  });

  test('HEAD runs the script and sends no body', async () => {
    const { status, body } = await ask(front.port, '/folder/', { method: 'HEAD' });
    assert.equal(status, 200);
    assert.equal(body.length, 0);
  });

  for (const chunked of [false, true]) {
    test(`50 MB are uploaded ${chunked ? 'chunked' : 'with a length'} in bounded memory`, async () => {
      const piece = Buffer.alloc(megabyte, 'elephant');
      const head = '--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n';
      const body = async function* () {
        yield Buffer.from(head);
        for (let i = 0; i < 50; i++) yield piece;
        yield Buffer.from('\r\n--b--\r\n');
      };
      const length = head.length + 50 * megabyte + 9;
      const hash = createHash('sha256');
      for (let i = 0; i < 50; i++) hash.update(piece);
      const growth = watchMemory();
      const answer = await ask(front.port, '/upload.php', {
        method: 'POST',
        headers: {
          'content-type': 'multipart/form-data; boundary=b',
          ...(chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': length }),
        },
        body: body(),
      });
      assert.equal(String(answer.body), `${50 * megabyte} ${hash.digest('hex')}`);
      assertUnder(growth(), 25 * megabyte);
    });
  }

  test('100 MB of response pass a slow client in bounded memory', async () => {
    const growth = watchMemory();
    const [response] = (await once(get(`${front.url}/big.php`), 'response')) as [IncomingMessage];
    let bytes = 0;
    for await (const piece of response) {
      bytes += piece.length;
      // A turn of the loop for each piece: PHP and the front are faster than this client.
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(bytes, 100 * megabyte);
    assertUnder(growth(), 33 * megabyte);
  });
});

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function assertUnder(bytes: number, limit: number): void {
  assert.ok(bytes < limit, `grew by ${bytes} bytes, the limit is ${limit}`);
}

/**
 * Watches the live buffers outside the JavaScript heap, where bodies are; returns the largest growth so far.
 * Each look collects garbage first, which is dear, but the collector frees buffers on a thread of its own, some time
 * later: what is held is what two looks in a row have seen. Even so that is worth several MB at hundreds of MB a second,
 * and the limits are far above what is held at any moment.
 */
function watchMemory(): () => number {
  const live = (): number => {
    collectGarbage();
    return process.memoryUsage().arrayBuffers;
  };
  const start = live();
  let [last, most, looks] = [0, 0, 0];
  const timer = setInterval(() => {
    looks++;
    const now = live() - start;
    most = Math.max(most, Math.min(now, last));
    last = now;
  }, 80);
  // A test that fails in between takes no last look.
  timer.unref();
  return () => {
    clearInterval(timer);
    assert.ok(looks >= 3, `only ${looks} looks`);
    return most;
  };
}
