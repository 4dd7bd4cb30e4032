/** The native engine and the smallest script: what a request costs beside PHP, through nginx and without it. */
import { poolText } from '../../tests/harness/pool.ts';
import type { Server } from '../../tests/harness/server.ts';
import { cpuTimeBelow } from '../lib/cpu-time.ts';
import type { Target } from '../lib/figure.ts';
import { Front } from '../lib/front.ts';
import { Pair } from '../lib/pair.ts';
import { requestBytes, sendStream } from '../lib/requests.ts';
import type { Workload } from '../lib/workload.ts';
import { sendWebLoad, withoutWebLoad } from '../lib/wrk.ts';

/** Requests a second, and microseconds of CPU of the PHP processes for one. */
interface Cost {
  readonly rate: number;
  readonly cpu: number;
}

async function costOf(
  server: Server,
  load: () => Promise<{ count: number; perSecond: number }>,
): Promise<Cost> {
  const before = cpuTimeBelow(server.pid);
  const { count, perSecond } = await load();
  return { rate: perSecond, cpu: (cpuTimeBelow(server.pid) - before) / count };
}

const startPair = (): Promise<Pair> =>
  Pair.start(
    (folder) =>
      poolText(folder, 'www', 'pm.max_children = 4') + poolText(folder, 'many', 'pm.max_children = 16'),
    (folder) => folder.write('www/hello.php', '<?php echo "hello";'),
    'native',
  );

const atLeast = (value: number): Target => ({ of: 'ratio', limit: 'at least', value });
const atMost = (value: number): Target => ({ of: 'ratio', limit: 'at most', value });

export const nativeHello: Workload = {
  name: 'native-hello',
  title: 'Native engine: hello world through nginx (4 workers; kept connections: 16)',
  obstacle: withoutWebLoad,
  async measure({ rounds, seconds }) {
    await using pair = await startPair();
    await using front = await Front.start(pair.servers, {
      fresh: { pool: 'www', root: 'www' },
      kept: { pool: 'many', root: 'www', keep: 16 },
    });
    const result = await pair.compare(rounds, async (server) => {
      const through = (route: 'fresh' | 'kept', connections: number): Promise<Cost> =>
        costOf(server, () =>
          sendWebLoad({ url: front.url(server, route, 'hello.php'), connections, seconds }),
        );
      const one = await through('fresh', 1);
      const few = await through('fresh', 16);
      const many = await through('fresh', 64);
      const kept = await through('kept', 16);
      return {
        one: one.rate,
        few: few.rate,
        fewCpu: few.cpu,
        many: many.rate,
        manyCpu: many.cpu,
        kept: kept.rate,
        keptCpu: kept.cpu,
      };
    });
    const { one, few, fewCpu, many, manyCpu, kept, keptCpu } = result;
    return [
      { label: '1 connection', unit: 'req/s', ...one },
      { label: '16 connections', unit: 'req/s', ...few, target: atLeast(1.4) },
      { label: '64 connections', unit: 'req/s', ...many, target: atLeast(1.5) },
      { label: '16 connections, CPU of PHP a request', unit: 'us', ...fewCpu, target: atMost(0.6) },
      { label: '64 connections, CPU of PHP a request', unit: 'us', ...manyCpu, target: atMost(0.6) },
      { label: 'fastcgi_keep_conn, 16 connections', unit: 'req/s', ...kept, target: atLeast(1.2) },
      { label: 'the same, CPU of PHP a request', unit: 'us', ...keptCpu },
    ];
  },
};

export const nativeDirect: Workload = {
  name: 'native-direct',
  title: 'Native engine: hello world over a Unix socket, without a web server (4 workers)',
  async measure({ rounds, seconds }) {
    await using pair = await startPair();
    const result = await pair.compare(rounds, async (server) => {
      const direct = (clients: number, keep: boolean): Promise<Cost> => {
        const request = requestBytes(server.folder.join('www/hello.php'), { keep });
        const stream = { socket: server.socket('www'), request, ending: 'hello', clients, keep, seconds };
        return costOf(server, () => sendStream(stream));
      };
      const one = await direct(1, false);
      const few = await direct(4, false);
      const many = await direct(16, false);
      const kept = await direct(4, true);
      return {
        one: one.rate,
        oneCpu: one.cpu,
        few: few.rate,
        fewCpu: few.cpu,
        many: many.rate,
        manyCpu: many.cpu,
        kept: kept.rate,
        keptCpu: kept.cpu,
      };
    });
    return [
      { label: '1 connection at a time', unit: 'req/s', ...result.one },
      { label: '4', unit: 'req/s', ...result.few },
      { label: '16', unit: 'req/s', ...result.many },
      { label: '4, kept connections', unit: 'req/s', ...result.kept },
      { label: '1 connection at a time, CPU of PHP a request', unit: 'us', ...result.oneCpu },
      { label: '4, CPU of PHP a request', unit: 'us', ...result.fewCpu },
      { label: '16, CPU of PHP a request', unit: 'us', ...result.manyCpu },
      {
        label: '4, kept connections, CPU of PHP a request',
        unit: 'us',
        ...result.keptCpu,
        note: 'the client is one thread of Node, which bounds the rates: compare the CPU',
      },
    ];
  },
};
