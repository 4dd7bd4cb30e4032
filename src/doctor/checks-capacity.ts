/** Whether the allowed workers fit into the machine's memory, and are ever replaced. */

import type { Severity } from '../figures/findings.ts';
import type { Facts, MachineFacts, PoolFacts } from './facts.ts';
import type { Check, Sighting } from './finding.ts';
import { quantityOf } from './ini-values.ts';
import { fpmManual, guide, iniManual } from './sources.ts';
import { inSection, listing, placeOf, poolSubject, size } from './words.ts';

/** Reserved for the system, the web server and the database. */
const reserve = 0.2;
/** Size of an unmeasured worker: the guide's own example. */
const assumedBytes = 70 * 1024 ** 2;

/**
 * A worker of PHP-FPM has 0.2 MB of private memory after its start, and 0.6 MB after a script of one line (measured,
 * PHP 8.2).
 */
const freshBytes = 1024 ** 2;

interface Need {
  readonly pool: PoolFacts;
  readonly children: number;
  readonly eachBytes: number;
  readonly isMeasured: boolean;
}

/** Pools whose number of workers is fixed by their configuration. */
function needsOf({ pools, machine }: Facts): Need[] {
  return pools
    .map((pool): Need => {
      const measured = measuredBytes(machine, pool.name);
      const children = childrenOf(pool);
      const eachBytes = measured ?? assumedBytes;
      return { pool, children, eachBytes, isMeasured: measured !== undefined };
    })
    .filter(({ children }) => children > 0);
}

/** Measured memory of a pool's worker; undefined when none runs, or none has run an application yet. */
export function measuredBytes({ workers }: MachineFacts, pool: string): number | undefined {
  const bytes = workers.find((worker) => worker.pool === pool)?.averageBytes ?? 0;
  return bytes < freshBytes ? undefined : bytes;
}

/** With a booted application there are additional workers for other requests. */
function childrenOf({ config }: PoolFacts): number {
  return config['pm.max_children'] + (config['worker.script'] ? config['worker.other_children'] : 0);
}

function lookAtMemory(facts: Facts): Sighting[] {
  const { memory } = facts.machine;
  const needs = needsOf(facts);
  if (memory === undefined || needs.length === 0) return [];
  const total = needs.reduce((sum, { children, eachBytes }) => sum + children * eachBytes, 0);
  const isMeasured = needs.every((need) => need.isMeasured);
  const others = isMeasured ? usedByOthers(facts.machine) : 0;
  const severity = isMeasured
    ? measuredSeverity(total, others, memory.bytes)
    : assumedSeverity(total, memory.bytes);
  if (severity === undefined) return [];
  const share = Math.round((total / memory.bytes) * 100);
  const how = isMeasured
    ? `by the private memory of the workers that run; others have ${size(others)}`
    : `at ${size(assumedBytes)} a worker where none runs that could be measured`;
  const seen = `${listing(needs.map(wordsOf), 8)}: ${size(total)} are ${share} % of the ${size(memory.bytes)} of ${memory.of} (${how})`;
  const room = isMeasured ? roomForWorkers(facts.machine) : memory.bytes * (1 - reserve);
  return [{ subject: memory.of, seen, mend: smallerPools(needs, (room ?? 0) / total), severity }];
}

function measuredSeverity(total: number, others: number, bytes: number): Severity | undefined {
  if (total + others > bytes) return 'critical';
  return total > bytes * (1 - reserve) ? 'warning' : undefined;
}

/** Without a measurement it is reported only if it cannot work, and only as advice. */
function assumedSeverity(total: number, bytes: number): Severity | undefined {
  return total > bytes ? 'advice' : undefined;
}

/** Memory in use by everything except the measured workers. */
function usedByOthers({ memory, workers }: MachineFacts): number {
  const own = workers.reduce((sum, each) => sum + each.workers * each.averageBytes, 0);
  return Math.max(0, (memory?.used ?? 0) - own);
}

/** Memory for all workers together: the rest beside others, at most 80 %. Undefined when the memory is unknown. */
export function roomForWorkers(machine: MachineFacts): number | undefined {
  const { memory } = machine;
  if (memory === undefined) return undefined;
  return Math.max(0, Math.min(memory.bytes * (1 - reserve), memory.bytes - usedByOthers(machine)));
}

function wordsOf({ pool, children, eachBytes }: Need): string {
  return `${pool.name} ${children} x ${size(eachBytes)}`;
}

