/** Sockets of scripts beside TCP: datagrams, Unix sockets, pairs. Expects php-fpm's answers with the same servers. */
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { chmodSync } from 'node:fs';
import { createServer, type Server as NetServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { requires } from '../harness/debian.ts';
import { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { type Server, type ServerKind, startServer } from '../harness/server.ts';
import { json, text } from './scripts.ts';

const cases: Readonly<Record<string, string>> = {
  datagrams: `foreach ([stream_socket_client("udp://127.0.0.1:$port", $e, $m, 2), fsockopen('udp://127.0.0.1', $port, $e, $m, 2)] as $s) {
      array_push($r, fwrite($s, 'one'), fread($s, 100), fwrite($s, 'two'), fread($s, 3), fread($s, 4));
      fwrite($s, str_repeat('x', 8000)); $r[] = strlen(fread($s, 8004));
      stream_set_timeout($s, 0, 20000); $r[] = fread($s, 5); $r[] = stream_get_meta_data($s)['timed_out']; fclose($s);
    }`,
  'datagrams that nobody waits for': `$s = stream_socket_client('udp://127.0.0.1:9', $e, $m, 1); array_push($r, $s !== false, fwrite($s, 'x')); fclose($s); $r[] = $e;`,
  'a Unix socket': `$s = stream_socket_client("unix://$path", $e, $m, 2); array_push($r, $e, $m, fgets($s), fwrite($s, 'hi'), stream_get_contents($s), feof($s));
    $s = fsockopen("unix://$path"); $r[] = fgets($s); chdir(dirname($path)); $s = stream_socket_client('unix://' . basename($path)); $r[] = fgets($s);`,
  'Unix sockets that are none': `foreach (["$path.none", '/etc/passwd', dirname($path), '/root/none'] as $wrong) { $r[] = @stream_socket_client("unix://$wrong", $e, $m, 2); $r[] = $m; }`,
  'a pair': `[$a, $b] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, STREAM_IPPROTO_IP);
    array_push($r, fwrite($a, "one\\ntwo\\n"), fgets($b), fgets($b), fwrite($b, 'back'), fread($a, 4), stream_set_blocking($a, false), fread($a, 10));
    $large = str_repeat('0123456789', 20000); $sent = 0; $got = ''; stream_set_blocking($a, true); stream_set_blocking($b, false);
    while (strlen($got) < strlen($large)) { if ($sent < strlen($large)) $sent += fwrite($a, substr($large, $sent, 4096)); $got .= fread($b, 8192); }
    array_push($r, $got === $large, fclose($a), stream_set_blocking($b, true), fread($b, 10), feof($b), @fwrite($b, 'x'), fclose($b));`,
  'several pairs': `$p = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0); $q = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
    fwrite($p[0], '1'); fwrite($q[1], '2'); array_push($r, count($p), get_debug_type($p[1]), fread($p[1], 1), fread($q[0], 1));
    stream_set_timeout($p[0], 0, 10000); array_push($r, fread($p[0], 1), stream_get_meta_data($p[0])['timed_out']);`,
  'pairs with wrong arguments': `foreach ([['x', 1, 0], [1], [1, 1, []]] as $wrong) try { $r[] = stream_socket_pair(...$wrong); } catch (Error $error) { $r[] = $error->getMessage(); }`,
};

describe('sockets as with php-fpm', { skip: requires('root', 'php-fpm') }, () => {
  const servers = {} as Record<ServerKind, Server>;
  let folder: TestFolder;
  let udp: Socket;
  let unix: NetServer;
  let head: string;

  before(async () => {
    folder = new TestFolder();
    udp = createSocket('udp4');
    udp.on('message', (message, { port, address }) => udp.send(`got ${message}`, port, address));
    await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve));
    unix = createServer((socket) => {
      socket.on('error', () => {});
      socket.write('hello\n');
      socket.on('data', (data) => socket.end(`echo ${data}`));
    });
    const path = folder.join('unix.sock');
    await new Promise<void>((resolve) => unix.listen(path, resolve));
    chmodSync(path, 0o777);
    head = `ini_set('html_errors', 0); $r = []; $port = ${udp.address().port}; $path = '${path}';`;
    const start = async (kind: ServerKind): Promise<void> => {
      servers[kind] = await startServer({ engine: 'embedded', kind, pools: poolText });
    };
    await Promise.all([start('hathi'), start('php-fpm')]);
  });
  after(async () => {
    for (const server of Object.values(servers)) {
      await server.stop();
      await server[Symbol.asyncDispose]();
    }
    udp?.close();
    unix?.close();
    folder?.[Symbol.dispose]();
  });

  for (const [name, code] of Object.entries(cases)) {
    test(name, async () => {
      const ask = (kind: ServerKind): Promise<string> =>
        text(servers[kind], `${head} ${code} echo var_export($r, true);`);
      assert.deepEqual(await ask('hathi'), await ask('php-fpm'));
    });
  }

  test('what the embedded PHP does not do is refused: servers, pairs of datagrams', async () => {
    assert.deepEqual(
      await json(
        servers.hathi,
        `foreach (['tcp://127.0.0.1:0', 'unix:///tmp/none.sock', 'udp://127.0.0.1:0'] as $address)
          $r[] = @stream_socket_server($address, $e, $m, str_starts_with($address, 'udp') ? STREAM_SERVER_BIND : STREAM_SERVER_BIND | STREAM_SERVER_LISTEN);
        $r[] = @stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_DGRAM, 0); echo json_encode($r);`,
      ),
      [false, false, false, false],
    );
  });
});
