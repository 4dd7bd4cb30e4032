/** Checks that need a running master with requests: `hathi doctor --live`. */

import { leadsTo } from './addresses.ts';
import { measuredBytes, roomForWorkers } from './checks-capacity.ts';
import type { Facts, PoolFacts } from './facts.ts';
import type { Check, Sighting } from './finding.ts';
import type { LiveOpcache, LivePool } from './live-facts.ts';
import { finishManual, fpmManual, guide, opcacheManual, sessionManual } from './sources.ts';
import { inSection, placeOf, poolSubject, size } from './words.ts';

const hour = 3_600_000;
/** Below this free share it counts as full. */
const fullShare = 0.05;
/** Share of busy workers waiting in session_start; fewer are normal. */
const sessionShare = 0.25;
const fewestSessions = 2;
/** The same of workers whose client has its answer: there this is no usual state. */
const answeredShare = 0.5;
const fewestAnswered = 2;

interface Both {
  readonly pool: PoolFacts;
  readonly live: LivePool;
  readonly facts: Facts;
}

/** A sighting for each running pool to which a rule applies. */
function eachPool(look: (both: Both) => Pick<Sighting, 'seen' | 'mend'> | undefined): Check['look'] {
  return (facts) =>
    facts.pools.flatMap((pool) => {
      const live = facts.live?.pools.find(({ name }) => name === pool.name);
      const found = live === undefined ? undefined : look({ pool, live, facts });
      return found === undefined
        ? []
        : [{ subject: poolSubject(pool), place: placeOf(pool, 'pm'), ...found }];
    });
}

const lookForDown = eachPool(({ live: { state, failure } }) => {
  if (state === 'silent') return { seen: 'its host does not answer', mend: ['hathi reload'] };
  if (state !== 'starting' || failure === '') return undefined;
  return { seen: `no host serves it: ${failure}`, mend: ['Mend what it names, then: hathi reload'] };
});

/** A maximum that only a full pool reaches: requests waited. */
function isSaturated({ maxChildrenReached }: LivePool): boolean {
  return maxChildrenReached > 0;
}

const lookAtSaturation = eachPool(({ pool, live, facts }) => {
  if (!isSaturated(live) || live.maxChildren === 0) return undefined;
  const more = Math.ceil(live.maxChildren * 1.5);
  const most = fittingWorkers(facts, pool);
  const queue = live.maxQueue > 0 ? `, and up to ${live.maxQueue} connections waited` : '';
  return {
    seen: `all ${live.maxChildren} workers were busy ${live.maxChildrenReached} times${queue}`,
    mend:
      most === undefined || most > live.maxChildren
        ? [
            ...inSection(pool.config, `pm.max_children = ${Math.min(more, most ?? more)}`),
            '; `hathi plan` computes it from the last hour',
          ]
        : [
            `No more than ${most} workers fit into the memory: make the slowest requests faster, \`hathi profile ${pool.name}\` shows them`,
          ],
  };
});

/** Number of workers that fit beside the other pools, by the workers' current size; undefined without a measurement. */
function fittingWorkers({ machine, pools }: Facts, pool: PoolFacts): number | undefined {
  const each = measuredBytes(machine, pool.name);
  const room = roomForWorkers(machine);
  if (each === undefined || room === undefined) return undefined;
  const others = pools
    .filter(({ name }) => name !== pool.name)
    .reduce(
      (sum, { name, config }) => sum + config['pm.max_children'] * (measuredBytes(machine, name) ?? 0),
      0,
    );
  return Math.max(0, Math.floor((room - others) / each));
}

const lookAtOndemand = eachPool(({ pool, live }) => {
  if (live.processManager !== 'ondemand' || live.requestsPerSecond < 1) return undefined;
  const spare = Math.max(1, Math.ceil(live.maxActive / 2));
  return {
    seen: `pm = ondemand, with ${live.requestsPerSecond.toFixed(1)} requests a second now`,
    mend: inSection(
      pool.config,
      'pm = dynamic',
      `pm.start_servers = ${spare}`,
      'pm.min_spare_servers = 1',
      `pm.max_spare_servers = ${Math.max(spare, Math.min(live.maxChildren, live.maxActive))}`,
    ),
  };
});

