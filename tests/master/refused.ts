/** Obstacles to applying a configuration, one resource a row, for starts, reloads and `-tt`. */
import { mkdirSync } from 'node:fs';
import { createServer, type Server as NetServer } from 'node:net';
import type { TestFolder } from '../harness/folder.ts';
import { isRoot } from '../harness/server.ts';

export const poolNames = ['a', 'b', 'c'] as const;
export type PoolName = (typeof poolNames)[number];

/** A line of [global] or of one pool that cannot be followed. */
export interface Fault {
  readonly what: string;
  readonly line: (folder: TestFolder, port: number) => string;
  /** Where it is in the file. */
  readonly at: 'global' | PoolName;
  /** The reason in the log. */
  readonly reason: RegExp;
  /** `-tt` mentions it: whoever listens there may be the service that is to be replaced. */
  readonly isMentionedByTest?: true;
}

const missing = '/nonexistent/hathi';

type Row = readonly [what: string, line: Fault['line'], reason: RegExp];

const ofPools: readonly Row[] = [
  ['socket', () => `listen = ${missing}/x.sock`, /unable to bind .*No such file|folder .* does not exist/],
  [
    'port in use',
    (_folder, port) => `listen = 127.0.0.1:${port}`,
    /unable to bind listening socket for address '127\.0\.0\.1:\d+'/,
  ],
  ['status socket', () => `pm.status_listen = ${missing}/s.sock`, /unable to bind|folder .* does not exist/],
  ['access log', () => `access.log = ${missing}/a.log`, /failed to open access log/],
  [
    'slow log',
    () => `slowlog = ${missing}/s.log\nrequest_slowlog_timeout = 5`,
    /Unable to create or open slowlog/,
  ],
  ['owner of the socket', () => 'listen.owner = no-such-user', /cannot get uid for user 'no-such-user'/],
  [
    'list of the socket',
    () => 'listen.acl_groups = no-such-group',
    /cannot get gid for group 'no-such-group'/,
  ],
  [
    'native engine',
    () => 'engine = native\nengine.php = 7.4',
    /engine = native: the native engine .*is not built/,
  ],
  ['version of PHP', () => 'engine = embedded\nengine.php = 7.4', /PHP 7\.4 is not installed/],
];
const ofPoolsAsRoot: readonly Row[] = [
  ['user', () => 'user = no-such-user', /cannot get uid for user 'no-such-user'/],
  [
    'chroot',
    (folder) => {
      mkdirSync(folder.join('closed'), { recursive: true, mode: 0o700 });
      return `engine = embedded\nchroot = ${folder.join('closed')}`;
    },
    /cannot enter the chroot/,
  ],
];
const ofAll: readonly Row[] = [
  ['error log', () => `error_log = ${missing}/e.log`, /failed to open error_log/],
  ['pid file', () => `pid = ${missing}/p.pid`, /Unable to create the PID file/],
  ['admin endpoint', () => `admin.listen = ${missing}/admin.sock`, /unable to bind|folder .* does not exist/],
  ['limit', () => 'rlimit_files = 2000000000', /failed to set rlimit_files/],
  ['directive', () => 'nonsense = 1', /unknown entry 'nonsense'/],
];

/** Each resource of each pool, and those of all pools together. */
export function faults(pools: readonly PoolName[]): Fault[] {
  const rows = isRoot ? [...ofPools, ...ofPoolsAsRoot] : ofPools;
  return [
    ...rows.flatMap(([what, line, reason]) =>
      pools.map((at) => {
        const fault = { what: `${what} of pool ${at}`, line, at, reason };
        return what === 'port in use' ? { ...fault, isMentionedByTest: true as const } : fault;
      }),
    ),
    ...ofAll.map(([what, line, reason]) => ({ what, line, at: 'global' as const, reason })),
  ];
}

/** Somebody else's port, for as long as the test takes. */
export async function takenPort(): Promise<{ port: number; server: NetServer }> {
  // A test that fails does not close it.
  const server = createServer().unref();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no address');
  return { port: address.port, server };
}
