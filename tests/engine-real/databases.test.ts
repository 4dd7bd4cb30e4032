/** MariaDB and Redis over TCP and Unix sockets, straight from the worker: no relay, and honest errors. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { type AddressInfo, createServer, type Server as NetServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { requires } from '../harness/debian.ts';
import { poolText } from '../harness/pool.ts';
import { type Server, startServer } from '../harness/server.ts';
import { freePort, type WebServer } from '../harness/web-server.ts';
import { databasePassword, databaseUser, startMariaDb } from './mariadb.ts';
import { startRedis } from './redis.ts';
import { json, run, text } from './scripts.ts';

/** One worker, so that the next request meets the connections that the last one left. */
function startPool(): Promise<Server> {
  return startServer({
    engine: 'embedded',
    pools: (folder) =>
      poolText(
        folder,
        'www',
        `request_terminate_timeout = 2
php_admin_value[default_socket_timeout] = 30
php_admin_value[display_errors] = 0
php_admin_value[error_log] = ${folder.join('log/php.log')}`,
      ),
  });
}

/** Local addresses of the TCP sockets that a process listens on, from /proc/net/tcp (proc(5)). */
function listeningSockets(pid: number): string[] {
  const inodes = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch {
        return []; // Closed since the folder was read.
      }
    }),
  );
  const listening = '0A';
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'latin1')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === listening && inodes.has(fields[9] ?? ''))
      .map((fields) => fields[1] ?? ''),
  );
}

