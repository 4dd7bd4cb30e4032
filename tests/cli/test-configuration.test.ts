/** Warnings of `-t` and errors of `-tt`: everything that only this machine lacks. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { ConfigurationTester, type TestFlag } from '../harness/configuration-tester.ts';
import { requires } from '../harness/debian.ts';
import { TestFolder } from '../harness/folder.ts';
import {
  type CommandResult,
  cleanEnv,
  isRoot,
  run,
  type ServerKind,
  serverCommand,
} from '../harness/server.ts';

const tester = new ConfigurationTester();
after(() => tester[Symbol.asyncDispose]());

/** Runs a test of a configuration; `lines` come into the section [www] and win over the usual ones. */
async function tested(
  folder: TestFolder,
  flag: TestFlag,
  { global = '', pool = '' }: { global?: string | undefined; pool?: string | undefined },
  kind: ServerKind = 'hathi',
): Promise<CommandResult> {
  // The reference knows no engines.
  const engine = kind === 'hathi' ? 'engine = embedded' : '';
  const file = folder.write(
    'fpm.conf',
    `[global]\nerror_log = ${folder.join('error.log')}\n${global}\n[www]\n${engine}\nuser = www-data\n` +
      `listen = ${folder.join('www.sock')}\npm = static\npm.max_children = 1\n${pool}\n`,
  );
  return kind === 'hathi'
    ? tester.test(file, flag, folder.path)
    : run(serverCommand(kind), [flag, '-y', file], { env: cleanEnv(), cwd: folder.path });
}

interface Lack {
  readonly name: string;
  readonly global?: string;
  readonly pool?: string;
  readonly files?: (folder: TestFolder) => void;
  readonly says: RegExp;
  readonly skip?: string | false;
}

const lacks: readonly Lack[] = [
  {
    name: "a socket's folder",
    pool: 'listen = /nonexistent/www.sock',
    says: /the folder '\/nonexistent' does not exist/,
  },
  {
    name: "a status socket's folder",
    pool: 'pm.status_listen = /nonexistent/status.sock',
    says: /\/nonexistent/,
  },
  { name: 'a host name', pool: 'listen = nohost.invalid:9000', says: /getaddrinfo: .* \(nohost\.invalid\)/ },
  {
    name: 'an address',
    pool: 'listen = 192.0.2.1:9000',
    says: /192\.0\.2\.1:9000.*Cannot assign requested address/,
  },
  {
    name: "a free place for the admin endpoint's socket",
    global: 'admin.listen = /nonexistent/admin.sock',
    says: /\/nonexistent\/admin\.sock/,
  },
  {
    name: 'a folder for the pid file',
    global: 'pid = /nonexistent/fpm.pid',
    says: /Unable to create the PID file/,
  },
  {
    name: 'a high limit of open files',
    global: 'rlimit_files = 2000000000',
    says: /failed to set rlimit_files .*RLIMIT_NOFILE/,
  },
  {
    name: 'another user than root',
    pool: 'user = root\ngroup = root',
    says: /please specify user and group other than root/,
    skip: !isRoot && 'needs root',
  },
  {
    name: 'a user of an access list',
    pool: 'listen.acl_users = nosuchuser',
    says: /cannot get uid for user 'nosuchuser'/,
  },
  {
    name: "room at a socket's path",
    files: (folder) => void folder.write('www.sock', 'precious'),
    says: /a regular file is there and is left alone/,
  },
];

const problems = (text: string, level: string): string[] =>
  text.split('\n').filter((line) => line.includes(`] ${level}: `));

describe('what only this machine lacks', { concurrency: 2 }, () => {
  for (const { name, files, says, skip = false, ...lines } of lacks) {
    test(`${name} is one WARNING of -t, with 0, and an ERROR of -tt, with 78`, { skip }, async () => {
      using folder = new TestFolder();
      files?.(folder);
      const lenient = await tested(folder, '-t', lines);
      assert.equal(lenient.code, 0, lenient.stderr);
      assert.match(problems(lenient.stderr, 'WARNING').join('\n'), says);
      assert.equal(problems(lenient.stderr, 'WARNING').length, 1, lenient.stderr);
      assert.match(lenient.stderr, /NOTICE: configuration file .*fpm\.conf test is successful\n$/);
      const strict = await tested(folder, '-tt', lines);
      assert.equal(strict.code, 78, strict.stderr);
      assert.match(problems(strict.stderr, 'ERROR').join('\n'), says);
    });
  }
});

test('php-fpm is content with each of them', { skip: requires('root', 'php-fpm') }, async () => {
  using folder = new TestFolder();
  // Its own sections know no admin endpoint.
  for (const { name, files, says: _, skip: __, ...lines } of lacks.filter(
    ({ global }) => !global?.includes('admin'),
  )) {
    files?.(folder);
    const { code, stderr } = await tested(folder, '-t', lines, 'php-fpm');
    assert.equal(code, 0, `${name}: ${stderr}`);
  }
});

test('what no machine can have is refused by both', async () => {
  using folder = new TestFolder();
  for (const listen of ['0', '127.0.0.1:99999', `/tmp/${'x'.repeat(120)}`]) {
    for (const flag of ['-t', '-tt'] as const) {
      const { code, stderr } = await tested(folder, flag, { pool: `listen = ${listen}` });
      assert.equal(code, 78, `${flag} ${listen}: ${stderr}`);
      assert.equal(problems(stderr, 'WARNING').length, 0, stderr);
    }
  }
});

test('-tt prints its dump and its last line whatever log_level says, -t stays as quiet as asked for', async () => {
  using folder = new TestFolder();
  for (const level of ['warning', 'error', 'alert']) {
    const global = `log_level = ${level}`;
    const { code, stderr } = await tested(folder, '-tt', { global });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /NOTICE: \tpm\.max_children = 1\n/);
    assert.match(stderr, /NOTICE: configuration file .* test is successful\n$/);
    assert.doesNotMatch((await tested(folder, '-t', { global })).stderr, /NOTICE/);
  }
});