function smallerPools(needs: readonly Need[], factor: number): string[] {
  return needs.flatMap(({ pool, children }) =>
    inSection(pool, `pm.max_children = ${Math.max(1, Math.floor(children * factor))}`),
  );
}

function lookAtMaxRequests({ pools }: Facts): Sighting[] {
  return pools
    .filter(
      ({ config }) => (config['worker.script'] ? config['worker.max_requests'] : undefined) === undefined,
    )
    .filter(({ config }) => config['pm.max_requests'] === 0)
    .map((pool) => ({
      subject: poolSubject(pool),
      place: placeOf(pool, 'pm.max_requests'),
      seen: 'pm.max_requests is 0: a worker is never replaced',
      mend: inSection(pool, 'pm.max_requests = 1000'),
    }));
}

function lookAtMemoryLimit({ pools, machine }: Facts): Sighting[] {
  return pools.flatMap((pool) => {
    const limit = pool.ini.quantity('memory_limit');
    const most = machine.memory?.bytes ?? Number.POSITIVE_INFINITY;
    if (limit > 0 && limit <= most) return [];
    const seen =
      limit > 0
        ? `memory_limit is ${size(limit)}, more than ${machine.memory?.of} has`
        : 'memory_limit is off (-1)';
    const mend = inSection(pool, 'php_admin_value[memory_limit] = 256M');
    return [{ subject: poolSubject(pool), place: placeOf(pool), seen, mend }];
  });
}

/** With `php_admin_value` scripts cannot change it. */
function lookForRaises({ pools }: Facts): Sighting[] {
  return pools.flatMap((pool) => {
    if (pool.config.php_admin_value.some(([name]) => name === 'memory_limit')) return [];
    const own = pool.ini.quantity('memory_limit');
    const raises = pool.docroots
      .flatMap((docroot) => docroot.raises)
      .filter(({ limit }) => own > 0 && (limit === '-1' || quantityOf(limit) > own));
    const [first] = raises;
    if (first === undefined) return [];
    const scripts = new Set(raises.map(({ path }) => path)).size;
    return [
      {
        subject: poolSubject(pool),
        place: placeOf(pool),
        seen: `memory_limit is ${size(own)}, and ${scripts === 1 ? 'a script sets' : `${scripts} scripts set`} a higher one: ${first.path} to ${first.limit}`,
        mend: inSection(pool, `php_admin_value[memory_limit] = ${Math.round(own / 1024 ** 2)}M`),
      },
    ];
  });
}

function lookAtProcessMax({ pools, processMax }: Facts): Sighting[] {
  if (processMax === 0) return [];
  const sum = pools.reduce((total, { config }) => total + firstWorkers(config), 0);
  if (sum <= processMax) return [];
  const names = listing(pools.map(({ config }) => `${config.name} ${firstWorkers(config)}`));
  return [
    {
      subject: '[global]',
      seen: `process.max = ${processMax}, and the pools start with ${sum} workers: ${names}`,
      mend: ['[global]', `process.max = ${sum}`],
    },
  ];
}

function firstWorkers(config: PoolFacts['config']): number {
  if (config.pm === 'static') return config['pm.max_children'];
  return config.pm === 'dynamic' ? config['pm.start_servers'] : 0;
}

export const capacityChecks: readonly Check[] = [
  {
    id: 'memory',
    severity: 'warning',
    title:
      'the workers that all pools may have take more than 80 % of the memory, or more than others leave of it',
    effect: 'Under load the kernel ends processes (OOM killer): workers, the database or the web server.',
    source: guide,
    look: lookAtMemory,
  },
  {
    id: 'memory-limit',
    severity: 'warning',
    title: "`memory_limit` is off or larger than the machine's memory",
    effect: 'One request may take all memory, and others are ended for it.',
    source: iniManual,
    look: lookAtMemoryLimit,
  },
  {
    id: 'memory-limit-raised',
    severity: 'advice',
    title: 'scripts that set a higher `memory_limit` than the pool',
    effect: 'A worker may take more than the number of workers was planned for.',
    source: iniManual,
    look: lookForRaises,
  },
  {
    id: 'max-requests',
    severity: 'advice',
    title: '`pm.max_requests` is 0',
    effect: 'Leaks in PHP or an extension add up for as long as the worker lives.',
    source: guide,
    look: lookAtMaxRequests,
  },
  {
    id: 'process-max',
    severity: 'warning',
    title: '`process.max` is below the workers that the pools start with',
    effect: 'Pools that come late get fewer workers than their section says, or none.',
    source: fpmManual,
    look: lookAtProcessMax,
  },
];
