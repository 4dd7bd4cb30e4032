import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkNames, checkProcessMax, checkRoot, testConfiguration } from '../../src/config/check.ts';
import type { Engine } from '../../src/config/directive.ts';
import type { Configuration } from '../../src/config/directives.ts';
import { checkEngineLimits } from '../../src/config/limits.ts';
import { loadConfiguration } from '../../src/config/load.ts';
import { statusPool } from '../../src/config/status-pool.ts';
import { resolveIdentity } from '../../src/config/users.ts';
import { fakeSystem } from './fake-system.ts';

const system = fakeSystem({});

/** A configuration with one pool and these lines in it. */
function configured(lines: string): Configuration {
  const text = `[www]\nlisten = 9000\npm = static\npm.max_children = 2\n${lines}`;
  const { configuration, messages } = loadConfiguration({ file: '/f' }, fakeSystem({ '/f': text }));
  assert.ok(configuration, JSON.stringify(messages));
  return configuration;
}

function poolOf(lines: string): Configuration['pools'][number] {
  const [pool] = configured(lines).pools;
  assert.ok(pool);
  return pool;
}

describe('the user of a pool', () => {
  const ROWS: readonly (readonly [lines: string, uid: number, gid: number, groups: readonly number[]])[] = [
    ['user = www\n', 33, 33, [33, 44]],
    ['user = 33\n', 33, 33, [33, 44]],
    ['user = www\ngroup = 7\n', 33, 7, [33, 44]],
    ['user = 1234\n', 1234, 0, [0]],
    ['user = 1234\ngroup = www\n', 1234, 33, [33]],
  ];
  for (const [lines, uid, gid, groups] of ROWS) {
    test(JSON.stringify(lines), () => {
      const identity = resolveIdentity(poolOf(lines), system);
      assert.ok('uid' in identity);
      assert.deepEqual([identity.uid, identity.gid, identity.groups], [uid, gid, groups]);
    });
  }

  test('an unknown one is named with the remedy', () => {
    assert.deepEqual(checkNames(configured('user = nobody-here\n'), system), [
      {
        level: 'error',
        text: "[pool www] cannot get uid for user 'nobody-here'",
        detail: [
          '/f:5: user = nobody-here',
          "Create the user with 'useradd --system nobody-here', or name an existing one.",
        ],
      },
    ]);
  });
});

describe('root', () => {
  for (const lines of ['user = root\n', 'user = 0\n', 'user = www\ngroup = 0\n', 'user = 1234\n']) {
    test(`is refused: ${JSON.stringify(lines)}`, () => {
      const [message] = checkRoot(configured(lines), system);
      assert.equal(message?.text, '[pool www] please specify user and group other than root');
    });
  }

  test('is allowed with -R, and no question for others', () => {
    const configuration = configured('user = root\n');
    assert.deepEqual(checkRoot(configuration, { ...system, allowRoot: true }), []);
    assert.deepEqual(checkRoot(configuration, { ...system, isRoot: false }), []);
    assert.equal(checkRoot(configuration, system).length, 1);
  });
});

describe('what an engine cannot do', () => {
  const ROWS: readonly (readonly [
    engine: Engine,
    lines: string,
    level: string | undefined,
    about?: string,
  ])[] = [
    ['embedded', 'apparmor_hat = x\n', 'error', 'apparmor_hat'],
    ['embedded', 'process.dumpable = yes\n', undefined],
    ['embedded', 'slowlog = /log/s\n', 'warning', 'slowlog'],
    ['embedded', 'php_admin_value[Extension] = x.so\n', 'error', 'php_admin_value[Extension]'],
    ['embedded', 'engine.isolation = request\n', undefined],
    ['native', 'engine.isolation = request\n', 'error', 'engine.isolation'],
    ['native', 'engine.heap_limit = 1G\n', 'notice', 'engine.heap_limit'],
    ['native', 'apparmor_hat = x\nslowlog = /log/s\nphp_value[extension] = x.so\n', undefined],
  ];
  for (const [engine, lines, level, about] of ROWS) {
    test(`${engine}: ${JSON.stringify(lines)}`, () => {
      const messages = checkEngineLimits(poolOf(`user = www\n${lines}`), engine);
      assert.equal(messages[0]?.level, level);
      assert.equal(messages.length, level === undefined ? 0 : 1);
      if (about !== undefined) assert.ok(messages[0]?.text.startsWith(`[pool www] '${about}' `));
    });
  }

  test('a pool that asks for the engine is refused when it is read', () => {
    const text =
      '[www]\nlisten = 9000\nuser = www\npm = static\npm.max_children = 2\nengine = embedded\napparmor_hat = x\n';
    const { ok, messages } = loadConfiguration({ file: '/f' }, fakeSystem({ '/f': text }));
    assert.equal(ok, false);
    assert.match(
      messages[0]?.text ?? '',
      /^\[pool www\] 'apparmor_hat' is not supported by the embedded engine/,
    );
  });
});

