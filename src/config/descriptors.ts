/**
 * Whether the limits of open files leave enough to run at all. PHP-FPM says nothing and fails when the descriptors
 * are used up; master and embedded engine need more than its processes, so that is told beforehand.
 */

import type { Engine } from './directive.ts';
import type { Configuration, PoolConfig } from './directives.ts';
import type { ConfigMessage } from './messages.ts';

/**
 * Descriptors, counted on running processes (Node 24) with a few to spare. A reload has two hosts of a pool at once.
 * A thread of the embedded engine has its event loop, one connection and one file of its script; one thread more
 * than there are workers is the spare.
 */
const needs = {
  master: { base: 40, perPool: 12 },
  embedded: { base: 26, perThread: 5, perWorker: 2 },
} as const;

/**
 * Errors for limits that are too small to start with.
 *
 * @param engineOf the engine that runs a pool, once `auto` is decided
 */
export function checkDescriptors(
  { global, pools }: Configuration,
  engineOf: (pool: PoolConfig) => Engine,
): ConfigMessage[] {
  const { base, perPool } = needs.master;
  const messages = complain(global, {
    least: base + perPool * pools.length,
    subject: `the master of ${counted(pools.length, 'pool')}`,
    prefix: '',
  });
  for (const pool of pools) {
    // A worker of the native engine has its connection and what its script opens, as one of PHP-FPM has.
    if (engineOf(pool) !== 'embedded') continue;
    messages.push(
      // A host inherits the limit of the master.
      ...complain(pool.rlimit_files > 0 ? pool : global, {
        least: embeddedNeed(pool['pm.max_children']),
        subject: `an embedded engine of ${counted(pool['pm.max_children'], 'worker')}`,
        prefix: `[pool ${pool.name}] `,
      }),
    );
  }
  return messages;
}

function embeddedNeed(workers: number): number {
  const { base, perThread, perWorker } = needs.embedded;
  return base + perThread * (workers + 1) + perWorker * workers;
}

function complain(
  { rlimit_files: limit, places }: Pick<PoolConfig, 'rlimit_files' | 'places'>,
  { least, subject, prefix }: { least: number; subject: string; prefix: string },
): ConfigMessage[] {
  if (limit <= 0 || limit >= least) return [];
  const place = places.get('rlimit_files');
  return [
    {
      level: 'error',
      text: `${prefix}rlimit_files = ${limit} is not enough: ${subject} needs at least ${least} descriptors`,
      detail: [
        ...(place === undefined ? [] : [`${place.file}:${place.line}: rlimit_files = ${limit}`]),
        `Set it to ${least} or more, or leave it out.`,
      ],
    },
  ];
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
