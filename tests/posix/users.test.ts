import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import {
  groupsOfUser,
  lookupGroup,
  lookupUser,
  resolveGroup,
  resolveIdentity,
} from '../../src/posix/users.ts';

/** Rows of a database as the system's own program prints them. */
function getent(database: 'passwd' | 'group'): string[][] {
  const rows = execFileSync('getent', [database], { encoding: 'utf8' }).trimEnd().split('\n');
  return rows.map((row) => row.split(':'));
}

test('every user is found by name and by id, as getent knows it', () => {
  for (const [name = '', , uid, gid, , home, shell] of getent('passwd')) {
    const expected = { name, uid: Number(uid), gid: Number(gid), home, shell };
    assert.deepEqual(lookupUser(name), expected);
    assert.equal(lookupUser(Number(uid))?.uid, Number(uid));
    assert.equal(lookupUser(String(uid))?.uid, Number(uid));
  }
});

test('every group is found by name and by id, as getent knows it', () => {
  for (const [name = '', , gid] of getent('group')) {
    assert.deepEqual(lookupGroup(name), { name, gid: Number(gid) });
    assert.equal(lookupGroup(String(gid))?.gid, Number(gid));
  }
});

test('the groups of a user are those of id', () => {
  for (const [name = '', , , gid] of getent('passwd')) {
    const expected = execFileSync('id', ['-G', name], { encoding: 'utf8' }).trim().split(' ').map(Number);
    assert.deepEqual([...groupsOfUser(name, Number(gid))].sort(), expected.sort());
  }
});

test('a name that no database knows is undefined', () => {
  assert.equal(lookupUser('no-such-user'), undefined);
  assert.equal(lookupUser(''), undefined);
  assert.equal(lookupGroup('no-such-group'), undefined);
});

test('an identity has the group of its user unless one is given', () => {
  const own = resolveIdentity('www-data');
  assert.equal(own.gid, lookupUser('www-data')?.gid);
  assert.ok(own.groups.includes(own.gid));
  assert.equal(own.entry?.name, 'www-data');
  const given = resolveIdentity('www-data', 'daemon');
  assert.equal(given.gid, resolveGroup('daemon'));
  assert.ok(given.groups.includes(given.gid));
});

test('an id without an entry gets exactly the group that is given with it', () => {
  assert.deepEqual(resolveIdentity('54321', '54322'), { uid: 54_321, gid: 54_322, groups: [54_322] });
});

test('an identity that cannot be had says what to do', () => {
  assert.throws(() => resolveIdentity('no-such-user'), { kind: 'user', message: /no-such-user.*create it/ });
  assert.throws(() => resolveIdentity('root', 'no-such-group'), { kind: 'group', message: /no-such-group/ });
  assert.throws(() => resolveIdentity('54321'), { kind: 'user', message: /name a group as well/ });
});
