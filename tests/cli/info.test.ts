/** `-v`, `-m`, `-i`: what runs. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { securityWarning } from '../../src/engine/embedded/host/security.ts';
import { findEngine } from '../../src/engine/embedded/php/package.ts';
import { securityReleases } from '../../src/engine/security-releases.ts';
import { requires } from '../harness/debian.ts';
import { checkout, TestFolder } from '../harness/folder.ts';
import { cleanEnv, run, serverCommand } from '../harness/server.ts';
import { nativeBuild } from '../native/built-engine.ts';

const { phpVersion } = findEngine('8.4');

test('-v names the PHP that runs in php-fpm’s form, and what it lacks', async () => {
  const { code, stdout, stderr } = await run(serverCommand('hathi'), ['-v', '-Z']);
  const lines = stdout.split('\n');
  const warning = securityWarning(phpVersion);
  assert.deepEqual([code, stderr], [0, warning === undefined ? '' : `Warning: ${warning}\n`]);
  assert.match(lines[0] ?? '', /^PHP \d+\.\d+\.\d+ \(fpm-fcgi\) \(built: .+\)( \(NTS\))?$/);
  assert.ok(lines[0]?.startsWith(`PHP ${phpVersion} `));
  assert.match(
    lines[2] ?? '',
    /^Zend Engine v4\.\d+\.\d+, Copyright \(c\) Zend Technologies; Hathi \d+\.\d+\.\d+, embedded engine on Node/,
  );
  assert.deepEqual(lines.slice(3), [''], 'programs count lines');
});

for (const flags of [[], ['-n'], ['-d', 'zend_extension=opcache', '-n']]) {
  test(`${[...flags, '-v'].join(' ')} of the native engine has the lines of php-fpm`, {
    skip: nativeBuild().skip || requires('php-fpm'),
  }, async () => {
    const env = cleanEnv({ HATHI_ENGINE_DIR: nativeBuild().folder });
    const [ours, theirs] = await Promise.all([
      run(serverCommand('hathi'), [...flags, '-v'], { env }),
      run(serverCommand('php-fpm'), [...flags, '-v'], { env }),
    ]);
    const comparable = (text: string): string =>
      text.replace(/\(built: [^)]*\)/, '(built: DATE)').replace(/; Hathi .*, native engine .*/, '');
    assert.notEqual(comparable(ours.stdout), ours.stdout);
    assert.equal(comparable(ours.stdout), comparable(theirs.stdout));
  });
}

test('-v, -i and -m say what is missing where no engine is installed, and no stack', async () => {
  using folder = new TestFolder();
  for (const name of ['bin', 'src', 'native', 'package.json'])
    cpSync(join(checkout, name), folder.join(name), { recursive: true });
  // Everything but the packages of the embedded engine.
  folder.mkdir('node_modules');
  for (const name of ['koffi', 'node']) {
    if (existsSync(join(checkout, 'node_modules', name)))
      symlinkSync(join(checkout, 'node_modules', name), folder.join('node_modules', name));
  }
  for (const flag of ['-v', '-i', '-m']) {
    const { code, stdout, stderr } = await run(folder.join('bin/hathi'), [flag], {
      env: cleanEnv({ HATHI_NODE: process.execPath }),
      cwd: folder.path,
    });
    assert.deepEqual([code, stdout], [70, ''], stderr);
    assert.match(
      stderr,
      /^hathi: Hathi \d\S* has no PHP to ask: .*run "hathi build", or install .*hathi php add \d\.\d"\n$/,
    );
  }
});

test('-m lists the modules in php-fpm’s form', async () => {
  const { code, stdout } = await run(serverCommand('hathi'), ['-m']);
  assert.equal(code, 0);
  const [modules = '', zend = ''] = stdout.split('\n\n');
  const names = modules.split('\n').slice(1);
  assert.ok(modules.startsWith('[PHP Modules]\n'));
  for (const name of ['Core', 'cgi-fcgi', 'json', 'pdo_sqlite', 'standard'])
    assert.ok(names.includes(name), name);
  const lower = names.map((name) => name.toLowerCase());
  assert.deepEqual(lower, [...lower].sort());
  assert.equal(zend, '[Zend Modules]\nZend OPcache');
  assert.ok(stdout.endsWith('\n\n'));
});

