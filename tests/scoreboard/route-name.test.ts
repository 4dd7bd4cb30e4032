import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestPath, routeName } from '../../src/scoreboard/route-name.ts';
import { routeNameCases } from './route-name-cases.ts';

for (const [path, folded] of routeNameCases) {
  test(`${path.slice(0, 60)} is counted as ${folded}`, () => {
    assert.equal(routeName('GET', path), folded === '' ? '' : `GET ${folded}`);
  });
}

test('whatever is no method has one name', () => {
  assert.equal(routeName('PROPFIND', '/dav'), 'PROPFIND /dav');
  for (const method of ['', 'get', 'GET\n', 'A'.repeat(17), '\xff'])
    assert.equal(routeName(method, '/'), 'OTHER /');
});

test('the path is that of REQUEST_URI, else that of the script', () => {
  for (const [requestUri, path] of [
    ['/users/17?token=secret', '/users/17'],
    ['/users/17#top?x', '/users/17'],
    ['/?', '/'],
    ['*', '/index.php'],
    ['', '/index.php'],
    [undefined, '/index.php'],
  ] as const) {
    assert.equal(requestPath(requestUri, '/index.php'), path);
  }
});