const lookAtStatic = eachPool(({ pool, live, facts }) => {
  const { processManager, maxChildren, maxActive, startedAt } = live;
  const runs = startedAt === undefined ? 0 : facts.now - startedAt;
  if (processManager !== 'static' || maxChildren < 8 || runs < hour || maxActive * 4 > maxChildren)
    return undefined;
  return {
    seen: `pm = static with ${maxChildren} workers, of which no more than ${maxActive} were ever busy in ${Math.floor(runs / hour)} h`,
    mend: inSection(
      pool.config,
      'pm = dynamic',
      `pm.start_servers = ${maxActive + 1}`,
      `pm.min_spare_servers = 1`,
      `pm.max_spare_servers = ${maxActive + 2}`,
    ),
  };
});

const lookAtSessionLocks = eachPool(({ pool, live: { stacks, waitingForSession } }) => {
  if (waitingForSession < fewestSessions || waitingForSession < stacks * sessionShare) return undefined;
  const handler = pool.ini.text('session.save_handler');
  const inFiles =
    handler === 'files'
      ? [
          'php_admin_value[session.save_handler] = redis',
          'php_admin_value[session.save_path] = "tcp://127.0.0.1:6379"',
        ]
      : [];
  return {
    seen: `${waitingForSession} of ${stacks} busy workers wait in session_start() (session.save_handler = ${handler})`,
    mend: [
      'in the application, once the session is read: session_write_close(), or session_start(["read_and_close" => true])',
      ...(inFiles.length > 0 ? inSection(pool.config, ...inFiles) : []),
    ],
  };
});

const lookForLateWork = eachPool(({ pool, live: { busy, answered } }) => {
  if (answered < fewestAnswered || answered < busy * answeredShare) return undefined;
  return {
    seen: `the clients of ${answered} of ${busy} busy workers have their answer: the scripts go on after fastcgi_finish_request()`,
    mend: [
      'Put that work into a queue that programs outside of the pool serve,',
      `or send it to a pool of its own, so that it cannot fill this one: [${pool.name}-later]`,
    ],
  };
});

const lookAtOpcache = eachPool(({ pool, live: { opcache } }) => {
  const wanted = opcache === undefined ? [] : scarce(opcache, pool);
  if (wanted.length === 0) return undefined;
  return {
    seen: wanted.map(({ seen }) => seen).join('; '),
    mend: ['in php.ini:', ...wanted.map(({ mend }) => mend)],
  };
});

interface Scarce {
  readonly seen: string;
  readonly mend: string;
}

/** The exhausted resources of OPcache. */
function scarce(opcache: LiveOpcache, { ini }: PoolFacts): Scarce[] {
  const { memoryUsed, memoryFree, memoryWasted, keys, keysLimit, stringsUsed, stringsFree } = opcache;
  const memory = memoryUsed + memoryFree + memoryWasted;
  const found: Scarce[] = [];
  if (memory > 0 && memoryFree < memory * fullShare) {
    const megabytes = Math.ceil(memory / 1024 ** 2) * 2;
    found.push({
      seen: `${size(memoryFree)} of its ${size(memory)} are free`,
      mend: `opcache.memory_consumption=${megabytes}`,
    });
  }
  if (keysLimit > 0 && keys > keysLimit * (1 - fullShare)) {
    found.push({
      seen: `${keys} of ${keysLimit} keys are used`,
      mend: `opcache.max_accelerated_files=${keysLimit * 2}`,
    });
  }
  const strings = stringsUsed + stringsFree;
  if (strings > 0 && stringsFree < strings * fullShare) {
    const megabytes = Math.max(8, ini.quantity('opcache.interned_strings_buffer')) * 2;
    found.push({
      seen: `${size(stringsUsed)} of strings leave no room`,
      mend: `opcache.interned_strings_buffer=${megabytes}`,
    });
  }
  return found;
}

const lookAtRestarts = eachPool(({ pool, live: { opcache } }) => {
  if (opcache === undefined || opcache.restarts === 0) return undefined;
  return {
    seen: `OPcache threw everything away ${opcache.restarts} times for lack of memory or keys`,
    mend: [
      'in php.ini:',
      `opcache.memory_consumption=${pool.ini.quantity('opcache.memory_consumption') * 2}`,
      `opcache.max_accelerated_files=${pool.ini.quantity('opcache.max_accelerated_files') * 2}`,
    ],
  };
});

/** A booted application, or files in OPcache whose times are not checked. */
function keepsCode({ config, ini }: PoolFacts): boolean {
  if (config['worker.script']) return true;
  return ini.isOn('opcache.enable') && !ini.isOn('opcache.validate_timestamps');
}

