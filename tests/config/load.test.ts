import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { DIRECTIVES, isArray } from '../../src/config/directives.ts';
import { type LoadOptions, type LoadResult, loadConfiguration } from '../../src/config/load.ts';
import type { ConfigSystem } from '../../src/config/system.ts';
import { fakeSystem } from './fake-system.ts';
import { realSystem } from './real-system.ts';

const POOL = '[www]\nlisten = /run/www.sock\nuser = www\npm = static\npm.max_children = 2\n';

function load(
  text: string,
  overrides: Partial<ConfigSystem> = {},
  options: Partial<LoadOptions> = {},
): LoadResult {
  return loadConfiguration(
    { file: '/etc/f.conf', ...options },
    fakeSystem({ '/etc/f.conf': text, '/srv/app/': '' }, overrides),
  );
}

/** The detail of the message with this text. */
function detailOf({ messages }: LoadResult, text: string): readonly string[] {
  const message = messages.find((candidate) => candidate.text === text);
  assert.ok(
    message,
    `no message "${text}" among ${JSON.stringify(messages.map((candidate) => candidate.text))}`,
  );
  return message.detail ?? [];
}

/** Each directive by scope and name: a text that is not the default, and the value that it means. */
const SAMPLES: Readonly<Record<string, readonly [text: string, value: unknown]>> = {
  'global pid': ['/run/x.pid', '/run/x.pid'],
  'global error_log': ['/log/x', '/log/x'],
  'global syslog.ident': ['me', 'me'],
  'global syslog.facility': ['local1', 136],
  'global log_buffering': ['no', false],
  'global log_level': ['debug', 'debug'],
  'global memory.budget': ['4G', '4G'],
  'global log_limit': ['2048', 2048],
  'global emergency_restart_interval': ['1m', 60],
  'global emergency_restart_threshold': ['3', 3],
  'global process_control_timeout': ['1h', 3600],
  'global process.max': ['9', 9],
  'global process.priority': ['-5', -5],
  'global daemonize': ['no', false],
  'global rlimit_files': ['99', 99],
  'global rlimit_core': ['unlimited', -1],
  'global events.mechanism': ['Poll', 'poll'],
  'global systemd_interval': ['0', 0],
  'global admin.listen': ['run/admin.sock', '/var/run/admin.sock'],
  'global admin.token': ['0123456789abcdef', '0123456789abcdef'],
  'global metrics.listen': ['run/metrics.sock', '/var/run/metrics.sock'],
  'global metrics.allowed_clients': ['10.0.0.0/8, 127.0.0.1', '10.0.0.0/8, 127.0.0.1'],
  'global metrics.aliases': ['phpfpm', 'phpfpm'],
  'global readiness.saturation': ['yes', true],
  'global survive': ['5m', 300],
  'global shutdown.delay': ['1m', 60],
  'pool prefix': ['/srv/app', '/srv/app'],
  'pool user': ['root', 'root'],
  'pool group': ['www', 'www'],
  'pool listen': ['127.0.0.1:9000', '127.0.0.1:9000'],
  'pool listen.backlog': ['5', 5],
  'pool listen.acl_users': ['a,b', 'a,b'],
  'pool listen.acl_groups': ['c', 'c'],
  'pool listen.owner': ['www', 'www'],
  'pool listen.group': ['www', 'www'],
  'pool listen.mode': ['0666', '0666'],
  'pool listen.allowed_clients': ['10.0.0.0/8, ::1', '10.0.0.0/8, ::1'],
  'pool listen.setfib': ['1', 1],
  'pool process.priority': ['5', 5],
  'pool process.dumpable': ['yes', true],
  'pool pm': ['ondemand', 'ondemand'],
  'pool pm.max_children': ['7', 7],
  'pool pm.start_servers': ['3', 3],
  'pool pm.min_spare_servers': ['1', 1],
  'pool pm.max_spare_servers': ['4', 4],
  'pool pm.max_spawn_rate': ['8', 8],
  'pool pm.process_idle_timeout': ['5s', 5],
  'pool pm.max_requests': ['500', 500],
  'pool pm.min_children': ['2', 2],
  'pool queue.max_wait': ['3s', 3],
  'pool queue.adaptive': ['yes', true],
  'pool queue.max_length': ['50', 50],
  'pool queue.priority_workers': ['2', 2],
  'pool pm.max_memory': ['64M', 64 * 2 ** 20],
  'pool pm.max_memory_hard': ['1G', 2 ** 30],
  'pool pm.status_path': ['/status', '/status'],
  'pool agent.listen': ['127.0.0.1:9001', '127.0.0.1:9001'],
  'pool pm.status_listen': ['9001', '9001'],
  'pool ping.path': ['/ping', '/ping'],
  'pool access.log': ['/log/a', '/log/a'],
  'pool access.format': ['%R', '%R'],
  'pool slowlog': ['/log/s', '/log/s'],
  'pool request_terminate_timeout': ['1d', 86_400],
  'pool request_terminate_timeout_track_finished': ['on', true],
  'pool rlimit_files': ['99', 99],
  'pool rlimit_core': ['4096', 4096],
  'pool chroot': ['/srv/app', '/srv/app'],
  'pool chdir': ['/srv', '/srv'],
  'pool catch_workers_output': ['yes', true],
  'pool decorate_workers_output': ['no', false],
  'pool clear_env': ['no', false],
  'pool security.limit_extensions': ['.inc', '.inc'],
  'pool apparmor_hat': ['hat', 'hat'],
  'global log_format': ['json', 'json'],
  'pool access.log_format': ['json', 'json'],
  'pool access.log_query': ['yes', true],
  'pool slowlog.format': ['detailed', 'detailed'],
  'pool engine': ['native', 'native'],
  'pool engine.php': ['7.4', '7.4'],
  'pool engine.start': ['exec', 'exec'],
  'pool process.scheduler': ['other', 'other'],
  'pool engine.idle_timeout': ['5m', 300],
  'pool engine.isolation': ['request', 'request'],
  'pool engine.heap_limit': ['1G', 2 ** 30],
  'pool worker.script': ['/srv/app/index.php', '/srv/app/index.php'],
  'pool worker.other_children': ['3', 3],
  'pool worker.boot_timeout': ['1m', 60],
  'pool worker.max_requests': ['500', 500],
  'pool worker.on_exit': ['keep', 'keep'],
  'pool reload.probe_script': ['/srv/app/up.php', '/srv/app/up.php'],
  'pool reload.probe_method': ['HEAD', 'HEAD'],
  'pool reload.probe_status': ['200,204', '200,204'],
  'pool reload.probe_text': ['up', 'up'],
  'pool reload.probe_timeout': ['5s', 5],
  'pool reload.canary': ['10%', '10%'],
  'pool reload.canary_time': ['2m', 120],
};

