/** The user of a pool, and the owner of its socket. */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { test } from 'node:test';
import { requires } from '../harness/debian.ts';
import { testEngines } from '../harness/engines.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { run, type Server, serverCommand, startServer } from '../harness/server.ts';

const skip = requires('root');
/** Sockets are the master's, whatever runs the PHP. */
const ofMaster = { skip, only: 'native' } as const;

/** Ids of a user, from the system. */
async function idsOf(user: string): Promise<{ uid: number; gid: number }> {
  const [uid, gid] = await Promise.all([run('/usr/bin/id', ['-u', user]), run('/usr/bin/id', ['-g', user])]);
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}

/** Answers of a script about its own process. */
async function ask(server: Server, pool: string, code: string): Promise<string> {
  const script = server.folder.write(`www/${pool}-ask.php`, `<?php ${code}`);
  return (await request(server.socket(pool), scriptParams(script))).body.toString();
}

testEngines('each pool runs as its own user and cannot read what is not for it', { skip }, async (engine) => {
  await using server = await startServer({
    engine,
    pools: (folder) =>
      poolText(folder, 'web', 'user = www-data\ngroup = www-data') +
      poolText(folder, 'other', 'user = nobody\ngroup = nogroup'),
  });
  server.folder.mkdir('data', 0o777);
  for (const [pool, user] of [
    ['web', 'www-data'],
    ['other', 'nobody'],
  ] as const) {
    const path = server.folder.join(`data/${pool}`);
    const said = await ask(
      server,
      pool,
      `echo file_put_contents('${path}', 'mine'), chmod('${path}', 0600);`,
    );
    const { uid, gid } = await idsOf(user);
    const { uid: owner, gid: group } = statSync(path);
    assert.deepEqual({ owner, group }, { owner: uid, group: gid }, `${pool}: ${said}`);
  }
  const secret = server.folder.join('data/web');
  assert.equal(await ask(server, 'web', `echo @file_get_contents('${secret}');`), 'mine');
  assert.equal(
    await ask(server, 'other', `echo var_export(@file_get_contents('${secret}'), true);`),
    'false',
  );
  assert.equal(
    await ask(server, 'other', `echo var_export(@file_get_contents('/etc/shadow'), true);`),
    'false',
  );
  await server.stop();
});

testEngines(
  'the socket has the owner, group and mode that the pool says, 0660 where it says none',
  ofMaster,
  async (engine) => {
    await using server = await startServer({
      engine,
      pools: (folder) =>
        poolText(folder, 'plain', 'listen.owner = nobody\nlisten.group = www-data') +
        poolText(folder, 'open', 'listen.owner = www-data\nlisten.mode = 0606'),
    });
    const nobody = await idsOf('nobody');
    const web = await idsOf('www-data');
    assert.deepEqual(server.socketStat('plain'), { uid: nobody.uid, gid: web.gid, mode: 0o660 });
    // A name in listen.owner brings that user's group along.
    assert.deepEqual(server.socketStat('open'), { uid: web.uid, gid: web.gid, mode: 0o606 });
    await server.stop();
  },
);

testEngines(
  'listen.acl_users and listen.acl_groups become the ACL of the socket',
  { ...ofMaster, skip: requires('root', 'acl') },
  async (engine) => {
    await using server = await startServer({
      engine,
      pools: (folder) => poolText(folder, 'www', 'listen.acl_users = nobody\nlisten.acl_groups = www-data'),
      // poolText sets listen.owner, which an ACL overrules.
      expected: [/WARNING: \[pool www\] ACL set, listen\.owner = 'www-data' is ignored/],
    });
    const acl = (await run('/usr/bin/getfacl', ['-cp', server.socket()])).stdout;
    assert.match(acl, /^user:nobody:rw-$/m);
    assert.match(acl, /^group:www-data:rw-$/m);
    await server.stop();
  },
);

test('a pool without a user, or with root, is refused when started as root', { skip }, async () => {
  using folder = new TestFolder();
  folder.mkdir('run');
  const pool = `[www]\nlisten = ${folder.join('run/www.sock')}\npm = static\npm.max_children = 1\n`;
  const cases = [
    [pool, /ALERT: \[pool www\] user has not been defined|'user' directive has not been specified/],
    [
      `${pool}user = root\ngroup = root\n`,
      /ERROR: \[pool www\] please specify user and group other than root/,
    ],
  ] as const;
  for (const [text, message] of cases) {
    const config = folder.write('server.conf', `[global]\nerror_log = ${folder.join('error.log')}\n${text}`);
    const result = await run(serverCommand(), ['-F', '-y', config]);
    assert.equal(result.code, 78);
    assert.match(result.stderr, message);
  }
});
