/** How the web server passes requests: restrictions, time-outs, and permission to connect. */

import { leadsTo } from './addresses.ts';
import { hasList, tcpAddress } from './checks-sockets.ts';
import type { Facts, FileAccess, PoolFacts, WebServer } from './facts.ts';
import { mayConnect } from './file-access.ts';
import type { Check, Sighting } from './finding.ts';
import { guide, nginxFastcgi, unixManual } from './sources.ts';
import type { FastcgiPass } from './web-facts.ts';
import { inSection, placeOf, poolSubject } from './words.ts';

interface Served {
  readonly pool: PoolFacts;
  readonly pass: FastcgiPass;
}

function leadsToPool({ targets }: FastcgiPass, { config }: PoolFacts): boolean {
  return targets.some((target) => leadsTo(target, config.listen));
}

function served({ pools, passes }: Facts): Served[] {
  return pools.flatMap((pool) =>
    passes.filter((pass) => leadsToPool(pass, pool)).map((pass): Served => ({ pool, pass })),
  );
}

/** A sighting for each place that passes to a pool and to which a rule applies. */
function eachPass(look: (served: Served) => Pick<Sighting, 'seen' | 'mend' | 'severity'> | undefined) {
  return (facts: Facts): Sighting[] =>
    served(facts).flatMap(({ pool, pass }) => {
      const found = look({ pool, pass });
      return found === undefined ? [] : [{ subject: subjectOf(pass, pool), place: pass.place, ...found }];
    });
}

function subjectOf({ server, what }: FastcgiPass, { name }: PoolFacts): string {
  return `${server}, ${what}, pool ${name}`;
}

/** The client's choice is limited to scripts, unless the pool accepts any name. */
function takesOnlyScripts({ config }: PoolFacts): boolean {
  const extensions = config['security.limit_extensions'].split(/[\s,]+/).filter((each) => each !== '');
  return extensions.length > 0 && extensions.every((each) => /^\.ph/.test(each));
}

const lookForMissing = eachPass(({ pool, pass }) => {
  if (!pass.passesMissing) return undefined;
  const isSafe = takesOnlyScripts(pool);
  return {
    severity: isSafe ? 'warning' : 'critical',
    seen: `names that no file has are passed on to PHP${isSafe ? '' : ', and the pool runs files of any name'}`,
    mend:
      pass.server === 'nginx'
        ? [`in ${pass.what}:`, 'try_files $fastcgi_script_name =404;']
        : [
            'in place of ProxyPassMatch:',
            '<FilesMatch "\\.php$">',
            `  SetHandler "proxy:unix:${pool.config.listen}|fcgi://localhost"`,
            '</FilesMatch>',
          ],
  };
});

const lookAtStatus = eachPass(({ pool, pass }) => {
  const { config } = pool;
  const paths = [config['pm.status_path'], config['ping.path']].filter((path) => path && pass.reaches(path));
  if (paths.length === 0) return undefined;
  const [path] = paths;
  return {
    seen: `everybody may ask for ${paths.join(' and ')}`,
    mend:
      pass.server === 'nginx'
        ? [
            `location = ${path} {`,
            '  allow 127.0.0.1;',
            '  deny all;',
            `  fastcgi_pass ${passTarget(config.listen)};`,
            '  include fastcgi_params;',
            '}',
          ]
        : [`<Location "${path}">`, '  Require local', '</Location>'],
  };
});

function passTarget(listen: string): string {
  return listen.startsWith('/') ? `unix:${listen}` : listen;
}

const lookAtReadTimeout = eachPass(({ pool, pass }) => {
  const limit = pool.config.request_terminate_timeout;
  if (limit === 0 || pass.readTimeout === undefined || pass.readTimeout >= limit) return undefined;
  const name = pass.server === 'nginx' ? 'fastcgi_read_timeout' : 'ProxyTimeout';
  return {
    seen: `${name} is ${pass.readTimeout} s, and request_terminate_timeout = ${limit}s`,
    mend: [pass.server === 'nginx' ? `${name} ${limit + 5}s;` : `${name} ${limit + 5}`],
  };
});

const lookAtBuffering = eachPass(({ pass }) =>
  pass.buffers
    ? undefined
    : { seen: 'fastcgi_buffering off', mend: ['fastcgi_buffering on;', 'fastcgi_buffers 16 16k;'] },
);

/** A page of memory, nginx's own default. */
const usualHead = 4096;

const lookAtHead = eachPass(({ pass: { server, headBuffer, admitsStrangers } }) => {
  if (server !== 'nginx' || !admitsStrangers || (headBuffer ?? usualHead) > usualHead) return undefined;
  return {
    seen:
      headBuffer === undefined
        ? 'fastcgi_buffer_size is not set: a head may have 4 KB'
        : `fastcgi_buffer_size is ${headBuffer} bytes`,
    mend: ['fastcgi_buffers 16 16k;', 'fastcgi_buffer_size 32k;'],
  };
});

