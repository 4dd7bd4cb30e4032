/** Whether PHP itself is intact, supported, up to date and fast. */

import { missingReleases, supportedUntil } from '../engine/security-releases.ts';
import type { Facts, PoolFacts } from './facts.ts';
import { mayMakeFiles } from './file-access.ts';
import type { Check, Sighting } from './finding.ts';
import {
  aptManual,
  fpmManual,
  guide,
  iniManual,
  opcacheManual,
  phpChanges,
  phpVersions,
  sessionManual,
} from './sources.ts';
import { branchOf, compareVersions, inSection, listing, placeOf, poolSubject } from './words.ts';

/** PHP includes OPcache from 8.5 on; so does the embedded engine's PHP. */
function hasOpcache({ ini, php }: PoolFacts): boolean {
  if (php.engine === 'embedded' || php.version === undefined) return true;
  return compareVersions(php.version, '8.5') >= 0 || ini.extensions.has('opcache');
}

function usesOpcache(pool: PoolFacts): boolean {
  return hasOpcache(pool) && pool.ini.isOn('opcache.enable');
}

function lookAtIniFiles({ iniErrors }: Facts): Sighting[] {
  return iniErrors.map(({ file, line, text }) => ({
    subject: 'php.ini',
    place: { file, line },
    seen: text,
    mend: [`Mend line ${line} of ${file}; \`php -c ${file} --ini\` says whether PHP takes it`],
  }));
}

function lookForOpcache({ pools }: Facts): Sighting[] {
  return pools
    .filter((pool) => !usesOpcache(pool))
    .map((pool) => ({
      subject: poolSubject(pool),
      place: placeOf(pool),
      seen: hasOpcache(pool) ? 'opcache.enable is off' : 'no php.ini file of the pool loads OPcache',
      mend: hasOpcache(pool)
        ? ['in php.ini:', 'opcache.enable=1']
        : ['in conf.d/10-opcache.ini:', 'zend_extension=opcache.so'],
    }));
}

function lookAtTimestamps({ pools }: Facts): Sighting[] {
  return pools
    .filter((pool) => usesOpcache(pool) && pool.ini.isOn('opcache.validate_timestamps'))
    .map((pool) => ({
      subject: poolSubject(pool),
      place: placeOf(pool),
      seen: 'opcache.validate_timestamps is on',
      mend: [
        'in php.ini, with `hathi reload` at the end of each deployment:',
        'opcache.validate_timestamps=0',
      ],
    }));
}

function lookAtKeys({ pools }: Facts): Sighting[] {
  return pools.flatMap((pool) => {
    const limit = pool.ini.quantity('opcache.max_accelerated_files');
    const scripts = pool.docroots.reduce((sum, docroot) => sum + docroot.scripts, 0);
    if (!usesOpcache(pool) || scripts <= limit) return [];
    const enough = 2 ** Math.ceil(Math.log2(scripts * 1.5));
    return [
      {
        subject: poolSubject(pool),
        place: placeOf(pool),
        seen: `opcache.max_accelerated_files is ${limit}, and its document roots hold ${scripts} scripts`,
        mend: ['in php.ini:', `opcache.max_accelerated_files=${enough}`],
      },
    ];
  });
}

function hasJit({ ini }: PoolFacts): boolean {
  return (
    ini.quantity('opcache.jit_buffer_size') > 0 &&
    !/^(?:disable|off|no|false|0|)$/i.test(ini.text('opcache.jit'))
  );
}

function lookAtXdebug({ pools }: Facts): Sighting[] {
  return pools
    .filter(({ ini }) => ini.extensions.has('xdebug'))
    .map((pool) => ({
      subject: poolSubject(pool),
      place: placeOf(pool),
      seen:
        usesOpcache(pool) && hasJit(pool)
          ? 'the extension xdebug is loaded: the JIT, which is configured, is switched off by it'
          : 'the extension xdebug is loaded',
      mend: [
        'phpdismod -s fpm xdebug',
        'or take its line `zend_extension=xdebug` out of the php.ini files of this server',
      ],
    }));
}

