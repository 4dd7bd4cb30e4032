/** Valid log files, in folders of ours and in folders that others may write. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  closeSync,
  existsSync,
  fstatSync,
  linkSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { test } from 'node:test';
import { isStandardStream, openLogFile } from '../../src/log/open-file.ts';
import { standardDescriptor } from '../../src/log/standard-streams.ts';
import { ForeignFileError } from '../../src/posix/trusted-path.ts';
import { requires } from '../harness/debian.ts';
import { TestFolder } from '../harness/folder.ts';
import { adopt, exited } from '../harness/processes.ts';

const www = 33;
const other = 65_534;
const asRoot = { skip: requires('root') };

/** `ours` is a folder of root's alone, `theirs` one of www-data's; `theirs/secret` stands for what nobody may reach. */
function folders(): TestFolder {
  const folder = new TestFolder();
  folder.mkdir('ours');
  chownSync(folder.mkdir('theirs'), www, www);
  folder.write('ours/secret', 'secret', 0o600);
  return folder;
}

function append(path: string, owners?: readonly number[]): void {
  const fd = openLogFile(path, owners);
  writeSync(fd, 'line\n');
  closeSync(fd);
}

/** An attacker's file at the log's name, and the refusal. */
const attacks: [name: string, attack: (folder: TestFolder, path: string) => void, reason: RegExp][] = [
  [
    'a link',
    (folder, path) => symlinkSync(folder.join('ours/secret'), path),
    /is a symbolic link in a folder that others than root may change/,
  ],
  ['a link to nothing', (folder, path) => symlinkSync(folder.join('ours/new'), path), /is a symbolic link/],
  ['a link to a device', (_, path) => symlinkSync('/dev/null', path), /is a symbolic link/],
  [
    'a link to a stream of the master',
    (_, path) => symlinkSync('/proc/self/fd/2', path),
    /is a symbolic link/,
  ],
  [
    'a hard link',
    (folder, path) => linkSync(folder.join('ours/secret'), path),
    /it has a second name \(a hard link\)/,
  ],
  [
    'a FIFO that nobody reads',
    (_, path) => execFileSync('mkfifo', [path]),
    /it is a FIFO and no regular file/,
  ],
  [
    'a FIFO that somebody reads',
    (_, path) => {
      execFileSync('mkfifo', [path]);
      openSync(path, 'r+');
    },
    /it is a FIFO and no regular file/,
  ],
  [
    'a device',
    (_, path) => execFileSync('mknod', [path, 'c', '1', '3']),
    /it is a device and no regular file/,
  ],
  [
    'a file of a third user',
    (_, path) => {
      writeFileSync(path, '');
      chownSync(path, other, other);
    },
    /it belongs to the user 65534/,
  ],
];

for (const [name, attack, reason] of attacks) {
  test(`${name} in a folder of others is refused, with the reason and the remedy`, asRoot, () => {
    using folder = folders();
    const path = folder.join('theirs/log');
    attack(folder, path);
    assert.throws(
      () => openLogFile(path, [www]),
      (error) => {
        assert.ok(error instanceof ForeignFileError);
        assert.match(error.message, reason);
        assert.match(error.message, /: remove it, or /);
        return true;
      },
    );
    assert.equal(readFileSync(folder.join('ours/secret'), 'utf8'), 'secret');
    assert.ok(!existsSync(folder.join('ours/new')));
  });
}

