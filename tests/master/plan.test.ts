/** Plans by themselves: what is opened, what a commit changes, and that a discarded one leaves no trace. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Configuration, PoolConfig } from '../../src/config/directives.ts';
import { ErrorLog } from '../../src/log/error-log.ts';
import { AccessLogError, AccessLogs } from '../../src/master/access-logs.ts';
import { PidFile, PidFileError } from '../../src/master/pid-file.ts';
import { Plan } from '../../src/master/plan.ts';
import { duplicate } from '../../src/posix/descriptors.ts';
import { MasterStartError } from '../../src/runtime/start-error.ts';
import { ListenerSet } from '../../src/sockets/listener-set.ts';
import type { WantedSocket } from '../../src/sockets/wanted-sockets.ts';
import { folderFor, knock, settingsFor } from './listener-support.ts';

function recordingLog(): { log: ErrorLog; lines: string[] } {
  const lines: string[] = [];
  return { log: new ErrorLog({ sink: (line) => lines.push(line.replace(/^\[[^\]]*\] /, '')) }), lines };
}

const descriptors = (): number => readdirSync('/proc/self/fd').length;
const wanted = (path: string, more = {}): WantedSocket => ({
  role: 'pool',
  settings: () => settingsFor(path, more),
});
const noFailure = (reason: string): void => assert.fail(reason);

test('what was planned is committed in its order and discarded in the reverse; a part that throws stops no other', () => {
  const { log, lines } = recordingLog();
  const planOf = (calls: string[]): Plan => {
    const plan = new Plan({} as Configuration, log);
    for (const name of ['a', 'b', 'c']) {
      const act = (what: string): void => {
        calls.push(`${what} ${name}`);
        if (name === 'b') throw new Error(`${name} is broken`);
      };
      plan.add({
        commit: (failed) => {
          if (name === 'a') failed('a keeps its mode');
          act('commit');
        },
        discard: () => act('discard'),
      });
    }
    return plan;
  };
  const committed: string[] = [];
  assert.deepEqual(planOf(committed).commit(), ['a keeps its mode', 'cannot apply everything: b is broken']);
  assert.deepEqual(committed, ['commit a', 'commit b', 'commit c']);
  const discarded: string[] = [];
  planOf(discarded).discard();
  assert.deepEqual(discarded, ['discard c', 'discard b', 'discard a']);
  assert.deepEqual(lines, [
    'ERROR: cannot apply everything: b is broken',
    'ERROR: cannot give back what a refused configuration opened: b is broken',
  ]);
});

test('sockets: those in use are left alone until the commit, and for ever by a discard', async (t) => {
  const folder = folderFor(t);
  const [kept, fresh] = [join(folder, 'kept.sock'), join(folder, 'fresh.sock')];
  const set = new ListenerSet(recordingLog().log);
  t.after(() => set.closeAll());
  const first = set.plan();
  const listener = await first.acquire(wanted(kept, { mode: 0o600, backlog: 5 }));
  first.commit(noFailure);
  const look = () => {
    const { ino, mode, uid, ctimeMs } = statSync(kept);
    return { ino, mode: mode & 0o777, uid, ctimeMs, queue: listener.queue() };
  };
  const before = look();
  const count = descriptors();

  const refused = set.plan();
  assert.equal(await refused.acquire(wanted(kept, { mode: 0o666, backlog: 9 })), listener);
  await refused.acquire(wanted(fresh));
  await assert.rejects(refused.acquire(wanted('/nonexistent/x.sock')), MasterStartError);
  assert.deepEqual(look(), before);
  assert.equal(await knock({ path: fresh }), 'connected', 'it is open beside the other');
  refused.discard();
  assert.deepEqual(look(), before);
  assert.deepEqual(readdirSync(folder), ['kept.sock']);
  assert.equal(descriptors(), count);

  const next = set.plan();
  await next.acquire(wanted(kept, { mode: 0o666, backlog: 9 }));
  next.commit(noFailure);
  const after = look();
  assert.deepEqual([after.ino, after.mode, after.queue?.limit], [before.ino, 0o666, 9]);
});

test('sockets: one that lost its file is replaced by the commit, and stays in use after a discard', async (t) => {
  const folder = folderFor(t);
  const path = join(folder, 'www.sock');
  const moved = join(folder, 'moved.sock');
  const set = new ListenerSet(recordingLog().log);
  t.after(() => set.closeAll());
  const first = set.plan();
  const old = await first.acquire(wanted(path));
  first.commit(noFailure);
  renameSync(path, moved);
  const refused = set.plan();
  assert.notEqual(await refused.acquire(wanted(path)), old);
  refused.discard();
  assert.equal(await knock({ path: moved }), 'connected');
  assert.equal(existsSync(path), false);
  const next = set.plan();
  const replacement = await next.acquire(wanted(path));
  next.commit(noFailure);
  assert.equal(await knock({ path: moved }), 'connected', 'hosts of the old generation accept there');
  set.retain([replacement]);
  assert.equal(await knock({ path: moved }), 'ECONNREFUSED');
  assert.equal(await knock({ path }), 'connected');
});

test('sockets: where another cannot be made the one in use stays, lost or out of reach; a start is refused', async (t) => {
  const folder = folderFor(t);
  const paths = ['lost', 'hidden'].map((name) => join(folder, `${name}.sock`));
  const { log, lines } = recordingLog();
  const set = new ListenerSet(log);
  t.after(() => set.closeAll());
  const first = set.plan();
  const [lost, hidden] = await Promise.all(paths.map((path) => first.acquire(wanted(path))));
  assert.ok(lost !== undefined && hidden !== undefined);
  first.commit(noFailure);
  set.retain([lost, hidden]);
  // Its host listens on, so that the place is taken.
  const host = duplicate(lost.fd);
  t.after(() => closeSync(host));
  closeSync(lost.fd);
  rmSync(hidden.key);
  writeFileSync(hidden.key, '');
  for (const path of [lost.key, hidden.key])
    await assert.rejects(new ListenerSet(log).plan().acquire(wanted(path)), MasterStartError);
  lines.length = 0;

  const next = set.plan();
  assert.deepEqual(
    [await next.acquire(wanted(lost.key)), await next.acquire(wanted(hidden.key))],
    [lost, hidden],
  );
  const reasons: string[] = [];
  next.commit((reason) => reasons.push(reason));
  assert.match(
    reasons.join('\n'),
    /^\[pool www\] the descriptor \d+ .*\n\[pool www\] goes on with its open socket/,
  );
  assert.deepEqual(
    lines.filter((line) => line.startsWith('ERROR')),
    reasons.map((reason) => `ERROR: ${reason}`),
  );
  assert.equal(await knock({ path: lost.key }), 'connected');
  assert.equal(readFileSync(hidden.key, 'latin1'), '', 'left alone');
});

test('sockets: what cannot be applied is told, and the others have their settings', async (t) => {
  const folder = folderFor(t);
  const paths = ['a', 'b', 'c'].map((name) => join(folder, `${name}.sock`));
  const { log, lines } = recordingLog();
  const set = new ListenerSet(log);
  t.after(() => set.closeAll());
  const first = set.plan();
  for (const path of paths) await first.acquire(wanted(path, { mode: 0o600 }));
  first.commit(noFailure);
  const next = set.plan();
  for (const path of paths) await next.acquire(wanted(path, { mode: 0o644 }));
  // Between plan and commit somebody takes the second one away.
  const [, second = ''] = paths;
  renameSync(second, `${second}.moved`);
  const failures: string[] = [];
  next.commit((reason) => failures.push(reason));
  assert.equal(failures.length, 1);
  assert.match(failures[0] ?? '', /^the socket '.*\/b\.sock' keeps its settings: .* was removed or replaced/);
  assert.deepEqual(
    lines.filter((line) => line.startsWith('ERROR')),
    [`ERROR: ${failures[0]}`],
  );
  const modes = [paths[0], `${second}.moved`, paths[2]].map((path) => statSync(path ?? '').mode & 0o777);
  assert.deepEqual(modes, [0o644, 0o600, 0o644]);
});

test('access logs: opened once, closed by a discard, and none of several stays open when one fails', (t) => {
  const folder = folderFor(t);
  const pool = (name: string, uid = 33) => ({
    config: { 'access.log': join(folder, name) } as PoolConfig,
    identity: { uid, gid: uid, groups: [], user: undefined, home: undefined, dropsRights: true },
  });
  const { log, lines } = recordingLog();
  const logs = new AccessLogs(log);
  t.after(() => logs.close());
  const before = descriptors();
  logs.plan([pool('a'), pool('b'), pool('a')]).discard();
  assert.throws(() => logs.plan([pool('a'), pool('missing/b')]), AccessLogError);
  assert.equal(descriptors(), before);
  logs.plan([pool('a'), pool('b'), pool('a')]).commit(noFailure);
  assert.equal(descriptors(), before + 2);
  const fd = logs.of(pool('a').config);
  logs.plan([pool('a')]).commit(noFailure);
  assert.equal(logs.of(pool('a').config), fd);
  assert.equal(logs.of({} as PoolConfig), undefined);

  // Files of others are refused at each plan, without refusing the plan.
  chmodSync(folder, 0o777);
  symlinkSync('/dev/null', join(folder, 'link'));
  logs.plan([pool('a'), pool('link')]).commit(noFailure);
  const nowhere = logs.of(pool('link').config);
  logs.plan([pool('a'), pool('link')]).discard();
  assert.equal(logs.of(pool('link').config), nowhere);
  assert.equal(descriptors(), before + 3);
  assert.equal(lines.filter((line) => line.startsWith('ERROR: failed to open access log')).length, 2);
  rmSync(join(folder, 'link'));
  logs.plan([pool('a'), pool('link')]).commit(noFailure);
  assert.equal(descriptors(), before + 3);
  assert.equal(lstatSync(join(folder, 'link')).isFile(), true);
});

test('pid file: no newline, no link followed, moved by a commit, untouched by a discard', (t) => {
  const folder = folderFor(t);
  const [one, two, target] = ['one.pid', 'two.pid', 'precious'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(target, 'precious');
  symlinkSync(target, one);
  const { log, lines } = recordingLog();
  const file = new PidFile(log);
  file.plan(one).discard();
  assert.deepEqual(readdirSync(folder).sort(), ['one.pid', 'precious']);
  file.plan(one).commit(noFailure);
  assert.equal(readFileSync(one, 'utf8'), String(process.pid));
  assert.equal(readFileSync(target, 'utf8'), 'precious');
  file.plan(two).discard();
  assert.deepEqual(readdirSync(folder).sort(), ['one.pid', 'precious']);
  file.plan(two).commit(noFailure);
  assert.deepEqual(readdirSync(folder).sort(), ['precious', 'two.pid']);
  // Somebody removed it: it comes back.
  rmSync(two);
  file.plan(two).commit(noFailure);
  assert.equal(existsSync(two), true);
  assert.throws(() => file.plan(join(folder, 'missing', 'x.pid')), PidFileError);
  mkdirSync(join(folder, 'folder.pid'));
  assert.throws(() => file.plan(join(folder, 'folder.pid')), PidFileError);

  const late = file.plan(one);
  mkdirSync(one);
  const failures: string[] = [];
  late.commit((reason) => failures.push(reason));
  assert.match(failures.join(), /^Unable to create the PID file \(.*one\.pid\)\.: Is a directory \(21\)$/);
  assert.equal(lines.length, 1);
  assert.deepEqual(readdirSync(folder).sort(), ['folder.pid', 'one.pid', 'precious', 'two.pid']);
  file.remove();
  file.remove();
  assert.equal(existsSync(two), false);
});
