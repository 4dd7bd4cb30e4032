/** Worker mode in the embedded engine: which requests are the application's. */
import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { ApplicationFront } from '../../src/engine/embedded/host/application-front.ts';
import { ParamTable } from '../../src/engine/params.ts';
import { asBinary } from '../../src/text/binary.ts';
import { TestFolder } from '../harness/folder.ts';

suite('the front of an application', () => {
  let folder: TestFolder;
  let script: string;
  before(() => {
    folder = new TestFolder('hathi-front-');
    script = folder.write('public/index.php', '');
    folder.write('public/other.php', '');
    symlinkSync(script, folder.join('public/link.php'));
  });
  after(() => folder[Symbol.dispose]());

  const take = (
    matches: readonly string[],
    file: string | undefined,
    path: string,
    more: [string, string][] = [],
  ) => {
    const params = new ParamTable([['REQUEST_METHOD', 'GET'], ...more]);
    const found = {
      path: file && folder.join(`public/${file}`),
      uri: `/${file ?? ''}`,
      phpSelf: `/${file ?? ''}`,
    };
    const front = new ApplicationFront(script, matches.map(asBinary));
    const taken = front.take(params, found, path);
    return (
      taken && [taken.script.replace(`${folder.path}/public`, ''), taken.phpSelf, params.get('SCRIPT_NAME')]
    );
  };

  const rows: readonly [string, string[], string | undefined, string, (string | undefined)[] | undefined][] =
    [
      ['its own script', [], 'index.php', '/a', ['/index.php', '/index.php', undefined]],
      ['the same file by another path', [], 'link.php', '/a', ['/link.php', '/link.php', undefined]],
      ['a script that is no file', [], 'none.php', '/none', ['/index.php', '/index.php', '/index.php']],
      ['no script at all', [], undefined, '/none', ['/index.php', '/index.php', '/index.php']],
      ['another script', [], 'other.php', '/other.php', undefined],
      [
        'another script, by its path',
        ['/api/*'],
        'other.php',
        '/api/x',
        ['/other.php', '/other.php', undefined],
      ],
      [
        'another script, by its own URI',
        ['/other.php'],
        'other.php',
        '/x',
        ['/other.php', '/other.php', undefined],
      ],
      ['its own script, which does not match', ['/api/*'], 'index.php', '/x', undefined],
    ];
  for (const [what, matches, file, path, expected] of rows) {
    test(what, () => assert.deepEqual(take(matches, file, path), expected));
  }

  test('the script is named as below the document root', () => {
    assert.deepEqual(take([], undefined, '/a', [['DOCUMENT_ROOT', `${folder.path}/`]]), [
      '/index.php',
      '/public/index.php',
      '/public/index.php',
    ]);
  });

  test('a path that is never opened is no request of the application', () => {
    const front = new ApplicationFront(script, []);
    const found = { path: undefined, uri: '/x', phpSelf: '/x', isForbidden: true };
    assert.equal(front.take(new ParamTable([['REQUEST_METHOD', 'GET']]), found, '/x'), undefined);
  });
});