const lookForStaleCode = eachPool(({ pool, live: { startedAt } }) => {
  if (startedAt === undefined || !keepsCode(pool)) return undefined;
  const newest = pool.docroots.reduce((left, right) => (right.changedAt > left.changedAt ? right : left), {
    path: '',
    changedAt: 0,
  });
  if (newest.changedAt <= startedAt) return undefined;
  const at = (time: number): string => new Date(time).toISOString().slice(0, 19);
  return {
    seen: `a script in ${newest.path} changed at ${at(newest.changedAt)}, the pool runs since ${at(startedAt)}, and ${pool.config['worker.script'] ? 'its application is booted' : 'opcache.validate_timestamps is off'}`,
    mend: ['hathi reload'],
  };
});

const lookForCache = eachPool(({ pool, live, facts }) => {
  const passes = facts.passes.filter(({ targets }) =>
    targets.some((target) => leadsTo(target, pool.config.listen)),
  );
  if (!isSaturated(live) || passes.length === 0 || passes.some(({ caches }) => caches)) return undefined;
  return {
    seen: 'all workers were busy, and no answer of it is kept by the web server',
    mend: [
      'in http, for answers that are the same for everybody:',
      `fastcgi_cache_path /var/cache/nginx/${pool.name} keys_zone=${pool.name}:10m inactive=10m;`,
      'in the location:',
      `fastcgi_cache ${pool.name};`,
      'fastcgi_cache_key $scheme$request_method$host$request_uri;',
      'fastcgi_cache_valid 200 1m;',
      'fastcgi_cache_bypass $http_cookie; fastcgi_no_cache $http_cookie;',
    ],
  };
});

const live = true;

export const liveChecks: readonly Check[] = [
  {
    id: 'pool-down',
    severity: 'critical',
    live,
    title: 'a pool that nobody serves',
    effect: 'Its requests wait, and then fail.',
    source: fpmManual,
    look: lookForDown,
  },
  {
    id: 'max-children-reached',
    severity: 'warning',
    live,
    title: 'all workers of a pool were busy',
    effect: 'Requests waited for a worker, and where the queue was full they were refused (502).',
    source: guide,
    look: lookAtSaturation,
  },
  {
    id: 'session-lock',
    severity: 'warning',
    live,
    title: 'busy workers that wait in `session_start()`',
    effect:
      'Requests of one visitor run one after the other, each holding a worker: few visitors fill the pool.',
    source: sessionManual,
    look: lookAtSessionLocks,
  },
  {
    id: 'work-after-answer',
    severity: 'warning',
    live,
    title: 'busy workers whose client has its answer (`fastcgi_finish_request()`)',
    effect: 'Work that nobody waits for holds the workers, and requests wait for it.',
    source: finishManual,
    look: lookForLateWork,
  },
  {
    id: 'opcache-full',
    severity: 'warning',
    live,
    title: 'OPcache has no room for memory, keys or strings',
    effect: 'Scripts that do not fit are compiled in every request.',
    source: opcacheManual,
    look: lookAtOpcache,
  },
  {
    id: 'opcache-restarts',
    severity: 'warning',
    live,
    title: 'OPcache restarted for lack of memory or keys',
    effect: 'Each time all scripts are compiled anew, under load by all workers at once.',
    source: opcacheManual,
    look: lookAtRestarts,
  },
  {
    id: 'opcache-stale',
    severity: 'warning',
    live,
    title:
      'scripts are younger than the pool, with `opcache.validate_timestamps` off or an application that is booted (`worker.script`)',
    effect: 'The deployed code does not run yet.',
    source: guide,
    look: lookForStaleCode,
  },
  {
    id: 'ondemand-busy',
    severity: 'advice',
    live,
    title: '`pm = ondemand` in a pool with steady requests',
    effect: 'Each request after a pause waits until a worker has started.',
    source: guide,
    look: lookAtOndemand,
  },
  {
    id: 'static-idle',
    severity: 'advice',
    live,
    title: '`pm = static` with four times the workers that were ever busy',
    effect: 'Memory that others could use is held by workers that wait.',
    source: guide,
    look: lookAtStatic,
  },
  {
    id: 'no-fastcgi-cache',
    severity: 'advice',
    live,
    title: 'a pool that was full, without a cache in front',
    effect: 'Pages that are the same for everybody take a worker each time.',
    source: guide,
    look: lookForCache,
  },
];
