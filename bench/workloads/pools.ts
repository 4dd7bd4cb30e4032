/** Pools by the hundred, as on a shared host: one a site, mostly ondemand, mostly idle. */
import { setTimeout as delay } from 'node:timers/promises';
import { scriptParams } from '../../tests/harness/fastcgi.ts';
import type { TestFolder } from '../../tests/harness/folder.ts';
import { startLoad } from '../../tests/harness/load.ts';
import { poolText } from '../../tests/harness/pool.ts';
import { Server, type ServerKind } from '../../tests/harness/server.ts';
import { preciseCpuTimeOfTree } from '../lib/cpu-time.ts';
import type { Figure, Target } from '../lib/figure.ts';
import { hasPhpFpm } from '../lib/machine.ts';
import { memoryOfTree } from '../lib/memory.ts';
import { interleaveKinds } from '../lib/pair.ts';
import { requestBytes, timeOnce } from '../lib/requests.ts';
import { median } from '../lib/statistics.ts';
import { atMost, type Workload } from '../lib/workload.ts';

/** The longest that so many pools may take to start, in ms. */
const startCap = 120_000;
const idleSeconds = 5;
/** Number of pools that are asked one after the other. */
const firstOnes = 10;
const gapMs = 200;
const readyLine = /ready to handle connections$/;

interface Measured {
  readonly ready: number;
  readonly memory: number;
  readonly idleCpu: number;
  readonly laterCpu: number;
  readonly reload: number;
  readonly slowest: number;
  readonly cold: number;
  readonly spaced: number;
  readonly row: number;
}

type Goals = Partial<Record<keyof Measured, Target>>;

const atMostOwn = (value: number): Target => ({ of: 'hathi', limit: 'at most', value });

const siteName = (index: number): string => `site${index}`;

function ondemandPools(count: number): (folder: TestFolder) => string {
  return (folder) =>
    Array.from({ length: count }, (_, index) => poolText(folder, siteName(index), 'pm = ondemand')).join('');
}

/** CPU of the tree while nothing happens, in per cent of a core. */
async function idleCpu(server: Server): Promise<number> {
  const before = preciseCpuTimeOfTree(server.pid);
  await delay(idleSeconds * 1000);
  return (preciseCpuTimeOfTree(server.pid) - before) / (idleSeconds * 10);
}

/** First requests of some pools, one after the other with a pause in between: the median. */
async function firstRequests(server: Server, request: Buffer, from: number, gapMs: number): Promise<number> {
  const times: number[] = [];
  for (let index = from; index < from + firstOnes; index++) {
    times.push(await timeOnce(server.socket(siteName(index)), request, 'hello'));
    if (gapMs > 0) await delay(gapMs);
  }
  return median(times);
}

/** A reload while somebody asks one of the pools all the time. */
async function reloadUnderWay(server: Server, script: string): Promise<Pick<Measured, 'reload' | 'slowest'>> {
  const load = startLoad({
    clients: 1,
    address: server.socket(siteName(0)),
    params: scriptParams(script),
    body: 'hello',
  });
  const from = server.log.mark();
  const begin = performance.now();
  server.signal('SIGUSR2');
  await server.log.waitFor(readyLine, from, startCap);
  const reload = performance.now() - begin;
  const { longest, counts } = await load.stop();
  // php-fpm's reload loses some: they are no measure of its time.
  if (server.kind === 'hathi' && Object.keys(counts).some((outcome) => outcome !== 'ok'))
    throw new Error(`requests were lost in the reload: ${JSON.stringify(counts)}`);
  return { reload, slowest: longest };
}

async function measureOnce(kind: ServerKind, count: number): Promise<Measured> {
  const begin = performance.now();
  await using server = new Server({ kind, pools: ondemandPools(count), engine: 'native' });
  await server.ready(0, startCap);
  const ready = performance.now() - begin;
  const script = server.folder.write('www/hello.php', '<?php echo "hello";');
  const memory = memoryOfTree(server.pid).pss;
  const cpu = await idleCpu(server);
  const laterCpu = await idleCpu(server);
  const once = requestBytes(script, { keep: false });
  const cold = await timeOnce(server.socket(siteName(1)), once, 'hello');
  await delay(gapMs);
  const spaced = await firstRequests(server, once, 2, gapMs);
  const row = await firstRequests(server, once, 2 + firstOnes, 0);
  return {
    ready,
    memory,
    idleCpu: cpu,
    laterCpu,
    cold,
    spaced,
    row,
    ...(await reloadUnderWay(server, script)),
  };
}

function poolsWorkload(count: number, goals: Goals): Workload {
  return {
    name: `pools-${count}`,
    title: `${count} ondemand pools that nobody has used yet, native engine`,
    async measure(plan) {
      const kinds: ServerKind[] = hasPhpFpm() ? ['hathi', 'php-fpm'] : ['hathi'];
      const found = await interleaveKinds(atMost(3, plan), kinds, (kind) => measureOnce(kind, count));
      const figure = (name: keyof Measured, label: string, unit: string): Figure => ({
        label,
        unit,
        ...found[name],
        ...(goals[name] === undefined ? {} : { target: goals[name] }),
      });
      return [
        figure('ready', 'start until ready', 'ms'),
        figure('memory', 'PSS of all processes, idle', 'MiB'),
        figure('idleCpu', 'CPU of all processes, idle, first 5 s', '%'),
        figure('laterCpu', 'the same, next 5 s', '%'),
        figure('reload', 'reload until ready', 'ms'),
        figure('slowest', 'slowest request meanwhile', 'ms'),
        figure('cold', 'first request after the start', 'ms'),
        figure('spaced', `first requests of ${firstOnes} pools, ${gapMs} ms apart`, 'ms'),
        figure('row', 'the same without a pause', 'ms'),
      ];
    },
  };
}

/** At most 1.5 times of what php-fpm needs for its first one. */
const cold: Target = { of: 'ratio', limit: 'at most', value: 1.5 };

export const pools: readonly Workload[] = [
  poolsWorkload(100, {
    ready: atMostOwn(600),
    memory: atMostOwn(110),
    idleCpu: atMostOwn(0.3),
    laterCpu: atMostOwn(0.3),
    reload: atMostOwn(300),
    slowest: atMostOwn(50),
    cold,
    spaced: cold,
    row: cold,
  }),
  poolsWorkload(500, {
    ready: atMostOwn(1000),
    memory: atMostOwn(130),
    idleCpu: atMostOwn(0.5),
    laterCpu: atMostOwn(0.5),
    reload: atMostOwn(600),
    slowest: atMostOwn(50),
    cold,
    spaced: cold,
    row: cold,
  }),
  poolsWorkload(2000, {
    ready: atMostOwn(3000),
    memory: atMostOwn(200),
    idleCpu: atMostOwn(1),
    laterCpu: atMostOwn(1),
    reload: atMostOwn(2000),
    slowest: atMostOwn(50),
    cold,
    spaced: cold,
    row: cold,
  }),
];
