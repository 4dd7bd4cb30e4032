/** The native engine: how long what is not there yet takes, and how long others make a request wait. */
import { setTimeout as delay } from 'node:timers/promises';
import type { PoolConfig } from '../../src/config/directives.ts';
import { nativeCommand } from '../../src/engine/native/locate.ts';
import { FakeMaster } from '../../tests/embedded/fake-master.ts';
import { poolText } from '../../tests/harness/pool.ts';
import { type Server, startServer } from '../../tests/harness/server.ts';
import { poll } from '../../tests/harness/waiting.ts';
import { nativeBuild } from '../../tests/native/built-engine.ts';
import { Connection } from '../lib/connection.ts';
import { Pair } from '../lib/pair.ts';
import { requestBytes, timeOnce } from '../lib/requests.ts';
import { summarize } from '../lib/statistics.ts';
import { atMost, type Workload } from '../lib/workload.ts';

const keptClients = 8;
const freshRequests = 40;

/** A request to a pool whose only worker was idle for too long: while one server waits for that, the other does. */
async function coldRequest(server: Server): Promise<number> {
  const request = requestBytes(server.folder.join('www/hello.php'), { keep: false });
  const atRest = server.kind === 'hathi' ? 1 : 0;
  await poll('the end of the worker', () => server.workers().length === atRest || undefined);
  // Both masters have to see that end and watch the socket again.
  await delay(20);
  return await timeOnce(server.socket(), request, 'hello');
}

/** The longest that a request waited while idle connections were kept to more clients than there are workers. */
async function longestBesideKept(): Promise<number> {
  const pools = 'pm.max_children = 4';
  await using server = await startServer({
    kind: 'hathi',
    engine: 'native',
    pools: (folder) => poolText(folder, 'www', pools),
  });
  const script = server.folder.write('www/hello.php', '<?php echo "hello";');
  const socket = server.socket();
  let longest = 0;
  for (let i = 0; i < freshRequests; i++) {
    const kept = await Promise.all(Array.from({ length: keptClients }, () => Connection.open(socket)));
    for (const connection of kept) await connection.exchange(requestBytes(script));
    longest = Math.max(longest, await timeOnce(socket, requestBytes(script, { keep: false }), 'hello'));
    for (const connection of kept) connection[Symbol.dispose]();
  }
  return longest;
}

/** From the spawn of a host, with the ini files of the system's PHP, to the moment its first worker accepts. */
async function hostStart(): Promise<number> {
  const built = nativeBuild();
  const found = nativeCommand({ name: 'www' } as PoolConfig, [built.folder]);
  if (found === undefined) throw new Error(`no native engine in "${built.folder}"`);
  const { main, scanned } = { main: [], scanned: [], ...found.iniFiles };
  const settings = [...main, ...scanned].map((file) => ['php.ini', file] as const);
  const begin = performance.now();
  await using host = await FakeMaster.ready({ command: built.command, slots: 1, settings });
  host.send(['accept']);
  await host.startWorker(0);
  return performance.now() - begin;
}

export const nativeStart: Workload = {
  name: 'native-start',
  title: 'Native engine: starts, and waiting beside kept connections',
  async measure(plan) {
    const starts: number[] = [];
    const waits: number[] = [];
    for (let round = 0; round <= atMost(5, plan); round++) starts.push(await hostStart());
    for (let round = 0; round < atMost(3, plan); round++) waits.push(await longestBesideKept());
    await using pair = await Pair.start(
      (folder) => poolText(folder, 'www', 'pm = ondemand\npm.process_idle_timeout = 1s'),
      (folder) => folder.write('www/hello.php', '<?php echo "hello";'),
      'native',
    );
    const { cold } = await pair.compare(2 * plan.rounds, async (server) => ({
      cold: await coldRequest(server),
    }));
    return [
      {
        label: 'cold request of an ondemand pool',
        unit: 'ms',
        ...cold,
        target: { of: 'ratio', limit: 'at most', value: 1 },
      },
      {
        label: 'spawn of the host to its first worker',
        unit: 'ms',
        hathi: summarize(starts.slice(1)),
        target: { of: 'hathi', limit: 'at most', value: 40 },
      },
      {
        label: 'longest wait beside idle kept connections',
        unit: 'ms',
        hathi: summarize(waits),
        target: { of: 'hathi', limit: 'at most', value: 100 },
        note: `4 workers, ${keptClients} clients that keep theirs; php-fpm's would wait for one of them to close`,
      },
    ];
  },
};
