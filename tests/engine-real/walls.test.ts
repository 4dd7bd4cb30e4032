/** Scripts that try to get out of their pool. */
import assert from 'node:assert/strict';
import { chownSync, readlinkSync, symlinkSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { requires } from '../harness/debian.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { isRoot, run as runCommand, type Server, startServer } from '../harness/server.ts';
import { json, run, text } from './scripts.ts';

/** Target of a descriptor of this process. */
function ownDescriptor(fd: string): string | undefined {
  // The first three are made anew for every command.
  if (Number(fd) < 3) return undefined;
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return undefined;
  }
}

describe('two pools of two users', { skip: requires('root') }, () => {
  let server: Server;

  before(async () => {
    server = await startServer({
      engine: 'embedded',
      pools: (folder) =>
        ['www-data www-data', 'nobody nogroup']
          .map((ids) => {
            const [user = '', group = ''] = ids.split(' ');
            return poolText(
              folder,
              user,
              `user = ${user}\ngroup = ${group}\nlisten.owner = ${user}\nlisten.group = ${group}\nlisten.mode = 0600
php_admin_value[session.save_path] = ${folder.join(`data-${user}`)}`,
            );
          })
          .join(''),
    });
    for (const user of ['www-data', 'nobody']) {
      const [id = '', group = ''] = await Promise.all(
        ['-u', '-g'].map(async (flag) => (await runCommand('/usr/bin/id', [flag, user])).stdout),
      );
      chownSync(server.folder.mkdir(`data-${user}`, 0o700), Number(id), Number(group));
    }
  });
  after(async () => {
    await server?.stop();
    await server?.[Symbol.asyncDispose]();
  });

  test('one reads, lists, writes and deletes nothing of the other', async () => {
    const secret = server.folder.join('data-www-data/secret');
    const own = `echo json_encode([file_put_contents('${secret}', 'mine'), chmod('${secret}', 0600), fileperms('${secret}') & 0777]);`;
    assert.deepEqual(await json(server, own, { pool: 'www-data' }), [4, true, 0o600]);
    const tries = `chmod('${secret}', 0666);
      foreach (['file_get_contents', 'file', 'fopen', 'unlink', 'is_readable', 'is_file', 'include'] as $how) {
        $got[$how] = $how === 'fopen' ? @fopen('${secret}', 'r') : ($how === 'include' ? @include '${secret}' : @$how('${secret}'));
      }
      $folder = dirname('${secret}');
      $got += ['list' => @scandir($folder), 'glob' => glob("$folder/*"), 'write' => @file_put_contents('${secret}', 'x'),
        'rename' => @rename('${secret}', '/tmp/stolen'), 'link' => @symlink('${secret}', sys_get_temp_dir() . '/link-' . getmypid()) && (bool)@file_get_contents(sys_get_temp_dir() . '/link-' . getmypid()),
        'copy' => @copy('${secret}', sys_get_temp_dir() . '/stolen'), 'exec' => shell_exec('cat ${secret} 2>/dev/null'),
        'sqlite' => (function () { try { return (new PDO('sqlite:${secret}'))->exec('CREATE TABLE t (n)'); } catch (PDOException) { return false; } })()];
      @unlink(sys_get_temp_dir() . '/link-' . getmypid());
      echo json_encode($got);`;
    const got = (await json(server, `error_reporting(0); ${tries}`, { pool: 'nobody' })) as Record<
      string,
      unknown
    >;
    assert.deepEqual(
      Object.entries(got).filter(
        ([, value]) => value !== false && value !== null && JSON.stringify(value) !== '[]',
      ),
      [],
    );
    assert.equal(await text(server, `readfile('${secret}');`, { pool: 'www-data' }), 'mine');
  });

  test('the owner of a file can be given away by nobody but root, and the group within the own ones', async () => {
    const path = server.folder.join('data-www-data/owned');
    const said = await json(
      server,
      `file_put_contents('${path}', ''); $own = filegroup('${path}');
       echo json_encode([@chown('${path}', 0), @chgrp('${path}', 0), chgrp('${path}', $own), chown('${path}', fileowner('${path}')), fileowner('${path}') === 0]);`,
      { pool: 'www-data' },
    );
    assert.deepEqual(said, [false, false, true, true, false]);
  });

  test("one cannot speak to the other's socket, nor to the master", async () => {
    const knock = (path: string): string =>
      `echo json_encode(@stream_socket_client('unix://${path}', $code, $message, 1) === false);`;
    assert.equal(await json(server, knock(server.socket('www-data')), { pool: 'nobody' }), true);
    // Not even by way of a program.
    const shell = `echo json_encode(trim(shell_exec("perl -MIO::Socket::UNIX -e 'print IO::Socket::UNIX->new(Peer => q(${server.socket('www-data')})) ? q(in) : q(out)' 2>&1")));`;
    assert.equal(await json(server, shell, { pool: 'nobody' }), 'out');
    assert.equal(await json(server, shell, { pool: 'www-data' }), 'in');
    const signal = `echo json_encode(trim(shell_exec('kill -TERM ${server.pid} 2>&1; echo $?')));`;
    assert.match(String(await json(server, signal, { pool: 'nobody' })), /not permitted[\s\S]*1$/);
  });

  test('commands run as the user of the pool, with its environment and no descriptor of the host', async () => {
    const said = (await json(
      server,
      `echo json_encode(explode("\\n", trim(shell_exec('id -un; id -Gn; ls -l /proc/self/fd'))));`,
      { pool: 'nobody' },
    )) as string[];
    assert.deepEqual(said.slice(0, 2), ['nobody', 'nogroup']);
    const descriptors = said.slice(2).flatMap((line) => {
      const [, fd = '', target = ''] = / (\d+) -> (.*)$/.exec(line) ?? [];
      // Descriptors of `ls` itself, and those inherited from the process that started the tests.
      const expected = fd === '' || /^\/proc\/\d+\/fd$/.test(target) || target === ownDescriptor(fd);
      return expected ? [] : [fd];
    });
    assert.deepEqual(descriptors, ['0', '1', '2']);
  });
});