describe('the hidden pool of a status listener', () => {
  test('takes over who may connect and what is answered, nothing else', () => {
    const parent = poolOf(
      'user = www\npm.status_listen = 9001\nping.path = /ping\nlisten.mode = 0600\nphp_value[a] = b\nenv[A] = 1\nrlimit_files = 9\n',
    );
    const pool = statusPool(parent);
    assert.ok(pool);
    assert.deepEqual(
      [
        pool.name,
        pool.statusOf,
        pool.listen,
        pool.pm,
        pool['pm.max_children'],
        pool['pm.status_path'],
        pool['ping.path'],
      ],
      ['www_status', 'www', '9001', 'ondemand', 2, '/', '/ping'],
    );
    assert.deepEqual(
      [pool['listen.mode'], pool.php_value, pool.env, pool.rlimit_files],
      ['0600', [['a', 'b']], [], 0],
    );
  });

  test('does not exist without pm.status_listen', () => {
    assert.equal(statusPool(poolOf('user = www\n')), undefined);
  });
});

test('-t says that the file is right, or the first thing that is wrong', () => {
  const right = testConfiguration(configured('user = www\n'), system, { dump: false });
  assert.deepEqual(right.messages, [{ level: 'notice', text: 'configuration file /f test is successful' }]);
  const wrong = testConfiguration(configured('user = a\ngroup = b\n'), system, { dump: true });
  assert.equal(wrong.ok, false);
  assert.deepEqual(
    wrong.messages.map(({ text }) => text),
    ["[pool www] cannot get uid for user 'a'"],
  );
});

describe('process.max', () => {
  const sumOf = (most: number, pools: readonly string[]) => {
    const text = pools
      .map((lines, index) => `[p${index}]\nuser = www\nlisten = /run/${index}.sock\n${lines}\n`)
      .join('');
    const { configuration, messages } = loadConfiguration(
      { file: '/etc/fpm.conf' },
      fakeSystem({ '/etc/fpm.conf': `[global]\nprocess.max = ${most}\n${text}` }),
    );
    assert.ok(configuration, JSON.stringify(messages));
    return checkProcessMax(configuration);
  };
  const staticPool = 'pm = static\npm.max_children = 4';
  const dynamicPool =
    'pm = dynamic\npm.max_children = 50\npm.start_servers = 3\npm.min_spare_servers = 1\npm.max_spare_servers = 5';
  const ondemandPool = 'pm = ondemand\npm.max_children = 50';

  test('below what the pools start with is an error that names them', () => {
    const [message] = sumOf(6, [staticPool, dynamicPool, ondemandPool]);
    assert.equal(
      message?.text,
      'process.max(6) must not be less than the 7 workers that the pools start with',
    );
    assert.deepEqual(message?.detail, ['/etc/fpm.conf:2: process.max = 6', 'pool p0: 4', 'pool p1: 3']);
    assert.equal(sumOf(3, [staticPool]).length, 1);
    assert.equal(sumOf(2, [dynamicPool, ondemandPool]).length, 1);
  });

  test('enough, no limit, or pools that start with nothing are none', () => {
    assert.deepEqual(sumOf(7, [staticPool, dynamicPool, ondemandPool]), []);
    assert.deepEqual(sumOf(0, [staticPool, dynamicPool]), []);
    assert.deepEqual(sumOf(1, [ondemandPool, ondemandPool]), []);
  });
});