test('-m of the native engine lists the modules of php-fpm', {
  skip: nativeBuild().skip || requires('php-fpm'),
}, async () => {
  const env = cleanEnv({ HATHI_ENGINE_DIR: nativeBuild().folder });
  const [ours, theirs] = await Promise.all([
    run(serverCommand('hathi'), ['-m'], { env }),
    run(serverCommand('php-fpm'), ['-m'], { env }),
  ]);
  // Debian compiles it into the command line's PHP only, which hosts the engine.
  assert.equal(ours.stdout.replace('pcntl\n', ''), theirs.stdout);
});

test('-i of the native engine is that of php-fpm', {
  skip: nativeBuild().skip || requires('php-fpm'),
}, async () => {
  const env = cleanEnv({ HATHI_ENGINE_DIR: nativeBuild().folder });
  const args = ['-d', 'precision=11', '-i'];
  const [ours, theirs] = await Promise.all(
    (['hathi', 'php-fpm'] as const).map((kind) => run(serverCommand(kind), args, { env })),
  );
  // Differences by time, process, and a command line that hosts the engine.
  const own =
    /^(\$_SERVER\['(_|REQUEST_TIME(_FLOAT)?|PHP_SELF|SCRIPT_NAME|SCRIPT_FILENAME|PATH_TRANSLATED|NODE_\w+|HATHI_\w+)'\]|_|NODE_\w+|HATHI_\w+|Interned Strings .*|.*memory) => .*\n/gm;
  assert.equal(ours?.stderr, '');
  assert.equal(ours?.stdout.replace(own, ''), theirs?.stdout.replace(own, ''));
  assert.match(ours?.stdout ?? '', /^precision => 11 => 11$/m);
});

test('-i prints phpinfo() as text, with -c and -d in force', async () => {
  using folder = new TestFolder();
  const ini = folder.write('my.ini', 'precision = 9\nuser_agent = "from the file"\n');
  const args = ['-i', '-c', ini, '-d', 'precision=11'];
  const { code, stdout, stderr } = await run(serverCommand('hathi'), args);
  assert.equal(code, 0);
  const warning = securityWarning(phpVersion);
  assert.equal(stderr, warning === undefined ? '' : `Warning: ${warning}\n`);
  assert.ok(stdout.startsWith(`phpinfo()\nPHP Version => ${phpVersion}\n`));
  assert.match(stdout, /^Server API => FPM\/FastCGI$/m);
  assert.match(
    stdout,
    /^php-fpm => active\n\nDirective => Local Value => Master Value\ncgi\.discard_path => Off => Off$/m,
  );
  assert.match(stdout, /^precision => 11 => 11$/m);
  assert.match(stdout, /^user_agent => from the file => from the file$/m);
});

test('every release that is older than the newest of its branch is warned about, the newest is not', () => {
  const newest = securityReleases.at(-1)?.releases ?? {};
  assert.ok(Object.keys(newest).length > 0);
  for (const [branch, release] of Object.entries(newest)) {
    assert.equal(securityWarning(release), undefined, release);
    assert.equal(securityWarning(`${branch}.99`), undefined);
    const warning = securityWarning(`${branch}.0`) ?? '';
    const last = securityReleases.at(-2)?.releases[branch] ?? '';
    for (const missing of [last, release]) assert.ok(warning.includes(` ${missing} of 2`), warning);
    assert.match(warning, /fixes of \d+ earlier releases and /);
    assert.doesNotMatch(securityWarning(last) ?? '', /earlier/);
    assert.ok(!(securityWarning(last) ?? '').includes(`${last} of`), 'a release does not lack itself');
    const previous = securityReleases.at(-3)?.releases[branch] ?? '';
    const older = `${branch}.${Number(previous.split('.')[2]) - 1}`;
    assert.match(securityWarning(older) ?? '', /fixes of an earlier release and /);
  }
});

test('the table of security releases names each CVE once, and releases in their order', () => {
  const cves = securityReleases.flatMap((row) => row.cves);
  assert.equal(new Set(cves).size, cves.length);
  for (const cve of cves) assert.match(cve, /^CVE-20\d\d-\d{4,}$/);
  const last = new Map<string, number>();
  for (const [branch, release] of securityReleases.flatMap((row) => Object.entries(row.releases))) {
    assert.ok(release.startsWith(`${branch}.`), release);
    const patch = Number(release.split('.')[2]);
    assert.ok(patch > (last.get(branch) ?? 0), release);
    last.set(branch, patch);
  }
});

test('a branch that has ended is warned about, one that is newer than the table is not', () => {
  for (const version of ['7.4.33', '8.0.30', '8.1.34']) {
    assert.match(securityWarning(version) ?? '', /gets no security fixes any more; .*loopback/);
  }
  for (const version of ['8.6.0', '9.0.1']) assert.equal(securityWarning(version), undefined);
});
