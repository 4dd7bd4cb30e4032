/** Memory of one worker more, after it has run what workers run. */
import { requires } from '../../tests/harness/debian.ts';
import { poolText } from '../../tests/harness/pool.ts';
import { type Server, startServer } from '../../tests/harness/server.ts';
import type { Figure } from '../lib/figure.ts';
import { hasPhpFpm } from '../lib/machine.ts';
import { type Memory, memoryOfTree } from '../lib/memory.ts';
import { requestBytes, timeOnce } from '../lib/requests.ts';
import { summarize } from '../lib/statistics.ts';
import { atMost, type Workload } from '../lib/workload.ts';
import { dokuWikiEnding, dokuWikiPool, dokuWikiRequest, installDokuWiki } from './dokuwiki.ts';

const more = 2;

interface Sizes {
  /** After a small script. */
  readonly small: Memory;
  /** After pages of an application, when that is installed. */
  readonly application: Memory | undefined;
}

/** Busy for as long as it takes until every other worker has its request, too. */
const holding = `<?php usleep(300_000); echo 'hello';`;

/** One request in every worker: none is free again before the last one has its own. */
async function inEveryWorker(
  server: Server,
  request: Buffer,
  ending: string,
  workers: number,
): Promise<void> {
  await Promise.all(Array.from({ length: workers }, () => timeOnce(server.socket(), request, ending)));
}

async function sizesWith(kind: Server['kind'], workers: number): Promise<Sizes> {
  const lines = `pm.max_children = ${workers}\n${dokuWikiPool}`;
  await using server = await startServer({ kind, pools: (folder) => poolText(folder, 'www', lines) });
  const script = server.folder.write('www/holding.php', holding);
  await inEveryWorker(server, requestBytes(script, { keep: false }), 'hello', workers);
  const small = memoryOfTree(server.pid);
  if (requires('dokuwiki') !== false) return { small, application: undefined };
  installDokuWiki(server.folder);
  const request = dokuWikiRequest(server.folder, false);
  // Several rounds, since the workers are not held here and one may get two of the pages.
  for (let round = 0; round < 3; round++) await inEveryWorker(server, request, dokuWikiEnding, workers);
  return { small, application: memoryOfTree(server.pid) };
}

interface PerWorker {
  readonly small: number;
  readonly application: number | undefined;
}

/** Growth per additional worker of the pages of all processes together, in MiB. */
async function perWorker(kind: Server['kind']): Promise<PerWorker> {
  const one = await sizesWith(kind, 1);
  const many = await sizesWith(kind, 1 + more);
  const share = (a: Memory, b: Memory): number => (b.pss - a.pss) / more;
  const both = one.application !== undefined && many.application !== undefined;
  return {
    small: share(one.small, many.small),
    application: both ? share(one.application, many.application) : undefined,
  };
}

export const memory: Workload = {
  name: 'memory',
  title: 'Memory of a further worker (PSS of all processes of the server)',
  async measure(plan) {
    // The figure repeats within 2 %, and each round starts four servers.
    const rounds = atMost(1, plan);
    const hathi: PerWorker[] = [];
    const phpFpm: PerWorker[] = [];
    for (let round = 0; round < rounds; round++) {
      hathi.push(await perWorker('hathi'));
      if (hasPhpFpm()) phpFpm.push(await perWorker('php-fpm'));
    }
    const figure = (label: string, pick: (one: PerWorker) => number | undefined): Figure | undefined => {
      const [ours, theirs] = [hathi, phpFpm].map((all) => all.map(pick).filter((size) => size !== undefined));
      if (ours === undefined || ours.length === 0) return undefined;
      const other = theirs === undefined || theirs.length === 0 ? {} : { phpFpm: summarize(theirs) };
      const target = { of: 'hathi', limit: 'at most', value: 110 } as const;
      return { label, unit: 'MiB', hathi: summarize(ours), ...other, target };
    };
    return [
      figure('after a small script', ({ small }) => small),
      figure('after pages of DokuWiki', ({ application }) => application),
    ].filter((found) => found !== undefined);
  },
};
