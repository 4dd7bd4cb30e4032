/**
 * The headline: examples/cluster under load, while nodes get new code, a new master, too much to do, die and join. The
 * real programs, each machine in namespaces of its own. HATHI_TEST_CLUSTER_SECONDS lengthens the load.
 */
import assert from 'node:assert/strict';
import { cpSync, existsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { requires } from '../harness/debian.ts';
import { checkout } from '../harness/folder.ts';
import { exited, isAlive } from '../harness/processes.ts';
import { poll, within } from '../harness/waiting.ts';
import { nativeBuild } from '../native/built-engine.ts';
import { Cluster, type ClusterClient } from './cluster.ts';
import type { Failure, LoadReport, Order } from './cluster-client.ts';

/** How long there is load, at least; the events take about fifteen seconds by themselves. */
const seconds = Number(process.env['HATHI_TEST_CLUSTER_SECONDS'] ?? 0);
/** Long enough to restart all nodes, and to compare times. */
const isLong = seconds > 30;
/** Requests at a time: 7 for the 12 that HAProxy gives to three nodes, 58 %. */
const visitors = 7;

const missing =
  requires('root', 'iproute2', 'haproxy', 'keepalived', 'nginx', 'redis-server', 'php-redis', 'prometheus') ||
  requires('openssl', 'libfcgi-bin') ||
  nativeBuild().skip;

/** All workers of a node at slow requests that come by another way, for longer than 3 seconds. */
function slowRequests(cluster: Cluster, address: string): Promise<string> {
  const params = [
    'SCRIPT_FILENAME=/srv/app/current/public/index.php',
    'REQUEST_METHOD=GET',
    'REQUEST_URI=/slow?seconds=6',
    'QUERY_STRING=seconds=6',
  ];
  const loop = 'for n in 1 2 3 4 5; do cgi-fcgi -bind -connect "$0" 2>&1 & done; wait';
  return cluster.script('enter', 'lb2', 'env', ...params, 'sh', '-c', loop, `${address}:9000`);
}

/** The time from the moment before the plug is pulled to that when the balancer knows. */
interface Death {
  readonly from: number;
  readonly to: number;
}

/** What happens to the nodes, one after the other. */
async function disturb(cluster: Cluster, client: ClusterClient): Promise<Death> {
  client.phase('release');
  cpSync(join(checkout, 'examples/cluster/app'), cluster.folder.join('2'), { recursive: true });
  await cluster.script('rolling', 'release', cluster.folder.join('2'));

  client.phase('restart');
  // All of them take longer than the gate has.
  await cluster.script('rolling', 'restart', ...(isLong ? [] : ['node1']));

  client.phase('saturation');
  const slow = slowRequests(cluster, '192.0.2.32');
  await cluster.node('node2', /^DRAIN/);
  const answers = await slow;
  assert.equal(answers.match(/done/g)?.length, 5, answers);
  await cluster.node('node2', /^UP/);

  client.phase('death');
  const from = Date.now();
  await cluster.pullPlug('node3');
  await cluster.node('node3', /^DOWN/);
  // What was lost has been told by then, also on a busy machine.
  await pause(500);
  const to = Date.now();

  client.phase('join');
  cluster.boot('node4');
  await cluster.node('node4', /^UP/);
  await pause(1000);
  return { from, to };
}

/**
 * No answer but 200, except to orders that the dead node had in its hands: nobody but the visitor may give those again.
 * HAProxy says 502 and which node it was, or on a kept connection just hangs up, and the 502 is nginx's.
 */
function judge(report: LoadReport, death: Death): void {
  assert.deepEqual(report.gaps, []);
  const isExcused = ({ at, method, status, servedBy }: Failure): boolean =>
    method === 'POST' &&
    status === 502 &&
    /^((node|full)3)?$/.test(servedBy) &&
    at >= death.from &&
    at <= death.to;
  assert.deepEqual(
    report.failures.filter((failure) => !isExcused(failure)),
    [],
  );
  assert.ok(report.failures.length <= visitors, `${report.failures.length} orders were lost with one node`);
  assert.ok(report.answers > 100, `${report.answers} answers`);
  assert.deepEqual(Object.keys(report.releases).sort(), ['1', '2']);
  assert.deepEqual(Object.keys(report.nodes).sort(), ['node1', 'node2', 'node3', 'node4']);
}

function percentile(all: readonly number[], share: number): number {
  const sorted = all.toSorted((one, other) => one - other);
  return sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
}

/**
 * Disturbed visitors wait at most twice as long as undisturbed ones, 99 of 100 of them. Apart from those whose order was under way
 * when the node died: they wait for a second try, or for a lock of the session that it had.
 */
function judgeTimes(t: TestContext, { orders }: LoadReport, death: Death): void {
  const isMet = ({ at, took }: Order): boolean => at <= death.to && at + took >= death.from;
  const times = (wanted: boolean): number[] =>
    orders.flatMap((order) =>
      (order.phase === 'undisturbed') === wanted && !isMet(order) ? order.took : [],
    );
  const [undisturbed, disturbed] = [percentile(times(true), 0.99), percentile(times(false), 0.99)];
  const text = `p99: disturbed ${disturbed.toFixed()} ms, undisturbed ${undisturbed.toFixed()} ms`;
  t.diagnostic(text);
  assert.ok(disturbed <= 2 * undisturbed, text);
}

async function tell(t: TestContext, cluster: Cluster, report: LoadReport): Promise<void> {
  const retries = (await cluster.servers()).reduce((sum, server) => sum + server.retries, 0);
  t.diagnostic(
    `${report.answers} answers, ${report.failures.length} orders lost with the dead node and given again, ` +
      `${retries} requests tried again by HAProxy; by node: ${JSON.stringify(report.nodes)}`,
  );
  for (const phase of new Set(report.orders.map((order) => order.phase))) {
    const took = report.orders.flatMap((order) => (order.phase === phase ? order.took : []));
    const at = (share: number) => `${Math.round(percentile(took, share))} ms`;
    t.diagnostic(`${phase}: ${took.length} answers, p50 ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)}`);
  }
}

test('a cluster under load: new code, new masters, a full node, a dead one, a new one; no answer but 200', {
  skip: missing,
}, async (t) => {
  const links = Object.keys(networkInterfaces());
  await using cluster = new Cluster();
  const client = await cluster.client();
  for (const name of ['node1', 'node2', 'node3']) await cluster.node(name, /^UP/);
  // Until its checks have failed, HAProxy takes the missing node for one that works, and tries it.
  await cluster.node('node4', /^DOWN/);
  await cluster.hasAddress('lb1');
  await poll(
    'the edge',
    async () => (await client.get('https://192.0.2.20/page')).status === 200 || undefined,
  );

  const begin = performance.now();
  client.load(visitors);
  client.phase('undisturbed');
  await pause(isLong ? 10_000 : 2000);
  const death = await disturb(cluster, client);
  client.phase('afterwards');
  await pause(Math.max(0, begin + seconds * 1000 - performance.now()));
  const report = await client.stop();
  await tell(t, cluster, report);
  judge(report, death);
  // A few seconds have no hundredth part.
  if (isLong) judgeTimes(t, report, death);
  assert.deepEqual(Object.keys(networkInterfaces()), links, 'nothing of it is to be seen from outside');

  await t.test('Prometheus sees who is there', async () => {
    const query = encodeURIComponent('up{job="hathi"}');
    const wanted = { '1': '1', '2': '1', '3': '0', '4': '1' };
    await poll('the nodes in Prometheus', async () => {
      const { body } = await client.get(`http://192.0.2.50:9090/api/v1/query?query=${query}`);
      const rows: { metric: { instance: string }; value: [number, string] }[] = JSON.parse(body).data.result;
      const up = rows.map(({ metric, value }) => [/3(\d):/.exec(metric.instance)?.[1], value[1]]);
      return JSON.stringify(Object.fromEntries(up)) === JSON.stringify(wanted) || undefined;
    });
  });

  await t.test('a balancer dies: the address moves, and a request finds its way at once', async () => {
    await cluster.pullPlug('lb1');
    assert.equal((await client.get('https://192.0.2.20/?n=1')).status, 200);
    await cluster.hasAddress('lb2');
    assert.equal((await client.get('https://192.0.2.20/?n=2')).status, 200);
  });

  await t.test('no node is left: a page that the edge has is still served', async () => {
    assert.equal((await client.get('https://192.0.2.20/page')).status, 200);
    for (const name of ['node1', 'node2', 'node4']) await cluster.pullPlug(name);
    await poll('the page to be an old one', async () => {
      const { status, headers } = await client.get('https://192.0.2.20/page');
      assert.equal(status, 200);
      return /^(STALE|UPDATING)$/.test(`${headers['x-cache']}`) || undefined;
    });
    assert.equal((await client.get('https://192.0.2.20/?n=3')).status, 503);
  });

  await t.test('Ctrl-C leaves nothing', async () => {
    const firsts = await Promise.all(['edge', 'store', 'switch'].map((name) => cluster.first(name)));
    cluster.run.kill('SIGINT');
    await within(exited(cluster.run), () => `the end of the cluster:\n${cluster.log.text()}`);
    assert.equal(cluster.run.exitCode, 130);
    assert.ok(!existsSync(cluster.path()));
    for (const { pid } of firsts) assert.ok(!existsSync(`/proc/${pid}`));
  });
});

test('a cluster whose `run` was killed is gone as well', { skip: missing }, async () => {
  await using cluster = new Cluster();
  const machines = await Promise.all(['switch', 'store', 'client'].map((name) => cluster.first(name)));
  cluster.run.kill('SIGKILL');
  await poll('the end of the machines', () => machines.every((first) => !isAlive(first)) || undefined);
});
