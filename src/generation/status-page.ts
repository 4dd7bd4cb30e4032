/** The status page of a pool: its scoreboard together with the master's own counters. */

import { isAtLeast } from '../engine/php-version.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { firstLaneSlot } from '../pool/worker-mode.ts';
import { monotonicMicros } from '../scoreboard/clock.ts';
import { emptyScoreboard, type ScoreboardSnapshot } from '../scoreboard/decode.ts';
import type { Listener } from '../sockets/listener.ts';
import { poolStatus } from '../status/pool-status.ts';
import { cgiResponse, renderStatus } from '../status/render.ts';
import type { StatusSnapshot } from '../status/status-snapshot.ts';
import type { EarlierFigures } from './earlier-figures.ts';
import type { Generation } from './generation.ts';
import type { PreparedPool } from './prepared-pool.ts';
import type { StatusQuestion } from './status-desk.ts';

/** The page's current data of a generation. */
export function statusSnapshot(
  generation: Generation,
  listener: Listener | undefined,
  scoreboard: ScoreboardSnapshot = generation.reader.read(),
): StatusSnapshot {
  const kernel = listener?.queue();
  const snapshot = poolStatus({
    pool: generation.pool,
    scoreboard,
    workers: generation.workers.all().filter(({ pid }) => pid !== 0),
    firstLaneSlot: firstLaneSlot(generation.pool),
    startedAt: generation.countsSinceEpochMs,
    listenQueue: kernel?.current ?? 0,
    maxListenQueue: generation.maxListenQueue,
    listenQueueLength: kernel?.limit ?? 0,
    maxChildrenReached: generation.memory.maxChildrenReached,
    slowRequests: generation.slowRequests,
    // PHP's own page has it from 8.4 on.
    showsMemoryPeak: isAtLeast(generation.facts?.php ?? '', 8, 4),
    nowMicros: monotonicMicros(),
  });
  generation.maxListenQueue = snapshot.maxListenQueue;
  return snapshot;
}

/** Writes the master's figures where workers can read them, for fpm_get_status(); and returns them. */
export function publishFigures(
  generation: Generation,
  listener: Listener,
  scoreboard: ScoreboardSnapshot,
): StatusSnapshot {
  const snapshot = statusSnapshot(generation, listener, scoreboard);
  generation.scoreboard.master({
    generation: generation.number,
    processManager: generation.pool.pm,
    maxChildren: snapshot.maxChildren,
    idle: snapshot.idleProcesses,
    active: snapshot.activeProcesses,
    listenQueue: snapshot.listenQueue,
    maxListenQueue: snapshot.maxListenQueue,
    listenQueueLength: snapshot.listenQueueLength,
    maxChildrenReached: snapshot.maxChildrenReached,
    slowRequests: snapshot.slowRequests,
  });
  return snapshot;
}

/** The answer to a request for the page, as the bytes of a CGI response. */
export function renderStatusPage(
  generation: Generation,
  listener: Listener | undefined,
  query: string,
  firstHeaders: readonly (readonly [string, string])[] = [],
): { status: number; reply: Buffer } {
  const answer = renderStatus(statusSnapshot(generation, listener), query, Date.now());
  return { status: answer.status, reply: cgiResponse([...firstHeaders, ...answer.headers], answer.body) };
}

const shortages: readonly (string | undefined)[] = ['EMFILE', 'ENFILE', 'ENOMEM', 'ENOSPC'];

/** Answers a host's question for the page. */
export function answerStatusQuestion(
  generation: Generation,
  listener: Listener,
  { id, query }: StatusQuestion,
  log: ErrorLog,
): void {
  try {
    const { status, reply } = renderStatusPage(generation, listener, query);
    generation.host.answerStatus(id, status, reply);
  } catch (error) {
    // A shortage of descriptors or memory is no fault of the pool.
    if (!shortages.includes((error as NodeJS.ErrnoException).code)) throw error;
    log.sysError(`[pool ${generation.name}] cannot give the status page`, error);
    generation.host.refuseStatus(id, (error as Error).message);
  }
}

/** The same for a sleeping pool, in which nothing runs. */
export function renderSleepingPage(
  { config, listener }: Pick<PreparedPool, 'config' | 'listener'>,
  since: number,
  query: string,
  earlier?: EarlierFigures,
): { status: number; reply: Buffer } {
  const kernel = listener.queue();
  const snapshot = poolStatus({
    pool: config,
    scoreboard: { ...emptyScoreboard, header: { ...emptyScoreboard.header, ...headerOf(earlier) } },
    workers: [],
    startedAt: earlier?.startedEpochMs ?? since,
    listenQueue: kernel?.current ?? 0,
    maxListenQueue: earlier?.maxListenQueue ?? 0,
    listenQueueLength: kernel?.limit ?? 0,
    maxChildrenReached: earlier?.maxChildrenReached ?? 0,
    slowRequests: earlier?.slowRequests ?? 0,
    showsMemoryPeak: false,
    nowMicros: monotonicMicros(),
  });
  const answer = renderStatus(snapshot, query, Date.now());
  return { status: answer.status, reply: cgiResponse(answer.headers, answer.body) };
}

function headerOf(earlier: EarlierFigures | undefined): Partial<ScoreboardSnapshot['header']> {
  if (earlier === undefined) return {};
  const { accepted, maxActive, memoryPeak } = earlier;
  return { acceptedRequests: accepted, maxActiveRequests: maxActive, memoryPeak };
}

/** The header by which PHP names itself, unless its `expose_php` is off. */
export function poweredBy({ facts }: Generation): readonly (readonly [string, string])[] {
  if (facts?.isExposed !== true) return [];
  // A host may send anything; a version has no line ends.
  return /^[\w.+~-]+$/.test(facts.php) ? [['X-Powered-By', `PHP/${facts.php}`]] : [];
}