function lookAtSupport({ pools, now }: Facts): Sighting[] {
  const today = new Date(now).toISOString().slice(0, 10);
  return eachVersion(pools).flatMap(([version, using]) => {
    const until = supportedUntil[branchOf(version)];
    const { distributionUntil = '', engine } = using[0]?.php ?? {};
    if (until === undefined || today <= until || (engine === 'native' && today <= distributionUntil))
      return [];
    return [
      {
        subject: `PHP ${version}`,
        seen: `php.net's support of PHP ${branchOf(version)} ended on ${until}${distributionUntil === '' ? '' : `, the distribution's on ${distributionUntil}`}; it runs ${poolNames(using)}`,
        mend: [
          'Move to a branch that is supported; `engine.php = 8.4` in a pool tries one on the embedded engine',
        ],
      },
    ];
  });
}

function lookForCves({ pools }: Facts): Sighting[] {
  return eachVersion(pools).flatMap(([version, using]) => {
    const fixed = using[0]?.php.fixed ?? new Set();
    const missing = missingReleases(version)
      .map((release) => ({ ...release, cves: release.cves.filter((cve) => !fixed.has(cve)) }))
      .filter(({ cves }) => cves.length > 0);
    const newest = missing.at(-1);
    if (newest === undefined) return [];
    const release = newest.releases[branchOf(version)];
    const cves = missing.flatMap((row) => row.cves);
    const isNative = using[0]?.php.engine === 'native';
    return [
      {
        subject: `PHP ${version}`,
        seen: `${cves.length} CVEs are mended up to ${release} and not here: ${listing([...cves].reverse(), 6)}; it runs ${poolNames(using)}`,
        mend: isNative
          ? [`apt-get update && apt-get install --only-upgrade 'php${branchOf(version)}-*'`, 'hathi reload']
          : [`npm install @php-wasm/node-${branchOf(version).replace('.', '-')}@latest`],
      },
    ];
  });
}

/** Pools by their PHP version, if known. */
function eachVersion(pools: readonly PoolFacts[]): [string, PoolFacts[]][] {
  return [...Map.groupBy(pools, ({ php }) => php.version)].flatMap(([version, using]) =>
    version === undefined ? [] : [[version, using]],
  );
}

function poolNames(pools: readonly PoolFacts[]): string {
  return `${pools.length === 1 ? 'the pool' : 'the pools'} ${listing(pools.map(({ name }) => name))}`;
}

function lookAtDisk({ pools, machine, live }: Facts): Sighting[] {
  const replaced = machine.replaced.map(({ pid, program }) => ({
    subject: `process ${pid}`,
    seen: `it runs ${program}, which has been replaced on disk`,
    mend: ['hathi reload', 'or, for PHP-FPM: systemctl restart php8.2-fpm'],
  }));
  const older = pools.flatMap((pool) => {
    const running = live?.pools.find(({ name }) => name === pool.name)?.phpVersion ?? pool.php.version;
    const { onDisk } = pool.php;
    if (running === undefined || onDisk === undefined || pool.php.engine !== 'native') return [];
    if (branchOf(running) !== branchOf(onDisk) || compareVersions(running, onDisk) >= 0) return [];
    return [
      {
        subject: poolSubject(pool),
        place: placeOf(pool),
        seen: `it runs on PHP ${running}, and ${onDisk} is installed`,
        mend: ['hathi build', 'hathi reload'],
      },
    ];
  });
  return [...replaced, ...older];
}

/** Extensions that another one needs before itself, of those that distributions ship as files of their own. */
const needs: Readonly<Record<string, readonly string[]>> = {
  redis: ['igbinary', 'msgpack'],
  memcached: ['igbinary', 'msgpack'],
  mysqli: ['mysqlnd'],
  pdo_mysql: ['mysqlnd', 'pdo'],
  pdo_pgsql: ['pdo'],
  pdo_sqlite: ['pdo'],
  pdo_odbc: ['pdo'],
  xsl: ['dom'],
  xmlreader: ['dom'],
};

/** PHP-FPM sets a pool's values from the last line to the first, so what is needed has to come later there. */
function lookAtExtensionOrder({ pools }: Facts): Sighting[] {
  return pools.flatMap((pool) =>
    (['php_value', 'php_admin_value'] as const).flatMap((directive) => {
      const names = pool.config[directive]
        .filter(([name]) => name === 'extension')
        .map(([, path]) => path.slice(path.lastIndexOf('/') + 1).replace(/\.so$/, ''));
      return names.flatMap((name, index) => {
        const above = (needs[name] ?? []).find((needed) => names.slice(0, index).includes(needed));
        if (above === undefined) return [];
        return [
          {
            subject: poolSubject(pool),
            place: placeOf(pool),
            seen: `${directive}[extension] = ${above} is above ${name}, which needs it, and PHP-FPM loads the last line first: it leaves ${name} out`,
            mend: inSection(
              pool.config,
              `${directive}[extension] = ${name}.so`,
              `${directive}[extension] = ${above}.so`,
            ),
          },
        ];
      });
    }),
  );
}