describe('a database over TCP', { skip: requires('mariadb-server') }, () => {
  let server: Server;
  let database: WebServer;
  let params: Record<string, string>;
  const ask = (code: string): Promise<unknown> => json(server, code, { params });
  const connect =
    '$db = new mysqli("127.0.0.1", $_SERVER["U"], $_SERVER["P"], "herd", (int)$_SERVER["PORT"]);';
  const open =
    '$pdo = new PDO("mysql:host=127.0.0.1;dbname=herd;port=$_SERVER[PORT]", $_SERVER["U"], $_SERVER["P"]';

  before(async () => {
    [server, database] = await Promise.all([startPool(), startMariaDb()]);
    params = { U: databaseUser, P: databasePassword, PORT: `${database.port}` };
  });
  after(async () => {
    await database?.[Symbol.asyncDispose]();
    await server?.stop();
    await server?.[Symbol.asyncDispose]();
  });

  test('mysqli: queries, prepared statements, transactions', async () => {
    const rows = await ask(`${connect}
      $db->query('CREATE TABLE elephants (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50), weight DOUBLE, photo BLOB) ENGINE=InnoDB');
      $insert = $db->prepare('INSERT INTO elephants (name, weight, photo) VALUES (?, ?, ?)');
      foreach ([['Hathi', 4000.5, "\\0\\xff"], ['Jumbo', 6000, null]] as [$name, $weight, $photo]) {
        $insert->bind_param('sds', $name, $weight, $photo);
        $insert->execute();
      }
      $db->begin_transaction();
      $db->query("INSERT INTO elephants (name) VALUES ('nobody')");
      $db->rollback();
      $found = $db->execute_query('SELECT name, weight, HEX(photo) AS photo FROM elephants WHERE weight > ? ORDER BY id', [1]);
      echo json_encode([$found->fetch_all(MYSQLI_ASSOC), $db->query('SELECT COUNT(*) FROM elephants')->fetch_row()]);`);
    assert.deepEqual(rows, [
      [
        { name: 'Hathi', weight: 4000.5, photo: '00FF' },
        { name: 'Jumbo', weight: 6000, photo: null },
      ],
      ['2'],
    ]);
  });

  test('pdo_mysql: queries, prepared statements on both sides, transactions', async () => {
    const rows = await ask(`${open}, [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
      $pdo->exec('CREATE TABLE trunks (id INT, name TEXT) ENGINE=InnoDB');
      foreach ([true, false] as $i => $emulated) {
        $pdo->setAttribute(PDO::ATTR_EMULATE_PREPARES, $emulated);
        $pdo->prepare('INSERT INTO trunks VALUES (:id, :name)')->execute(['id' => $i, 'name' => "it's ü"]);
      }
      $pdo->beginTransaction();
      $pdo->exec('DELETE FROM trunks');
      $pdo->rollBack();
      try { $pdo->query('SELECT nonsense'); } catch (PDOException $e) { $code = $e->getCode(); }
      echo json_encode([$pdo->query('SELECT * FROM trunks ORDER BY id')->fetchAll(PDO::FETCH_NUM), $code]);`);
    assert.deepEqual(rows, [
      [
        [0, "it's ü"],
        [1, "it's ü"],
      ],
      '42S22',
    ]);
  });

  test('a result of 8 MB and a parameter of 8 MB arrive whole', async () => {
    const sums = await ask(`${connect}
      $sent = str_repeat('elephant', 1 << 20);
      $back = $db->query("SELECT REPEAT('elephant', 1 << 20)")->fetch_row()[0];
      $hash = $db->execute_query('SELECT MD5(?)', [$sent])->fetch_row()[0];
      echo json_encode([strlen($back), md5($back) === md5($sent), $hash === md5($sent)]);`);
    assert.deepEqual(sums, [8 * 1024 * 1024, true, true]);
  });

  test('a persistent connection serves several requests, and a new one is made after a fatal error', async () => {
    const persistent = `$db = new mysqli('p:127.0.0.1', $_SERVER['U'], $_SERVER['P'], 'herd', (int)$_SERVER['PORT']);`;
    const id = `${persistent} echo json_encode($db->thread_id);`;
    const first = await ask(id);
    assert.equal(await ask(id), first);
    const pdo = `${open}, [PDO::ATTR_PERSISTENT => true]); echo json_encode($pdo->query('SELECT CONNECTION_ID()')->fetchColumn());`;
    const kept = await ask(pdo);
    assert.equal(await ask(pdo), kept);

    const fatal = await run(server, `${persistent} $db->query('SELECT 1'); strlen();`, { params });
    assert.equal(fatal.status, 500);

    const next = (await ask(id)) as number;
    assert.ok(next > (first as number), `connection ${next} after ${String(first)}`);
    assert.equal(await ask(id), next);
    assert.ok(Number(await ask(pdo)) > next);
    // Connections forgotten by the restore are closed, not leaked: the server sees two connections and the asking one.
    assert.deepEqual(
      await ask(
        `${connect} echo json_encode($db->query("SELECT COUNT(*) FROM information_schema.processlist WHERE user = '${databaseUser}'")->fetch_row());`,
      ),
      ['3'],
    );
  });

  test('wrong passwords and refused ports are told as what they are', async () => {
    const told = await json(
      server,
      `mysqli_report(MYSQLI_REPORT_OFF);
      $errors = [];
      @mysqli_connect('127.0.0.1', 'herd', 'wrong', 'herd', (int)$_SERVER['PORT']);
      $errors[] = mysqli_connect_errno();
      @mysqli_connect('127.0.0.1', 'herd', 'x', 'herd', (int)$_SERVER['CLOSED']);
      $errors[] = [mysqli_connect_errno(), mysqli_connect_error()];
      try { new PDO("mysql:host=127.0.0.1;port=$_SERVER[CLOSED]", 'herd', 'x'); } catch (PDOException $e) { $errors[] = $e->getMessage(); }
      $errors[] = @fsockopen('127.0.0.1', (int)$_SERVER['CLOSED'], $code, $message);
      $errors[] = $message;
      echo json_encode($errors);`,
      { params: { ...params, CLOSED: `${await freePort()}` } },
    );
    assert.deepEqual(told, [
      1045,
      [2002, 'Connection refused'],
      'SQLSTATE[HY000] [2002] Connection refused',
      false,
      'Connection refused',
    ]);
  });

  test('no process of the server listens on TCP', () => {
    const all = server.workers().map(({ pid }) => pid);
    assert.ok(all.length > 0);
    for (const pid of [server.pid, ...all]) assert.deepEqual(listeningSockets(pid), [], `process ${pid}`);
    // The same look at the database finds its socket.
    assert.equal(listeningSockets(database.pid).length, 1);
  });

  test('on its Unix socket by mysqli without a host', async () => {
    const [socket] = (await ask(
      `${connect} echo json_encode($db->query('SELECT @@socket')->fetch_row());`,
    )) as [string];
    assert.deepEqual(
      await ask(`$ask = 'SELECT SUBSTRING_INDEX(USER(), "@", -1)'; $u = $_SERVER['U']; $p = $_SERVER['P'];
        $r = [(new mysqli(null, $u, $p, 'herd', 0, '${socket}'))->query($ask)->fetch_row()[0]];
        try { new mysqli(null, $u, $p, 'herd', 0, '/etc/passwd'); } catch (mysqli_sql_exception $e) { $r[] = $e->getMessage(); }
        echo json_encode($r);`),
      ['localhost', 'Permission denied'],
    );
  });

  test('a server that says nothing costs its request the time limit, and nobody else', async () => {
    const mute = createServer();
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    try {
      server.expect(/WARNING: \[pool www\] child \d+, script '.*' \(request: "GET .*"\) execution timed out/);
      server.expect(/WARNING: \[pool www\] child \d+ exited on signal 15 \(SIGTERM\)/);
      const reply = await run(server, `new mysqli('127.0.0.1', 'x', 'x', 'x', (int)$_SERVER['PORT']);`, {
        params: { PORT: `${portOf(mute)}` },
      });
      assert.equal(reply.status, 504);
      assert.equal(
        await text(server, `${connect} echo $db->query('SELECT 6 * 7')->fetch_row()[0];`, { params }),
        '42',
      );
    } finally {
      mute.close();
    }
  });
});

