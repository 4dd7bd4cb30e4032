/**
 * Records tests/examples/flash-crowd.json: a pool of the native engine under a flash crowd, its /metrics scraped once a
 * second. Requests arrive at random (Poisson) and mostly wait, as those of a database do; the pool has workers for all
 * of them, so that the record is the demand. Takes nine minutes:
 *
 *   node scripts/record-flash-crowd.ts
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { request, scriptParams } from '../tests/harness/fastcgi.ts';
import { checkout } from '../tests/harness/folder.ts';
import { poolText } from '../tests/harness/pool.ts';
import { startServer } from '../tests/harness/server.ts';
import { freePort } from '../tests/harness/web-server.ts';

const workers = 96;
/** A page takes 300 ms on average: exponential, as that of a mix of fast and slow ones. */
const page = '<?php usleep((int) (-300000 * log(1 - mt_rand() / (mt_getrandmax() + 1))));';
/** Requests a second at rest, and that of the crowd. */
const rest = 25;
const crowd = 200;
/** Seconds of rest, until the crowd is there, of the crowd, until it has left, of rest. */
const phases = [90, 10, 200, 30, 180] as const;

/** Requests a second at that second. */
function rate(second: number): number {
  const [before, rise, stay, fall] = phases;
  if (second < before) return rest;
  if (second < before + rise) return rest + ((crowd - rest) * (second - before)) / rise;
  if (second < before + rise + stay) return crowd;
  const left = second - before - rise - stay;
  return left < fall ? crowd - ((crowd - rest) * left) / fall : rest;
}

const metrics = await freePort();
await using server = await startServer({
  engine: 'native',
  global: `metrics.listen = 127.0.0.1:${metrics}`,
  pools: (folder) => poolText(folder, 'www', `pm = static\npm.max_children = ${workers}`),
});
const script = server.folder.write('www/page.php', page);
const socket = server.folder.join('run/www.sock');
let open = true;
let lost = 0;

async function visit(begin: number): Promise<void> {
  while (open) {
    await wait((-1000 * Math.log(1 - Math.random())) / rate((performance.now() - begin) / 1000));
    request(socket, scriptParams(script)).catch(() => {
      lost += 1;
    });
  }
}

async function scrape(): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
  const value = /^hathi_pool_saturation\{[^}]*\} (\S+)$/m.exec(text)?.[1];
  if (value === undefined) throw new Error(`no hathi_pool_saturation in:\n${text}`);
  return Number(value);
}

const begin = performance.now();
const visitor = visit(begin);
const saturation: number[] = [];
const seconds = phases.reduce<number>((sum, length) => sum + length, 0);
for (let second = 0; second < seconds; second++) {
  await wait(Math.max(0, begin + second * 1000 - performance.now()));
  saturation.push(Number((await scrape()).toFixed(4)));
}
open = false;
await visitor;
const recorded = {
  how: `node scripts/record-flash-crowd.ts: hathi_pool_saturation once a second; requests of 300 ms (exponential), ${rest} a second, then ${crowd}, then ${rest}; phases of ${phases.join(', ')} s`,
  on: new Date().toISOString().slice(0, 10),
  machine: '2 cores, Debian 12, PHP 8.2, native engine',
  workers,
  lost,
  saturation,
};
writeFileSync(join(checkout, 'tests/examples/flash-crowd.json'), `${JSON.stringify(recorded)}\n`);
