/** Files shared by the workers of a pool: sessions, locked counters, SQLite databases. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { phpCli, requires } from '../harness/debian.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { run as runCommand, type Server, startServer } from '../harness/server.ts';
import { json, run, script, text } from './scripts.ts';

const workers = 3;

describe('workers that share files', () => {
  let server: Server;
  let data: string;

  before(async () => {
    server = await startServer({
      engine: 'embedded',
      pools: (folder) =>
        ['www', 'second']
          .map((name) =>
            poolText(
              folder,
              name,
              `pm.max_children = ${name === 'www' ? workers : 1}
php_value[session.save_path] = ${folder.join('data')}
catch_workers_output = yes`,
            ),
          )
          .join(''),
    });
    data = server.folder.mkdir('data', 0o777);
  });
  after(async () => {
    await server?.stop();
    await server?.[Symbol.asyncDispose]();
  });

  /** Runs a program many times at once, on the pools in turn. */
  const many = async (times: number, code: string, pools = ['www']): Promise<string[]> => {
    const path = script(server, code);
    const replies = Array.from({ length: times }, (_each, index) =>
      request(
        server.socket(pools[index % pools.length]),
        scriptParams(path, { DATA: data, HTTP_COOKIE: 'PHPSESSID=herd' }),
      ),
    );
    return (await Promise.all(replies)).map((reply) => reply.body.toString());
  };

  test("a session is one request's at a time, and the next one's afterwards", async () => {
    const said = await many(
      40,
      `session_start(); $n = ($_SESSION['n'] ?? 0) + 1; usleep(500); $_SESSION['n'] = $n; echo $n;`,
    );
    const counted = said.map(Number).sort((a, b) => a - b);
    assert.deepEqual(
      counted,
      Array.from({ length: 40 }, (_each, index) => index + 1),
    );
  });

  test('a counter under flock() loses nothing, over two pools', async () => {
    const count = `$file = fopen("$_SERVER[DATA]/counter", 'c+');
      for ($i = 0; $i < 10; $i++) {
        flock($file, LOCK_EX); rewind($file); $n = (int)fgets($file);
        rewind($file); fwrite($file, $n + 1); fflush($file); flock($file, LOCK_UN);
      }`;
    await many(24, count, ['www', 'second']);
    assert.equal(await text(server, `readfile('${data}/counter');`), '240');
  });

  const openDatabase = `$db = new PDO("sqlite:$_SERVER[DATA]/herd.db"); $db->setAttribute(PDO::ATTR_TIMEOUT, 30);`;
  const insert = `${openDatabase}
    for ($i = 0; $i < 10; $i++) { $db->beginTransaction(); $db->exec("INSERT INTO rows (who) VALUES ('" . getmypid() . "')"); $db->commit(); } echo 'ok';`;
  const look = `${openDatabase} echo json_encode([$db->query('SELECT COUNT(*) FROM rows')->fetchColumn(), $db->query('PRAGMA integrity_check')->fetchColumn()]);`;

  test('SQLite loses no row of three workers', async () => {
    const params = { DATA: data };
    await text(
      server,
      `${openDatabase} $db->exec('CREATE TABLE rows (id INTEGER PRIMARY KEY, who TEXT)'); chmod("$_SERVER[DATA]/herd.db", 0666);`,
      { params },
    );
    assert.deepEqual(await many(20, insert), Array(20).fill('ok'));
    assert.deepEqual(await json(server, look, { params }), [200, 'ok']);
  });

  test('nor of two pools and a native PHP at once', {
    skip: requires('php-cli', 'php-sqlite3'),
  }, async () => {
    const before = (await json(server, look, { params: { DATA: data } })) as [number, string];
    const native = `$_SERVER['DATA'] = '${data}'; for ($n = 0; $n < 10; $n++) { ${insert} }`;
    const [said, command] = await Promise.all([
      many(20, insert, ['www', 'second']),
      runCommand(phpCli, ['-r', native]),
    ]);
    assert.deepEqual(said, Array(20).fill('ok'));
    assert.equal(command.stdout, 'ok'.repeat(10), command.stderr);
    assert.deepEqual(await json(server, look, { params: { DATA: data } }), [before[0] + 300, 'ok']);
  });

  test('a database in WAL mode is refused before it can lose a write', {
    skip: requires('php-cli', 'php-sqlite3'),
  }, async () => {
    const path = `${data}/wal.db`;
    const made = await runCommand(phpCli, [
      '-r',
      `$db = new PDO('sqlite:${path}'); echo $db->query('PRAGMA journal_mode = WAL')->fetchColumn(); $db->exec('CREATE TABLE t (n INT)'); chmod('${path}', 0666);`,
    ]);
    assert.equal(made.stdout, 'wal');
    const from = server.log.mark();
    server.expect(/WARNING: \[pool www\] child \d+ said into stderr: ".*WAL/);
    const reply = await run(
      server,
      `try { (new PDO('sqlite:${path}'))->exec('INSERT INTO t VALUES (1)'); echo 'written'; } catch (PDOException $e) { echo get_class($e), ' ', $e->getMessage(); }`,
    );
    assert.match(reply.body.toString(), /^PDOException .*(unable to open database file|disk I\/O error)/);
    assert.match(await server.log.waitFor(/said into stderr: .*wal\.db/, from), /WAL/);
    // And PHP's own wish for it is not granted.
    const mode = `echo (new PDO('sqlite:${data}/other.db'))->query('PRAGMA journal_mode = WAL')->fetchColumn();`;
    assert.notEqual(await text(server, mode), 'wal');
  });
});
