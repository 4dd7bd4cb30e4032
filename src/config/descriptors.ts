/**
 * Checks that limits of open files allow a pool to run at all. PHP-FPM starts and fails when it runs out of
 * descriptors; master and embedded engine need more of them, so the start is refused.
 */

import type { Engine } from './directive.ts';
import type { Configuration, PoolConfig } from './directives.ts';
import type { ConfigMessage } from './messages.ts';

/**
 * Descriptors, counted on running processes (Node 24) with a few in reserve. During a reload a pool has two hosts. A
 * thread of the embedded engine has its event loop, one connection and one script file; there is one spare thread.
 */
const needs = {
  master: { base: 40, perPool: 12 },
  embedded: { base: 26, perThread: 5, perWorker: 2 },
} as const;

/**
 * Errors for limits that are too small for a start.
 *
 * @param engineOf the engine of a pool after `auto` is resolved
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
    // A worker of the native engine has its connection and the files of its script, as in PHP-FPM.
    if (engineOf(pool) !== 'embedded') continue;
    messages.push(
      // A host inherits the master's limit.
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
      text: `${prefix}rlimit_files = ${limit} is too low: ${subject} needs at least ${least} descriptors`,
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
