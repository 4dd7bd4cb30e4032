/** The admin endpoint's view of the master: its pools, read from their scoreboards at the time of the question. */

import type {
  AdminSnapshot,
  PoolSnapshot,
  SnapshotDetail,
  WorkerSnapshot,
} from '../figures/admin-snapshot.ts';
import type { KeptConfiguration, PoolCounts } from '../figures/answers.ts';
import type { PoolMemoryFigures } from '../figures/memory.ts';
import { choosePools, everyPool, holds, type PoolChoice, type PoolStanding } from '../figures/pool-choice.ts';
import { contain } from '../generation/bulkhead.ts';
import type { Generation } from '../generation/generation.ts';
import type { PoolRunner } from '../generation/pool-runner.ts';
import { statusSnapshot } from '../generation/status-page.ts';
import { saturation, statusLoad } from '../pool/saturation.ts';
import { ownVersion } from '../runtime/module.ts';
import type { Listener } from '../sockets/listener.ts';
import type { StatusSnapshot } from '../status/status-snapshot.ts';
import { memoryLimit } from './memory-limit.ts';
import type { PoolMemory } from './pool-memory.ts';
import type { ReloadJournal } from './reload-journal.ts';

/** Of the running program: that on disk may be another one by now. */
const version = ownVersion();

export interface MasterView {
  readonly state: string;
  readonly reloads: ReloadJournal;
  readonly runners: readonly PoolRunner[];
  readonly memory: Pick<PoolMemory, 'of'>;
  readonly isDrained: (pool: string) => boolean;
  readonly configuration: KeptConfiguration | undefined;
  /** Since when the counters count, milliseconds since 1970. */
  readonly startedAt: number;
}

export function adminSnapshot(
  { state, reloads, runners, memory, isDrained, configuration, startedAt }: MasterView,
  detail: SnapshotDetail,
  choice: PoolChoice,
): AdminSnapshot {
  const { user, system } = process.cpuUsage();
  const residentBytes = process.memoryUsage.rss();
  // If reading one fails its host is ended; the next read works.
  const show = (runner: PoolRunner): PoolSnapshot | undefined => {
    const facts = { memory: memory.of(runner.name), isDrained: isDrained(runner.name) };
    const read = (): PoolSnapshot => poolSnapshot(runner, facts, detail);
    return contain(runner, 'showing it', read) ?? contain(runner, 'showing it', read);
  };
  return {
    at: Date.now(),
    version,
    pid: process.pid,
    state,
    startedAt,
    reloads: reloads.counts,
    lastReload: reloads.last,
    configuration,
    memory: memoryLimit(runners, memory, residentBytes),
    master: { residentBytes, cpuSeconds: (user + system) / 1e6 },
    ...shownPools(runners, choice, show),
  };
}

/** For a request of all pools the sums come from the data read for each. */
function shownPools(
  runners: readonly PoolRunner[],
  choice: PoolChoice,
  show: (runner: PoolRunner) => PoolSnapshot | undefined,
): Pick<AdminSnapshot, 'pools' | 'counts'> {
  if (choice === everyPool) {
    const pools = runners.flatMap((runner) => show(runner) ?? []);
    return { pools, counts: countPools(pools.map(standingIn), choice) };
  }
  const standings = runners.map((runner) => ({ runner, ...standingOf(runner) }));
  const chosen = choosePools(standings, choice);
  return {
    pools: chosen.flatMap(({ runner }) => show(runner) ?? []),
    counts: countPools(standings, choice),
  };
}

/** Input for a pool's importance and for the sums over all pools: almost free for one at rest. */
interface Standing extends PoolStanding {
  readonly requestsPerSecond: number;
  readonly faults: number;
}

function standingOf(runner: PoolRunner): Standing {
  const { name, config, metrics } = runner;
  const rest = { active: 0, queue: 0, requestsPerSecond: 0, faults: metrics.faults };
  const busy = runner.isAtRest ? rest : (contain(runner, 'showing it', () => load(runner)) ?? rest);
  return { name, state: stateOf(runner), maxChildren: config['pm.max_children'], ...busy };
}

function standingIn({ totals, recent, ...pool }: PoolSnapshot): Standing {
  return { ...pool, requestsPerSecond: recent.requestsPerSecond, faults: totals.faults };
}

function load({
  serving,
  prepared,
  metrics,
}: PoolRunner): Pick<Standing, 'active' | 'queue' | 'requestsPerSecond' | 'faults'> {
  const status = serving && statusOf(serving, prepared.listener, 'summary');
  const { requestsPerSecond } = metrics.recent(metrics.counts());
  return {
    active: status?.activeProcesses ?? 0,
    queue: status?.listenQueue ?? prepared.listener.queue()?.current ?? 0,
    requestsPerSecond,
    faults: metrics.faults,
  };
}

