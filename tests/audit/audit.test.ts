/** `hathi audit` on applications with faults, without any, and on those that do not boot. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { requires } from '../harness/debian.ts';
import { TestFolder } from '../harness/folder.ts';
import { nativeBuild } from '../native/built-engine.ts';
import { writeFramework } from '../worker-mode/frameworks.ts';
import { type Audited, audit } from './command.ts';
import { plants, writePlanted } from './planted.ts';

interface Told {
  readonly id: string;
  readonly severity: string;
  readonly name: string;
  readonly requests: number[];
  readonly seen: string[];
}

const told = ({ id, name }: Told): string => (name === '' ? id : `${id}:${name}`);

suite('an application with a fault a path', { skip: nativeBuild().skip }, () => {
  let folder: TestFolder;
  let audited: Audited;
  let findings: Told[];

  before(async () => {
    folder = new TestFolder();
    const { script, requests } = writePlanted(folder);
    audited = await audit(['--worker', script, '--requests', requests, '--json', '-d', 'assert.warning=1']);
    findings = audited.stdout === '' ? [] : JSON.parse(audited.stdout).findings;
  });
  after(() => folder[Symbol.dispose]());

  test('exit code, and nothing but the report', () => {
    assert.equal(audited.code, 1, audited.stderr);
    assert.equal(audited.stderr, '');
  });

  for (const [index, { path, found }] of plants.entries()) {
    test(`${path}: ${found.join(', ') || 'nothing'}`, () => {
      const own = findings.filter(({ requests }) => requests.includes(index));
      assert.deepEqual(own.map(told).sort(), [...found].sort(), JSON.stringify(own, undefined, 1));
    });
  }

  test('nothing that belongs to no request', () => {
    assert.deepEqual(findings.filter(({ requests }) => requests.length === 0).map(told), []);
  });

  test('the text of another request is called by its origin', () => {
    const seen = findings.find(({ id }) => id === 'body')?.seen ?? [];
    assert.ok(seen.includes('fresh "bob", warm "alice" (after "user")'), seen.join('\n'));
    assert.ok(seen.includes('the same text belongs to GET /user?name=alice'), seen.join('\n'));
  });
});

suite('other applications', { skip: nativeBuild().skip }, () => {
  const simple = (folder: TestFolder, handler: string): string =>
    folder.write('www/index.php', `<?php while (hathi_handle_request(function () { ${handler} })) {}`);

  test('a clean one: exit code 0, one line, no folder left', async () => {
    using folder = new TestFolder();
    const { code, stdout, stderr } = await audit(['--worker', simple(folder, 'echo 1;'), '/a', '/b'], {
      TMPDIR: folder.mkdir('tmp', 0o1777),
    });
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(
      stdout,
      /^\S+\/index\.php: nothing found \(2 requests, 4 times to fresh processes, 16 times/,
    );
    assert.deepEqual(readdirSync(folder.join('tmp')), []);
  });

  test('a request that never ends', async () => {
    using folder = new TestFolder();
    const script = simple(folder, 'if ($_SERVER["REQUEST_URI"] === "/endless") sleep(1000);');
    const { code, stdout } = await audit(['--worker', script, '/endless', '--timeout', '1']);
    assert.equal(code, 1, stdout);
    assert.match(
      stdout,
      /WARNING timeout\n.*\n {2}by {4}1 {2}GET \/endless\n {2}seen {2}in a fresh process: no answer within 1 s/,
    );
  });

  test('a script that serves one request and ends, and findings that are allowed', async () => {
    using folder = new TestFolder();
    const script = folder.write('www/index.php', '<?php hathi_handle_request(fn () => print("once"));');
    const list = folder.write('allowed', '# known\nloop-ended\n');
    const { code, stdout } = await audit(['--worker', script, '/', '--allow', 'umask', '--allow-file', list]);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /Allowed:\n {2}loop-ended {2}\(request 1\)\n\nAllowed without need: umask\n/);
  });

  for (const [name, php, message] of [
    ['never waits', '<?php echo "a page";', /never called hathi_handle_request\(\).*printed: a page\n$/],
    [
      'throws at the boot',
      '<?php throw new Exception("no database");',
      /could not be booted: Uncaught Exception: no database/,
    ],
  ] as const) {
    test(`a script that ${name}`, async () => {
      using folder = new TestFolder();
      const { code, stdout, stderr } = await audit(['--worker', folder.write('www/index.php', php), '/']);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, message);
    });
  }

  test('Symfony with its session', { skip: requires('php-symfony-framework-bundle') }, async () => {
    using folder = new TestFolder();
    folder.mkdir('log', 0o777);
    const script = writeFramework(folder, 'symfony');
    const { code, stdout } = await audit(['--worker', script, '--json', '/hello/one', '/session']);
    assert.equal(code, 1);
    const findings: Told[] = JSON.parse(stdout).findings.filter(
      ({ severity }: Told) => severity !== 'advice',
    );
    const names = findings.map(told);
    // Symfony 5.4 keeps the object that has set the session's ini values in the first request.
    assert.ok(names.includes('set-once:ini session.cookie_httponly'), stdout);
    assert.ok(
      findings.every(
        ({ id, name }) => id === 'header' || (id === 'set-once' && name.startsWith('ini session.')),
      ),
      stdout,
    );
  });
});
