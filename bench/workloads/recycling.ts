/** The effect of worker renewal on requests: the slowest ones with and without pm.max_requests. */
import { setTimeout as delay } from 'node:timers/promises';
import { poolText } from '../../tests/harness/pool.ts';
import type { Server } from '../../tests/harness/server.ts';
import { interleave, Pair } from '../lib/pair.ts';
import { requestBytes, timeOnce } from '../lib/requests.ts';
import { quantile } from '../lib/statistics.ts';
import { atMost, type Workload } from '../lib/workload.ts';

const maxRequests = 50;
/** Requests a second: a worker is renewed every half second, as on a site with 2000 requests a second and 10 000 as the limit. */
const pace = 100;
/** A share of 1 % is seen only when there are several hundred. */
const secondsPerPhase = 5;

/**
 * Requests at a fixed pace, each on a connection of its own. The time runs from the moment at which a request was
 * due, so one that held up those behind it counts for all of them.
 */
async function pacedTimes(server: Server, pool: string, seconds: number): Promise<number[]> {
  const request = requestBytes(server.folder.join('www/hello.php'), { keep: false });
  const begin = performance.now();
  const count = Math.max(1, Math.round(seconds * pace));
  const send = async (index: number): Promise<number> => {
    const due = begin + (index * 1000) / pace;
    await delay(Math.max(1, due - performance.now()));
    const late = performance.now() - due;
    // The timer of this process is late by a millisecond or so; that is not the server's doing.
    return (await timeOnce(server.socket(pool), request, 'hello')) + Math.max(0, late - 1);
  };
  return await Promise.all(Array.from({ length: count }, (_, index) => send(index)));
}

export const recycling: Workload = {
  name: 'recycling',
  title: `Renewal of workers under load: ${pace} requests a second, 2 workers`,
  async measure(plan) {
    const { seconds } = plan;
    await using pair = await Pair.start(
      (folder) =>
        poolText(folder, 'never', 'pm.max_children = 2') +
        poolText(folder, 'often', `pm.max_children = 2\npm.max_requests = ${maxRequests}`),
      (folder) => folder.write('www/hello.php', '<?php echo "hello";'),
    );
    const length = secondsPerPhase * Math.min(1, seconds * 2);
    for (const server of pair.servers) await pacedTimes(server, 'never', length / 5);
    const result = await interleave(atMost(2, plan), pair.servers, async (server) => {
      const never = await pacedTimes(server, 'never', length);
      const often = await pacedTimes(server, 'often', length);
      return {
        never: quantile(never, 0.99),
        often: quantile(often, 0.99),
        neverWorst: Math.max(...never),
        oftenWorst: Math.max(...often),
      };
    });
    return [
      { label: 'p99, never renewed', unit: 'ms', ...result.never },
      { label: `p99, pm.max_requests = ${maxRequests}`, unit: 'ms', ...result.often },
      { label: 'slowest, never renewed', unit: 'ms', ...result.neverWorst },
      {
        label: `slowest, pm.max_requests = ${maxRequests}`,
        unit: 'ms',
        ...result.oftenWorst,
        target: { of: 'hathi', limit: 'at most', value: 110 },
        note: 'below the boot of a worker, so no request waited for one',
      },
    ];
  },
};
