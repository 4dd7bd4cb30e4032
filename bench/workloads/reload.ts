/** A reload by USR2 of eight workers with sixteen clients: how long, and what the clients notice. */
import { setTimeout as delay } from 'node:timers/promises';
import { scriptParams } from '../../tests/harness/fastcgi.ts';
import { type LoadResult, startLoad } from '../../tests/harness/load.ts';
import { poolText } from '../../tests/harness/pool.ts';
import type { Server } from '../../tests/harness/server.ts';
import { interleave, Pair } from '../lib/pair.ts';
import { atMost, type Workload } from '../lib/workload.ts';

const workers = 8;
const clients = 16;

/** Waits in small steps: PHP's sleep() ends early when a signal arrives. */
const waiting = `<?php
for ($end = microtime(true) + 0.1; microtime(true) < $end;) usleep(5000);
echo 'short';`;

/** The slowest request and the lost ones while something happens. */
async function underLoad(server: Server, during: () => Promise<void>): Promise<LoadResult> {
  const params = scriptParams(server.folder.join('www/waiting.php'));
  const load = startLoad({ clients, address: server.socket(), params, body: 'short' });
  try {
    await during();
  } finally {
    await load.stop();
  }
  return await load.stop();
}

function lost({ counts }: LoadResult): number {
  return Object.entries(counts).reduce((sum, [outcome, count]) => (outcome === 'ok' ? sum : sum + count), 0);
}

async function timedReload(server: Server): Promise<number> {
  const begin = performance.now();
  const from = server.log.mark();
  server.signal('SIGUSR2');
  await server.log.waitFor(/ready to handle connections$/, from, 30_000);
  return performance.now() - begin;
}

export const reload: Workload = {
  name: 'reload',
  title: `Reload of ${workers} workers, ${clients} clients with requests of 100 ms`,
  async measure(plan) {
    await using pair = await Pair.start(
      (folder) => poolText(folder, 'www', `pm.max_children = ${workers}`),
      (folder) => folder.write('www/waiting.php', waiting),
    );
    const calmTime = 1000 * Math.min(1, plan.seconds * 2);
    const result = await interleave(atMost(2, plan), pair.servers, async (server) => {
      const idle = await timedReload(server);
      const calm = await underLoad(server, () => delay(calmTime));
      let busy = 0;
      const load = await underLoad(server, async () => {
        busy = await timedReload(server);
        // Requests that the old generation had accepted end now.
        await delay(calmTime / 4);
      });
      return { idle, busy, calm: calm.longest, longest: load.longest, lost: lost(load) };
    });
    return [
      { label: 'USR2 to ready, no clients', unit: 'ms', ...result.idle },
      { label: 'USR2 to ready, with clients', unit: 'ms', ...result.busy },
      { label: 'slowest request, no reload', unit: 'ms', ...result.calm },
      {
        label: 'slowest request over the reload',
        unit: 'ms',
        ...result.longest,
        target: { of: 'hathi', limit: 'at most', value: Math.round(result.calm.hathi.median + 200) },
        note: 'the target is 200 ms over the slowest one without a reload',
      },
      // A ratio to nothing is none.
      {
        label: 'lost requests',
        unit: '',
        hathi: result.lost.hathi,
        ...(result.lost.phpFpm === undefined ? {} : { phpFpm: result.lost.phpFpm }),
        target: { of: 'hathi', limit: 'at most', value: 0 },
      },
    ];
  },
};
