/** Whether a pool's application is isolated from the others and from the machine. */

import type { Docroot, Facts, FileAccess, PoolFacts } from './facts.ts';
import { mayChange } from './file-access.ts';
import type { Check, Sighting } from './finding.ts';
import { fpmManual, guide, iniManual } from './sources.ts';
import { inSection, listing, placeOf, poolSubject } from './words.ts';

/** Functions that start programs. */
const shellFunctions = ['exec', 'passthru', 'shell_exec', 'system', 'proc_open', 'popen'];

/** A sighting for each pool to which a rule applies. */
function eachPool(
  look: (pool: PoolFacts, facts: Facts) => (Pick<Sighting, 'seen' | 'mend'> & Partial<Sighting>) | undefined,
  directive?: string,
): Check['look'] {
  return (facts) =>
    facts.pools.flatMap((pool) => {
      const found = look(pool, facts);
      return found === undefined
        ? []
        : [{ subject: poolSubject(pool), place: placeOf(pool, directive), ...found }];
    });
}

function lookAtSharedUsers({ pools }: Facts): Sighting[] {
  const byUser = Map.groupBy(pools, ({ config, user }) => user?.name ?? config.user ?? '');
  return [...byUser].flatMap(([user, sharing]) => {
    const [first, ...others] = sharing;
    if (first === undefined || others.length === 0 || user === '') return [];
    const walls = new Set(sharing.map(({ ini }) => ini.text('open_basedir')));
    const despite =
      walls.size > 1 ? '; their open_basedir differ, which keeps nobody out who shares the user' : '';
    return [
      {
        subject: `user ${user}`,
        place: placeOf(others[0] ?? first, 'user'),
        seen: `the pools ${listing(sharing.map(({ name }) => name))} run as the user ${user}${despite}`,
        mend: others.flatMap((pool) => [
          `useradd --system --no-create-home --shell /usr/sbin/nologin ${pool.name}`,
          ...inSection(pool, `user = ${pool.name}`, `group = ${pool.name}`),
        ]),
      },
    ];
  });
}

const lookForRoot = eachPool(({ config, user, name }) => {
  if (user?.uid !== 0) return undefined;
  return { seen: `user = ${config.user}`, mend: inSection(config, `user = ${name}`, `group = ${name}`) };
}, 'user');

const lookAtEnvironment = eachPool(
  ({ config }) =>
    config.clear_env ? undefined : { seen: 'clear_env = no', mend: inSection(config, 'clear_env = yes') },
  'clear_env',
);

const lookAtBasedir = eachPool(({ config, ini, docroots, name }) => {
  if (ini.text('open_basedir') !== '' || config.chroot) return undefined;
  const folder = docroots[0]?.path.replace(/\/(?:public|web|htdocs|html)$/, '') ?? `/var/www/${name}`;
  return {
    seen: 'open_basedir is not set',
    mend: inSection(config, `php_admin_value[open_basedir] = ${folder}:/tmp`),
  };
});

const lookAtFunctions = eachPool(({ config, ini }) => {
  const disabled = new Set(ini.list('disable_functions'));
  const left = shellFunctions.filter((name) => !disabled.has(name));
  if (left.length === 0) return undefined;
  const all = [...new Set([...disabled, ...shellFunctions])].join(',');
  return {
    seen: `scripts may call ${listing(left, shellFunctions.length)}`,
    mend: inSection(config, `php_admin_value[disable_functions] = ${all}`),
  };
});

const lookAtExtensions = eachPool(({ config }) => {
  if (config['security.limit_extensions'].trim() !== '') return undefined;
  return {
    seen: 'security.limit_extensions is empty: a file of any name is run as PHP',
    mend: inSection(config, 'security.limit_extensions = .php'),
  };
}, 'security.limit_extensions');

const lookAtDisplay = eachPool(({ config, ini }) => {
  if (!ini.isOn('display_errors') && ini.text('display_errors').toLowerCase() !== 'stdout') return undefined;
  return {
    seen: `display_errors = ${ini.text('display_errors')}`,
    mend: inSection(config, 'php_admin_flag[display_errors] = off', 'php_admin_flag[log_errors] = on'),
  };
});

const lookAtInclude = eachPool(({ config, ini }) => {
  if (!ini.isOn('allow_url_include')) return undefined;
  return {
    seen: 'allow_url_include is on',
    mend: inSection(config, 'php_admin_flag[allow_url_include] = off'),
  };
});

