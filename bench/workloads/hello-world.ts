/** The smallest script: what a request costs beside PHP. */
import { poolText } from '../../tests/harness/pool.ts';
import type { Server } from '../../tests/harness/server.ts';
import { cpuTimeOfTree } from '../lib/cpu-time.ts';
import type { Comparison } from '../lib/figure.ts';
import { Pair } from '../lib/pair.ts';
import { type Rate, requestBytes, sendStream } from '../lib/requests.ts';
import { summarize } from '../lib/statistics.ts';
import type { Workload } from '../lib/workload.ts';

interface Load {
  readonly pool: string;
  readonly clients: number;
  readonly keep: boolean;
}

/** A rate with the CPU time that the server used for a request, in milliseconds. */
type Cost = Rate & { readonly cpu: number };

async function send(server: Server, { pool, clients, keep }: Load, seconds: number): Promise<Cost> {
  const request = requestBytes(server.folder.join('www/hello.php'), { keep });
  const before = cpuTimeOfTree(server.pid);
  const rate = await sendStream({
    socket: server.socket(pool),
    request,
    ending: 'hello',
    clients,
    keep,
    seconds,
  });
  return { ...rate, cpu: (cpuTimeOfTree(server.pid) - before) / rate.count };
}

/**
 * Until the code of PHP and of the host is compiled for good: in its first seconds the embedded engine spends as much
 * on that as on requests. A server that runs for a day does not notice it; what the start is like stands beside it.
 * In lengths of a measurement.
 */
const warmUp = { two: 18, one: 6 };

/** @returns requests a second right after the start */
async function warm(server: Server, seconds: number): Promise<number> {
  const clients = clientsOf(server);
  const { perSecond } = await send(server, { pool: 'two', clients, keep: true }, seconds);
  await send(server, { pool: 'two', clients, keep: true }, seconds * warmUp.two);
  await send(server, { pool: 'one', clients: 1, keep: true }, seconds * warmUp.one);
  return perSecond;
}

/** A worker of php-fpm belongs to its connection as long as that is kept: more clients would wait forever. */
function clientsOf(server: Server): number {
  return server.kind === 'hathi' ? 8 : 2;
}

/** Of what was measured once. */
function once(servers: readonly Server[], values: ReadonlyMap<Server, number>): Comparison {
  const [hathi, phpFpm] = servers.map((server) => summarize([values.get(server) ?? Number.NaN]));
  return { hathi: hathi!, ...(phpFpm === undefined ? {} : { phpFpm }) };
}

export const helloWorld: Workload = {
  name: 'hello',
  title: 'Hello world over a Unix socket',
  async measure({ rounds, seconds }) {
    await using pair = await Pair.start(
      (folder) => poolText(folder, 'one') + poolText(folder, 'two', 'pm.max_children = 2'),
      (folder) => folder.write('www/hello.php', '<?php echo "hello";'),
    );
    const cold = new Map<Server, number>();
    for (const server of pair.servers) cold.set(server, await warm(server, seconds));
    const result = await pair.compare(rounds, async (server) => {
      const kept = await send(server, { pool: 'one', clients: 1, keep: true }, seconds);
      const fresh = await send(server, { pool: 'one', clients: 1, keep: false }, seconds);
      const clients = clientsOf(server);
      const both = await send(server, { pool: 'two', clients, keep: true }, seconds);
      const bothFresh = await send(server, { pool: 'two', clients: 8, keep: false }, seconds);
      return {
        kept: kept.median,
        fresh: fresh.median,
        rate: both.perSecond,
        rateFresh: bothFresh.perSecond,
        cpu: both.cpu,
      };
    });
    return [
      {
        label: 'one client, connection kept',
        unit: 'ms',
        ...result.kept,
        target: { of: 'hathi', limit: 'at most', value: 0.3 },
      },
      { label: 'one client, a connection each', unit: 'ms', ...result.fresh },
      {
        label: 'two workers, connections kept',
        unit: 'req/s',
        ...result.rate,
        target: { of: 'hathi', limit: 'at least', value: 6000 },
        note: '8 clients; php-fpm 2, because a kept connection holds its worker',
      },
      {
        label: 'the same, right after the start',
        unit: 'req/s',
        ...once(pair.servers, cold),
      },
      { label: 'CPU time a request meanwhile', unit: 'ms', ...result.cpu },
      { label: 'two workers, 8 clients, a connection each', unit: 'req/s', ...result.rateFresh },
    ];
  },
};