function countPools(pools: readonly Standing[], choice: PoolChoice): PoolCounts {
  const sum = (of: (pool: Standing) => number): number => pools.reduce((total, pool) => total + of(pool), 0);
  const count = (test: (pool: Standing) => boolean): number => pools.filter(test).length;
  return {
    pools: pools.length,
    matching: count(({ name }) => holds(name, choice.pool)),
    asleep: count(({ state }) => state === 'asleep'),
    down: count(({ state }) => state === 'starting' || state === 'silent'),
    active: sum(({ active }) => active),
    maxChildren: sum(({ maxChildren }) => maxChildren),
    queue: sum(({ queue }) => queue),
    requestsPerSecond: sum(({ requestsPerSecond }) => requestsPerSecond),
    faults: sum(({ faults }) => faults),
  };
}

function poolSnapshot(
  runner: PoolRunner,
  { memory, isDrained }: { readonly memory: PoolMemoryFigures | undefined; readonly isDrained: boolean },
  detail: SnapshotDetail,
): PoolSnapshot {
  const { serving, config, prepared } = runner;
  const totals = runner.metrics.counts();
  const status = serving && statusOf(serving, prepared.listener, detail);
  // Without a serving host the pool's clients still wait.
  const kernel = serving === undefined ? prepared.listener?.queue() : undefined;
  const workers = status?.processes.map((process): WorkerSnapshot => ({ ...process, draining: false }));
  const active = status?.activeProcesses ?? 0;
  const queue = status?.listenQueue ?? kernel?.current ?? 0;
  const maxChildren = config['pm.max_children'];
  return {
    name: runner.name,
    state: stateOf(runner),
    failure: runner.failure,
    engine: serving?.engine,
    phpVersion: serving?.facts?.php,
    listen: config.listen,
    processManager: config.pm,
    maxChildren,
    idle: status?.idleProcesses ?? 0,
    active,
    maxActive: status?.maxActiveProcesses ?? 0,
    queue,
    maxQueue: status?.maxListenQueue ?? 0,
    queueLimit: status?.listenQueueLength ?? kernel?.limit ?? 0,
    saturation: saturation(
      status ? statusLoad(status, maxChildren) : { busy: 0, waiting: queue, limit: maxChildren },
    ),
    isSaturated: runner.metrics.isSaturated,
    isDrained,
    accepted: status?.acceptedConnections ?? 0,
    maxChildrenReached: status?.maxChildrenReached ?? 0,
    slowRequests: status?.slowRequests ?? 0,
    // An older PHP's status page lacks the field; workers write it all the same.
    memoryPeakBytes: serving?.reader.readHeader().memoryPeak ?? 0,
    memoryBytes: memory?.bytes,
    sharedBytes: memory?.sharedBytes,
    workerMemory: memory?.workers,
    adaptive: runner.config['queue.adaptive'] ? runner.adaptive : undefined,
    sizing: sizingOf(runner),
    trial: runner.trial,
    leaks: runner.leaks,
    privateBytes: memory?.privateBytes,
    totals,
    recent: runner.metrics.recent(totals),
    processes: detail === 'full' ? runner.metrics.processes() : undefined,
    opcache: serving?.reader.readOpcache(),
    generation: serving?.number,
    startedAt: runner.startedAt,
    workers: [
      ...(workers ?? []),
      ...runner.draining().flatMap((generation) => drainingWorkers(generation, detail)),
    ],
  };
}

function stateOf({ serving, isAsleep }: PoolRunner): PoolSnapshot['state'] {
  if (isAsleep) return 'asleep';
  if (serving === undefined) return 'starting';
  return serving.watch.isLate ? 'silent' : 'serving';
}

function statusOf(
  generation: Generation,
  listener: Listener | undefined,
  detail: SnapshotDetail,
): StatusSnapshot {
  const { reader } = generation;
  return statusSnapshot(generation, listener, detail === 'full' ? reader.read() : reader.readNumbers());
}

function drainingWorkers(generation: Generation, detail: SnapshotDetail): WorkerSnapshot[] {
  return statusOf(generation, undefined, detail).processes.map((process) => ({ ...process, draining: true }));
}

function sizingOf({ sizing }: PoolRunner): PoolSnapshot['sizing'] {
  if (sizing === undefined) return undefined;
  const { target, wanted, load, limit, reason } = sizing;
  return { target, wanted, load, limit, reason };
}
