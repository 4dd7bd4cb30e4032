/** Differences between PHP versions, which a reference of one version cannot show. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ParamTable, scriptParams } from '../../src/engine/params.ts';
import { judgeScript, resolveScript, scriptRules } from '../../src/engine/script.ts';

const files = {
  kind: (path: string) => (path === '/w/info.php' || path === '/w/a b.php' ? 'file' : 'missing'),
} as const;

function resolve(version: string, params: Record<string, string>, ini: Record<string, string> = {}) {
  const table = new ParamTable(Object.entries(params));
  const found = resolveScript(
    table,
    scriptRules(version, (name) => ini[name]),
    files,
  );
  return { ...found, server: Object.fromEntries(scriptParams(table, found.phpSelf)) };
}

suite('versions', () => {
  const apache = {
    SCRIPT_FILENAME: 'proxy:fcgi://h:9000/w/info.php/a%20b+c',
    SCRIPT_NAME: '/info.php/a b+c',
  };
  for (const [version, pathInfo] of [
    ['7.4.33', '/a%20b+c'],
    ['8.2.33', '/a%20b+c'],
    ['8.3.18', '/a%20b+c'],
    ['8.3.19', '/a b+c'],
    ['8.4.4', '/a%20b+c'],
    ['8.4.5', '/a b+c'],
    ['8.5.0', '/a b+c'],
  ] as const) {
    test(`PATH_INFO of Apache's proxy under PHP ${version}`, () => {
      const { server, phpSelf } = resolve(version, apache);
      assert.equal(server['PATH_INFO'], pathInfo);
      assert.equal(server['SCRIPT_NAME'], '/info.php');
      assert.equal(phpSelf, `/info.php${pathInfo}`);
    });
  }

  test('fastcgi.script_path_encoded = 0 decodes the whole path from PHP 8.5 on', () => {
    const params = { SCRIPT_FILENAME: 'proxy:fcgi://h/w/a%20b.php', SCRIPT_NAME: '/a b.php' };
    const ini = { 'fastcgi.script_path_encoded': '0' };
    assert.equal(resolve('8.5.1', params, ini).path, '/w/a b.php');
    assert.equal(resolve('8.5.1', params).path, undefined);
    assert.equal(resolve('8.4.20', params, ini).path, undefined);
  });
});

suite('doc_root', () => {
  test('the file that the URI names below it is opened', () => {
    const { path, server } = resolve(
      '8.4.5',
      { SCRIPT_FILENAME: '/w/info.php', SCRIPT_NAME: '/info.php' },
      { doc_root: '/other/' },
    );
    assert.equal(path, '/other/info.php');
    assert.equal(server['DOCUMENT_ROOT'], '/other/');
  });
});

suite('decisions', () => {
  const refuseWith = (code: string, text: string) => () => ({ code, text });
  const opens = (): undefined => undefined;

  test('extensions are case-sensitive, need a name before them, and an empty list allows all', () => {
    const kind = (script: string, extensions: string[]) => judgeScript('GET', script, extensions, opens).kind;
    assert.equal(kind('/w/a.php', ['.php']), 'run');
    assert.equal(kind('/w/a.PHP', ['.php']), 'refused');
    assert.equal(kind('.php', ['.php']), 'refused');
    assert.equal(kind('/w/a.phar', ['.php', '.phar']), 'run');
    assert.equal(kind('/etc/passwd', []), 'run');
    assert.equal(kind('', ['.php']), 'refused');
  });

  test('statuses, bodies and messages', () => {
    assert.deepEqual(judgeScript(undefined, '/w/a.php', ['.php'], opens), { kind: 'empty' });
    assert.deepEqual(judgeScript('GET', undefined, ['.php'], opens), {
      kind: 'refused',
      status: 404,
      body: 'File not found.\n',
      level: 'debug',
      messages: ['Primary script unknown'],
    });
    assert.deepEqual(judgeScript('GET', '/w/a.php', ['.php'], refuseWith('EACCES', 'Permission denied')), {
      kind: 'refused',
      status: 403,
      body: 'Access denied.\n',
      level: 'error',
      messages: ['Unable to open primary script: /w/a.php (Permission denied)'],
    });
    const missing = judgeScript(
      'GET',
      '/w/a.php',
      ['.php'],
      refuseWith('ENOENT', 'No such file or directory'),
    );
    assert.deepEqual(missing.kind === 'refused' && [missing.status, missing.body], [
      404,
      'No input file specified.\n',
    ]);
  });
});

suite('parameters', () => {
  test('a removed name keeps its place', () => {
    const table = new ParamTable([
      ['A', '1'],
      ['B', '2'],
      ['C', '3'],
    ]);
    table.remove('B');
    table.remove('none');
    assert.deepEqual(
      table.toServerOrder().map(([name]) => name),
      ['C', 'A', 'FCGI_ROLE'],
    );
    table.set('B', '4');
    assert.deepEqual(
      table.toServerOrder().map(([name]) => name),
      ['C', 'B', 'A', 'FCGI_ROLE'],
    );
  });

  test('the role is told, unless the client names one', () => {
    assert.equal(new ParamTable([], 'FILTER').get('FCGI_ROLE'), 'FILTER');
    assert.equal(new ParamTable([['FCGI_ROLE', 'X']], 'FILTER').get('FCGI_ROLE'), 'X');
  });
});