test(
  'a link on the way is not followed once a folder of others was passed, nor are files behind it trusted',
  asRoot,
  () => {
    using folder = folders();
    folder.mkdir('theirs/logs');
    symlinkSync(folder.join('ours'), folder.join('theirs/link'));
    assert.throws(() => openLogFile(folder.join('theirs/link/secret')), /theirs\/link' is a symbolic link/);
    // The folder is root's, but whoever owns the one above can put another in its place.
    symlinkSync(folder.join('ours/secret'), folder.join('theirs/logs/log'));
    assert.throws(() => openLogFile(folder.join('theirs/logs/log')), /is a symbolic link/);
    for (const [path, errno] of [
      ['theirs/missing/log', 2],
      ['theirs/logs', 21],
    ] as const) {
      assert.throws(() => openLogFile(folder.join(path)), { code: 'HATHI_FOREIGN_FILE', errno });
    }
  },
);

test('in a folder of others the log may be root’s, the pool’s user’s, or not there yet', asRoot, () => {
  using folder = folders();
  const path = folder.join('theirs/log');
  append(path, [www]);
  const { uid, mode } = statSync(path);
  assert.deepEqual([uid, mode & 0o777], [0, 0o600]);
  append(path, [www]);
  chownSync(path, www, www);
  append(path, [www]);
  assert.equal(readFileSync(path, 'utf8'), 'line\n'.repeat(3));
  assert.throws(() => openLogFile(path), /it belongs to the user 33/, 'no pool, so nobody’s');
});

test(
  'a sticky folder for all, such as /tmp, is one of others, and what is ours in it stays ours',
  asRoot,
  () => {
    using folder = folders();
    folder.mkdir('tmp', 0o1777);
    folder.mkdir('tmp/ours');
    symlinkSync(folder.join('ours/secret'), folder.join('tmp/log'));
    assert.throws(() => openLogFile(folder.join('tmp/log')), /is a symbolic link/);
    symlinkSync(folder.join('ours/log'), folder.join('tmp/ours/log'));
    append(folder.join('tmp/ours/log'));
    assert.equal(readFileSync(folder.join('ours/log'), 'utf8'), 'line\n');
    chownSync(folder.mkdir('tmp/theirs'), www, www);
    symlinkSync(folder.join('ours/secret'), folder.join('tmp/theirs/log'));
    assert.throws(() => openLogFile(folder.join('tmp/theirs/log')), /is a symbolic link/);
  },
);

test('a folder that a group may write is one of others', asRoot, () => {
  using folder = folders();
  chownSync(folder.mkdir('group', 0o775), 0, www);
  symlinkSync(folder.join('ours/secret'), folder.join('group/log'));
  assert.throws(() => openLogFile(folder.join('group/log')), /is a symbolic link/);
  chownSync(folder.join('group'), 0, 0);
  append(folder.join('group/log'));
  assert.equal(readFileSync(folder.join('ours/secret'), 'utf8'), 'secretline\n', 'root’s own group is root');
});

test(
  'in a folder of ours the operator’s word counts: links, devices, FIFOs, files of anybody',
  asRoot,
  () => {
    using folder = folders();
    folder.mkdir('ours/real');
    symlinkSync('real/../real', folder.join('ours/dir'));
    symlinkSync('dir/log', folder.join('ours/log'));
    append(folder.join('ours/log'));
    append(folder.join('ours/../ours/./log'));
    assert.equal(readFileSync(folder.join('ours/real/log'), 'utf8'), 'line\nline\n');
    chownSync(folder.join('ours/real/log'), www, www);
    linkSync(folder.join('ours/real/log'), folder.join('ours/second'));
    append(folder.join('ours/second'));
    append('/dev/null');
    const fifo = folder.join('ours/fifo');
    execFileSync('mkfifo', [fifo]);
    assert.throws(() => openLogFile(fifo), { code: 'ENXIO' });
    const reader = openSync(fifo, 'r+');
    append(fifo);
    closeSync(reader);
  },
);

test('a link of ours into a folder of others leads there, under its rules', asRoot, () => {
  using folder = folders();
  symlinkSync(folder.join('theirs/log'), folder.join('ours/log'));
  append(folder.join('ours/log'));
  assert.equal(readFileSync(folder.join('theirs/log'), 'utf8'), 'line\n');
  unlinkSync(folder.join('theirs/log'));
  symlinkSync(folder.join('ours/secret'), folder.join('theirs/log'));
  assert.throws(() => openLogFile(folder.join('ours/log')), ForeignFileError);
});

test('links that go round in a circle end', () => {
  using folder = new TestFolder();
  symlinkSync('b', folder.join('a'));
  symlinkSync('a', folder.join('b'));
  assert.throws(() => openLogFile(folder.join('a')), { code: 'ELOOP' });
});

/** Puts a link, a hard link, a FIFO and a file in turn at the name `log`, until the file `stop` is there. */
const swapper = `
const fs = require('node:fs');
process.chdir(process.argv[1]);
require('node:child_process').execFileSync('mkfifo', ['fifo']);
fs.writeFileSync('mine', '');
const makers = [() => fs.symlinkSync('../ours/secret', 'new'), () => fs.linkSync('fifo', 'new'), () => fs.writeFileSync('new', '')];
process.stdout.write('begun');
for (let i = 0; !fs.existsSync('stop'); i++) {
  try { makers[i % makers.length](); fs.renameSync('new', 'log'); if (i % 7 === 0) fs.unlinkSync('log'); } catch {}
}`;

test(
  'a name that gets one file after the other while it is opened never leads elsewhere',
  asRoot,
  async () => {
    using folder = folders();
    const secret = statSync(folder.join('ours/secret'));
    const child = spawn(process.execPath, ['-e', swapper, folder.join('theirs')], {
      stdio: ['ignore', 'pipe', 'inherit'],
      uid: www,
      gid: www,
    });
    adopt(child);
    await once(child.stdout, 'data');
    let [opened, refused] = [0, 0];
    for (let attempt = 0; attempt < 3000; attempt++) {
      try {
        const fd = openLogFile(folder.join('theirs/log'), [www]);
        const stat = fstatSync(fd);
        closeSync(fd);
        assert.ok(stat.isFile() && stat.ino !== secret.ino);
        opened += 1;
      } catch (error) {
        assert.ok(error instanceof ForeignFileError, String(error));
        refused += 1;
      }
    }
    folder.write('theirs/stop', '');
    await exited(child);
    assert.ok(opened > 0 && refused > 0, `${opened} opened, ${refused} refused`);
  },
);

const names: [path: string, descriptor: number | undefined][] = [
  ['/dev/stderr', 2],
  ['/dev/stdout', 1],
  ['//dev/./stderr', 2],
  ['/dev/fd/2', 2],
  ['/proc/self/fd/2', 2],
  ['/proc/thread-self/fd/1', 1],
  [`/proc/${process.pid}/fd/2`, 2],
  [`/proc/${process.ppid}/fd/2`, undefined],
  ['/dev/stderr.log', undefined],
  ['/var/log/stderr', undefined],
];

for (const [path, descriptor] of names) {
  test(`${path} names ${descriptor ?? 'a file'}`, () => {
    assert.equal(standardDescriptor(path), descriptor);
    if (!path.startsWith('/var')) assert.equal(isStandardStream(path), descriptor !== undefined);
  });
}

test('a link of ours to a stream is that stream, as the images of nginx have it', () => {
  using folder = new TestFolder();
  const path = folder.join('error.log');
  symlinkSync('/dev/stderr', path);
  assert.ok(isStandardStream(path));
  const fd = openLogFile(path);
  assert.equal(fstatSync(fd).ino, fstatSync(2).ino);
  closeSync(fd);
});
