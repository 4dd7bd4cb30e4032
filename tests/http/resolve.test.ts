import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Found, isPhpSource, resolveTarget } from '../../src/http/resolve.ts';
import { parseTarget } from '../../src/http/target.ts';

const file = (realPath: string): Found => ({ kind: 'file', realPath });
const folder: Found = { kind: 'folder' };

/** A document root; what is not in it is missing. */
const tree: Record<string, Found> = {
  '/': folder,
  '/index.php': file('/r/index.php'),
  '/style.css': file('/r/style.css'),
  '/info.php': file('/r/info.php'),
  '/blog': folder,
  '/blog/': folder,
  '/blog/index.php': file('/r/blog/index.php'),
  '/docs/': folder,
  '/docs/index.html': file('/r/docs/index.html'),
  '/empty/': folder,
  '/v1.php': folder,
  '/v1.php/run.php': file('/r/v1.php/run.php'),
  '/old.php.bak': file('/r/old.php.bak'),
  '/link.txt': file('/r/secret.php'),
  '/out.txt': { kind: 'hidden', reason: 'outside' },
  '/.env': file('/r/.env'),
  '/.well-known/security.txt': file('/r/.well-known/security.txt'),
};

const rows: [uri: string, outcome: string][] = [
  ['/', 'script /index.php'],
  ['/style.css', 'static /style.css'],
  ['/info.php', 'script /info.php'],
  ['/info.php/a/b', 'script /info.php + /a/b'],
  ['/info.php/', 'script /info.php + /'],
  ['/info.php/.hidden', 'script /info.php + /.hidden'],
  ['/info.php/x.php', 'script /info.php + /x.php'],
  ['/blog', 'redirect /blog/'],
  ['/blog?a=1', 'redirect /blog/?a=1'],
  ['//blog', 'redirect /blog/'],
  ['/blog/', 'script /blog/index.php'],
  ['/docs/', 'static /docs/index.html'],
  ['/empty/', 'refuse 403'],
  ['/v1.php/run.php', 'script /v1.php/run.php'],
  ['/v1.php/run.php/x', 'script /v1.php/run.php + /x'],
  ['/pretty/url', 'script /index.php'],
  ['/missing.png', 'script /index.php'],
  ['/style.css/', 'script /index.php'],
  ['/missing.php', 'refuse 404'],
  ['/missing.php/x', 'script /index.php'],
  ['/old.php.bak', 'refuse 404'],
  ['/link.txt', 'refuse 404'],
  ['/out.txt', 'refuse 404'],
  ['/.env', 'refuse 404'],
  ['/%2eenv', 'refuse 404'],
  ['/.nothing', 'refuse 404'],
  ['/a/.git/config', 'refuse 404'],
  ['/.well-known/security.txt', 'static /.well-known/security.txt'],
  ['/.well-known/.secret', 'refuse 404'],
];

for (const [uri, outcome] of rows) {
  test(`${uri} -> ${outcome}`, async () => {
    assert.equal(await describe(uri, tree), outcome);
  });
}

test('without a front controller an unknown path is not found', async () => {
  assert.equal(await describe('/pretty/url', { '/': folder }), 'refuse 404');
});

test('PHP source is known by its name', () => {
  for (const name of [
    'a.php~',
    'a.php.bak',
    'A.PHP',
    'a.phtml',
    'a.phar',
    'a.phps',
    'a.php7',
    'a.php.swp',
    'a.php.',
    'a.php ',
  ]) {
    assert.equal(isPhpSource(name), true, name);
  }
  for (const name of ['a.txt', 'Foo.php.html', 'php', 'a.phpx', 'graph.png', 'a.phone']) {
    assert.equal(isPhpSource(name), false, name);
  }
});

async function describe(uri: string, found: Record<string, Found>): Promise<string> {
  const target = parseTarget(uri);
  assert.ok('path' in target);
  const action = await resolveTarget(target, async (path) => found[path] ?? { kind: 'missing' });
  switch (action.kind) {
    case 'static':
      return `static ${action.path}`;
    case 'script':
      return `script ${action.scriptName}${action.pathInfo === '' ? '' : ` + ${action.pathInfo}`}`;
    case 'redirect':
      return `redirect ${action.location}`;
    case 'refuse':
      return `refuse ${action.status}`;
    default:
      throw new Error(`unknown action ${JSON.stringify(action)}`);
  }
}