function portOf(server: NetServer): number {
  return (server.address() as AddressInfo).port;
}

describe('Redis over TCP', { skip: requires('redis-server') }, () => {
  let server: Server;
  let redis: WebServer;
  let params: Record<string, string>;
  const ask = (code: string): Promise<unknown> => json(server, code, { params });
  const connect = `$redis = new Redis(); $redis->connect('127.0.0.1', (int)$_SERVER['PORT'], 1.0);`;

  before(async () => {
    [server, redis] = await Promise.all([startPool(), startRedis()]);
    params = { PORT: `${redis.port}` };
  });
  after(async () => {
    await redis?.[Symbol.asyncDispose]();
    await server?.stop();
    await server?.[Symbol.asyncDispose]();
  });

  test('values, lists, hashes, pipelines, scripts and large values', async () => {
    assert.deepEqual(
      await ask(`${connect}
        $redis->set('bytes', "\\0\\xffé");
        $redis->rPush('queue', 'a', 'b');
        $redis->hMSet('hash', ['x' => 1, 'y' => 2]);
        $many = $redis->multi(Redis::PIPELINE)->incr('n')->incr('n')->exec();
        $large = random_bytes(3 << 20);
        $redis->set('large', $large);
        echo json_encode([bin2hex($redis->get('bytes')), $redis->lRange('queue', 0, -1), $redis->hGetAll('hash'),
          $many, $redis->eval('return ARGV[1] .. "!"', ['hi'], 0), $redis->get('large') === $large, $redis->get('none')]);`),
      ['00ffc3a9', ['a', 'b'], { x: '1', y: '2' }, [1, 2], 'hi!', true, false],
    );
  });

  test('blPop() waits for what another request pushes', async () => {
    await using other = await startPool();
    const waiting = ask(`${connect} $redis->set('waits', 1); echo json_encode($redis->blPop('work', 1.5));`);
    const push = `${connect} while (!$redis->get('waits')) usleep(1000); echo json_encode($redis->rPush('work', 'now'));`;
    assert.equal(await json(other, push, { params }), 1);
    assert.deepEqual(await waiting, ['work', 'now']);
    assert.deepEqual(await ask(`${connect} echo json_encode($redis->blPop('nothing', 0.05));`), []);
    await other.stop();
  });

  test('pconnect() keeps its connection over requests, and survives a fatal error', async () => {
    const id = `$redis = new Redis(); $redis->pconnect('127.0.0.1', (int)$_SERVER['PORT']); echo json_encode($redis->client('id'));`;
    const first = await ask(id);
    assert.equal(await ask(id), first);
    const fatal = `ob_start(); ${id} ob_end_clean(); strlen();`;
    assert.equal((await run(server, fatal, { params })).status, 500);
    const next = await ask(id);
    assert.notEqual(next, first);
    assert.equal(await ask(id), next);
  });

  test('a refused port is an exception', async () => {
    const told = await json(
      server,
      `$redis = new Redis(); try { $redis->connect('127.0.0.1', (int)$_SERVER['PORT']); } catch (RedisException $e) { echo json_encode($e->getMessage()); }`,
      { params: { PORT: `${await freePort()}` } },
    );
    assert.equal(told, 'Connection refused');
  });
});