function lookForPhpinfo({ pools }: Facts): Sighting[] {
  return [...docrootsOf(pools).values()].flatMap((docroot) =>
    docroot.phpinfo.map((path) => ({
      subject: `folder ${docroot.path}`,
      place: { file: path, line: 1 },
      seen: `${path} calls phpinfo()`,
      mend: [`rm ${quoted(path)}`],
    })),
  );
}

/** Each folder once, for any number of pools and servers. */
function docrootsOf(pools: readonly PoolFacts[]): Map<string, Docroot> {
  return new Map(
    pools.flatMap(({ docroots }) => docroots.map((docroot) => [docroot.path, docroot] as const)),
  );
}

/** For a shell. */
function quoted(path: string): string {
  return /^[\w./+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

function lookAtWritableCode({ pools }: Facts): Sighting[] {
  return pools.flatMap((pool) =>
    pool.docroots.flatMap((docroot) => {
      const writable = docroot.code.filter((access) => isWritableBy(pool, access));
      if (writable.length === 0) return [];
      const path = quoted(docroot.path);
      return [
        {
          subject: poolSubject(pool),
          place: placeOf(pool, 'user'),
          seen: `${pool.user?.name} may write ${writable.length} of ${docroot.code.length} scripts and folders with scripts in ${docroot.path}, such as ${writable[0]?.path}`,
          mend: [
            // Without the lists first: chmod would set their mask in place of the group's rights.
            ...(writable.some(({ list }) => list !== undefined) ? [`setfacl -R -b ${path}`] : []),
            `chown -R root:${pool.user?.name} ${path}`,
            `chmod -R u=rwX,g=rX,o= ${path}`,
          ],
        },
      ];
    }),
  );
}

function isWritableBy({ user }: PoolFacts, access: FileAccess): boolean {
  return user !== undefined && mayChange(user, access);
}

export const wallChecks: readonly Check[] = [
  {
    id: 'pool-as-root',
    severity: 'critical',
    title: 'a pool runs as root',
    effect: 'Code that gets into the application owns the machine.',
    source: fpmManual,
    look: lookForRoot,
  },
  {
    id: 'shared-user',
    severity: 'warning',
    title: 'pools that share a user',
    effect:
      "An application that is broken into reads the others' files, sessions and database passwords, and may trace their workers.",
    source: guide,
    look: lookAtSharedUsers,
  },
  {
    id: 'docroot-writable',
    severity: 'warning',
    title: "scripts, or folders with scripts, that the pool's user may write",
    effect: 'A hole in the application becomes a script of the attacker that stays.',
    source: guide,
    look: lookAtWritableCode,
  },
  {
    id: 'phpinfo',
    severity: 'warning',
    title: 'a small script in a document root that calls `phpinfo()`',
    effect: 'It shows versions, paths, environment and headers to everybody.',
    source: guide,
    look: lookForPhpinfo,
  },
  {
    id: 'limit-extensions',
    severity: 'warning',
    title: '`security.limit_extensions` is empty',
    effect: 'An uploaded picture with PHP in it can be run.',
    source: fpmManual,
    look: lookAtExtensions,
  },
  {
    id: 'clear-env',
    severity: 'warning',
    title: '`clear_env = no`',
    effect: "Scripts see the master's whole environment, secrets included.",
    source: guide,
    look: lookAtEnvironment,
  },
  {
    id: 'display-errors',
    severity: 'warning',
    title: '`display_errors` is on',
    effect: 'Visitors see paths, queries and parts of the code.',
    source: iniManual,
    look: lookAtDisplay,
  },
  {
    id: 'url-include',
    severity: 'warning',
    title: '`allow_url_include` is on',
    effect: 'A name that comes from a request can include code from anywhere.',
    source: iniManual,
    look: lookAtInclude,
  },
  {
    id: 'open-basedir',
    severity: 'advice',
    title: '`open_basedir` is not set',
    effect: "PHP's own file functions reach whatever the pool's user may read.",
    source: guide,
    look: lookAtBasedir,
  },
  {
    id: 'disable-functions',
    severity: 'advice',
    title: '`disable_functions` leaves functions that start programs',
    effect: 'A hole in the application becomes a shell.',
    source: guide,
    look: lookAtFunctions,
  },
];
