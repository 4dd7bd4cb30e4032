import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { boundFile, withFile } from '../../src/posix/socket-file.ts';
import { bind, openSocket } from '../../src/posix/sockets.ts';

interface Scope {
  after(action: () => void): void;
}

/** Where sockets have their files: a disk, and memory, where the kernel numbers devices and files otherwise. */
const places = [tmpdir(), '/dev/shm'];

function folderIn(place: string, t: Scope): string {
  const folder = mkdtempSync(join(place, 'hathi-socket-file-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function bound(path: string, t: Scope): number {
  const fd = openSocket('unix');
  t.after(() => closeSync(fd));
  bind(fd, { family: 'unix', path });
  return fd;
}

for (const place of places) {
  test(`a socket knows its own file below ${place}, under whatever name, and no other`, (t) => {
    const folder = folderIn(place, t);
    const [path, moved] = [join(folder, 'a.sock'), join(folder, 'moved.sock')];
    const fd = bound(path, t);
    const { dev, ino } = lstatSync(path);
    assert.deepEqual(boundFile(fd, path), { dev, ino });
    renameSync(path, moved);
    assert.equal(boundFile(fd, path), undefined);
    assert.deepEqual(boundFile(fd, moved), { dev, ino });
    const other = bound(path, t);
    assert.equal(boundFile(fd, path), undefined, 'the socket of another');
    assert.notDeepEqual(boundFile(other, path), { dev, ino });
    const link = join(folder, 'link.sock');
    symlinkSync(moved, link);
    assert.equal(boundFile(fd, link), undefined, 'a link to it');
    const loop = join(folder, 'loop');
    symlinkSync(loop, loop);
    assert.equal(boundFile(fd, join(loop, 'a.sock')), undefined, 'a folder that cannot be entered');
  });
}

test('a name is removed as long as it names what was opened', (t) => {
  const folder = folderIn(tmpdir(), t);
  const path = join(folder, 'file');
  writeFileSync(path, 'mine');
  linkSync(path, join(folder, 'kept'));
  assert.throws(
    () =>
      withFile(path, (file) => {
        renameSync(path, join(folder, 'moved'));
        writeFileSync(path, 'of others');
        file.unlink();
      }),
    { code: 'ESTALE' },
  );
  assert.equal(lstatSync(path).size, 'of others'.length);
  withFile(path, (file) => file.unlink());
  assert.equal(
    withFile(path, () => true),
    undefined,
  );
});

test('a folder that is swapped for a link meanwhile is not followed', (t) => {
  const folder = folderIn(tmpdir(), t);
  const [inner, moved, elsewhere] = ['inner', 'moved', 'elsewhere'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(inner);
  mkdirSync(elsewhere);
  writeFileSync(join(inner, 'file'), '');
  // Even the identity is the same there.
  linkSync(join(inner, 'file'), join(elsewhere, 'file'));
  withFile(join(inner, 'file'), (file) => {
    renameSync(inner, moved);
    symlinkSync(elsewhere, inner);
    file.unlink();
  });
  assert.deepEqual([existsSync(join(moved, 'file')), existsSync(join(elsewhere, 'file'))], [false, true]);
});

/** A place for mounts of the test's own. */
const mayMount = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;

test('a socket knows its file where stat(2) shows other numbers than the kernel has, as in a container', {
  skip: mayMount ? false : 'needs the right to mount',
}, (t) => {
  const folder = folderIn(tmpdir(), t);
  const [lower, upper, merged] = ['lower', 'upper', 'merged'].map((name) => join(folder, name));
  const mounts = `mkdir ${lower} ${upper} ${merged} && mount -t tmpfs tmpfs ${upper} && mkdir ${upper}/u ${upper}/w &&
    mount -t overlay overlay -o lowerdir=${lower},upperdir=${upper}/u,workdir=${upper}/w ${merged}`;
  const source = new URL('../../src/posix/', import.meta.url).href;
  const program = `
    const { boundFile } = await import('${source}socket-file.ts');
    const { bind, openSocket } = await import('${source}sockets.ts');
    const { askUnixSocket } = await import('${source}unix-diag.ts');
    const { lstatSync, renameSync } = await import('node:fs');
    const path = '${merged}/a.sock';
    const fd = openSocket('unix');
    bind(fd, { family: 'unix', path });
    const { dev, ino } = lstatSync(path);
    const found = boundFile(fd, path);
    renameSync(path, path + '.moved');
    bind(openSocket('unix'), { family: 'unix', path });
    console.log(askUnixSocket(fd, 'file')[1] !== dev, found?.ino === ino, boundFile(fd, path) === undefined);`;
  const run = `${mounts} && exec "$0" --input-type=module -e "$1"`;
  const { stdout, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', run, process.execPath, program], {
    encoding: 'utf8',
  });
  assert.equal(stdout, 'true true true\n', stderr);
});
