/**
 * Checks beyond parsing: names of users and groups, and pools that would run as root. php-fpm checks root and names in
 * access control lists only at the start, so `-t` only warns about them.
 */

import type { Configuration, PoolConfig } from './directives.ts';
import { dumpConfiguration } from './dump.ts';
import type { LoadResult } from './load.ts';
import type { ConfigMessage } from './messages.ts';
import type { ConfigSystem } from './system.ts';
import { isNumber, resolveIdentity, unknownGroup, unknownUser } from './users.ts';

/**
 * The result of `-t` (and `-tt`, with `dump`) for a loaded configuration.
 *
 * @returns messages without those of loading; `ok` is false when the start would fail
 */
export function testConfiguration(
  configuration: Configuration,
  system: ConfigSystem,
  { dump }: { dump: boolean },
): Omit<LoadResult, 'global'> {
  const [first] = checkStart(configuration, system);
  if (first) return { ok: false, messages: [first] };
  return {
    ok: true,
    configuration,
    messages: [
      ...(dump ? dumpConfiguration(configuration) : []),
      { level: 'notice', text: `configuration file ${configuration.file} test is successful` },
    ],
  };
}

/**
 * Names and ids that make a start fail; a start reports the first one. Sockets are the master's to check. A start
 * without root's rights skips users and groups of pools, since it cannot switch to them; `-t` checks them, since the
 * file may be meant for root.
 */
export function checkStart(
  configuration: Configuration,
  system: ConfigSystem,
  purpose: 'test' | 'start' = 'test',
): ConfigMessage[] {
  const ignoresUsers = purpose === 'start' && !system.isRoot;
  const known = askedOnce(system);
  return [
    ...checkNames(configuration, known, ignoresUsers ? NAMES.filter(({ ofSocket }) => ofSocket) : NAMES),
    ...checkRoot(configuration, known),
    ...checkAccessLists(configuration, known),
  ];
}

/** Thousands of pools have the same users. */
function askedOnce(system: ConfigSystem): ConfigSystem {
  const remember = <T>(look: (name: string) => T): ((name: string) => T) => {
    const answers = new Map<string, T>();
    return (name) => {
      if (!answers.has(name)) answers.set(name, look(name));
      return answers.get(name) as T;
    };
  };
  return {
    ...system,
    lookupUser: remember((name) => system.lookupUser(name)),
    lookupGroup: remember((name) => system.lookupGroup(name)),
  };
}

/** Kind of name by directive, in php-fpm's order of look-ups. */
const NAMES = [
  { directive: 'user', kind: 'user', suffix: '', ofSocket: false },
  { directive: 'group', kind: 'group', suffix: '', ofSocket: false },
  // php-fpm words these two as failed system calls.
  { directive: 'listen.owner', kind: 'user', suffix: ': Success (0)', ofSocket: true },
  { directive: 'listen.group', kind: 'group', suffix: ': Success (0)', ofSocket: true },
] as const;

/** Reports unknown users and groups. */
export function checkNames(
  configuration: Configuration,
  system: ConfigSystem,
  names: readonly (typeof NAMES)[number][] = NAMES,
): ConfigMessage[] {
  const messages: ConfigMessage[] = [];
  for (const pool of configuration.pools) {
    for (const { directive, kind, suffix } of names) {
      const name = pool[directive];
      if (!name || isKnown(kind, name, system)) continue;
      const { reason, remedy } = kind === 'user' ? unknownUser(name) : unknownGroup(name);
      messages.push(complain(pool, { reason: reason + suffix, remedy, directive }));
    }
  }
  return messages;
}

/** Reports unknown users and groups in access control lists of sockets. */
export function checkAccessLists(configuration: Configuration, system: ConfigSystem): ConfigMessage[] {
  const lists = [
    ['listen.acl_users', 'user'],
    ['listen.acl_groups', 'group'],
  ] as const;
  const withLists = configuration.pools.filter((pool) => lists.some(([directive]) => pool[directive]));
  return withLists.flatMap((pool) =>
    lists.flatMap(([directive, kind]) => {
      const names = (pool[directive] ?? '').split(',').filter((name) => name !== '');
      const unknown = names.find((name) => !isKnown(kind, name, system));
      if (unknown === undefined) return [];
      const { reason, remedy } = kind === 'user' ? unknownUser(unknown) : unknownGroup(unknown);
      const message = complain(pool, { reason: `${reason}: Success (0)`, remedy, directive });
      return [{ ...message, isOfMachine: true }];
    }),
  );
}

function isKnown(kind: 'user' | 'group', name: string, system: ConfigSystem): boolean {
  if (isNumber(name)) return true;
  return (kind === 'user' ? system.lookupUser(name) : system.lookupGroup(name)) !== undefined;
}

/** Reports pools that would run as root without `-R`. */
export function checkRoot(configuration: Configuration, system: ConfigSystem): ConfigMessage[] {
  if (!system.isRoot || system.allowRoot) return [];
  return configuration.pools.flatMap((pool) => {
    const identity = resolveIdentity(pool, system);
    // checkNames reports unknown names.
    if ('reason' in identity || (identity.uid !== 0 && identity.gid !== 0)) return [];
    const reason = 'please specify user and group other than root';
    const remedy = `Set 'user' and 'group' in the section [${pool.name}], or allow root with -R.`;
    return [{ ...complain(pool, { reason, remedy, directive: 'user' }), isOfMachine: true }];
  });
}

/**
 * Reports a `process.max` that the pools exceed at their start. A start continues with fewer workers, as in php-fpm;
 * newer versions refuse it in the test.
 */
export function checkProcessMax({ global, pools }: Configuration): ConfigMessage[] {
  const most = global['process.max'];
  const wanted = pools.map((pool) =>
    pool.pm === 'static' ? pool['pm.max_children'] : pool['pm.start_servers'],
  );
  const sum = wanted.reduce((total, workers) => total + workers, 0);
  if (most <= 0 || sum <= most) return [];
  const place = global.places.get('process.max');
  return [
    {
      level: 'error',
      text: `process.max(${most}) must not be less than the ${sum} workers that the pools start with`,
      detail: [
        ...(place === undefined ? [] : [`${place.file}:${place.line}: process.max = ${most}`]),
        ...pools.flatMap(({ name }, index) =>
          wanted[index] === 0 ? [] : [`pool ${name}: ${wanted[index]}`],
        ),
      ],
    },
  ];
}

/** Directives of a pool that need root's rights, in php-fpm's order. */
const NEED_ROOT = ['user', 'group', 'chroot', 'process.priority'] as const;

/** Messages of a start without root's rights about directives that it ignores. */
export function ignoredWithoutRoot(configuration: Configuration): ConfigMessage[] {
  return configuration.pools.flatMap((pool) =>
    NEED_ROOT.filter((name) => pool[name] !== undefined && pool[name] !== '').map((name) => ({
      level: 'notice' as const,
      text: `[pool ${pool.name}] '${name}' directive is ignored when FPM is not running as root`,
    })),
  );
}

function complain(
  pool: PoolConfig,
  { reason, remedy, directive }: { reason: string; remedy: string; directive: string },
): ConfigMessage {
  const { file, line } = pool.places.get(directive) ?? pool;
  return {
    level: 'error',
    text: `[pool ${pool.name}] ${reason}`,
    detail: [`${file}:${line}: ${directive} = ${pool[directive as 'user'] ?? ''}`, remedy],
  };
}
