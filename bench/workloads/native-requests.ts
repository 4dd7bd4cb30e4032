/**
 * What a request costs beside php-fpm, over restarts of both servers: `--restarts 3 --rounds 10 --seconds 1` takes less
 * than 12 minutes, and gives an interval of each ratio. Two instances of one server differ by up to 8 %.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, get } from 'node:http';
import type { TestFolder } from '../../tests/harness/folder.ts';
import { poolText } from '../../tests/harness/pool.ts';
import type { Server } from '../../tests/harness/server.ts';
import { freePort } from '../../tests/harness/web-server.ts';
import { cpuTimeBelow } from '../lib/cpu-time.ts';
import type { Figure, Target } from '../lib/figure.ts';
import { Front } from '../lib/front.ts';
import { compareGroups, Pair, type Rounds } from '../lib/pair.ts';
import type { Plan, Workload } from '../lib/workload.ts';
import { sendWebLoad, withoutWebLoad } from '../lib/wrk.ts';

const kibibyte = 1024;
const workers = 4;
const keptConnections = 16;
const computing = 2;
/** php-fpm's workers keep their first clients, so that the time makes no difference. */
const servedMs = 200;

const measured = {
  one: '1 connection',
  oneCpu: '1 connection, CPU of PHP a request',
  four: '4 connections',
  fourCpu: '4 connections, CPU of PHP a request',
  sixteen: '16 connections',
  sixteenCpu: '16 connections, CPU of PHP a request',
  many: '64 connections',
  manyCpu: '64 connections, CPU of PHP a request',
  tcp: 'TCP, 16 connections',
  tcpCpu: 'TCP, 16 connections, CPU of PHP a request',
  kept: 'fastcgi_keep_conn, 16 connections, 4 workers',
  keptLate: 'the same, p99',
  keptServed: 'the same, connections that were served',
  beside: '1 connection, beside 2 processes that compute',
  small: 'response of 100 KB, 4 connections',
  large: 'response of 1 MB, 4 connections',
  post: 'POST of 100 KB, 4 connections',
} as const;
type Name = keyof typeof measured;

const atLeast = (value: number): Target => ({ of: 'ratio', limit: 'at least', value });
const atMost = (value: number): Target => ({ of: 'ratio', limit: 'at most', value });

const targets: Partial<Record<Name, Target>> = {
  one: atLeast(1.05),
  oneCpu: atMost(0.7),
  four: atLeast(1.3),
  fourCpu: atMost(0.7),
  sixteen: atLeast(1.4),
  sixteenCpu: atMost(0.6),
  many: atLeast(1.5),
  manyCpu: atMost(0.58),
  tcpCpu: atMost(0.8),
  keptLate: { of: 'hathi', limit: 'at most', value: 5 },
  keptServed: { of: 'hathi', limit: 'at least', value: keptConnections },
  beside: atLeast(1),
  small: atLeast(1.15),
  large: atLeast(1.1),
  post: atLeast(1.05),
};

const unitOf = (name: Name): string =>
  name.endsWith('Cpu') ? 'us' : name === 'keptLate' ? 'ms' : name === 'keptServed' ? '' : 'req/s';

type Routes = 'fresh' | 'tcp' | 'kept';

/** One of the servers, and its ways from nginx. */
interface Side {
  readonly server: Server;
  readonly url: (route: Routes, script: string) => string;
  readonly seconds: number;
}

async function through(
  { server, url, seconds }: Side,
  route: Routes,
  connections: number,
): Promise<{ rate: number; cpu: number; p99: number }> {
  const before = cpuTimeBelow(server.pid);
  const load = { url: url(route, 'hello.php'), connections, seconds, mayStarve: route === 'kept' };
  const { count, perSecond, p99 } = await sendWebLoad(load);
  return { rate: perSecond, cpu: (cpuTimeBelow(server.pid) - before) / count, p99 };
}

