/** "The running configuration stays in force": each resource that cannot be had, of each pool, and then everything compared. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { pageParams, request, scriptParams } from '../harness/fastcgi.ts';
import type { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { isRoot, type Server, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { type Fault, faults, poolNames, takenPort } from './refused.ts';

const old = (to: TestFolder): string =>
  poolNames
    .map((name) =>
      poolText(
        to,
        name,
        `listen.mode = 0640\nlisten.backlog = 5\nenv[WHO] = old ${name}\naccess.log = ${to.join(`log/${name}.access`)}
pm.status_path = /status\npm.status_listen = ${to.join(`run/${name}.status`)}`,
      ),
    )
    .join('');

/** Everything is another: what must not show after a refusal. */
function changed(to: TestFolder, port: number, fault?: Fault): string {
  const at = (place: Fault['at']): string => (fault?.at === place ? fault.line(to, port) : '');
  const global = `pid = ${to.join('run/new.pid')}\nerror_log = ${to.join('log/new-error.log')}
log_level = debug\nprocess_control_timeout = 7\nadmin.listen = ${to.join('run/new-admin.sock')}\n${at('global')}\n`;
  const owner = isRoot ? 'listen.owner = nobody\n' : '';
  const pools = poolNames.map((name) =>
    poolText(
      to,
      name,
      `listen.mode = 0666\nlisten.backlog = 9\n${owner}env[WHO] = new ${name}\naccess.log = ${to.join(`log/new-${name}.access`)}
pm.status_path = /new\npm.status_listen = ${to.join(name === 'a' ? 'run/new.status' : `run/${name}.status`)}\n${at(name)}`,
    ),
  );
  return `${global}${pools.join('')}${poolText(to, 'new')}`;
}

/** External view of a master. */
async function look(server: Server): Promise<unknown> {
  const { folder } = server;
  const files = readdirSync(folder.join('run')).map((name) => {
    const { ino, mode, uid, gid, ctimeMs } = statSync(folder.join('run', name));
    return { name, ino, mode, uid, gid, ctimeMs };
  });
  const pools = await Promise.all(
    poolNames.map(async (name) => {
      const script = scriptParams(folder.join('www/who.php'));
      const answer = (await request(server.socket(name), script)).body.toString();
      const pages = await Promise.all(
        [server.socket(name), folder.join(`run/${name}.status`)].map(async (socket) => {
          const page = (await request(socket, pageParams('/status'))).body.toString();
          return /^pool:.*|^start time:.*|^listen queue len:.*/gm[Symbol.match](page);
        }),
      );
      return { answer, pages };
    }),
  );
  return { files, pools, hosts: server.hosts(), pid: server.readPidFile() };
}

/** Every descriptor of the master and what it names, but for what it has open for a moment. */
function descriptors(server: Server): string[] {
  const folder = `/proc/${server.pid}/fd`;
  const passing = /\/memfd:hathi-status|\/proc\/\d+\/smaps_rollup$/;
  return readdirSync(folder)
    .map((fd) => `${fd} ${readlinkSync(`${folder}/${fd}`)}`)
    .filter((line) => !passing.test(line));
}

const linesOf = (path: string): number => readFileSync(path, 'latin1').split('\n').length - 1;

test('after a reload that is refused everything is as before', async () => {
  const { port, server: other } = await takenPort();
  await using server = await startServer({
    pools: (to) => {
      to.write('www/who.php', '<?php echo getenv("WHO");');
      return old(to);
    },
    log: 'file',
    expected: [/ERROR|ALERT|WARNING/],
  });
  const before = await look(server);
  // The page of that look is closed a moment later.
  const open = await poll('the end of the status page', () => {
    const all = descriptors(server);
    return all.some((line) => /hathi-status/.test(line)) ? undefined : all;
  });
  let looks = 1;
  for (const fault of faults(poolNames)) {
    server.configure((to) => changed(to, port, fault));
    const from = server.log.mark();
    server.signal('SIGUSR2');
    await server.log.waitFor(/ERROR: reload refused: the running configuration stays in force$/, from);
    await server.log.waitFor(fault.reason, from);
    assert.deepEqual(await look(server), before, fault.what);
    // The connections of the last look are closed a moment later.
    await poll(`the descriptors of before, after a faulty ${fault.what}`, () =>
      descriptors(server).join() === open.join() ? true : undefined,
    ).catch(() => assert.deepEqual(descriptors(server), open, fault.what));
    looks += 1;
    for (const name of poolNames) {
      // The script and the page of each look.
      await poll(`the access log of ${name}, after a faulty ${fault.what}`, () =>
        linesOf(server.folder.join(`log/${name}.access`)) === 2 * looks ? true : undefined,
      );
    }
  }
  // The same without a fault is put in force, so all of it would have shown.
  server.configure((to) => changed(to, port));
  server.signal('SIGUSR2');
  const script = scriptParams(server.folder.join('www/who.php'));
  for (const name of poolNames) {
    await poll(`the new pool ${name}`, async () =>
      (await request(server.socket(name), script)).body.toString() === `new ${name}` ? true : undefined,
    );
    assert.equal(server.socketStat(name).mode, 0o666);
  }
  await poll('the end of the old sockets', () => {
    const names = readdirSync(server.folder.join('run')).sort().join(' ');
    return names === 'a.sock b.sock b.status c.sock c.status new-admin.sock new.pid new.sock new.status'
      ? true
      : undefined;
  });
  other.close();
  await server.stop();
});
