/** However a worker ends, a client to whom no header has been sent gets an answer; a response that has begun breaks off. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { installScripts } from '../contract/scripts.ts';
import { FakeMaster } from '../embedded/fake-master.ts';
import type { PlainResponse } from '../engine/plain-fastcgi.ts';
import { TestFolder } from '../harness/folder.ts';
import { nativeBuild, testedConfig } from './built-engine.ts';
import { callingExtension } from './calling-extension.ts';

const { command, skip } = nativeBuild();

const extensionFolder = skip
  ? ''
  : execFileSync(testedConfig() ?? 'php-config', ['--extension-dir'], { encoding: 'utf8' }).trim();
const noFfi = !existsSync(join(extensionFolder, 'ffi.so')) && 'no extension ffi';

/** Calls a function of the C library, as an extension would. */
const call = (declaration: string, use: string): string => `FFI::cdef("${declaration}")->${use};`;
const raise = (signal: number): string => call('int raise(int);', `raise(${signal})`);

/** Ways in which a script ends its worker, with the client's status and the worker's end. */
const ends: Readonly<Record<string, readonly [code: string, status: number, end: object]>> = {
  'exit(3)': [call('void exit(int);', 'exit(3)'), 500, { type: 'exit', code: 3 }],
  'abort(3)': [call('void abort(void);', 'abort()'), 500, { type: 'signal', number: 6 }],
  'a use of no memory': [
    call('void *memset(void *, int, size_t);', 'memset(null, 0, 9)'),
    500,
    { type: 'signal', number: 11 },
  ],
  'a stack that is used up': [
    '$a = 1; for ($i = 0; $i < 2e5; $i++) $a = [$a]; serialize($a);',
    500,
    { type: 'signal', number: 11 },
  ],
  SIGALRM: [
    call('unsigned alarm(unsigned);', 'alarm(1)').concat('sleep(9);'),
    500,
    { type: 'signal', number: 14 },
  ],
  SIGXCPU: [raise(24), 500, { type: 'signal', number: 24 }],
  SIGSYS: [raise(31), 500, { type: 'signal', number: 31 }],
  SIGTERM: [raise(15), 503, { type: 'signal', number: 15 }],
  SIGINT: [raise(2), 503, { type: 'signal', number: 2 }],
  SIGHUP: [raise(1), 503, { type: 'signal', number: 1 }],
  SIGUSR1: [raise(10), 503, { type: 'signal', number: 10 }],
  SIGUSR2: [raise(12), 503, { type: 'signal', number: 12 }],
};

suite('the end of a worker', { skip }, () => {
  let master: FakeMaster;
  before(async () => {
    master = await FakeMaster.serving({
      command,
      slots: 1,
      settings: [
        ...(noFfi ? [] : [['php_admin_value', 'extension=ffi'] as const]),
        ['php.define', 'ffi.enable=1'],
      ],
    });
    installScripts(master);
  });
  after(() => master[Symbol.asyncDispose]());

  /** Runs a script that is the end of its worker, and makes another worker. */
  async function run(code: string, params = {}, body?: Buffer): Promise<[PlainResponse, object]> {
    master.folder.write('end.php', `<?php ${code}`);
    const ended = master.nextOf('ended');
    const all = master.params('end.php', params);
    const answer = await master.ask(body === undefined ? { params: all } : { params: all, body });
    const { end } = await ended;
    await master.startWorker(0);
    assert.equal((await master.get('hello.php')).body, 'hello');
    const { type, ...how } = end;
    return [answer, 'signal' in how ? { type, number: how.signal } : { type, ...how }];
  }

  for (const [name, [code, status, end]] of Object.entries(ends)) {
    test(name, { skip: code.includes('FFI') && noFfi }, async () => {
      const [answer, how] = await run(`header("X-Never: sent"); echo "never sent"; ${code}`);
      assert.match(answer.head, new RegExp(`^Status: ${status} `));
      assert.doesNotMatch(answer.stdout, /never sent/i);
      assert.deepEqual(answer.end, { appStatus: 0, protocolStatus: 0 });
      assert.deepEqual(how, end);
    });

    test(`${name}, when the response has begun`, { skip: code.includes('FFI') && noFfi }, async () => {
      const [answer] = await run(`echo "begun"; flush(); ${code}`);
      assert.deepEqual([answer.body, answer.end], ['begun', undefined]);
    });
  }

  // The loader binds calls in one of two ways, and compilers make them in one of two.
  for (const flags of [['-Wl,-z,lazy'], ['-Wl,-z,now', '-Wl,-z,relro'], ['-fno-plt']]) {
    test(`an extension that leaves at once (${flags.join(' ')})`, async () => {
      using folder = new TestFolder();
      const file = callingExtension(folder, flags);
      const settings = [['php_admin_value', `extension=${file}`] as const];
      await using own = await FakeMaster.serving({ command, slots: 1, settings });
      for (const [way, code] of [
        ['exit', 3],
        ['_exit', 4],
        ['c99', 5],
      ] as const) {
        own.folder.write('leave.php', `<?php echo "never sent"; leave_by_${way}();`);
        const ended = own.nextOf('ended');
        const answer = await own.get('leave.php');
        assert.match(answer.head, /^Status: 500 /, `${way} ${answer.stdout} ${own.chatter}`);
        assert.notEqual(answer.end, undefined);
        assert.deepEqual((await ended).end, { type: 'exit', code });
        await own.startWorker(0);
      }
    });
  }

  test('SIGKILL leaves no time for an answer', { skip: noFfi }, async () => {
    const [answer] = await run(raise(9));
    assert.deepEqual([answer.stdout, answer.end], ['', undefined]);
  });

  test('a request that PHP cannot start', async () => {
    const body = Buffer.from(`a=${'x'.repeat(4 * 1024 * 1024)}`);
    const params = {
      REQUEST_METHOD: 'POST',
      CONTENT_TYPE: 'application/x-www-form-urlencoded',
      CONTENT_LENGTH: String(body.length),
      PHP_ADMIN_VALUE: 'memory_limit=2M\npost_max_size=16M',
    };
    const [answer, how] = await run('echo "never";', params, body);
    assert.match(answer.head, /^Status: 500 /);
    assert.notEqual(answer.end, undefined);
    assert.deepEqual(how, { type: 'exit', code: 0 });
  });

  test('a process that the script has forked does not answer for it', { skip: noFfi }, async () => {
    for (const end of ['_exit(1)', 'exit(1)', 'abort()']) {
      master.folder.write(
        'fork.php',
        `<?php $c = FFI::cdef("int fork(void); int waitpid(int, void *, int); void _exit(int); void exit(int); void abort(void);");
        echo "the "; if (($pid = $c->fork()) === 0) $c->${end}; $c->waitpid($pid, null, 0); echo "parent";`,
      );
      const answer = await master.get('fork.php');
      assert.deepEqual([answer.body, answer.end?.protocolStatus], ['the parent', 0], end);
    }
  });

  test('sections and arrays in .user.ini, which PHP takes for texts', async () => {
    for (const [place, text] of [
      ['a', 'user_agent = "mine"\n[PATH=]\nprecision = 4'],
      ['b', 'user_agent = "mine"\n[HOST=x]\nprecision = 4'],
      ['c', 'user_agent = "mine"\nprecision[] = 1'],
      ['d', 'user_agent = "mine"\n[PATH=/]'],
    ] as const) {
      master.folder.write(`${place}/show.php`, '<?php echo ini_get("user_agent");');
      master.folder.write(`${place}/.user.ini`, text);
      assert.equal((await master.get(`${place}/show.php`)).body, 'mine', text);
    }
  });
});