/** Clients with a connection each, of which php-fpm's workers serve the first ones only. */
async function servedOf({ url }: Side): Promise<number> {
  const target = url('kept', 'hello.php');
  const signal = AbortSignal.timeout(servedMs);
  const client = async (): Promise<number> => {
    using agent = Object.assign(new Agent({ keepAlive: true, maxSockets: 1 }), {
      [Symbol.dispose](this: Agent) {
        this.destroy();
      },
    });
    let served = 0;
    try {
      while (!signal.aborted) {
        const [response] = await once(get(target, { agent, signal }), 'response', { signal });
        await once(response.resume(), 'end', { signal });
        served += 1;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    return served;
  };
  const counts = await Promise.all(Array.from({ length: keptConnections }, client));
  return counts.filter((count) => count > 0).length;
}

async function besideComputing(side: Side): Promise<number> {
  const children: ChildProcess[] = [];
  try {
    for (let index = 0; index < computing; index++)
      children.push(spawn('/bin/sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' }));
    return (await through(side, 'fresh', 1)).rate;
  } finally {
    for (const child of children) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
  }
}

async function measure(side: Side): Promise<Record<Name, number>> {
  const { url, seconds } = side;
  const one = await through(side, 'fresh', 1);
  const four = await through(side, 'fresh', 4);
  const sixteen = await through(side, 'fresh', 16);
  const many = await through(side, 'fresh', 64);
  const tcp = await through(side, 'tcp', 16);
  const kept = await through(side, 'kept', keptConnections);
  const body = async (script: string, bytes?: number): Promise<number> => {
    const load = { url: url('fresh', script), connections: 4, seconds };
    return (await sendWebLoad(bytes === undefined ? load : { ...load, body: bytes })).perSecond;
  };
  return {
    one: one.rate,
    oneCpu: one.cpu,
    four: four.rate,
    fourCpu: four.cpu,
    sixteen: sixteen.rate,
    sixteenCpu: sixteen.cpu,
    many: many.rate,
    manyCpu: many.cpu,
    tcp: tcp.rate,
    tcpCpu: tcp.cpu,
    kept: kept.rate,
    keptLate: kept.p99,
    keptServed: await servedOf(side),
    beside: await besideComputing(side),
    small: await body('small.php'),
    large: await body('large.php'),
    post: await body('post.php', 100 * kibibyte),
  };
}

function prepare(folder: TestFolder): void {
  folder.write('www/hello.php', '<?php echo "hello";');
  folder.write('www/small.php', `<?php echo str_repeat('x', ${100 * kibibyte});`);
  folder.write('www/large.php', `<?php echo str_repeat('x', ${kibibyte * kibibyte});`);
  folder.write('www/post.php', '<?php echo strlen(file_get_contents("php://input"));');
}

async function afterRestart({ rounds, seconds }: Plan): Promise<Rounds<Name>> {
  const ports = new Map<string, number>();
  const free = [await freePort(), await freePort()];
  const portOf = (folder: TestFolder): number => {
    const port = ports.get(folder.path) ?? free[ports.size] ?? 0;
    ports.set(folder.path, port);
    return port;
  };
  const size = `pm.max_children = ${workers}`;
  await using pair = await Pair.start(
    (folder) =>
      poolText(folder, 'www', size) +
      poolText(folder, 'tcp', `${size}\nlisten = 127.0.0.1:${portOf(folder)}`) +
      poolText(folder, 'kept', size),
    prepare,
    'native',
  );
  await using front = await Front.start(pair.servers, {
    fresh: { pool: 'www', root: 'www' },
    tcp: { pool: 'tcp', root: 'www', port: (server) => portOf(server.folder) },
    kept: { pool: 'kept', root: 'www', keep: keptConnections },
  });
  const sideOf = (server: Server): Side => ({
    server,
    seconds,
    url: (route, script) => front.url(server, route, script),
  });
  return await pair.collect(
    rounds,
    (server) => measure(sideOf(server)),
    async (server) => {
      for (const route of ['fresh', 'tcp', 'kept'] as const) await through(sideOf(server), route, 16);
    },
  );
}

export const nativeRequests: Workload = {
  name: 'native-requests',
  title: 'Native engine: a request through nginx, 4 workers, over restarts (--restarts) of both servers',
  obstacle: withoutWebLoad,
  async measure(plan) {
    const groups: Rounds<Name>[] = [];
    for (let restart = 0; restart < plan.restarts; restart++) groups.push(await afterRestart(plan));
    const found = compareGroups(groups);
    return (Object.keys(measured) as Name[]).map(
      (name): Figure => ({
        label: measured[name],
        unit: unitOf(name),
        ...found[name],
        ...(targets[name] === undefined ? {} : { target: targets[name] }),
      }),
    );
  },
};
