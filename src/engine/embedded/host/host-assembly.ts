/** Parts of a host once its PHP is up: request queue, router, front, logs. */

import { compileAccessFormat } from '../../../log/access-format.ts';
import { jsonAccessFormat } from '../../../log/access-json.ts';
import { AccessLog } from '../../../log/access-log.ts';
import type { ScoreboardWriter } from '../../../scoreboard/writer.ts';
import { textPattern } from '../../../text/pattern.ts';
import { AllowedClients } from '../../allowed-clients.ts';
import { iniFlag, scriptRules } from '../../script.ts';
import { ApplicationFront } from './application-front.ts';
import { HostFront } from './host-front.ts';
import { HostPool, type HostPoolOptions } from './host-pool.ts';
import { HostPools } from './host-pools.ts';
import { iniLookup } from './ini-lookup.ts';
import type { MasterLink } from './master-link.ts';
import { OrphanStatus } from './orphan-status.ts';
import { Pages } from './pages.ts';
import type { PoolSettings } from './pool-settings.ts';
import { RequestAccounting } from './request-accounting.ts';
import { RequestRouter } from './request-router.ts';
import { firstLaneSlot } from './slots.ts';
import type { UpMessage } from './worker-handle.ts';
import { WorkerLog } from './worker-log.ts';
import type { WorkerThreads } from './worker-threads.ts';

const mebibyte = 1024 * 1024;

/** Parts of a running host. */
export interface Running {
  readonly settings: PoolSettings;
  readonly pools: HostPools;
  readonly front: HostFront;
  readonly threads: WorkerThreads;
  readonly accessLog: AccessLog | undefined;
  readonly orphanStatus: OrphanStatus;
}

export function assembleHost(
  settings: PoolSettings,
  scoreboard: ScoreboardWriter,
  phpIni: string,
  facts: UpMessage,
  threads: WorkerThreads,
  link: MasterLink,
): Running {
  link.allowQuestions(settings.maxChildren);
  const ini = iniLookup(phpIni, settings.phpValue, settings.phpAdminValue);
  const workerLog = new WorkerLog(link, {
    isCaught: settings.catchWorkersOutput,
    limit: settings.logLimit,
    level: settings.logLevel,
  });
  const accessLog = openAccessLog(settings, link);
  const accounting = new RequestAccounting(settings.pool, scoreboard, accessLog);
  const { maxChildren, application } = settings;
  const queued = new Map<object, number>();
  const common = {
    priorities: settings.priorities.map(textPattern),
    heapLimit: settings.heapLimit + Number.parseInt(ini('opcache.memory_consumption') ?? '0', 10) * mebibyte,
    queueLimit: settings.backlog,
    waiting: { maxWait: settings.maxWait, maxLength: settings.maxLength },
    threads,
    scoreboard,
    link,
    workerLog,
    accounting,
  } satisfies Partial<HostPoolOptions>;
  const poolOf = (own: Omit<HostPoolOptions, keyof typeof common | 'onQueued'>): HostPool =>
    new HostPool({
      ...common,
      ...own,
      onQueued: (length) => {
        queued.set(own, length);
        scoreboard.queued([...queued.values()].reduce((sum, one) => sum + one, 0));
      },
    });
  const pool = poolOf({
    slots: [0, maxChildren],
    firstLaneSlot: firstLaneSlot(settings),
    application,
    maxRequests: application?.maxRequests ?? settings.maxRequests,
  });
  const aside = application && {
    front: new ApplicationFront(application.script, application.matches),
    pool: poolOf({
      slots: [maxChildren, firstLaneSlot(settings)],
      firstLaneSlot: Number.POSITIVE_INFINITY,
      maxRequests: settings.maxRequests,
      isAside: true,
    }),
  };
  const router = new RequestRouter({
    settings,
    rules: scriptRules(facts.php, ini),
    logsToClient: iniFlag(ini('fastcgi.logging'), true),
    pages: new Pages(facts.php, ini),
    pool,
    aside,
    link,
    scoreboard,
    workerLog,
    accounting,
  });
  const isAside = (slot: number): boolean => slot >= maxChildren && slot < firstLaneSlot(settings);
  const pools = new HostPools(pool, aside?.pool, isAside);
  const orphanStatus = new OrphanStatus({ settings, php: facts.php, pools, scoreboard, link });
  return { settings, pools, threads, accessLog, orphanStatus, front: makeFront(settings, router, link) };
}

function makeFront(settings: PoolSettings, router: RequestRouter, link: MasterLink): HostFront {
  const isTcp = settings.listenKind === 'tcp';
  const allowed = new AllowedClients(isTcp ? settings.allowedClients : undefined);
  for (const problem of allowed.problems) link.log('error', problem);
  return new HostFront({
    listenFd: settings.listenFd,
    backlog: settings.backlog,
    isTcp,
    allowed,
    limits: { maxConnections: settings.maxChildren, maxRequests: settings.maxChildren },
    router,
    link,
  });
}

function openAccessLog(settings: PoolSettings, link: MasterLink): AccessLog | undefined {
  if (settings.accessLogFd === undefined) return undefined;
  const format = compileAccessFormat(settings.accessFormat);
  if (!format.ok) {
    const reasons = format.warnings.join('; ');
    throw new Error(`wrong format for access.format '${settings.accessFormat}': ${reasons}`);
  }
  return new AccessLog({
    fd: settings.accessLogFd,
    ...(settings.accessIsJson ? { format: jsonAccessFormat(settings.accessQuery), limit: 0 } : { format }),
    suppressPaths: settings.suppressPaths,
    onTrouble: (trouble) => {
      if (trouble.kind === 'cut') link.log('notice', trouble.text);
      else link.log('error', `cannot write the access log: ${String(trouble.error)}`);
    },
  });
}
