/** A large response to a client that is slower than PHP: it has to wait in PHP, not in the memory of the server. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { TestFolder } from '../../tests/harness/folder.ts';
import { poolText } from '../../tests/harness/pool.ts';
import { type Server, type ServerKind, startServer } from '../../tests/harness/server.ts';
import { Connection } from '../lib/connection.ts';
import type { Figure } from '../lib/figure.ts';
import { hasPhpFpm } from '../lib/machine.ts';
import { MemoryWatch } from '../lib/memory.ts';
import { requestBytes, timeOnce } from '../lib/requests.ts';
import { summarize } from '../lib/statistics.ts';
import { atMost, type Workload } from '../lib/workload.ts';

const mebibyte = 1024 * 1024;
const responseBytes = 100 * mebibyte;
const printPieces = `<?php for ($i = 0; $i < 1600; $i++) echo str_repeat(chr(65 + $i % 26), 65536);`;
const takenAtOnce = mebibyte;
/** After each MiB the client does something else for so long, in milliseconds: some 100 MB a second. */
const clientWork = 8;
/** Small requests before, so that code is compiled and buffers are there. */
const warmUp = 300;
const probe = join(import.meta.dirname, '../lib/heap-probe.ts');

/** MiB by which the host grew over its size before the first response. */
interface Growth {
  readonly first: number;
  readonly second: number;
  /** JavaScript heap and buffers of the host's main thread; 0 for php-fpm. */
  readonly javascript: number;
}

async function readSlowly(server: Server): Promise<void> {
  const request = requestBytes(server.folder.join('www/print.php'), { keep: false });
  using connection = await Connection.open(server.socket());
  let taken = 0;
  connection.onOutput = (bytes) => {
    taken += bytes;
    if (taken < takenAtOnce) return;
    taken = 0;
    connection.pause();
    void delay(clientWork).then(() => connection.resume());
  };
  const { bytes } = await connection.exchange(request);
  if (bytes < responseBytes) throw new Error(`a response of ${bytes} bytes instead of ${responseBytes}`);
}

/** Sizes that the probe has written about a process so far, in MiB; empty for a process other than Node's. */
function javascriptSizes(folder: TestFolder, pid: number): number[] {
  const file = folder.join(`${pid}.jsonl`);
  if (!existsSync(file)) return [];
  // The last line may be on its way.
  const lines = readFileSync(file, 'latin1').split('\n').slice(0, -1);
  return lines.map((line) => {
    const { heap, external } = JSON.parse(line) as { heap: number; external: number };
    return (heap + external) / mebibyte;
  });
}

async function growthOf(kind: ServerKind): Promise<Growth> {
  using heap = new TestFolder('hathi-bench-');
  const env = { NODE_OPTIONS: `--import=${probe}`, HATHI_BENCH_HEAP: heap.path };
  await using server = await startServer({ kind, pools: (folder) => poolText(folder), env });
  server.folder.write('www/print.php', printPieces);
  const hello = server.folder.write('www/hello.php', '<?php echo "hello";');
  const small = requestBytes(hello, { keep: false });
  for (let i = 0; i < warmUp; i++) await timeOnce(server.socket(), small, 'hello');
  const host = server.workers()[0]?.pid;
  if (host === undefined) throw new Error(`${kind} has no process below it`);
  const seen = javascriptSizes(heap, host).length;
  using watch = new MemoryWatch(host);
  await readSlowly(server);
  const first = watch.growth;
  await readSlowly(server);
  const [before = 0, ...during] = javascriptSizes(heap, host).slice(Math.max(0, seen - 1));
  return { first, second: watch.growth, javascript: Math.max(before, ...during) - before };
}

export const response: Workload = {
  name: 'response',
  title: 'Response of 100 MB to a client that reads slowly: growth of the process that sends it',
  async measure(plan) {
    const growths: Record<ServerKind, Growth[]> = { hathi: [], 'php-fpm': [] };
    for (let round = 0; round < atMost(2, plan); round++) {
      growths.hathi.push(await growthOf('hathi'));
      if (hasPhpFpm()) growths['php-fpm'].push(await growthOf('php-fpm'));
    }
    const figure = (label: string, pick: (growth: Growth) => number): Figure => {
      const hathi = summarize(growths.hathi.map(pick));
      if (!hasPhpFpm()) return { label, unit: 'MiB', hathi };
      return { label, unit: 'MiB', hathi, phpFpm: summarize(growths['php-fpm'].map(pick)) };
    };
    const target = { of: 'hathi', limit: 'at most', value: 16 } as const;
    return [
      { ...figure('first response', ({ first }) => first), target },
      { ...figure('two responses', ({ second }) => second), target },
      {
        label: 'of that, JavaScript of the host',
        unit: 'MiB',
        hathi: summarize(growths.hathi.map(({ javascript }) => javascript)),
        note: 'heap and buffers of its main thread; the rest is the worker thread and PHP',
      },
    ];
  },
};
