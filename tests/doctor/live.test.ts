/** Answers of a running master: each fault in invented figures, and one in a real pool. */
import assert from 'node:assert/strict';
import { utimesSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import type { Question } from '../../src/admin/answer.ts';
import { doctorNote, takeDoctorNote } from '../../src/admin/doctor-note.ts';
import { doctorCommand } from '../../src/cli/doctor.ts';
import { checks } from '../../src/doctor/checks.ts';
import { examine, type Finding } from '../../src/doctor/finding.ts';
import type { LiveOpcache, LivePool } from '../../src/doctor/live-facts.ts';
import { readLive } from '../../src/doctor/read/live.ts';
import { readMachine } from '../../src/doctor/read/machine.ts';
import { missingReleases } from '../../src/engine/security-releases.ts';
import type { AdminSource } from '../../src/figures/admin-source.ts';
import type { FindingCount } from '../../src/figures/findings.ts';
import { askAdmin } from '../admin/client.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild } from '../native/built-engine.ts';
import { Site, siteSkip, useNativeEngine } from './site.ts';

useNativeEngine();

const megabyte = 1024 ** 2;

const roomyOpcache: LiveOpcache = {
  keys: 100,
  keysLimit: 32_531,
  memoryUsed: 50 * megabyte,
  memoryFree: 206 * megabyte,
  memoryWasted: 0,
  stringsUsed: 4 * megabyte,
  stringsFree: 12 * megabyte,
  restarts: 0,
};

/** The guide's pool, some hours after its start, with little to do. */
function livePool(now: number, change: Partial<LivePool>): LivePool {
  return {
    name: 'myapp',
    state: 'serving',
    failure: '',
    phpVersion: undefined,
    processManager: 'dynamic',
    maxChildren: 30,
    maxActive: 4,
    maxQueue: 0,
    maxChildrenReached: 0,
    requestsPerSecond: 12,
    startedAt: now - 5 * 3_600_000,
    opcache: roomyOpcache,
    busy: 4,
    answered: 0,
    stacks: 4,
    waitingForSession: 0,
    ...change,
  };
}

interface LiveFault {
  readonly name: string;
  readonly change: Partial<LivePool>;
  readonly plant?: (site: Site) => void;
  readonly found: readonly string[];
  readonly seen: RegExp;
  readonly mend: RegExp;
}

const measured = (kilobytes: number) => (site: Site) => {
  site.processes = [
    { pid: 100, title: `php-fpm: master process (${site.file})` },
    { pid: 102, parent: 100, title: 'php-fpm: pool myapp', privateKb: kilobytes },
  ];
};

const liveFaults: readonly LiveFault[] = [
  {
    name: 'no host',
    change: { state: 'starting', failure: 'cannot start the engine' },
    found: ['pool-down'],
    seen: /no host serves it: cannot start the engine/,
    mend: /hathi reload/,
  },
  {
    name: 'a host that does not answer',
    change: { state: 'silent' },
    found: ['pool-down'],
    seen: /does not answer/,
    mend: /hathi reload/,
  },
  {
    name: 'saturation with memory left',
    change: { maxChildrenReached: 7, maxQueue: 12, maxActive: 30 },
    plant: measured(100 * 1024),
    found: ['max-children-reached', 'no-fastcgi-cache'],
    seen: /all 30 workers were busy 7 times, and up to 12 connections waited/,
    mend: /^pm\.max_children = 45$/,
  },
  {
    name: 'saturation with little memory left',
    change: { maxChildrenReached: 7 },
    plant: measured(200 * 1024),
    found: ['max-children-reached', 'no-fastcgi-cache'],
    seen: /busy 7 times$/,
    mend: /^pm\.max_children = 32$/,
  },
  {
    name: 'saturation with a cache in front, and no memory left',
    change: { maxChildrenReached: 1 },
    plant: (site) => {
      measured(220 * 1024)(site);
      site.edit('pm.max_children = 30', 'pm.max_children = 29');
      site.editNginx('fastcgi_buffer_size', 'fastcgi_cache zone;\nfastcgi_buffer_size');
    },
    found: ['max-children-reached'],
    seen: /busy 1 times$/,
    mend: /No more than 29 workers fit .*hathi profile myapp/,
  },
  {
    name: 'visitors that wait for themselves',
    change: { stacks: 8, waitingForSession: 2 },
    found: ['session-lock'],
    seen: /2 of 8 busy workers wait in session_start\(\) \(session\.save_handler = files\)/,
    mend: /session_write_close\(\)/,
  },
  {
    name: 'sessions in Redis wait as well',
    change: { stacks: 4, waitingForSession: 4 },
    plant: (site) => {
      site.pools += 'php_admin_value[session.save_handler] = redis\n';
    },
    found: ['session-lock'],
    seen: /save_handler = redis/,
    mend: /read_and_close/,
  },
  {
    name: 'mails that are sent after the answer',
    change: { busy: 6, answered: 3 },
    found: ['work-after-answer'],
    seen: /clients of 3 of 6 busy workers have their answer/,
    mend: /\[myapp-later\]/,
  },
  {
    name: 'OPcache without memory',
    change: {
      opcache: {
        ...roomyOpcache,
        memoryUsed: 240 * megabyte,
        memoryFree: 6 * megabyte,
        memoryWasted: 10 * megabyte,
      },
    },
    found: ['opcache-full'],
    seen: /6 MB of its 256 MB are free/,
    mend: /opcache\.memory_consumption=512/,
  },
  {
    name: 'OPcache without keys and strings',
    change: { opcache: { ...roomyOpcache, keys: 32_000, stringsUsed: 16 * megabyte, stringsFree: 0 } },
    found: ['opcache-full'],
    seen: /32000 of 32531 keys are used; 16 MB of strings leave no room/,
    mend: /opcache\.interned_strings_buffer=32/,
  },
  {
    name: 'OPcache that restarts',
    change: { opcache: { ...roomyOpcache, restarts: 3 } },
    found: ['opcache-restarts'],
    seen: /3 times/,
    mend: /opcache\.memory_consumption=512/,
  },
  {
    name: 'a deployment that is not in force',
    change: {},
    plant: (site) => {
      const script = site.folder.write('docroot/new.php', '<?php');
      utimesSync(script, site.now / 1000, site.now / 1000 - 60);
    },
    found: ['opcache-stale'],
    seen: /changed at 2026-11-28T23:59:00, the pool runs since 2026-11-28T19:00:00/,
    mend: /hathi reload/,
  },
  {
    name: 'a deployment below an application that is booted, whatever OPcache does',
    change: {},
    plant: (site) => {
      site.ini = site.ini.replace('validate_timestamps=0', 'validate_timestamps=1');
      site.pools += `worker.script = ${site.docroot}/new.php\n`;
      const script = site.folder.write('docroot/new.php', '<?php');
      utimesSync(script, site.now / 1000, site.now / 1000 - 60);
    },
    found: ['opcache-stale', 'opcache-timestamps'],
    seen: /and its application is booted/,
    mend: /hathi reload/,
  },
  {
    name: 'ondemand with steady requests',
    change: { processManager: 'ondemand' },
    found: ['ondemand-busy'],
    seen: /12\.0 requests a second/,
    mend: /pm = dynamic/,
  },
  {
    name: 'static with nothing to do',
    change: { processManager: 'static' },
    found: ['static-idle'],
    seen: /static with 30 workers, of which no more than 4 were ever busy in 5 h/,
    mend: /pm\.start_servers = 5/,
  },
  {
    name: 'a PHP that was updated',
    change: { phpVersion: '8.2.1' },
    found: ['php-replaced'],
    seen: /it runs on PHP 8\.2\.1, and 8\.2\.\d+ is installed/,
    mend: /hathi reload/,
  },
];

function look(change: Partial<LivePool>, plant: (site: Site) => void = () => {}): Finding[] {
  using site = new Site();
  plant(site);
  const live = { startedAt: 0, pools: [livePool(site.now, change)] };
  const facts = site.facts(undefined, live);
  const isBehind = missingReleases(facts.pools[0]?.php.version ?? '').length > 0;
  return examine(checks, facts).filter(({ id }) => !(isBehind && id === 'php-cves'));
}

describe('hathi doctor --live, by figures', { skip: siteSkip() }, () => {
  test('nothing is found in a pool that is well, nor where the limits are not reached', () => {
    assert.deepEqual(look({}), []);
    assert.deepEqual(look({ stacks: 9, waitingForSession: 2 }), [], 'a few wait now and then');
    assert.deepEqual(look({ stacks: 1, waitingForSession: 1 }), []);
    assert.deepEqual(look({ busy: 5, answered: 2 }), []);
    assert.deepEqual(look({ busy: 1, answered: 1 }), []);
    assert.deepEqual(look({ processManager: 'ondemand', requestsPerSecond: 0.2 }), []);
    assert.deepEqual(look({ processManager: 'static', maxActive: 8 }), []);
    assert.deepEqual(look({ state: 'asleep', opcache: undefined, startedAt: undefined }), []);
    assert.deepEqual(look({ state: 'starting' }), [], 'a start takes its time');
    assert.deepEqual(look({ name: 'another', maxChildrenReached: 9 }), []);
  });

  for (const { name, change, plant, found, seen, mend } of liveFaults) {
    test(name, () => {
      const findings = look(change, plant);
      assert.deepEqual(
        findings.map(({ id }) => id),
        found,
      );
      assert.match(findings[0]?.seen ?? '', seen);
      assert.ok(
        findings[0]?.mend.some((line) => mend.test(line)),
        findings[0]?.mend.join('\n'),
      );
    });
  }

  test('a fault is planted for each check that asks the master', () => {
    const planted = new Set(liveFaults.flatMap(({ found }) => found));
    assert.deepEqual(
      checks.filter(({ id, live }) => live === true && !planted.has(id)),
      [],
    );
  });
});

test('an answer of whatever form is taken, and what is missing is unknown', async () => {
  const read = (answer: unknown) =>
    readLive(
      async () => answer,
      () => {},
    );
  for (const answer of [null, 7, 'x', [], {}, { pools: 'x' }, { pools: [null, 3] }])
    assert.deepEqual(await read(answer), { startedAt: 0, pools: [] });
  const { pools } = await read({
    pools: [{ name: 'a', workers: [{ state: 'Running' }], opcache: { keys: 1 }, maxChildren: -3 }],
  });
  assert.deepEqual([pools[0]?.opcache, pools[0]?.maxChildren, pools[0]?.stacks], [undefined, 0, 0]);
  const asked: string[] = [];
  const workers = Array.from({ length: 60 }, (_, pid) => ({ pid, state: 'Running' }));
  const many = await readLive(
    async (path) => {
      asked.push(path);
      if (path === '/api/pools') return { pools: [{ name: 'a&b', workers }] };
      if (path.endsWith('pid=3')) throw new Error('gone meanwhile');
      return { frames: [{ function: path.endsWith('pid=5') ? 'session_start' : 'f' }] };
    },
    () => {},
  );
  assert.equal(asked.length, 17, 'no more stacks than a few');
  assert.ok(asked.includes('/api/stack?pool=a%26b&pid=3'));
  assert.deepEqual([many.pools[0]?.stacks, many.pools[0]?.waitingForSession], [15, 1]);
});

/** The command in this process. */
async function doctor(args: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await doctorCommand([...args], { stdout, stderr, env: {} });
  stdout.end();
  stderr.end();
  return { code, stdout: await text(stdout), stderr: await text(stderr) };
}

test('a real pool whose visitors wait for one session', { skip: nativeBuild().skip }, async () => {
  await using server = await startServer({
    engine: 'native',
    pools: (folder) =>
      `admin.listen = ${folder.join('run/admin.sock')}\n${poolText(folder, 'www', `pm.max_children = 4\nphp_value[session.save_path] = ${folder.mkdir('sessions', 0o777)}`)}\n${poolText(folder, 'later', 'pm.max_children = 2')}`,
  });
  const script = server.folder.write(
    'www/visitor.php',
    "<?php session_id('one'); session_start(); while (!file_exists($_SERVER['GO'])) { usleep(10000); clearstatcache(); } echo 'served';",
  );
  const go = server.folder.join('www/go');
  const late = server.folder.write(
    'www/late.php',
    "<?php echo 'answered'; fastcgi_finish_request(); while (!file_exists($_SERVER['GO'])) { usleep(10000); clearstatcache(); }",
  );
  for (let worker = 0; worker < 2; worker += 1) {
    const { body } = await request(server.socket('later'), scriptParams(late, { GO: go }));
    assert.equal(body.toString(), 'answered');
  }
  const answers = [1, 2, 3, 4].map(() => request(server.socket(), scriptParams(script, { GO: go })));
  for (const answer of answers) answer.catch(() => {});
  const findings = await poll('three workers that wait for the session', async () => {
    const { code, stdout, stderr } = await doctor(['-y', server.configFile, '--live', '--json']);
    assert.notEqual(code, 69, stderr);
    const found: Finding[] = JSON.parse(stdout).findings;
    return found.some(({ id, seen }) => id === 'session-lock' && /^3 of 4 /.test(seen)) ? found : undefined;
  });
  assert.match(
    findings.find(({ id }) => id === 'session-lock')?.seen ?? '',
    /3 of 4 busy workers wait in session_start\(\) \(session\.save_handler = files\)/,
  );
  assert.match(
    findings.find(({ id }) => id === 'work-after-answer')?.seen ?? '',
    /2 of 2 busy workers have their answer/,
  );
  const machine = readMachine({ root: '/', file: server.configFile, addresses: [server.socket(), '/none'] });
  const measured = machine.workers.find(({ pool }) => pool === 'www');
  assert.deepEqual(
    machine.workers.map(({ pool, workers }) => [pool, workers]).sort(),
    [
      ['later', 2],
      ['www', 4],
    ],
    'hosts are no workers',
  );
  assert.ok((measured?.averageBytes ?? 0) > 100_000, 'a worker has something of its own');
  assert.deepEqual(
    machine.listeners.map(({ listen, masters }) => [listen, masters.map(({ pid }) => pid)]),
    [[server.socket(), [server.pid]]],
    'hosts and workers hold the socket that they have from the master',
  );
  assert.ok((machine.openFiles ?? 0) > 0);
  const socketPath = server.folder.join('run/admin.sock');
  const metrics = async (): Promise<string> => (await askAdmin({ socketPath, path: '/metrics' })).body;
  assert.doesNotMatch(await metrics(), /hathi_doctor/, 'nothing has been told yet');
  const published = await doctor(['-y', server.configFile, '--live', '--json', '--publish']);
  const { counts } = JSON.parse(published.stdout);
  for (const severity of ['critical', 'warning', 'advice']) {
    assert.ok(
      (await metrics()).includes(`hathi_doctor_findings{severity="${severity}"} ${counts[severity]}\n`),
      severity,
    );
  }
  const told = async () => JSON.parse((await askAdmin({ socketPath, path: '/api/pools' })).body).doctor;
  assert.ok((await told()).findings.some(({ id }: FindingCount) => id === 'session-lock'));
  server.folder.write('www/go', '');
  for (const answer of answers) assert.match((await answer).body.toString(), /served/);
  await server.reload();
  assert.ok((await told()).findings.length > 0, 'kept over a reload');
  const { code, stderr } = await doctor([
    '-y',
    server.configFile,
    '--live',
    '--connect',
    server.folder.join('run/none.sock'),
  ]);
  assert.equal(code, 69);
  assert.match(stderr, /^hathi doctor: Cannot ask the master /);
  await server.stop();
});

test('what the master is told is counts by id and severity, and nothing else', () => {
  const source = {} as AdminSource;
  const tell = (query: string) =>
    takeDoctorNote(source, { query: new URLSearchParams(query) } as Question).status;
  assert.equal(tell('warning=memory*3&critical=tcp-open*1&warning=xdebug*1'), 200);
  const findings = [
    { id: 'tcp-open', severity: 'critical', count: 1 },
    { id: 'memory', severity: 'warning', count: 3 },
    { id: 'xdebug', severity: 'warning', count: 1 },
  ];
  assert.deepEqual(doctorNote(source)?.findings, findings);
  const many = Array.from({ length: 201 }, (_, index) => `advice=a*${index + 1}`).join('&');
  for (const query of [
    'warning=memory',
    'warning=memory*0',
    'warning=<b>*1',
    'critical=*1',
    'advice=a*1234567',
    many,
  ])
    assert.equal(tell(query), 400, query);
  assert.deepEqual(doctorNote(source)?.findings, findings, 'what is refused changes nothing');
  assert.equal(tell('unknown=a*1'), 200);
  assert.deepEqual(doctorNote(source)?.findings, []);
  assert.equal(doctorNote({} as AdminSource), undefined);
});

test('--connect and --publish without --live are refused', async () => {
  assert.equal((await doctor(['--connect', '/x'])).code, 64);
  assert.equal((await doctor(['--publish'])).code, 64);
});