/** Directives that mean something only together with another one. */
const TOGETHER: Readonly<Record<string, readonly [text: string, value: unknown, lines: string]>> = {
  'pool ping.response': ['here', 'here', 'ping.path = /p\n'],
  'pool reload.probe': ['/healthz', '/healthz', 'reload.probe_script = /srv/app/up.php\n'],
  'pool request_slowlog_timeout': ['5', 5, 'slowlog = /log/s\n'],
  'pool request_slowlog_trace_depth': ['5', 5, 'slowlog = /log/s\n'],
};

describe('every directive', () => {
  for (const row of DIRECTIVES.filter((candidate) => candidate.type !== 'include' && !isArray(candidate))) {
    test(`${row.scope} ${row.name}`, () => {
      const [text, value, lines = ''] =
        SAMPLES[`${row.scope} ${row.name}`] ?? TOGETHER[`${row.scope} ${row.name}`] ?? [];
      assert.notEqual(text, undefined, 'add a sample to the table');
      const line = `${row.name} = ${text}\n`;
      const platform = row.platform ?? 'linux';
      const { configuration, messages } = load(row.scope === 'global' ? line + POOL : POOL + lines + line, {
        platform,
      });
      const settings: unknown = row.scope === 'global' ? configuration?.global : configuration?.pools[0];
      assert.ok(settings, JSON.stringify(messages));
      assert.deepEqual((settings as Record<string, unknown>)[row.name], value);
    });
  }

  test('the samples name no directive that does not exist', () => {
    const names = new Set(DIRECTIVES.map((row) => `${row.scope} ${row.name}`));
    const strangers = [...Object.keys(SAMPLES), ...Object.keys(TOGETHER)].filter((name) => !names.has(name));
    assert.deepEqual(strangers, []);
  });

  test('arrays keep the order of the file, flags among the values', () => {
    const { configuration } = load(
      `${POOL}env[A] = 1\nphp_flag[f] = on\nphp_value[v] = x\nenv[B] = $pool\nphp_admin_flag[g] = off\nphp_admin_value[w] = y\naccess.suppress_path[] = /a\naccess.suppress_path[] = /b\nqueue.priority[] = /health\nqueue.priority[] = /x/*\n`,
    );
    const pool = configuration?.pools[0];
    assert.deepEqual(pool?.env, [
      ['A', '1'],
      ['B', 'www'],
    ]);
    assert.deepEqual(pool.php_value, [
      ['f', '1'],
      ['v', 'x'],
    ]);
    assert.deepEqual(pool.php_admin_value, [
      ['g', '0'],
      ['w', 'y'],
    ]);
    assert.deepEqual(pool['access.suppress_path'], ['/a', '/b']);
    assert.deepEqual(pool['queue.priority'], ['/health', '/x/*']);
  });

  test('what the file does not set is at its default or undefined', () => {
    const { configuration } = load(POOL);
    const pool = configuration?.pools[0];
    assert.equal(pool?.['listen.mode'], undefined);
    assert.equal(pool?.['engine.heap_limit'], 256 * 1024 * 1024);
    assert.equal(pool?.['request_slowlog_trace_depth'], 20);
    assert.deepEqual([pool?.name, pool?.file, pool?.line], ['www', '/etc/f.conf', 1]);
    assert.equal(configuration?.global['events.mechanism'], 'epoll');
    assert.deepEqual([...(pool?.places.keys() ?? [])], ['listen', 'user', 'pm', 'pm.max_children']);
  });
});

