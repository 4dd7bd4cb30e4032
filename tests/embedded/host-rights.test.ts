/** A pool runs as its user, with its limits, and says so when it cannot. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { lookupUser } from '../../src/posix/users.ts';
import { encodeBinary } from '../../src/text/binary.ts';
import { requires } from '../harness/debian.ts';
import { checkout, TestFolder } from '../harness/folder.ts';
import { embeddedHost, FakeMaster } from './fake-master.ts';

const skip = requires('root');
const user = lookupUser('www-data');
const asUser: readonly (readonly [string, string])[] = [
  ['root', '1'],
  ['uid', String(user?.uid)],
  ['gid', String(user?.gid)],
  ['groups', String(user?.gid)],
];

test("scripts run with the user's rights, under the pool's limits and title", { skip }, async () => {
  await using master = await FakeMaster.serving({
    slots: 1,
    settings: [
      ...asUser,
      ['pool', 'größe-池'],
      ['rlimit_files', '500'],
      ['rlimit_core', '-1'],
      ['process.priority', '5'],
    ],
  });
  chmodSync(master.folder.path, 0o777);
  master.folder.write(
    'touch.php',
    '<?php touch(__DIR__ . "/made"); echo @file_get_contents(__DIR__ . "/secret");',
  );
  master.folder.write('secret', 'secret', 0o600);
  assert.equal((await master.get('touch.php')).body, '');
  assert.equal(statSync(master.folder.join('made')).uid, user?.uid);
  const proc = (name: string): string => readFileSync(`/proc/${master.child.pid}/${name}`, 'latin1');
  assert.ok(proc('cmdline').startsWith(encodeBinary('php-fpm: pool größe-池')), proc('cmdline'));
  assert.match(
    proc('status'),
    new RegExp(`^Uid:\\s+${user?.uid}\\s+${user?.uid}\\s+${user?.uid}\\s+${user?.uid}$`, 'm'),
  );
  assert.match(proc('status'), new RegExp(`^Groups:\\s+${user?.gid}\\s*$`, 'm'));
  assert.match(proc('limits'), /Max open files\s+500\s+500/);
  assert.match(proc('limits'), /Max core file size\s+unlimited\s+unlimited/);
  assert.equal(
    proc('stat')
      .slice(proc('stat').lastIndexOf(')') + 2)
      .split(' ')[16],
    '5',
  );

  // A script that the user may not read is refused as PHP-FPM refuses it.
  const path = master.folder.write('secret.php', '<?php echo 1;', 0o600);
  chownSync(path, 0, 0);
  const answer = await master.get('secret.php');
  assert.match(answer.head, /^Status: 403 Forbidden\r\n/);
  assert.equal(answer.body, 'Access denied.\n');
  assert.equal(answer.stderr, `Unable to open primary script: ${path} (Permission denied)`);
});

test("the pool's user needs to read nothing of Hathi: workers start from memory", { skip }, async () => {
  using folder = new TestFolder('hathi-private-');
  cpSync(join(checkout, 'src'), folder.join('src'), { recursive: true });
  cpSync(join(checkout, 'package.json'), folder.join('package.json'));
  symlinkSync(join(checkout, 'node_modules'), folder.join('node_modules'));
  chmodSync(folder.path, 0o700);
  await using master = await FakeMaster.serving({
    command: [process.execPath, folder.join('src/engine/embedded/host/host.ts')],
    slots: 1,
    settings: asUser,
  });
  master.folder.write('read.php', '<?php var_export(is_readable($_GET["file"]));');
  for (const life of ['first', 'spare', 'third']) {
    const answer = await master.get('read.php', { QUERY_STRING: `file=${folder.join('package.json')}` });
    assert.equal(answer.body, 'false', `${life}: ${answer.stderr}`);
    await master.endWorker(0, 'quit');
    if (life !== 'third') await master.startWorker(0);
  }
});

/** A new root for a pool, with the scripts in it. */
function newRoot(scripts: Record<string, string>): TestFolder {
  const root = new TestFolder('hathi-root-');
  for (const [name, text] of Object.entries(scripts)) root.write(name, `<?php ${text}`);
  return root;
}

/** A host in a chroot with one worker. */
function servingIn(root: TestFolder, more: readonly (readonly [string, string])[] = []): Promise<FakeMaster> {
  return FakeMaster.serving({ slots: 1, settings: [...asUser, ['chroot', root.path], ...more] });
}

/** Parameters for a script by its path in the new root, as a web server for a chroot sends them. */
function inside(script: string, more: Record<string, string> = {}): [string, string][] {
  return Object.entries({
    REQUEST_METHOD: 'GET',
    SCRIPT_FILENAME: script,
    SCRIPT_NAME: script,
    REQUEST_URI: script,
    DOCUMENT_ROOT: '/',
    ...more,
  });
}

/** A form with one file in it. */
function upload(path: string): { params: [string, string][]; body: Buffer } {
  const body = Buffer.from(
    '--b\r\nContent-Disposition: form-data; name="f"; filename="f.txt"\r\n\r\nuploaded\r\n--b--\r\n',
  );
  const params = inside(path, {
    REQUEST_METHOD: 'POST',
    CONTENT_TYPE: 'multipart/form-data; boundary=b',
    CONTENT_LENGTH: String(body.length),
  });
  return { params, body };
}

const keepUpload =
  'echo json_encode([$_FILES["f"]["error"], $_FILES["f"]["tmp_name"], move_uploaded_file($_FILES["f"]["tmp_name"], "/data/f.txt")]);';

