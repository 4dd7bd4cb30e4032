/** Pools beside ondemand ones: one pool, a hundred with workers, the OPcache of each, and one that changes among many. */
import { setTimeout as delay } from 'node:timers/promises';
import { askAdmin } from '../../tests/admin/client.ts';
import type { TestFolder } from '../../tests/harness/folder.ts';
import { poolText } from '../../tests/harness/pool.ts';
import { Server, type ServerKind } from '../../tests/harness/server.ts';
import type { Target } from '../lib/figure.ts';
import { hasPhpFpm } from '../lib/machine.ts';
import { memoryOfTree } from '../lib/memory.ts';
import { interleaveKinds } from '../lib/pair.ts';
import { requestBytes, timeOnce } from '../lib/requests.ts';
import { summarize } from '../lib/statistics.ts';
import { atMost, type Workload } from '../lib/workload.ts';

const startCap = 120_000;
const kinds = (): ServerKind[] => (hasPhpFpm() ? ['hathi', 'php-fpm'] : ['hathi']);
const most = (value: number): Target => ({ of: 'hathi', limit: 'at most', value });

/** A server, and milliseconds until it was ready. */
async function started(
  kind: ServerKind,
  pools: (folder: TestFolder) => string,
): Promise<{ server: Server; ready: number }> {
  const begin = performance.now();
  const server = new Server({ kind, pools, engine: 'native' });
  try {
    await server.ready(0, startCap);
    return { server, ready: performance.now() - begin };
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

export const onePool: Workload = {
  name: 'pools-one',
  title: 'One pool with one worker, native engine',
  async measure(plan) {
    // The first start of new sources compiles them.
    await (await started('hathi', (folder) => poolText(folder)))['server'][Symbol.asyncDispose]();
    const { ready } = await interleaveKinds(plan.rounds, kinds(), async (kind) => {
      const one = await started(kind, (folder) => poolText(folder));
      await using _ = one.server;
      return { ready: one.ready };
    });
    return [{ label: 'start of the program until ready', unit: 'ms', ...ready, target: most(350) }];
  },
};

const dynamicPools = 100;

export const poolsDynamic: Workload = {
  name: 'pools-dynamic',
  title: `${dynamicPools} dynamic pools with 2 workers each, native engine`,
  async measure(plan) {
    const lines =
      'pm = dynamic\npm.max_children = 2\npm.start_servers = 2\npm.min_spare_servers = 1\npm.max_spare_servers = 2';
    const { ready, memory } = await interleaveKinds(atMost(3, plan), kinds(), async (kind) => {
      const one = await started(kind, (folder) =>
        Array.from({ length: dynamicPools }, (_, index) => poolText(folder, `site${index}`, lines)).join(''),
      );
      await using server = one.server;
      return { ready: one.ready, memory: memoryOfTree(server.pid).pss };
    });
    return [
      { label: 'start until ready', unit: 'ms', ...ready, target: most(1500) },
      {
        label: 'PSS of all processes, no request yet',
        unit: 'MiB',
        ...memory,
        target: most(1024),
        note: 'a host and an OPcache for each pool; php-fpm has one OPcache for all',
      },
    ];
  },
};

const activePools = 20;

export const poolsOpcache: Workload = {
  name: 'pools-opcache',
  title: `PSS of an active pool: ${activePools} ondemand pools, each asked once, native engine`,
  async measure(plan) {
    const { memory } = await interleaveKinds(atMost(3, plan), kinds(), async (kind) => {
      const one = await started(kind, (folder) =>
        Array.from({ length: activePools }, (_, index) =>
          poolText(folder, `site${index}`, 'pm = ondemand'),
        ).join(''),
      );
      await using server = one.server;
      const request = requestBytes(server.folder.write('www/hello.php', '<?php echo "hello";'), {
        keep: false,
      });
      const before = memoryOfTree(server.pid).pss;
      for (let index = 0; index < activePools; index++)
        await timeOnce(server.socket(`site${index}`), request, 'hello');
      return { memory: (memoryOfTree(server.pid).pss - before) / activePools };
    });
    const { hathi, phpFpm } = memory;
    const over = hathi.median - (phpFpm?.median ?? 0);
    return [
      { label: 'a pool with one worker', unit: 'MiB', ...memory },
      ...(phpFpm === undefined
        ? []
        : [{ label: 'more than php-fpm', unit: 'MiB', hathi: summarize([over]), target: most(7) }]),
    ];
  },
};

const manyPools = 2000;

/** One file a pool, as panels write them. */
function writePool(folder: TestFolder, index: number, more = ''): void {
  folder.write(`pool.d/site${index}.conf`, poolText(folder, `site${index}`, `pm = ondemand\n${more}`));
}

export const poolsChanged: Workload = {
  name: 'pools-changed',
  title: `hathi reload --changed: one of ${manyPools} ondemand pools has changed, native engine`,
  async measure(plan) {
    const { server } = await started('hathi', (folder) => {
      folder.mkdir('pool.d');
      for (let index = 0; index < manyPools; index++) writePool(folder, index);
      return `[global]\nadmin.listen = ${folder.join('run/admin.sock')}\ninclude = ${folder.join('pool.d')}/*.conf\n`;
    });
    await using _ = server;
    await delay(2000);
    const times: number[] = [];
    for (let round = 0; round <= plan.rounds; round++) {
      writePool(server.folder, 7, `pm.max_children = ${round + 2}\n`);
      const begin = performance.now();
      const { body } = await askAdmin({
        socketPath: server.folder.join('run/admin.sock'),
        path: '/api/reload?wait=1&changed=1',
        method: 'POST',
      });
      times.push(performance.now() - begin);
      const { outcome, unchanged } = JSON.parse(body) as { outcome: string; unchanged: string[] };
      if (outcome !== 'succeeded' || unchanged.length !== manyPools - 1)
        throw new Error(`the reload left ${unchanged.length} pools alone: ${outcome}`);
      await delay(200);
    }
    // The first one runs code that is not compiled yet.
    return [{ label: 'reload until done', unit: 'ms', hathi: summarize(times.slice(1)), target: most(100) }];
  },
};
