/** Memory that consecutive uploads leave in the process that receives them. */
import { rmSync } from 'node:fs';
import { poolText } from '../../tests/harness/pool.ts';
import { type ServerKind, startServer } from '../../tests/harness/server.ts';
import type { Figure } from '../lib/figure.ts';
import { hasPhpFpm } from '../lib/machine.ts';
import { MemoryWatch } from '../lib/memory.ts';
import { requestBytes, timeOnce } from '../lib/requests.ts';
import { summarize } from '../lib/statistics.ts';
import { atMost, type Workload } from '../lib/workload.ts';
import { limits, receive, uploadBytes, uploadForm, uploadRequest } from './upload.ts';

const boundary = '----hathi-bench';
/** Uploads in a row, after which a process that keeps something of each would show it. */
const inARow = 6;
/** Small requests before, so that code is compiled and buffers are there. */
const warmUp = 300;

/** MiB resident of the process that receives the uploads. */
interface Size {
  readonly before: number;
  readonly highest: number;
}

async function sizesOf(kind: ServerKind, body: Buffer): Promise<Size> {
  await using server = await startServer({ kind, pools: (folder) => poolText(folder, 'www', limits) });
  server.folder.write('www/receive.php', receive);
  const hello = server.folder.write('www/hello.php', '<?php echo "hello";');
  const small = requestBytes(hello, { keep: false });
  for (let i = 0; i < warmUp; i++) await timeOnce(server.socket(), small, 'hello');
  const receiver = server.workers()[0]?.pid;
  if (receiver === undefined) throw new Error(`${kind} has no process below it`);
  const request = uploadRequest(server, boundary, body);
  using watch = new MemoryWatch(receiver);
  for (let i = 0; i < inARow; i++) {
    await timeOnce(server.socket(), request, `${uploadBytes} moved`);
    rmSync(server.folder.join('tmp/moved'));
  }
  return { before: watch.baseline, highest: watch.baseline + watch.growth };
}

/** Figures of the memory that uploads in a row take; their content is not to stay anywhere. */
async function memoryFigures(body: Buffer, rounds: number): Promise<Figure[]> {
  const sizes: Record<ServerKind, Size[]> = { hathi: [], 'php-fpm': [] };
  for (let round = 0; round < rounds; round++) {
    sizes.hathi.push(await sizesOf('hathi', body));
    if (hasPhpFpm()) sizes['php-fpm'].push(await sizesOf('php-fpm', body));
  }
  const figure = (label: string, pick: (size: Size) => number): Figure => ({
    label,
    unit: 'MiB',
    hathi: summarize(sizes.hathi.map(pick)),
    ...(hasPhpFpm() ? { phpFpm: summarize(sizes['php-fpm'].map(pick)) } : {}),
  });
  return [
    figure('size of the process before', ({ before }) => before),
    figure(`highest in ${inARow} uploads`, ({ highest }) => highest),
  ];
}

export const uploadMemory: Workload = {
  name: 'upload-memory',
  title: `Memory of the process that receives ${inARow} uploads of 50 MB`,
  measure: (plan) => memoryFigures(uploadForm(boundary), atMost(3, plan)),
};
