/**
 * Twice as many requests as the workers can serve, for a minute: with queue.max_wait, without a limit, and php-fpm.
 * Arrivals are random (Poisson), the same for all. A client gives up after 20 seconds. Requests sleep, so that the
 * processor is free. The capacity is that of the same server just before, with two clients for each worker: beside other
 * work a request takes a little more than its sleep. The service time is that with one client for each worker.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { exponential, seededRandom } from '../../src/pool/random.ts';
import { request as plainRequest, scriptParams } from '../../tests/harness/fastcgi.ts';
import type { TestFolder } from '../../tests/harness/folder.ts';
import { poolText } from '../../tests/harness/pool.ts';
import { type EngineName, type Server, startServer } from '../../tests/harness/server.ts';
import { nativeBuild } from '../../tests/native/built-engine.ts';
import { Connection } from '../lib/connection.ts';
import type { Figure } from '../lib/figure.ts';
import { hasPhpFpm } from '../lib/machine.ts';
import { requestBytes, sendStream } from '../lib/requests.ts';
import { quantile, type Sample, summarize } from '../lib/statistics.ts';
import { atMost, type Workload } from '../lib/workload.ts';

const workers = 4;
const serviceSeconds = 0.1;
const capacity = workers / serviceSeconds;
const maxWaitSeconds = 2;
const patienceMs = 20_000;
/** At the usual `--seconds 0.5`. */
const usualSeconds = 60;
/** Of that, for the capacity, and for the service time. */
const capacityShare = 1 / 12;

interface Case {
  readonly name: string;
  readonly engine: EngineName;
  readonly kind: 'hathi' | 'php-fpm';
  readonly lines: string;
}

interface Outcome {
  /** Share of the capacity that was served within the time, per cent. */
  readonly goodput: number;
  /** Of what was served, whenever, seconds from arrival to answer. */
  readonly p99: number;
  /** The same without a queue. */
  readonly serviceP99: number;
  readonly refused: number;
  /** Clients that gave up, or could not connect. */
  readonly lost: number;
}

type Reply = 'served' | 'refused' | 'lost';

async function ask(socket: string, request: Buffer): Promise<Reply> {
  try {
    using connection = await Connection.open(socket);
    const patience = delay(patienceMs, undefined, { ref: false });
    const answer = await Promise.race([connection.exchange(request), patience]);
    if (answer === undefined) return 'lost';
    if (answer.tail.endsWith('done')) return 'served';
    if (answer.tail.endsWith('Too many requests wait.\n')) return 'refused';
    throw new TypeError(`a wrong answer, ending in ${JSON.stringify(answer.tail)}`);
  } catch (error) {
    if (error instanceof TypeError) throw error;
    // No room in the backlog, or cut off.
    return 'lost';
  }
}

/** Waits until each worker has served: those of the embedded engine come up one after the other. */
async function everyWorker(server: Server): Promise<void> {
  const script = server.folder.write('www/pid.php', '<?php usleep(20000); echo getmypid();');
  const seen = new Set<string>();
  while (seen.size < workers) {
    const replies = Array.from({ length: workers }, () =>
      plainRequest(server.socket(), scriptParams(script)),
    );
    for (const { body } of await Promise.all(replies)) seen.add(body.toString());
  }
}

async function overload({ engine, kind, lines }: Case, seconds: number): Promise<Outcome> {
  const pools = (folder: TestFolder): string =>
    poolText(folder, 'www', `pm.max_children = ${workers}\n${lines}`);
  await using server = await startServer({
    kind,
    engine,
    pools,
    expected: [/overloaded:/, /listen queue|wait for a worker/],
  });
  const script = server.folder.write('www/s.php', `<?php usleep(${serviceSeconds * 1e6}); echo "done";`);
  const request = requestBytes(script, { keep: false });
  await everyWorker(server);
  const stream = {
    ...{ socket: server.socket(), request, ending: 'done', keep: false },
    seconds: seconds * capacityShare,
  };
  const full = await sendStream({ ...stream, clients: 2 * workers });
  const alone = await sendStream({ ...stream, clients: workers });
  const random = seededRandom(11);
  const served: number[] = [];
  const counts: Record<Reply, number> = { served: 0, refused: 0, lost: 0 };
  let inTime = 0;
  const begin = performance.now();
  const end = begin + seconds * 1000;
  const pending: Promise<void>[] = [];
  const send = async (due: number): Promise<void> => {
    const reply = await ask(server.socket(), request);
    const now = performance.now();
    counts[reply] += 1;
    if (reply !== 'served') return;
    served.push((now - due) / 1000);
    if (now <= end) inTime += 1;
  };
  for (let due = begin; due < end; due += 1000 * exponential(2 * capacity, random)) {
    await delay(Math.max(0, due - performance.now()));
    pending.push(send(due));
  }
  await Promise.all(pending);
  await server.stop();
  return {
    goodput: (100 * inTime) / (full.perSecond * seconds),
    p99: quantile(served, 0.99),
    serviceP99: alone.p99 / 1000,
    refused: counts.refused,
    lost: counts.lost,
  };
}

const limit = `queue.max_wait = ${maxWaitSeconds}s`;

const cases: readonly Case[] = [
  { name: `native, ${limit}`, engine: 'native', kind: 'hathi', lines: limit },
  { name: 'native, no limit', engine: 'native', kind: 'hathi', lines: '' },
  { name: `embedded, ${limit}`, engine: 'embedded', kind: 'hathi', lines: limit },
];
const reference: Case = { name: 'php-fpm', engine: 'native', kind: 'php-fpm', lines: '' };

function figuresOf({ name, lines }: Case, found: readonly Outcome[], fpm: readonly Outcome[]): Figure[] {
  const figure = (label: string, unit: string, of: (outcome: Outcome) => number): Figure => {
    const phpFpm: { phpFpm?: Sample } = fpm.length === 0 ? {} : { phpFpm: summarize(fpm.map(of)) };
    return { label: `${name}: ${label}`, unit, hathi: summarize(found.map(of)), ...phpFpm };
  };
  const isLimited = lines !== '';
  const goodput = figure('served within the time, of the capacity', '%', (one) => one.goodput);
  const p99 = figure('p99 of what was served', 's', (one) => one.p99);
  const allowed = maxWaitSeconds + Math.max(...found.map(({ serviceP99 }) => serviceP99));
  return [
    isLimited ? { ...goodput, target: { of: 'hathi', limit: 'at least', value: 95 } } : goodput,
    isLimited
      ? { ...p99, target: { of: 'hathi', limit: 'at most', value: Math.round(allowed * 100) / 100 } }
      : p99,
    figure('refused with 503', 'requests', (one) => one.refused),
    figure('gave up or could not connect', 'clients', (one) => one.lost),
  ];
}

export const overloaded: Workload = {
  name: 'overload',
  title: `Twice the capacity of ${workers} workers: ${2 * capacity} requests a second of ${1000 * serviceSeconds} ms for ${usualSeconds} s`,
  obstacle: () => nativeBuild().skip || undefined,
  async measure(plan) {
    const seconds = plan.seconds * 2 * usualSeconds;
    const rounds = atMost(1, plan);
    const all = hasPhpFpm() ? [...cases, reference] : cases;
    const outcomes = new Map<Case, Outcome[]>(all.map((one) => [one, []]));
    for (let round = 0; round < rounds; round += 1) {
      for (const one of all) outcomes.get(one)?.push(await overload(one, seconds));
    }
    const fpm = outcomes.get(reference) ?? [];
    return cases.flatMap((one) => figuresOf(one, outcomes.get(one) ?? [], fpm));
  },
};
