/** Effects of a reload on sockets, compared with php-fpm. */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { requires } from '../harness/debian.ts';
import type { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { type ServerKind, startServer } from '../harness/server.ts';

/** Two pools, three rows: what is done by hand to which socket before a reload of the same configuration. */
async function afterReload(kind: ServerKind): Promise<unknown[]> {
  const pools = (to: TestFolder): string =>
    poolText(to, 'www', 'listen.mode = 0640') + poolText(to, 'other', 'listen.acl_users = nobody');
  await using server = await startServer({ kind, pools, expected: [/ACL set, listen.owner/] });
  const [www, other] = [server.socket('www'), server.socket('other')];
  chmodSync(www, 0o666);
  chownSync(www, 65_534, 65_534);
  chmodSync(other, 0o600);
  const look = () =>
    [www, other].map((path) => {
      const { mode, uid, gid, ino, ctimeMs } = statSync(path);
      return { mode, uid, gid, ino, ctimeMs };
    });
  const before = look();
  await server.reload();
  assert.deepEqual(look(), before, kind);
  await server.stop();
  return before.map(({ mode, uid, gid }) => ({ mode, uid, gid }));
}

test('a reload of what has not changed touches no socket', {
  skip: requires('root', 'php-fpm'),
}, async () => {
  assert.deepEqual(await afterReload('hathi'), await afterReload('php-fpm'));
});