const lookAtLinks = eachPass(({ pool, pass: { docroot, resolvesLinks } }) => {
  if (resolvesLinks || !pool.docroots.some(({ path, isLink }) => isLink && path === docroot))
    return undefined;
  return {
    seen: `${docroot} is behind a symbolic link, and PHP is given the path with the link in it`,
    mend: [
      'fastcgi_param SCRIPT_FILENAME $realpath_root$fastcgi_script_name;',
      'fastcgi_param DOCUMENT_ROOT $realpath_root;',
    ],
  };
});

function lookForDeadTargets({ passes, pools, deadSockets }: Facts): Sighting[] {
  return passes.flatMap((pass) => {
    const dead = pass.targets.filter((target) => deadSockets.has(target));
    const [target] = dead;
    if (target === undefined || pools.length === 0 || pools.some((pool) => leadsToPool(pass, pool)))
      return [];
    const [pool] = pools;
    return [
      {
        subject: `${pass.server}, ${pass.what}`,
        place: pass.place,
        seen: `it passes to ${target}, which no pool listens on and which is not there`,
        mend: [
          pass.server === 'nginx'
            ? `fastcgi_pass ${passTarget(pool?.config.listen ?? '/run/php/NAME.sock')};`
            : `SetHandler "proxy:unix:${pool?.config.listen ?? '/run/php/NAME.sock'}|fcgi://localhost"`,
        ],
      },
    ];
  });
}

function lookAtWebUser(facts: Facts): Sighting[] {
  const { pools, passes, webServers, socketOwners } = facts;
  return pools.flatMap((pool) => {
    const access = socketOwners.get(pool.name);
    if (access === undefined || tcpAddress(pool) !== undefined) return [];
    const using = webServers.filter(({ name }) =>
      passes.some((pass) => pass.server === name && leadsToPool(pass, pool)),
    );
    return using.flatMap((server) => deniedTo(server, pool, access));
  });
}

function deniedTo({ name, user }: WebServer, pool: PoolFacts, access: FileAccess): Sighting[] {
  if (user === undefined || mayConnect(user, access)) return [];
  const mode = access.mode.toString(8).padStart(4, '0');
  const users = pool.config['listen.acl_users'];
  const isListed = hasList(pool);
  return [
    {
      subject: poolSubject(pool),
      place: placeOf(pool, isListed ? 'listen.acl_users' : 'listen.owner'),
      seen: `${name} runs as ${user.name}, who may not connect to ${pool.config.listen} (mode ${mode}${isListed ? ', and not in its list' : ''})`,
      mend: inSection(
        pool.config,
        ...(isListed
          ? [`listen.acl_users = ${[users, user.name].filter(Boolean).join(',')}`]
          : [`listen.owner = ${user.name}`, `listen.group = ${user.name}`, 'listen.mode = 0660']),
      ),
    },
  ];
}

export const webChecks: readonly Check[] = [
  {
    id: 'socket-web-user',
    severity: 'critical',
    title: 'the web server may not connect to the socket',
    effect: 'Every request ends in 502 (nginx) or 503 (Apache).',
    source: unixManual,
    look: lookAtWebUser,
  },
  {
    id: 'web-target',
    severity: 'warning',
    title: 'the web server passes to a socket that is not there',
    effect: 'Every request for a script ends in 502 (nginx) or 503 (Apache).',
    source: nginxFastcgi,
    look: lookForDeadTargets,
  },
  {
    id: 'web-missing-file',
    severity: 'warning',
    title: 'scripts that are not there are passed on: no `try_files … =404`, or a ProxyPassMatch',
    effect:
      'Asked for /upload/picture.jpg/x.php, PHP looks at the picture; only `security.limit_extensions` still keeps it from being run.',
    source: guide,
    look: lookForMissing,
  },
  {
    id: 'web-status',
    severity: 'warning',
    title: '`pm.status_path` or `ping.path` can be asked for from outside',
    effect: 'Strangers see load, and with ?full every running URI with its query.',
    source: guide,
    look: lookAtStatus,
  },
  {
    id: 'web-read-timeout',
    severity: 'warning',
    title: "the web server's read time-out is below `request_terminate_timeout`",
    effect: 'The client gets a 504, asks again, and the worker still runs the first request.',
    source: nginxFastcgi,
    look: lookAtReadTimeout,
  },
  {
    id: 'web-buffering',
    severity: 'warning',
    title: '`fastcgi_buffering` is off',
    effect: 'A slow client holds a worker for as long as it takes the answer.',
    source: nginxFastcgi,
    look: lookAtBuffering,
  },
  {
    id: 'web-head-buffer',
    severity: 'advice',
    title: '`fastcgi_buffer_size` is a page of 4 KB',
    effect: 'An answer with long cookies or headers ends in 502: upstream sent too big header.',
    source: guide,
    look: lookAtHead,
  },
  {
    id: 'web-symlink',
    severity: 'warning',
    title: 'a document root behind a symbolic link, without `$realpath_root`',
    effect:
      'After a deployment that exchanges the link OPcache and the realpath cache serve the old release, or parts of both.',
    source: guide,
    look: lookAtLinks,
  },
];
