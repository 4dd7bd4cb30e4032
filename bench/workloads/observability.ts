/** The cost of observation: answers of the admin endpoint at saturation, and a master with many idle workers. */
import { request as httpRequest } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { scriptParams } from '../../tests/harness/fastcgi.ts';
import { startLoad } from '../../tests/harness/load.ts';
import { poolText } from '../../tests/harness/pool.ts';
import { type Server, startServer } from '../../tests/harness/server.ts';
import { nativeBuild } from '../../tests/native/built-engine.ts';
import { cpuTimeOf } from '../lib/cpu-time.ts';
import type { Figure } from '../lib/figure.ts';
import { memoryOf } from '../lib/memory.ts';
import { summarize } from '../lib/statistics.ts';
import { atMost, type Plan, type Workload } from '../lib/workload.ts';

const paths = ['/healthz', '/readyz', '/metrics', '/api/pools', '/api/config', '/api/history'];
const workers = 8;
const clients = 32;
const pools = 100;
const workersEach = 5;

/** Keeps a core busy for 20 ms, whatever else runs on it. */
const busy = `<?php for ($end = hrtime(true) + 20_000_000; hrtime(true) < $end;); echo 'busy';`;

/** Milliseconds from the question to the end of the answer, over a connection of its own. */
function timeOf(socketPath: string, path: string): Promise<number> {
  const begin = performance.now();
  return new Promise((resolve, reject) => {
    const asked = httpRequest({ socketPath, path, agent: false }, (response) => {
      response.on('data', () => {}).on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(performance.now() - begin);
        else reject(new Error(`"${path}" was answered with status ${response.statusCode}`));
      });
    });
    asked.on('error', reject).end();
  });
}

async function underLoad(plan: Plan): Promise<Figure[]> {
  await using server = await startServer({
    engine: 'native',
    pools: (folder) =>
      `admin.listen = ${folder.join('run/admin.sock')}\n${poolText(folder, 'www', `pm.max_children = ${workers}`)}`,
  });
  const script = server.folder.write('www/busy.php', busy);
  const params = scriptParams(script);
  const load = startLoad({ clients, address: server.socket(), params, body: 'busy' });
  const times = new Map<string, number[]>(paths.map((path) => [path, []]));
  try {
    await delay(500);
    const until = performance.now() + Math.max(5000, plan.seconds * 1000 * plan.rounds);
    while (performance.now() < until) {
      for (const path of paths) {
        times.get(path)?.push(await timeOf(server.folder.join('run/admin.sock'), path));
        await delay(20);
      }
    }
  } finally {
    await load.stop();
  }
  return [...times].map(([path, all]) => ({
    label: `${path}, ${all.length} questions: 95 of 100 within`,
    unit: 'ms',
    hathi: summarize([quantile(all, 0.95)]),
    target: { of: 'hathi', limit: 'at most', value: 50 },
    note: `the slowest took ${Math.max(...all).toFixed(1)} ms; ${workers} workers that use the processor, ${clients} clients`,
  }));
}

function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
}

interface Cost {
  /** Percent of a core. */
  readonly cpu: number;
  /** MB, that is 10^6 bytes. */
  readonly resident: number;
}

async function costOf(server: Server, seconds: number): Promise<Cost> {
  const before = cpuTimeOf(server.pid);
  const begin = performance.now();
  await delay(seconds * 1000);
  const cpu = (cpuTimeOf(server.pid) - before) / (performance.now() - begin);
  return { cpu: cpu * 100, resident: (memoryOf(server.pid).rss * 2 ** 20) / 1e6 };
}

async function idle(plan: Plan): Promise<Figure[]> {
  const lines = `pm.max_children = ${workersEach}`;
  const start = () =>
    startServer({
      engine: 'native',
      startCap: 120_000,
      pools: (folder) =>
        `admin.listen = ${folder.join('run/admin.sock')}\n` +
        Array.from({ length: pools }, (_, index) => poolText(folder, `p${index}`, lines)).join(''),
    });
  // The first start of these sources compiles them, and what that needs would be counted with the master.
  await (await start())[Symbol.asyncDispose]();
  await using server = await start();
  // Garbage left by the start does not belong to an idle master.
  await delay(5000);
  const costs: Cost[] = [];
  for (let round = 0; round < atMost(3, plan); round++) costs.push(await costOf(server, 15));
  const label = `master with ${pools} pools and ${pools * workersEach} idle workers`;
  return [
    {
      label: `${label}: CPU`,
      unit: '% of a core',
      hathi: summarize(costs.map(({ cpu }) => cpu)),
      target: { of: 'hathi', limit: 'at most', value: 1 },
    },
    {
      label: `${label}: resident memory`,
      unit: 'MB',
      hathi: summarize(costs.map(({ resident }) => resident)),
      target: { of: 'hathi', limit: 'at most', value: 110 },
    },
  ];
}

export const observability: Workload = {
  name: 'observability',
  title: 'The admin endpoint at saturation, and an idle master with many workers (native engine)',
  obstacle: () => nativeBuild().skip || undefined,
  async measure(plan) {
    return [...(await underLoad(plan)), ...(await idle(plan))];
  },
};
