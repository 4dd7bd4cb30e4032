import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { composeIni } from '../../src/engine/embedded/php/ini.ts';
import { PhpThread, type RequestOptions, scripts } from './php-thread.ts';

suite('ini values of the embedded PHP', () => {
  let php: PhpThread;
  let folder: string;
  const show = async (names: string, options: RequestOptions = {}): Promise<Record<string, string>> => {
    const params = [['QUERY_STRING', `names=${names}`], ...(options.params ?? [])] as const;
    return JSON.parse(await php.text('show-ini.php', { ...options, params })) as Record<string, string>;
  };
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hathi-ini-'));
    php = await PhpThread.start({
      mainIni: 'precision=9\nserialize_precision=9\narg_separator.output="9"\nextension=redis.so\n',
      defines: [['serialize_precision', '8']],
      phpValue: [
        ['arg_separator.output', '7'],
        ['user_agent', 'first wins'],
        ['user_agent', 'second'],
        ['default_charset', 'ASCII'],
        ['no.such.entry', '1'],
      ],
      phpAdminValue: [
        ['error_prepend_string', 'say "locked" \\1'],
        ['arg_separator.output', '6'],
        ['disable_functions', 'system,passthru'],
        ['open_basedir', `${scripts}:${folder}`],
      ],
    });
  });
  after(async () => {
    await php.stop();
    rmSync(folder, { recursive: true });
  });

  test('php_admin_value beats php_value beats -d beats php.ini', async () => {
    const names = 'precision,serialize_precision,arg_separator.output,user_agent,error_prepend_string';
    assert.deepEqual(await show(names), {
      precision: '9',
      serialize_precision: '8',
      'arg_separator.output': '6',
      user_agent: 'first wins',
      error_prepend_string: 'say "locked" \\1',
    });
  });

  test('ini_set() changes php_value but not php_admin_value', async () => {
    const query = 'names=user_agent,error_prepend_string&value=mine';
    const tried = JSON.parse(await php.text('try-ini.php', { params: [['QUERY_STRING', query]] })) as object;
    const locked = 'say "locked" \\1';
    assert.deepEqual(tried, {
      user_agent: ['first wins', true, 'mine', 'first wins'],
      error_prepend_string: [locked, false, locked, locked],
    });
  });

  test('PHP_VALUE and PHP_ADMIN_VALUE hold for their request only', async () => {
    const query = 'names=user_agent,precision&value=3';
    const response = await php.run('try-ini.php', {
      params: [['QUERY_STRING', query]],
      phpValue: 'user_agent = "for this one"\n[section]\nempty=\n',
      phpAdminValue: 'precision = 5',
    });
    const tried = JSON.parse(response.body) as Record<string, unknown[]>;
    assert.deepEqual(tried['user_agent']?.slice(0, 3), ['for this one', true, '3']);
    assert.deepEqual(tried['precision']?.slice(0, 3), ['5', false, '5']);
    assert.match(response.log, /Passing INI directive through FastCGI: only classic entries are allowed/);
    assert.deepEqual(await show('user_agent,precision'), { user_agent: 'first wins', precision: '9' });
  });

  test('PHP_ADMIN_VALUE can disable a function for its request', async () => {
    const run = (phpAdminValue?: string): Promise<string> =>
      php.text('api-names.php', phpAdminValue === undefined ? {} : { phpAdminValue });
    assert.equal(JSON.parse(await run('disable_functions=fastcgi_finish_request'))[2], false);
    assert.equal(JSON.parse(await run())[2], true);
  });

  test('.user.ini files count from the document root down, and admin values stay', async () => {
    const inner = join(folder, 'site', 'inner');
    mkdirSync(inner, { recursive: true });
    copyFileSync(join(scripts, 'show-ini.php'), join(inner, 'show-ini.php'));
    writeFileSync(
      join(folder, 'site', '.user.ini'),
      'user_agent=outer\nprecision=4\nerror_prepend_string=no\n',
    );
    writeFileSync(join(inner, '.user.ini'), 'user_agent=inner\n');
    const ask = async (root?: string): Promise<unknown> => {
      const query = ['QUERY_STRING', 'names=user_agent,precision,error_prepend_string'] as const;
      const params = root === undefined ? [query] : [query, ['DOCUMENT_ROOT', root] as const];
      return Object.values(JSON.parse(await php.text(join(inner, 'show-ini.php'), { params })) as object);
    };
    const locked = 'say "locked" \\1';
    assert.deepEqual(await ask(join(folder, 'site')), ['inner', '4', locked]);
    assert.deepEqual(await ask('/elsewhere'), ['inner', '9', locked]);
    assert.deepEqual(await ask(), ['first wins', '9', locked]);
  });

  test('open_basedir and disable_functions hold against every way round them', async () => {
    const response = await php.run('break-out.php', { params: [['QUERY_STRING', `dir=${folder}`]] });
    const { own, ini, system, ...tries } = JSON.parse(response.body) as Record<string, unknown>;
    assert.equal(own, 1);
    assert.equal(system, 'gone');
    assert.equal(ini, false);
    for (const [way, got] of Object.entries(tries)) {
      assert.ok(
        got === false || got === null || got === 'UnexpectedValueException',
        `${way} got ${JSON.stringify(got)}`,
      );
    }
  });
});