describe('values from outside', () => {
  test('php.ini comes before the environment', () => {
    const text = `${POOL}env[A] = \${from_ini}\nenv[B] = \${FROM_ENV}\nenv[C] = \${NONE:-c}\nenv[D] = PHP_VERSION\n`;
    assert.deepEqual(load(text).configuration?.pools[0]?.env, [
      ['A', 'ini'],
      ['B', 'environment'],
      ['C', 'c'],
      ['D', '8.4.1'],
    ]);
  });

  test('the command line overrules daemonize and yields to pid', () => {
    const options = { daemonize: false, pidFile: 'x.pid' };
    assert.equal(load(POOL, {}, options).configuration?.global.daemonize, false);
    assert.equal(load(POOL, {}, options).configuration?.global.pid, '/var/x.pid');
    assert.equal(load(`pid = /y\n${POOL}`, {}, options).configuration?.global.pid, '/y');
  });

  test('root needs a user, unless -R or nobody is root', () => {
    const text = POOL.replace('user = www\n', '');
    assert.equal(load(text).ok, false);
    assert.equal(load(text, { allowRoot: true }).ok, true);
    assert.equal(load(text, { isRoot: false }).ok, true);
  });

  test('pm.status_listen is expanded and brings a status path', () => {
    const { configuration } = load(`${POOL}prefix = /srv/app\npm.status_listen = s.sock\n`);
    assert.equal(configuration?.pools[0]?.['pm.status_listen'], '/usr/s.sock');
    assert.equal(configuration?.pools[0]?.['pm.status_path'], '/');
    assert.equal(configuration?.pools.length, 1);
  });
});

