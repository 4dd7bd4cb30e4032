/**
 * `hathi plan` without a running master: what the configuration alone says about memory, and what it leaves unknown.
 */

import { decodeText, encodeText } from '../../boot/binary-text.ts';
import { configSystem } from '../../boot/config-system.ts';
import { defaultConfigFile } from '../../boot/default-config-file.ts';
import type { PoolConfig } from '../../config/directives.ts';
import { loadConfiguration } from '../../config/load.ts';
import { availableBytes } from '../../pool/capacity.ts';
import { memoryAccount } from '../../posix/memory-limit.ts';
import { asciiJson } from '../../text/json.ts';
import { terminalText } from '../../text/terminal.ts';
import { AdminError } from '../../top/admin-client.ts';
import { bytes } from '../../top/units.ts';
import { type AdminIo, adminExit } from './admin-command.ts';
import { type PlanOptions, readSize } from './plan-options.ts';

interface OfflinePool {
  readonly name: string;
  readonly processManager: string;
  readonly maxChildren: number;
  /** The pool's own `memory_limit`; undefined where php.ini decides. */
  readonly memoryLimit: number | undefined;
}

const unknown = [
  'what a worker takes, and by how much it grows',
  'how many requests come, how long they take, how many workers they keep busy',
  'whether the limits fit: run the master for a day as it is, then ask again',
];

/** @param reason why no master was asked. @returns the exit code */
export function planOffline(options: PlanOptions, reason: string, io: AdminIo): number {
  if (options.html !== undefined || options.write || options.request.whatIf !== undefined) {
    throw new AdminError(
      `${reason}. Without a running master there is nothing measured for --html, --write and --what-if`,
    );
  }
  const pools = configuredPools(options, reason, io);
  const account = memoryAccount();
  const limitBytes = options.request.memory ?? account?.limitBytes;
  const othersBytes =
    options.request.others ?? (options.request.memory === undefined ? (account?.usedBytes ?? 0) : 0);
  const available =
    limitBytes === undefined
      ? undefined
      : availableBytes({ limitBytes, othersBytes, reserve: options.request.reserve });
  if (options.json) {
    const measured = { limitBytes, othersBytes, availableBytes: available };
    io.stdout.write(`${asciiJson({ isMeasured: false, reason, unknown, memory: measured, pools }, 2)}\n`);
    return adminExit.ok;
  }
  io.stdout.write(`${rows(pools, available, reason).join('\n')}\n`);
  return adminExit.ok;
}

function configuredPools(options: PlanOptions, reason: string, io: AdminIo): OfflinePool[] {
  const file = options['fpm-config'] ?? defaultConfigFile(options.prefix);
  const system = configSystem({ allowRoot: true, env: io.env, ini: new Map() });
  const { configuration, messages } = loadConfiguration(
    {
      file: encodeText(file),
      ...(options.prefix === undefined ? {} : { prefix: encodeText(options.prefix) }),
    },
    // The logs belong to the master: a client must not create them.
    { ...system, openForAppend: () => undefined },
  );
  if (configuration === undefined) {
    const problem =
      messages.find(({ level }) => level === 'error' || level === 'alert')?.text ?? 'it is not valid';
    throw new AdminError(`${reason}. Neither can "${file}" be read: ${decodeText(problem)}`);
  }
  const { pools } = decodeText(configuration);
  const missing = options.pools.find((name) => !pools.some((pool) => pool.name === name));
  if (missing !== undefined) throw new AdminError(`There is no pool "${missing}" in "${file}"`);
  return pools
    .filter(({ name }) => options.pools.length === 0 || options.pools.includes(name))
    .map((pool) => ({
      name: pool.name,
      processManager: pool.pm,
      maxChildren: pool['pm.max_children'],
      memoryLimit: memoryLimitOf(pool),
    }));
}

function memoryLimitOf(pool: PoolConfig): number | undefined {
  const [, value] =
    [...pool.php_admin_value, ...pool.php_value].find(([name]) => name === 'memory_limit') ?? [];
  try {
    return value === undefined ? undefined : readSize('memory_limit', value);
  } catch {
    // -1, or a value that only PHP understands.
    return undefined;
  }
}

function rows(pools: readonly OfflinePool[], available: number | undefined, reason: string): string[] {
  const sum = pools.reduce((total, { maxChildren }) => total + maxChildren, 0);
  const share = available === undefined || sum === 0 ? undefined : available / sum;
  return [
    `No master was asked: ${terminalText(reason)}`,
    'Not known without one:',
    ...unknown.map((line) => `  ${line}`),
    '',
    available === undefined
      ? 'MEMORY  the limit is not known: give it with --memory'
      : `MEMORY  ${bytes(available)} for pools, after reserve and what is used now`,
    ...pools.map(({ name, processManager, maxChildren, memoryLimit }) => {
      const most =
        memoryLimit === undefined
          ? ''
          : `; scripts may take ${bytes(memoryLimit)} each (memory_limit), ${bytes(maxChildren * memoryLimit)} together`;
      return `POOL ${terminalText(name)}  pm = ${processManager}, pm.max_children = ${maxChildren}${most}`;
    }),
    ...(share === undefined ? [] : ['', `All ${sum} workers at once may take ${bytes(share)} each.`]),
  ];
}