suite('composeIni', () => {
  test('lets php.ini change defaults but not what the engine needs, and names extensions that it leaves out', () => {
    const { text, warnings } = composeIni({
      version: '8.5',
      mainIni:
        'opcache.jit=tracing\nopcache.memory_consumption=64\nzend_extension = "xdebug" ; a comment\n[PATH=/x]\n',
      defines: [['memory_limit', '1G']],
    });
    const last = (name: string): string | undefined =>
      text
        .split('\n')
        .filter((line) => line.startsWith(`${name}=`))
        .at(-1);
    assert.equal(last('opcache.jit'), 'opcache.jit="0"');
    assert.equal(last('opcache.memory_consumption'), 'opcache.memory_consumption=64');
    assert.equal(last('session.upload_progress.enabled'), 'session.upload_progress.enabled="0"');
    // A worker may not list Debian's folder, so that PHP's collection would warn in one request of a hundred.
    if (last('session.save_path') === 'session.save_path="/var/lib/php/sessions"')
      assert.equal(last('session.gc_probability'), 'session.gc_probability="0"');
    assert.ok(
      text.indexOf('[PATH=/x]') < text.indexOf('[PHP]') &&
        text.indexOf('[PHP]') < text.indexOf('memory_limit=1G'),
    );
    assert.deepEqual(warnings, [
      'the embedded PHP cannot load the extension "xdebug": use the native engine for it',
      'the embedded PHP has neither JIT nor preloading: opcache.jit is ignored',
    ]);
  });

  test('a JIT or preloading that is off is no reason to complain', () => {
    const warned = (mainIni: string): number =>
      composeIni({ version: '8.4', mainIni, defines: [] }).warnings.length;
    for (const off of ['0', '"0"', 'off', 'Off ; why', 'disable', '', '""']) {
      assert.equal(
        warned(`opcache.jit = ${off}\nopcache.preload=${off}\n;opcache.jit_buffer_size=64M`),
        0,
        off,
      );
    }
    assert.equal(warned('opcache.jit_buffer_size=128M\nopcache.jit=tracing\nopcache.preload="/p.php"'), 3);
  });

  test('loads what the package brings: redis always, others when they are named', () => {
    const loadable = ['redis', 'memcached'];
    const lines = (options: object): string[] =>
      [
        ...composeIni({ version: '8.4', mainIni: '', defines: [], loadable, ...options }).text.matchAll(
          /^extension="(.*)"$/gm,
        ),
      ].map(([, path = '']) => path);
    const redis = '/internal/extensions/redis.so';
    const memcached = '/internal/extensions/memcached.so';
    assert.deepEqual(lines({}), [redis]);
    assert.deepEqual(lines({ loadable: [] }), []);
    assert.deepEqual(lines({ mainIni: 'extension=memcached\nextension = "redis.so"\n' }), [redis, memcached]);
    const poolValues = ['/usr/lib/php/20240924/memcached.so', 'apcu'].map((value) => ['extension', value]);
    assert.deepEqual(lines({ poolValues }), [redis, memcached]);
  });

  test('warns of a session.save_handler that there is none of', () => {
    const warned = (mainIni: string, poolValue?: string): number =>
      composeIni({
        ...{ version: '8.4', mainIni, defines: [] },
        poolValues: poolValue === undefined ? [] : [['session.save_handler', poolValue]],
      }).warnings.length;
    for (const name of ['files', 'redis', 'user', '"files"'])
      assert.equal(warned(`session.save_handler = ${name}`), 0);
    for (const name of ['memcached', '"memcached" ; fast', 'rediscluster'])
      assert.equal(warned(`session.save_handler=${name}\n`), 1);
    assert.equal(warned(';session.save_handler = memcached'), 0);
    assert.equal(warned('', 'sqlite'), 1);
    assert.equal(warned('', 'redis'), 0);
  });
});

test('a pool value of which PHP warns while it starts is no obstacle', async () => {
  const php = await PhpThread.start({
    phpValue: [
      ['upload_max_filesize', '10MB'],
      ['date.timezone', 'Mars/Base'],
    ],
    phpAdminValue: [['memory_limit', '1MB']],
  });
  try {
    const params = [['QUERY_STRING', 'names=upload_max_filesize,memory_limit']] as const;
    assert.deepEqual(JSON.parse(await php.text('show-ini.php', { params })), {
      upload_max_filesize: '10MB',
      memory_limit: '128M',
    });
  } finally {
    await php.stop();
  }
});