describe('what is said beyond the reference', () => {
  /** A file, the message and our lines below it. */
  const DETAILS: readonly (readonly [name: string, text: string, message: string, ...detail: string[]])[] = [
    [
      'a slip of the pen',
      `${POOL}pm.max_childen = 1\n`,
      "[/etc/f.conf:6] unknown entry 'pm.max_childen'",
      "Did you mean 'pm.max_children'?",
    ],
    [
      'half a name',
      `${POOL}max_requests = 1\n`,
      "[/etc/f.conf:6] unknown entry 'max_requests'",
      "Did you mean 'pm.max_requests'?",
    ],
    ['nothing near', `${POOL}zzzzzzzz = 1\n`, "[/etc/f.conf:6] unknown entry 'zzzzzzzz'"],
    [
      'a pool directive in the global section',
      'pm = static\n',
      "[/etc/f.conf:1] unknown entry 'pm'",
      "'pm' belongs to a pool: put it below a section such as [www].",
    ],
    [
      'a global directive in a pool',
      `${POOL}Log_Level = debug\n`,
      "[/etc/f.conf:6] unknown entry 'Log_Level'",
      "'log_level' belongs to the section [global], not to the pool 'www'.",
    ],
    [
      'a slip in the wrong section',
      'pm.max_childen = 1\n',
      "[/etc/f.conf:1] unknown entry 'pm.max_childen'",
      "Did you mean 'pm.max_children', in a pool section such as [www]?",
    ],
    [
      'an array without a key',
      `${POOL}env = x\n`,
      "[/etc/f.conf:6] unknown entry 'env'",
      "'env' needs a key: env[...] = value",
    ],
    [
      'a directive of another system',
      `${POOL}listen.setfib = 1\n`,
      "[/etc/f.conf:6] unknown entry 'listen.setfib'",
      "'listen.setfib' exists on freebsd only.",
    ],
    [
      'a key too many',
      `${POOL}listen[x] = 1\n`,
      "[/etc/f.conf:6] unknown directive 'listen'",
      "'listen' takes no key: listen = value",
    ],
    [
      'a slip in an array',
      `${POOL}php_values[x] = 1\n`,
      "[/etc/f.conf:6] unknown directive 'php_values'",
      "Did you mean 'php_value[...]'?",
    ],
    [
      'a comment with a hash',
      '# x\n',
      '[/etc/f.conf:1] value is NULL for a ZEND_INI_PARSER_ENTRY',
      'A comment starts with a semicolon, not with #.',
    ],
    [
      'a value that cannot be',
      'log_limit = 1k\n',
      "[/etc/f.conf:1] unable to parse value for entry 'log_limit': is not a valid number (greater or equal than zero)",
      "The value is '1k'.",
    ],
    [
      'a syntax error',
      `[global]\n\tpid = a = b\n`,
      "PHP:  syntax error, unexpected '=' in Unknown on line 1",
      "/etc/f.conf:2:10: unexpected '='",
      '     pid = a = b',
      '             ^',
      'Put the value in double quotes to use it literally.',
    ],
    [
      'an open quote',
      'pid = "x\n',
      `PHP:  syntax error, unexpected end of file, expecting TC_DOLLAR_CURLY or TC_QUOTED_STRING or '"' in Unknown on line 2`,
      `/etc/f.conf:1:10: unexpected the end of the line, expected '\${' or text or '"'`,
      '    pid = "x',
      '            ^',
      'Close the quote in the same line.',
    ],
    [
      'an open quote around what may be a secret',
      `${POOL}env[DB_PASSWORD] = "hunter 2\n`,
      `PHP:  syntax error, unexpected end of file, expecting TC_DOLLAR_CURLY or TC_QUOTED_STRING or '"' in Unknown on line 2`,
      `/etc/f.conf:6:30: unexpected the end of the line, expected '\${' or text or '"'`,
      '    env[DB_PASSWORD] = ******* *',
      '                                ^',
      'Close the quote in the same line.',
    ],
    [
      'a broken token',
      'admin.token = hunter(2\n',
      "PHP:  syntax error, unexpected '(' in Unknown on line 1",
      "/etc/f.conf:1:21: unexpected '('",
      '    admin.token = ******(*',
      '                        ^',
      'Put the value in double quotes to use it literally.',
    ],
    [
      'an address twice',
      `${POOL}${POOL.replace('[www]', '[two]')}`,
      "[pool two] unable to set listen address as it's already used in another pool 'www'",
      "'/run/www.sock' is set in /etc/f.conf:2.",
    ],
    [
      'a log that cannot be opened',
      `error_log = /no/log\n${POOL}`,
      'failed to open error_log (/no/log): No such file or directory (2)',
      `Create its folder, or set 'error_log' to a file that can be written.`,
    ],
  ];
  for (const [name, text, message, ...detail] of DETAILS) {
    test(name, () => {
      const result = load(text);
      assert.equal(result.ok, false);
      assert.deepEqual(detailOf(result, message), detail);
    });
  }

  test('a long line is cut around the place', () => {
    const { messages } = load(`pid = ${'x'.repeat(5000)}(${'y'.repeat(5000)}\n`);
    const [, shown = '', caret = ''] = messages[0]?.detail ?? [];
    assert.equal(shown.length, 104);
    assert.equal(shown[caret.indexOf('^')], '(');
  });
});