function lookForUpdates({ updates }: Facts): Sighting[] {
  return updates.map(({ name, installed, candidate, isSecurity }) => ({
    subject: `package ${name}`,
    severity: isSecurity ? 'warning' : 'advice',
    seen: `${installed} is installed, and apt's lists have ${candidate}${isSecurity ? ', with security fixes' : ''}`,
    mend: [`apt-get install --only-upgrade '${name.replace(/-[^-]*$/, '-*')}'`, 'hathi reload'],
  }));
}

function lookAtSessions({ pools }: Facts): Sighting[] {
  return pools.flatMap((pool) => {
    const { sessionFolder: folder, user } = pool;
    if (folder === undefined || user === undefined || mayMakeFiles(user, folder)) return [];
    return [
      {
        subject: poolSubject(pool),
        place: placeOf(pool),
        seen: `${user.name} may not make files in session.save_path ${folder.path}`,
        mend: inSection(
          pool.config,
          `php_admin_value[session.save_path] = /var/lib/php/sessions-${pool.name}`,
          `; install -d -o ${user.name} -m 0700 /var/lib/php/sessions-${pool.name}`,
        ),
      },
    ];
  });
}

export const phpChecks: readonly Check[] = [
  {
    id: 'php-ini-syntax',
    severity: 'critical',
    title: 'a php.ini file with a syntax error',
    effect: 'PHP leaves out the rest of the file without failing: limits and extensions have their defaults.',
    source: iniManual,
    look: lookAtIniFiles,
  },
  {
    id: 'php-cves',
    severity: 'warning',
    title: 'a PHP that lacks security fixes of the table that comes with Hathi',
    effect: 'Attackers can use the published faults.',
    source: phpChanges,
    look: lookForCves,
  },
  {
    id: 'php-update',
    severity: 'warning',
    title: 'a newer package of PHP in the lists of apt',
    effect: 'Faults that are mended there stay in this PHP.',
    source: aptManual,
    look: lookForUpdates,
  },
  {
    id: 'php-unsupported',
    severity: 'warning',
    title: 'a PHP that is out of support',
    effect: 'Faults that are found from now on stay in it.',
    source: phpVersions,
    look: lookAtSupport,
  },
  {
    id: 'php-replaced',
    severity: 'warning',
    title: 'the PHP on disk is not the one that runs',
    effect: 'Security fixes are installed and not in force; extensions that are loaded later may not fit.',
    source: phpChanges,
    look: lookAtDisk,
  },
  {
    id: 'extension-order',
    severity: 'advice',
    title: 'extensions of a pool in an order in which PHP-FPM leaves one out',
    effect:
      'With PHP-FPM its functions are not there, and the log says nothing of it. Hathi loads them in either order.',
    source: fpmManual,
    look: lookAtExtensionOrder,
  },
  {
    id: 'session-path',
    severity: 'warning',
    title: "the pool's user may not write sessions",
    effect: 'Logins are lost: each request begins an empty session, with a warning in the log.',
    source: sessionManual,
    look: lookAtSessions,
  },
  {
    id: 'xdebug',
    severity: 'warning',
    title: 'Xdebug is loaded, and switches off the JIT where there is one',
    effect: 'Requests take a multiple of their time, and a client may be able to start a debugger.',
    source: opcacheManual,
    look: lookAtXdebug,
  },
  {
    id: 'opcache-off',
    severity: 'warning',
    title: 'OPcache is off or not loaded',
    effect: 'Every request compiles every file that it includes.',
    source: guide,
    look: lookForOpcache,
  },
  {
    id: 'opcache-keys',
    severity: 'warning',
    title: '`opcache.max_accelerated_files` is below the scripts in the document roots',
    effect: 'OPcache is full by number: it restarts, or compiles the rest each time.',
    source: opcacheManual,
    look: lookAtKeys,
  },
  {
    id: 'opcache-timestamps',
    severity: 'advice',
    title: '`opcache.validate_timestamps` is on',
    effect: 'Every file is asked for its time in every request, and a deployment is seen half done.',
    source: guide,
    look: lookAtTimestamps,
  },
];
