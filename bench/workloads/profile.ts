/** The cost of a profile: CPU time with and without one, and of the samples themselves. */
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { poolText } from '../../tests/harness/pool.ts';
import { type Server, startServer } from '../../tests/harness/server.ts';
import { nativeBuild } from '../../tests/native/built-engine.ts';
import { requestBytes, sendStream } from '../lib/requests.ts';
import { summarize } from '../lib/statistics.ts';
import type { Workload } from '../lib/workload.ts';

const workers = 4;
/** Calls come and go by the microsecond, at depths from 3 to 14. */
const script = `<?php
class Node { function __construct(public int $value, public array $below = []) {}
  function sum(): int { $sum = $this->value; foreach ($this->below as $node) $sum += $node->sum(); return $sum; } }
function grow(int $depth): Node { return new Node($depth, $depth > 0 ? [grow($depth - 1), grow($depth - 1)] : []); }
for ($i = 0; $i < 6; $i++) { $words = array_map(fn ($n) => md5((string) $n), range(1, 200)); usort($words, fn ($a, $b) => $a <=> $b);
  $total = grow(9)->sum(); }
echo 'done';`;

interface Looks {
  readonly samples: number;
  readonly unsteady: number;
  readonly looks: number;
  readonly dropped: number;
  readonly micros: number;
}

function profile(server: Server, hertz: number, seconds: number): Promise<Looks> {
  const socketPath = server.folder.join('run/admin.sock');
  const path = `/api/profile?pool=www&hz=${hertz}&seconds=${seconds}`;
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, agent: false }, (response) => {
      response.resume().on('end', () => {
        const figure = (name: string): number => Number(response.headers[`x-${name}`]);
        if (response.statusCode !== 200) reject(new Error(`no profile: status ${response.statusCode}`));
        else
          resolve({
            samples: figure('samples'),
            unsteady: figure('unsteady'),
            looks: figure('looks'),
            dropped: figure('dropped'),
            micros: figure('look-micros'),
          });
      });
    });
    asked.on('error', reject).end();
  });
}

export const profiling: Workload = {
  name: 'profile',
  title: `A profile at 99 Hz over ${workers} busy native workers`,
  obstacle: () => nativeBuild().skip || undefined,
  async measure(plan) {
    const lines = `pm.max_children = ${workers}`;
    await using server = await startServer({
      kind: 'hathi',
      engine: 'native',
      pools: (folder) => `admin.listen = ${folder.join('run/admin.sock')}\n${poolText(folder, 'www', lines)}`,
    });
    const bytes = requestBytes(server.folder.write('www/busy.php', script));
    const seconds = Math.max(1, Math.round(plan.seconds * 4));
    const stream = { socket: server.socket(), request: bytes, ending: 'done', clients: workers, keep: true };
    const spend = async (): Promise<Spent> => {
      const pids = server.workers().map(({ pid }) => pid);
      const before = { workers: cpuOf(pids), master: cpuOf([server.pid]) };
      const { count } = await sendStream({ ...stream, seconds });
      return {
        request: (cpuOf(pids) - before.workers) / count,
        master: (100 * (cpuOf([server.pid]) - before.master)) / (seconds * 1e9),
      };
    };
    await spend();
    const looks: Looks[] = [];
    const ratios: number[] = [];
    const extra: number[] = [];
    for (let round = 0; round < plan.rounds; round += 1) {
      const profiled = async (): Promise<Spent> => {
        const [found, spent] = await Promise.all([profile(server, 99, seconds), spend()]);
        looks.push(found);
        return spent;
      };
      // Order swapped from round to round.
      const first = round % 2 === 0 ? await spend() : undefined;
      const sampled = await profiled();
      const plain = first ?? (await spend());
      ratios.push(sampled.request / plain.request);
      extra.push(sampled.master - plain.master);
    }
    const share = (of: (one: Looks) => number): number[] => looks.map((one) => (100 * of(one)) / one.looks);
    return [
      {
        label: 'CPU time of the workers a request, with it to without',
        unit: '',
        hathi: summarize(ratios),
        target: { of: 'hathi', limit: 'at most', value: 1.02 },
      },
      { label: 'CPU time of the master, more than without', unit: '% of a core', hathi: summarize(extra) },
      {
        label: 'one look, finding the busy worker included',
        unit: 'us',
        hathi: summarize(looks.map(({ looks: count, micros }) => micros / count)),
      },
      {
        label: 'looks whose innermost calls moved',
        unit: '%',
        hathi: summarize(share(({ unsteady }) => unsteady)),
      },
      { label: 'looks that saw no stack', unit: '%', hathi: summarize(share(({ dropped }) => dropped)) },
    ];
  },
};

interface Spent {
  /** CPU time of the workers a request, nanoseconds. */
  readonly request: number;
  /** Per cent of a core. */
  readonly master: number;
}

/** Nanoseconds on a CPU of the main threads, the first field of /proc/PID/schedstat. */
function cpuOf(pids: readonly number[]): number {
  return pids.reduce(
    (sum, pid) => sum + Number(readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')[0]),
    0,
  );
}
