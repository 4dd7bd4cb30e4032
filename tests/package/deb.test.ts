/** The Debian package, as dpkg unpacks it: complete, with its own Node and engine, and its manual. */
import assert from 'node:assert/strict';
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { requires } from '../harness/debian.ts';
import { checkout, TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { isRoot, run } from '../harness/server.ts';
import { packDeb } from './pack-deb.ts';

describe('the Debian package', { skip: requires('php-dev', 'php-cli') || (!isRoot && 'needs root') }, () => {
  const folder = new TestFolder('hathi-deb-');
  const root = folder.join('root');
  const hathi = `${root}/usr/bin/hathi`;
  const env = { PATH: '/usr/bin:/bin', HOME: folder.path };

  before(async () => {
    const file = await packDeb(folder.path);
    assert.match(file, /hathi_\d+\.\d+\.\d+_[a-z0-9]+\.deb$/);
    const unpacked = await run('dpkg-deb', ['-x', file, root]);
    assert.equal(unpacked.code, 0, unpacked.stderr);
    const control = await run('dpkg-deb', ['-e', file, folder.join('control')]);
    assert.equal(control.code, 0, control.stderr);
  });

  after(() => folder[Symbol.dispose]());

  test('belongs to root, and has what Debian wants of a package', () => {
    for (const path of ['usr/bin/hathi', 'usr/lib/hathi', 'lib/systemd/system/hathi.service'])
      assert.equal(lstatSync(`${root}/${path}`).uid, 0, path);
    const control = readFileSync(folder.join('control/control'), 'utf8');
    for (const field of ['Package: hathi', 'Version: ', 'Architecture: ', 'Depends: ', 'Description: '])
      assert.ok(control.includes(`\n${field}`) || control.startsWith(field), field);
    assert.deepEqual(readdirSync(folder.join('control')).sort(), [
      ...['conffiles', 'control', 'postinst', 'postrm', 'prerm', 'triggers'],
    ]);
    const unit = readFileSync(`${root}/lib/systemd/system/hathi.service`, 'utf8');
    assert.doesNotMatch(unit, /usr\/local/);
    assert.match(unit, /^ExecStart=\/usr\/bin\/hathi /m);
  });

  test('scripts of the maintainer are for any POSIX shell', async () => {
    for (const name of ['postinst', 'prerm', 'postrm']) {
      const checked = await run('/bin/dash', ['-n', folder.join(`control/${name}`)]);
      assert.equal(checked.code, 0, checked.stderr);
    }
  });

  test('runs without a Node of the machine, on the engine that it brings', async () => {
    const config = folder.write(
      'fpm.conf',
      `[global]\nerror_log = ${folder.join('error.log')}\n${poolText(folder, 'www', 'engine = native')}`,
    );
    folder.mkdir('run');
    const tested = await run(hathi, ['-t', '-y', config], { env });
    assert.equal(tested.code, 0, tested.stderr);
    assert.match(tested.stderr, /native/);
    const help = await run(hathi, ['build', '--help'], { env });
    assert.equal(help.code, 0, help.stderr);
    assert.match((await run(hathi, ['build'], { env })).stdout, /up to date: .*\/usr\/lib\/hathi\/engines\//);
  });

  test('the manual is complete and clean', async () => {
    for (const name of ['man8/hathi.8.gz', 'man5/hathi.conf.5.gz'])
      assert.ok(existsSync(`${root}/usr/share/man/${name}`), name);
    for (const page of ['hathi.8', 'hathi.conf.5']) {
      const shown = await run('groff', ['-man', '-Tutf8', '-ww', `${checkout}/docs/man/${page}`]);
      assert.deepEqual([shown.code, shown.stderr], [0, '']);
    }
  });

  test('the completion knows the commands', async () => {
    const script = `. ${root}/usr/share/bash-completion/completions/hathi
      COMP_WORDS=(hathi re) COMP_CWORD=1; _hathi; echo "\${COMPREPLY[@]}"`;
    assert.equal((await run('bash', ['-c', script])).stdout.trim(), 'reload request');
  });
});
