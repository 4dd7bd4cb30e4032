/** `GET /metrics`: the text, and counters that go on over worker ends and reloads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderMetrics } from '../../src/admin/metrics.ts';
import { metrics } from '../../src/admin/metrics-table.ts';
import type { AdminSnapshot } from '../../src/figures/admin-snapshot.ts';
import { requires } from '../harness/debian.ts';
import { testEngines } from '../harness/engines.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { askAdmin } from './client.ts';
import { promtool } from './promtool.ts';

const empty: AdminSnapshot = {
  at: 0,
  version: 'a\\b"c\nd',
  pid: 1,
  state: 'normal',
  startedAt: 1500,
  reloads: { succeeded: 2, partial: 0, refused: 1 },
  lastReload: undefined,
  configuration: undefined,
  master: { residentBytes: 1, cpuSeconds: 2 },
  memory: { source: 'cgroup v2', limitBytes: 8, usedBytes: 5, ownBytes: 3, othersBytes: 2 },
  counts: {
    pools: 0,
    matching: 0,
    asleep: 0,
    down: 0,
    active: 0,
    maxChildren: 0,
    queue: 0,
    requestsPerSecond: 0,
    faults: 0,
  },
  pools: [],
};

test('the text of both formats; labels are escaped', () => {
  assert.deepEqual(renderMetrics(empty, 'openmetrics').split('\n').slice(0, 10), [
    '# TYPE hathi_build info',
    '# HELP hathi_build Version of the master.',
    'hathi_build_info{version="a\\\\b\\"c\\nd"} 1',
    '# TYPE hathi_start_time_seconds gauge',
    '# UNIT hathi_start_time_seconds seconds',
    '# HELP hathi_start_time_seconds Start of the master, in seconds since 1970.',
    'hathi_start_time_seconds 1.5',
    '# TYPE hathi_reloads counter',
    '# HELP hathi_reloads Reloads by outcome: succeeded, partial (a pool could not be started with the new configuration), refused (nothing changed).',
    'hathi_reloads_total{outcome="succeeded"} 2',
  ]);
  assert.match(renderMetrics(empty, 'openmetrics'), /# EOF\n$/);
  const plain = renderMetrics(empty, 'prometheus');
  assert.match(plain, /^# TYPE hathi_build_info gauge\n/);
  assert.match(plain, /^# TYPE hathi_reloads_total counter$/m);
  assert.doesNotMatch(plain, /# (UNIT|EOF)/);
});

test('names, units and labels keep the rules of Prometheus', () => {
  assert.equal(new Set(metrics.map(({ name }) => name)).size, metrics.length);
  for (const { name, unit, labels } of metrics) {
    assert.match(name, /^hathi(_[a-z]+)+$/);
    assert.doesNotMatch(name, /_(total|info|count|sum|bucket)$/);
    assert.equal(unit !== undefined, /_(bytes|seconds)$/.test(name), name);
    for (const label of labels) assert.match(label, /^[a-z]+(_[a-z]+)*$/);
  }
});

testEngines('counters go on over the end of workers and over reloads', {}, async (engine) => {
  await using server = await startServer({
    engine,
    pools: (folder) =>
      // Asking OPcache must not need memory that a script has not.
      `admin.listen = ${folder.join('run/admin.sock')}\n${poolText(folder, 'www', engine === 'native' ? 'pm.max_requests = 3\nphp_admin_value[memory_limit] = 2M' : 'pm.max_requests = 6')}`,
  });
  const admin = { socketPath: server.folder.join('run/admin.sock'), path: '/metrics' };
  const value = async (sample: string): Promise<number> => {
    const { body } = await askAdmin(admin);
    const line = body.split('\n').find((text) => text.startsWith(`${sample} `));
    assert.ok(line, `${sample} in\n${body}`);
    return Number(line.slice(sample.length + 1));
  };
  const script = server.folder.write(
    'www/s.php',
    `<?php http_response_code((int) $_GET['s']); echo 'x';
// The kernel counts in hundredths of a second.
function cpu() { $u = getrusage(); return $u['ru_utime.tv_sec'] * 1e6 + $u['ru_utime.tv_usec'] + $u['ru_stime.tv_sec'] * 1e6 + $u['ru_stime.tv_usec']; }
for ($end = cpu() + 2e4; cpu() < $end;);`,
  );
  const send = async (status: number): Promise<void> => {
    await request(server.socket(), scriptParams(script, { QUERY_STRING: `s=${status}` }));
  };
  for (let i = 0; i < 7; i++) await send(200);
  await send(404);
  await server.reload();
  await send(200);
  await send(503);
  const sums = { '2xx': 8, '4xx': 1, '5xx': 1 };
  for (const [name, wanted] of Object.entries(sums)) {
    // A client has its answer a moment before the worker has counted it.
    await poll(`${wanted} answers ${name}`, async () =>
      (await value(`hathi_responses_total{pool="www",class="${name}"}`)) === wanted ? true : undefined,
    );
  }
  assert.equal(await value('hathi_requests_total{pool="www"}'), 10);
  assert.equal(await value('hathi_request_duration_seconds_count{pool="www"}'), 10);
  assert.equal(await value('hathi_request_duration_seconds_bucket{pool="www",le="+Inf"}'), 10);
  assert.ok((await value('hathi_request_duration_seconds_sum{pool="www"}')) > 0);
  assert.ok((await value('hathi_request_duration_seconds_bucket{pool="www",le="60.0"}')) >= 9);
  assert.equal(await value('hathi_reloads_total{outcome="succeeded"}'), 1);
  assert.ok((await value('hathi_restarts_total{pool="www",cause="exit"}')) >= 1);
  const measured = await poll('a look at the memory of the worker', async () => {
    const seen = JSON.parse((await askAdmin({ ...admin, path: '/api/pools' })).body);
    return seen.pools[0].workers[0]?.privateBytes === undefined ? undefined : seen;
  });
  const [{ memoryBytes, sharedBytes, workerMemory }] = measured.pools;
  assert.ok(workerMemory.averageBytes > 2 ** 17 && workerMemory.peakBytes >= workerMemory.averageBytes);
  // Shared memory is the larger part and belongs to no worker.
  assert.ok(sharedBytes < memoryBytes && workerMemory.largestBytes < 2 ** 28, JSON.stringify(workerMemory));
  assert.ok(measured.memory.limitBytes > measured.memory.usedBytes && measured.memory.ownBytes > memoryBytes);
  assert.equal(
    await value('hathi_worker_memory_bytes{pool="www",of="peak"}'),
    JSON.parse((await askAdmin({ ...admin, path: '/api/pools' })).body).pools[0].workerMemory.peakBytes,
  );
  const open = await askAdmin({
    ...admin,
    headers: { accept: 'application/openmetrics-text; version=1.0.0' },
  });
  if (requires('prometheus') === false) promtool(['check', 'metrics'], (await askAdmin(admin)).body);
  const { pools } = JSON.parse((await askAdmin({ ...admin, path: '/api/pools' })).body);
  const { opcache, recent, totals, workers } = pools[0];
  assert.ok(pools[0].hostResidentBytes > 2 ** 20 && pools[0].cpuSeconds > 0);
  assert.ok((await value('hathi_master_resident_bytes')) > 2 ** 20);
  if (engine === 'native') {
    assert.ok(workers.length > 0);
    for (const { residentBytes } of workers) assert.ok(residentBytes > 2 ** 20);
  } else {
    assert.ok(workers.every((worker: object) => !('residentBytes' in worker)));
  }
  assert.ok(opcache.memory.used > 2 ** 20 && opcache.memory.free > 2 ** 20, JSON.stringify(opcache));
  assert.ok(Math.abs(Date.now() - opcache.epochMicros / 1000) < 60_000);
  assert.equal(await value('hathi_opcache_memory_bytes{pool="www",state="used"}'), opcache.memory.used);
  assert.equal(
    totals.durations.counts.reduce((sum: number, count: number) => sum + count, 0),
    10,
  );
  assert.ok(recent.seconds > 0 && recent.requestsPerSecond > 0);
  assert.ok(0 < recent.p50Micros && recent.p50Micros <= recent.p95Micros);
  assert.ok(recent.p95Micros <= recent.p99Micros);
  assert.equal(open.type, 'application/openmetrics-text; version=1.0.0; charset=utf-8');
  await server.stop();
});
