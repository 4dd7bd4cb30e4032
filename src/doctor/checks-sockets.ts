/** Access to a pool: the clients that can connect, and whether the web server can. */

import { isLoopback, type Tcp, tcpOf } from './addresses.ts';
import type { Facts, PoolFacts } from './facts.ts';
import type { Check, Sighting } from './finding.ts';
import { fpmManual, guide, listenManual, unixManual } from './sources.ts';
import { inSection, placeOf, poolSubject } from './words.ts';

/** The address of a pool that listens on TCP; undefined for a Unix socket. */
export function tcpAddress({ config }: PoolFacts): Tcp | undefined {
  return tcpOf(config.listen);
}

function lookAtTcp({ pools }: Facts): Sighting[] {
  return pools.flatMap((pool) => {
    const { config } = pool;
    const address = tcpAddress(pool);
    if (address === undefined || isLoopback(address.host) || config['listen.allowed_clients']) return [];
    return [
      {
        subject: poolSubject(pool),
        place: placeOf(pool, 'listen'),
        seen: `listen = ${config.listen} without listen.allowed_clients`,
        mend: inSection(config, `listen = /run/php/${pool.name}.sock`, 'listen.mode = 0660'),
      },
    ];
  });
}

function lookAtLoopback({ pools }: Facts): Sighting[] {
  return pools.flatMap((pool) => {
    const address = tcpAddress(pool);
    if (address === undefined || !isLoopback(address.host)) return [];
    return [
      {
        subject: poolSubject(pool),
        place: placeOf(pool, 'listen'),
        seen: `listen = ${pool.config.listen}`,
        mend: inSection(pool.config, `listen = /run/php/${pool.name}.sock`, 'listen.mode = 0660'),
      },
    ];
  });
}

function lookAtMode({ pools }: Facts): Sighting[] {
  return pools.flatMap((pool) => {
    const mode = pool.config['listen.mode'];
    if (mode === undefined || tcpAddress(pool) !== undefined) return [];
    if ((Number.parseInt(mode, 8) & 0o002) === 0) return [];
    return [
      {
        subject: poolSubject(pool),
        place: placeOf(pool, 'listen.mode'),
        seen: `listen.mode = ${mode}: every user of this machine may connect`,
        mend: inSection(
          pool.config,
          'listen.mode = 0660',
          ...(hasList(pool) ? [] : ['listen.group = www-data']),
        ),
      },
    ];
  });
}

/** With an access control list owner and group are ignored; the mode holds for everybody else. */
export function hasList({ config }: PoolFacts): boolean {
  return Boolean(config['listen.acl_users'] || config['listen.acl_groups']);
}

function lookAtBacklog({ pools, machine: { somaxconn } }: Facts): Sighting[] {
  if (somaxconn === undefined) return [];
  return pools.flatMap((pool) => {
    const backlog = pool.config['listen.backlog'];
    if (backlog <= somaxconn) return [];
    return [
      {
        subject: poolSubject(pool),
        place: placeOf(pool, 'listen.backlog'),
        seen: `listen.backlog = ${backlog}, and net.core.somaxconn is ${somaxconn}`,
        mend: [
          `echo 'net.core.somaxconn = ${backlog}' > /etc/sysctl.d/60-hathi.conf`,
          'sysctl --load /etc/sysctl.d/60-hathi.conf',
        ],
      },
    ];
  });
}

function lookForOtherMasters({ pools, machine }: Facts): Sighting[] {
  return machine.listeners.flatMap(({ listen, masters }) => {
    const pool = pools.find(({ config }) => config.listen === listen);
    if (pool === undefined || masters.length < 2) return [];
    const [first, ...others] = masters;
    return [
      {
        subject: poolSubject(pool),
        place: placeOf(pool, 'listen'),
        seen: `${masters.length} masters have a socket at ${listen}: ${masters.map(({ pid, name }) => `${name} (pid ${pid})`).join(', ')}`,
        mend: [
          `Stop all but one of them: the file leads to the one that came last, and ${first?.name} and ${others[0]?.name} do not know of each other`,
        ],
      },
    ];
  });
}

export const socketChecks: readonly Check[] = [
  {
    id: 'tcp-open',
    severity: 'critical',
    title: 'a pool listens on TCP beyond loopback without `listen.allowed_clients`',
    effect:
      'Everybody who reaches the port runs any script with settings of their choice: FastCGI knows no password.',
    source: fpmManual,
    look: lookAtTcp,
  },
  {
    id: 'tcp-local',
    severity: 'advice',
    title: 'a pool listens on TCP on loopback',
    effect: 'Every process of this machine may connect, whatever its user, and each connection costs more.',
    source: guide,
    look: lookAtLoopback,
  },
  {
    id: 'socket-mode',
    severity: 'warning',
    title: '`listen.mode` lets everybody connect',
    effect: "Every user of the machine runs scripts as the pool's user.",
    source: guide,
    look: lookAtMode,
  },
  {
    id: 'somaxconn',
    severity: 'warning',
    title: '`listen.backlog` is above net.core.somaxconn',
    effect: 'The kernel cuts the queue without a word, and connections beyond it are refused.',
    source: listenManual,
    look: lookAtBacklog,
  },
  {
    id: 'other-master',
    severity: 'critical',
    title: 'two masters with a socket at the same address',
    effect: 'One of them gets no request any more, or each gets a part of them.',
    source: unixManual,
    look: lookForOtherMasters,
  },
];