describe('a pool with walls', () => {
  let server: Server;

  before(async () => {
    server = await startServer({
      engine: 'embedded',
      pools: (folder) =>
        poolText(
          folder,
          'www',
          `php_admin_value[open_basedir] = ${folder.join('www')}:${folder.join('tmp')}
php_admin_value[disable_functions] = exec,passthru,shell_exec,system,proc_open,popen,mail,symlink
php_admin_value[memory_limit] = 64M
php_admin_value[sys_temp_dir] = ${folder.join('tmp')}
php_value[precision] = 10
security.limit_extensions = .php .inc
php_value[user_ini.cache_ttl] = 0`,
        ),
    });
    server.folder.write('outside/secret.txt', 'secret');
  });
  after(async () => {
    await server?.stop();
    await server?.[Symbol.asyncDispose]();
  });

  test('open_basedir holds for every way to a file', async () => {
    const secret = server.folder.join('outside/secret.txt');
    symlinkSync(secret, server.folder.join('www/link.txt'));
    const got = (await json(
      server,
      `error_reporting(0);
       $paths = ['${secret}', '/etc/passwd', '../outside/secret.txt', __DIR__ . '/link.txt', 'file://${secret}', 'php://filter/resource=${secret}', 'compress.zlib://${secret}', 'glob://${server.folder.join('outside')}/*', 'phar://${secret}'];
       foreach ($paths as $path) {
         $got[] = file_get_contents($path); $got[] = fopen($path, 'r'); $got[] = is_file($path); $got[] = include $path; $got[] = scandir($path);
         $curl = curl_init("file://$path"); curl_setopt($curl, CURLOPT_RETURNTRANSFER, true); $got[] = curl_exec($curl);
       }
       foreach (['/', '${server.folder.join('outside')}', '/proc', '/internal', '/internal/shared'] as $folder) { $got[] = scandir($folder); $got[] = glob("$folder/*"); }
       $got[] = ini_set('open_basedir', '/'); $got[] = chdir('/') && file_get_contents('${secret}');
       try { $got[] = (new PDO('sqlite:/etc/passwd'))->query('SELECT 1'); } catch (Throwable) {}
       try { $got[] = (new SplFileObject('${secret}'))->fgets(); } catch (Throwable) {}
       try { foreach (new DirectoryIterator('/etc') as $entry) $got[] = "$entry"; } catch (Throwable) {}
       try { $got[] = simplexml_load_file('${secret}'); } catch (Throwable) {}
       try { $dom = new DOMDocument(); $got[] = $dom->loadXML('<!DOCTYPE x [<!ENTITY e SYSTEM "file://${secret}">]><x>&e;</x>', LIBXML_NOENT) && str_contains($dom->textContent, 'secret'); } catch (Throwable) {}
       try { $image = new Imagick(); $got[] = $image->readImage('text:${secret}'); } catch (Throwable) {}
       try { $zip = new ZipArchive(); $got[] = $zip->open('${server.folder.join('outside')}/new.zip', ZipArchive::CREATE) === true && $zip->addFromString('a', 'b') && $zip->close(); } catch (Throwable) {}
       echo json_encode(array_values(array_filter($got, fn($x) => $x !== false && $x !== null && $x !== [])));`,
    )) as unknown[];
    assert.deepEqual(got, []);
    assert.equal(
      await text(
        server,
        `file_put_contents(sys_get_temp_dir() . '/mine', 'x'); echo file_get_contents(sys_get_temp_dir() . '/mine'); unlink(sys_get_temp_dir() . '/mine');`,
      ),
      'x',
    );
  });

  test('disabled functions stay away, by whatever name they are called', async () => {
    const got = await json(
      server,
      `foreach (['exec', 'passthru', 'shell_exec', 'system', 'proc_open', 'popen', 'mail', 'dl'] as $name) {
         try { $name('true'); $got[] = $name; } catch (Error $e) {}
         try { call_user_func("\\\\$name", 'true'); $got[] = $name; } catch (Error $e) {}
         try { array_map($name, ['true']); $got[] = $name; } catch (Error $e) {}
       }
       ini_set('disable_functions', '');
       try { $got[] = \`id\`; } catch (Error $e) {}
       echo json_encode($got ?? []);`,
    );
    assert.deepEqual(got, []);
  });

  test('php_admin_value stands against ini_set() and .user.ini; php_value does not', async () => {
    server.folder.write('www/.user.ini', 'memory_limit = 1G\nprecision = 3\nopen_basedir = /\n');
    const show = `echo json_encode([ini_set('memory_limit', '2G'), ini_get('memory_limit'), ini_get('precision'), ini_get('open_basedir') === '/']);`;
    const params = { DOCUMENT_ROOT: server.folder.join('www') };
    assert.deepEqual(await json(server, show, { params }), [false, '64M', '3', false]);
    // A web server's own values override the pool, as in PHP-FPM; there they would stay for later requests.
    const value = { ...params, PHP_ADMIN_VALUE: 'memory_limit=80M' };
    assert.deepEqual(await json(server, show, { params: value }), [false, '80M', '3', false]);
    assert.deepEqual(await json(server, show, { params }), [false, '64M', '3', false]);
    assert.equal(await text(server, `ini_set('precision', '6'); echo ini_get('precision');`), '6');
  });

  test('limit_extensions and paths that try to pass by them', async () => {
    server.folder.write('www/picture.png', '<?php echo "must not run";');
    server.folder.write('www/part.inc', '<?php echo "may run";');
    const ask = async (path: string, more = {}): Promise<string> => {
      const reply = await request(server.socket(), scriptParams(`${server.folder.path}/${path}`, more));
      return `${reply.status} ${reply.body.toString()}`;
    };
    assert.equal(await ask('www/part.inc'), '200 may run');
    assert.equal(await ask('www/picture.png'), '403 Access denied.\n');
    assert.equal(
      await ask('www/picture.png/x.php', { PATH_INFO: '/picture.png/x.php' }),
      '403 Access denied.\n',
    );
    assert.equal(await ask('www/picture.png\0.php'), '404 File not found.\n');
    assert.equal(await ask('www/../www/part.inc'), '404 File not found.\n');
    assert.equal(await ask('outside/secret.txt'), '403 Access denied.\n');
  });

  test('links to places outside of open_basedir do not run', async () => {
    server.folder.write('outside/evil.php', '<?php echo "ran";');
    symlinkSync(server.folder.join('outside/evil.php'), server.folder.join('www/linked.php'));
    const reply = await request(server.socket(), scriptParams(server.folder.join('www/linked.php')));
    assert.equal(`${reply.status} ${reply.body.toString()}`, '404 No input file specified.\n');
  });
});

test('a pool with chroot sees its folder and nothing else', { skip: !isRoot && 'needs root' }, async () => {
  await using server = await startServer({
    engine: 'embedded',
    pools: (folder) => poolText(folder, 'www', `chroot = ${folder.mkdir('jail')}`),
    expected: [/WARNING: .* has no folder \/tmp/],
  });
  const said = await run(server, 'echo 1;');
  assert.equal(said.status, 404);
  server.folder.write(
    'jail/site/index.php',
    `<?php echo json_encode([__FILE__, getcwd(), array_values(array_diff(scandir('/'), ['.', '..'])), @file_get_contents('/etc/passwd'), @scandir('/proc')]);`,
  );
  const reply = await request(server.socket(), scriptParams('/site/index.php'));
  const [file, cwd, root, passwd] = JSON.parse(reply.body.toString()) as [string, string, string[], unknown];
  assert.deepEqual([file, cwd, passwd], ['/site/index.php', '/site', false]);
  assert.ok(!root.includes('etc') && !root.includes('usr') && root.includes('site'), root.join());
  await server.stop();
});
