/** `hathi upgrade` under clients: how much later than usual a request is answered while one master follows another. */
import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { upgradeCommand } from '../../src/cli/watch/upgrade.ts';
import { Masters } from '../../tests/harness/masters.ts';
import { poolText } from '../../tests/harness/pool.ts';
import { poll } from '../../tests/harness/waiting.ts';
import type { Figure } from '../lib/figure.ts';
import { requestBytes, timeOnce } from '../lib/requests.ts';
import { quantile, summarize } from '../lib/statistics.ts';
import { atMost, type Workload } from '../lib/workload.ts';

const workers = 8;

/** Waits in small steps: what delays it is the upgrade, or the queue. */
const waits = (ms: number): string =>
  `<?php for ($end = microtime(true) + ${ms / 1000}; microtime(true) < $end;) usleep(1000); echo 'done';`;
const calculates = '<?php for ($i = 0, $x = 0; $i < 600000; $i++) $x = $i * 3; echo "done";';

/** Workers that are free, two clients for each worker, and as much computing as two cores can do. */
const loads = [
  { name: 'free', code: waits(20), clients: 2, label: '2 clients, 20 ms' },
  { name: 'queue', code: waits(100), clients: 2 * workers, label: `${2 * workers} clients, 100 ms` },
  { name: 'cpu', code: calculates, clients: 2, label: '2 clients that compute' },
] as const;

/** Until the requests that it could have delayed are answered. */
const tailMs = 300;

/** Milliseconds of each request that is under way while something happens. @throws Error for one that is lost */
async function timesDuring(
  masters: Masters,
  { name, clients }: (typeof loads)[number],
  act: () => Promise<unknown>,
): Promise<number[]> {
  const request = requestBytes(masters.folder.join(`www/${name}.php`), { keep: false });
  const times: number[] = [];
  let isOver = false;
  const client = async (): Promise<void> => {
    while (!isOver) times.push(await timeOnce(masters.socket(), request, 'done'));
  };
  const all = Promise.all(Array.from({ length: clients }, client));
  try {
    await act();
  } finally {
    isOver = true;
  }
  await all;
  return times;
}

/** @returns milliseconds until the next master serves */
async function upgrade(masters: Masters): Promise<number> {
  const before = masters.pidInFile();
  const begin = performance.now();
  const io = { stdout: new PassThrough(), stderr: new PassThrough() };
  const env = { HATHI_RUNTIME_DIR: masters.folder.join('runtime') };
  const code = await upgradeCommand(['-y', masters.configFile], { ...io, env });
  const took = performance.now() - begin;
  if (code !== 0) throw new Error(`hathi upgrade ended with ${code}: ${io.stderr.read()}`);
  if (masters.pidInFile() === before) throw new Error('the master is the same');
  masters.noteRoot(masters.pidInFile());
  return took;
}

export const upgrades: Workload = {
  name: 'upgrade',
  title: `hathi upgrade of ${workers} workers under clients, native engine`,
  async measure(plan) {
    await using masters = new Masters('native', (to) => poolText(to, 'www', `pm.max_children = ${workers}`));
    for (const { name, code } of loads) masters.folder.write(`www/${name}.php`, code);
    // A master in the foreground gives way below a service manager only.
    await masters.start(60_000, { NOTIFY_SOCKET: '/nonexistent' });
    await poll('workers', async () => (await masters.pool()).workers.length === workers || undefined, 20_000);
    const figures: Figure[] = [];
    for (const load of loads) {
      const rounds = {
        took: [] as number[],
        slowest: [] as number[],
        p99: [] as number[],
        calm: [] as number[],
      };
      for (let round = 0; round < atMost(5, plan); round += 1) {
        let took = 0;
        const during = await timesDuring(masters, load, async () => {
          took = await upgrade(masters);
          await delay(tailMs);
        });
        // The old one ends, and the next one's first second is over.
        await delay(1500);
        const calm = await timesDuring(masters, load, () => delay(took + tailMs));
        await delay(500);
        rounds.took.push(took);
        rounds.calm.push(Math.max(...calm));
        rounds.slowest.push(Math.max(...during) / Math.max(...calm));
        rounds.p99.push(quantile(during, 0.99) / quantile(calm, 0.99));
      }
      figures.push(
        { label: `${load.label}: until the next one serves`, unit: 'ms', hathi: summarize(rounds.took) },
        { label: `${load.label}: slowest request without`, unit: 'ms', hathi: summarize(rounds.calm) },
        {
          label: `${load.label}: slowest request to slowest without`,
          unit: 'x',
          hathi: summarize(rounds.slowest),
          target: { of: 'hathi', limit: 'at most', value: 1.3 },
        },
        { label: `${load.label}: 99th percentile to that without`, unit: 'x', hathi: summarize(rounds.p99) },
      );
    }
    await masters.end();
    return figures;
  },
};