describe('files on disk', () => {
  test('includes follow the prefix, in sorted order, and report their own places', (context) => {
    const root = mkdtempSync(join(tmpdir(), 'hathi-load-'));
    context.after(() => rmSync(root, { recursive: true, force: true }));
    mkdirSync(join(root, 'pool.d'));
    const write = (name: string, text: string) => writeFileSync(join(root, name), text);
    const pool = (name: string) =>
      `[${name}]\nlisten = ${name}.sock\nuser = 33\npm = static\npm.max_children = 1\n`;
    write('main.conf', '[global]\nerror_log = e.log\n\ninclude = "pool.d/[!x]*.conf"\nchdir = /\n');
    write('pool.d/b.conf', pool('b'));
    write('pool.d/a.conf', pool('a'));
    write('pool.d/x.conf', 'bogus\n');
    const options = { file: join(root, 'main.conf'), prefix: root };
    const { configuration, messages } = loadConfiguration(options, { ...realSystem, isRoot: false });
    assert.deepEqual(messages, []);
    const places = configuration?.pools.map(({ name, file, line, listen }) => [name, file, line, listen]);
    assert.deepEqual(places, [
      ['a', `${root}/pool.d/a.conf`, 1, `${root}/a.sock`],
      ['b', `${root}/pool.d/b.conf`, 1, `${root}/b.sock`],
    ]);
    const chdir = configuration?.pools.map(({ places }) => places.get('chdir')?.line);
    assert.deepEqual(chdir, [undefined, 5], 'the section outlives the included file');
  });
});

test('any file gives a result', () => {
  const line = fc.constantFrom(
    ...POOL.split('\n'),
    '[global]',
    'include = /etc/f.conf',
    'include = /etc/*',
    'env[A] = $pool',
    'pm = dynamic',
    'chroot = $prefix/x',
    'listen =',
    '[x$pool]',
  );
  const soup = fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
  fc.assert(
    fc.property(fc.array(fc.oneof(line, soup), { maxLength: 12 }), (lines) => {
      const result = load(lines.join('\n'));
      assert.equal(result.ok, result.configuration !== undefined);
      assert.ok(result.ok || result.messages.length > 0);
    }),
    { numRuns: 1000 },
  );
});