test('scripts in a chroot see that folder as / and nothing outside, in every worker', { skip }, async () => {
  using root = newRoot({
    'look.php': `echo json_encode(['root' => array_values(array_diff(scandir('/'), ['.', '..', 'dev', 'proc', 'internal', 'request'])),
      'script' => __FILE__, 'folder' => scandir('/lib'), 'outside' => [@file_get_contents($_GET['outside']), is_dir('/etc'),
      @file_get_contents('../../../../..' . $_GET['outside'])],
      'include' => (include 'lib/part.php'), 'cwd' => getcwd(),
      'lock' => flock(fopen(__FILE__, 'r'), LOCK_SH)]);`,
    'lib/part.php': 'return "part";',
    'keep.php': keepUpload,
  });
  root.mkdir('tmp', 0o1777);
  root.mkdir('data', 0o777);
  await using master = await servingIn(root, [['php_admin_value', 'upload_tmp_dir=/tmp']]);
  const outside = master.folder.write('outside.txt', 'outside');
  for (const life of ['first', 'second']) {
    const answer = await master.ask({
      params: inside('/look.php', { QUERY_STRING: `outside=${encodeURIComponent(outside)}` }),
    });
    assert.deepEqual(
      JSON.parse(answer.body.replace(/^<.*/s, (page) => assert.fail(page))),
      {
        ...{
          root: ['data', 'keep.php', 'lib', 'look.php', 'tmp'],
          script: '/look.php',
          outside: [false, false, false],
        },
        ...{ folder: ['.', '..', 'part.php'], include: 'part', cwd: '/', lock: true },
      },
      answer.stderr,
    );
    if (life === 'second') break;
    await master.endWorker(0, 'quit');
    await master.startWorker(0);
  }

  // Uploads go to its /tmp.
  const kept = await master.ask(upload('/keep.php'));
  assert.match(kept.body, /^\[0,"\\\/tmp\\\/php\w+",true\]$/, kept.stderr);
  assert.equal(readFileSync(root.join('data/f.txt'), 'utf8'), 'uploaded');
});

test('chdir is a folder inside of the chroot, and its failure names it', { skip }, async () => {
  using root = newRoot({ 'app/cwd.php': 'echo getcwd();' });
  await using master = await servingIn(root, [['chdir', '/app']]);
  assert.equal((await master.ask({ params: inside('/app/cwd.php') })).body, '/app');
  assert.equal(readlinkSync(`/proc/${master.child.pid}/cwd`), root.join('app'));
  assert.equal(readlinkSync(`/proc/${master.child.pid}/root`), root.path);
  await using failed = new FakeMaster({
    settings: [...asUser, ['chroot', root.path], ['chdir', '/missing']],
  });
  assert.match(
    (await failed.nextOf('failed')).reason,
    /^failed to chdir\(\/missing\): No such file or directory \(2\)$/,
  );
});

test('a chroot that is not there, or that the user cannot enter, is refused', { skip }, async () => {
  using root = newRoot({});
  await using missing = new FakeMaster({ settings: [...asUser, ['chroot', root.join('none')]] });
  assert.match((await missing.nextOf('failed')).reason, /^failed to chroot\(.*\/none\): .*No such file/);
  assert.equal(await missing.exitCode(), 70);
  chmodSync(root.path, 0o710);
  await using closed = new FakeMaster({ settings: [...asUser, ['chroot', root.path]] });
  assert.match(
    (await closed.nextOf('failed')).reason,
    /uid \d+, gid \d+\) cannot enter the chroot '.*': run chmod o\+x '/,
  );
});

const india = '/usr/share/zoneinfo/Asia/Kolkata';
const canMount =
  skip === false && existsSync(india) && spawnSync('unshare', ['--mount', 'true']).status === 0;

test('the access log keeps the time zone of the system, whose file is outside', {
  skip: canMount ? false : 'needs root, a mount namespace of its own and the time zone database',
}, async () => {
  using root = newRoot({ 'hello.php': 'echo "hello";' });
  const start = 'mount --bind "$1" "$(readlink -f /etc/localtime)" && shift && exec env -u TZ "$@"';
  await using master = await FakeMaster.serving({
    command: ['unshare', '--mount', 'sh', '-c', start, 'sh', india, ...embeddedHost],
    slots: 1,
    accessLog: true,
    settings: [...asUser, ['chroot', root.path], ['access.log.fd', '7'], ['access.format', '%{%z}t']],
  });
  assert.equal((await master.ask({ params: inside('/hello.php') })).body, 'hello');
  assert.equal(await master.drain(), 0);
  assert.deepEqual(master.readAccessLog(), ['+0530']);
});

test('a chroot that the user may enter but not list, without /tmp: scripts are served, uploads fail as they do in PHP-FPM', {
  skip,
}, async () => {
  using root = newRoot({ 'keep.php': keepUpload, 'app/hello.php': 'echo "hello", @scandir("/") === false;' });
  root.mkdir('data', 0o777);
  chmodSync(root.path, 0o711);
  await using master = await servingIn(root);
  assert.equal((await master.ask({ params: inside('/app/hello.php') })).body, 'hello1');
  const answer = await master.ask(upload('/keep.php'));
  // UPLOAD_ERR_NO_TMP_DIR
  assert.match(answer.body, /unable to create a temporary file.*\[6,"",false\]$/s);
  assert.deepEqual(readdirSync(root.path).sort(), ['app', 'data', 'keep.php']);
  assert.deepEqual(readdirSync(root.join('data')), []);
});
