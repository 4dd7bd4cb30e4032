/** Command lines that end by themselves: options, tests of a configuration, starts that are refused. */
import { isPhpAtLeast } from '../harness/debian.ts';
import type { TestFolder } from '../harness/folder.ts';
import { type CommandCase, globalText, plainPool } from './both.ts';

const conf = (folder: TestFolder): string => folder.join('server.conf');

/** A case whose configuration is text in `server.conf`. */
function withText(
  name: string,
  flags: readonly string[],
  text: (folder: TestFolder) => string,
  more: Partial<CommandCase> = {},
): CommandCase {
  return {
    name: `${flags.join(' ')}: ${name}`,
    args: (folder) => [...flags, '-y', conf(folder)],
    files: (folder) => void folder.write('server.conf', text(folder)),
    isPlainTest: flags.join() === '-t' && more.through === undefined,
    ...more,
  };
}

const bare = (args: readonly string[]): CommandCase => ({ name: args.join(' '), args: () => args });

/** Options: which are taken, in which forms. */
export const optionCases: readonly CommandCase[] = [
  ['-h'],
  ['--help'],
  ['-Z'],
  ['--unknown'],
  ['-Z', '-v'],
  ['-'],
  ['-y'],
  ['--fpm-config'],
  ['--fpm-confi', 'x'],
  ['-t', 'extra'],
  ['-tZ'],
  ['--test='],
  ['--fpm-config='],
].map(bare);

const emptyNames = 'group =\nlisten.owner = ""\nlisten.group =\nlisten.acl_users =\n';

/** Forms in which the file can be named. */
export const formCases: readonly CommandCase[] = [
  { name: '-t -y FILE', args: (f) => ['-t', '-y', conf(f)] },
  { name: '-ty FILE', args: (f) => ['-ty', conf(f)] },
  { name: '-t -yFILE', args: (f) => ['-t', `-y${conf(f)}`] },
  { name: '-t -y=FILE', args: (f) => ['-t', `-y=${conf(f)}`] },
  { name: '-t --fpm-config=FILE', args: (f) => ['-t', `--fpm-config=${conf(f)}`] },
  { name: '--test --fpm-config FILE', args: (f) => ['--test', '--fpm-config', conf(f)] },
  { name: '-t -d fpm.config=FILE', args: (f) => ['-t', '-d', `fpm.config=${conf(f)}`] },
  { name: '-t -y twice, empty first', args: (f) => ['-t', '-y', '', '-y', conf(f)] },
  { name: '-t -d fpm.config="FILE"', args: (f) => ['-t', '-d', `fpm.config="${conf(f)}"`] },
  {
    name: '-t -c FOLDER whose php.ini has fpm.config',
    args: (f) => ['-t', '-c', f.path],
    files: (f) => {
      f.write('php.ini', `fpm.config = ${conf(f)}\n`);
      f.write('server.conf', globalText(f) + plainPool(f));
    },
  },
  { name: '-t -d that is no ini line', args: (f) => ['-t', '-d', 'a=b=c', '-y', conf(f)] },
  { name: '-D -d that is no ini line', args: (f) => ['-D', '-d', 'a=b=c', '-y', f.join('missing.conf')] },
  { name: '-t -d with a value that is quoted for it', args: (f) => ['-t', '-d', 'a=(b', '-y', conf(f)] },
  {
    name: '-tt -y with a name that is not ASCII',
    args: (f) => ['-tt', '-y', f.join('caf\u00e9.conf')],
    env: { ACCENT: '\u00e9' },
    files: (f) =>
      void f.write(
        'caf\u00e9.conf',
        globalText(f) + plainPool(f, `env[A] = "\u00e9 \${ACCENT}"\nchdir = ${f.mkdir('\u00e9')}`),
      ),
  },
  {
    name: '-t with names that are empty',
    args: (f) => ['-t', '-y', conf(f)],
    files: (f) => void f.write('server.conf', globalText(f) + plainPool(f, emptyNames)),
  },
  { name: '--test=1 -y FILE', args: (f) => ['--test=1', '-y', conf(f)] },
  { name: '-t -y relative', args: () => ['-t', '-y', 'server.conf'] },
  { name: '-t -n -y', args: (f) => ['-t', '-n', '-y', conf(f)] },
  { name: '-t -y FILE --', args: (f) => ['-t', '-y', conf(f), '--'] },
  { name: '-tt', args: (f) => ['-tt', '-y', conf(f)] },
  { name: '-t -t', args: (f) => ['-t', '-t', '-y', conf(f)] },
  { name: '-tt -g', args: (f) => ['-tt', '-y', conf(f), '-g', f.join('run/other.pid')] },
  {
    name: '-tt -g where the file names none',
    args: (f) => ['-tt', '-y', conf(f), '-g', f.join('run/other.pid')],
    files: (f) =>
      void f.write('server.conf', `[global]\nerror_log = ${f.join('error.log')}\n${plainPool(f)}`),
  },
  {
    name: '-tt -g relative',
    args: (f) => ['-tt', '-y', conf(f), '-g', 'run/other.pid'],
    files: (f) =>
      void f.write('server.conf', `[global]\nerror_log = ${f.join('error.log')}\n${plainPool(f)}`),
  },
  { name: '-t -p missing', args: (f) => ['-t', '-p', f.join('missing'), '-y', conf(f)] },
  {
    name: '-t -p with its etc/php-fpm.conf',
    args: (f) => ['-tt', '-p', f.join('prefix')],
    files: (f) => {
      f.mkdir('prefix/var');
      f.write('prefix/etc/php-fpm.conf', `[global]\nerror_log = error.log\npid = x.pid\n${plainPool(f)}`);
    },
  },
  { name: '-t missing file', args: (f) => ['-t', '-y', f.join('missing.conf')] },
  { name: '-F missing file', args: (f) => ['-F', '-y', f.join('missing.conf')] },
  { name: '-D missing file', args: (f) => ['-D', '-y', f.join('missing.conf')] },
  { name: '-t a folder', args: (f) => ['-t', '-y', f.path] },
  { name: '-t -p and no file', args: (f) => ['-t', '-p', f.path] },
  {
    name: '-t -d value in braces',
    args: (f) => ['-tt', '-d', 'precision=7', '-y', conf(f)],
    files: (f) => void f.write('server.conf', globalText(f) + plainPool(f, `env[A] = "\${precision}"`)),
  },
  {
    name: '-tt -c FILE value in braces',
    args: (f) => ['-tt', '-c', f.join('my.ini'), '-y', conf(f)],
    files: (f) => {
      f.write('my.ini', 'precision = 9\nmy.own = "some text"\n');
      f.write(
        'server.conf',
        globalText(f) +
          plainPool(f, `env[A] = "\${precision}"\nenv[B] = "\${my.own}"\nenv[C] = "x\${no.such}"`),
      );
    },
  },
  {
    name: '-tt -n value in braces',
    args: (f) => ['-tt', '-n', '-c', f.join('my.ini'), '-y', conf(f)],
    files: (f) => {
      f.write('my.ini', 'my.own = "some text"\n');
      f.write('server.conf', globalText(f) + plainPool(f, `env[B] = "x\${my.own}"`));
    },
  },
  {
    name: '-tt environment in braces',
    args: (f) => ['-tt', '-y', conf(f)],
    env: { FROM_OUTSIDE: 'seen' },
    files: (f) => void f.write('server.conf', globalText(f) + plainPool(f, `env[B] = "\${FROM_OUTSIDE}"`)),
  },
];

/** Configurations that are refused; by turns with -t and in the foreground, where both say the same. */
const refusedTexts: readonly [string, (folder: TestFolder) => string][] = [
  ['empty file', () => ''],
  ['global only', (f) => globalText(f)],
  ['unknown entry', (f) => globalText(f) + plainPool(f, 'pm.max_childen = 3')],
  ['unknown global entry', (f) => globalText(f, 'pm = static') + plainPool(f)],
  ['syntax error', (f) => `${globalText(f)}[www\n`],
  ['no equals sign', (f) => globalText(f) + plainPool(f, 'catch_workers_output')],
  ['no listen', (f) => globalText(f) + plainPool(f, 'listen =')],
  ['no pm', (f) => `${globalText(f)}[www]\nuser = www-data\nlisten = 127.0.0.1:1\npm.max_children = 1\n`],
  ['max_children 0', (f) => globalText(f) + plainPool(f, 'pm.max_children = 0')],
  [
    'bad spare',
    (f) => globalText(f) + plainPool(f, 'pm = dynamic\npm.min_spare_servers = 3\npm.max_spare_servers = 2'),
  ],
  ['log_limit', (f) => globalText(f, 'log_limit = 100') + plainPool(f)],
  ['error_log not writable', (f) => globalText(f, 'error_log = /nonexistent/x/error.log') + plainPool(f)],
  ['error_log is a folder', (f) => globalText(f, `error_log = ${f.path}`) + plainPool(f)],
  [
    'duplicate listen',
    (f) => globalText(f) + plainPool(f) + plainPool(f, `listen = ${f.join('run/www.sock')}`, 'two'),
  ],
  ['chdir missing', (f) => globalText(f) + plainPool(f, 'chdir = /nonexistent/x')],
  ['chdir relative', (f) => globalText(f) + plainPool(f, 'chdir = x')],
  ['chroot missing', (f) => globalText(f) + plainPool(f, 'chroot = /nonexistent/x')],
  ['chdir in chroot', (f) => globalText(f) + plainPool(f, `chroot = ${f.path}\nchdir = /nonexistent`)],
  ['prefix missing', (f) => globalText(f) + plainPool(f, 'prefix = /nonexistent/x')],
  ['access.log folder missing', (f) => globalText(f) + plainPool(f, 'access.log = /nonexistent/x.log')],
  [
    'access.format',
    (f) => globalText(f) + plainPool(f, `access.log = ${f.join('a.log')}\naccess.format = "%z"`),
  ],
  ['slowlog missing', (f) => globalText(f) + plainPool(f, 'request_slowlog_timeout = 1')],
  [
    'slowlog folder missing',
    (f) => globalText(f) + plainPool(f, 'slowlog = /nonexistent/s.log\nrequest_slowlog_timeout = 1'),
  ],
  ['status path', (f) => globalText(f) + plainPool(f, 'pm.status_path = status')],
  ['ping path', (f) => globalText(f) + plainPool(f, 'ping.path = /ping?x')],
  ['boolean', (f) => globalText(f) + plainPool(f, 'clear_env = maybe')],
  ['events.mechanism', (f) => globalText(f, 'events.mechanism = nope') + plainPool(f)],
  ['process.max', (f) => globalText(f, 'process.max = -1') + plainPool(f)],
  ['process.priority', (f) => globalText(f, 'process.priority = 30') + plainPool(f)],
  ['include of nothing', (f) => `${globalText(f)}include = ${f.join('no/*.conf')}\n`],
];

/** Both refuse it; the line of the include is right in one of them only. */
function badInclude(folder: TestFolder): string {
  folder.write('pool.d/bad.conf', '[www]\nnonsense = 1\n');
  return `${globalText(folder)}include = ${folder.join('pool.d/*.conf')}\n`;
}

export const refusedCases: readonly CommandCase[] = refusedTexts.map(([name, text], index) =>
  withText(name, [index % 2 === 0 ? '-t' : '-F'], text, changedSince(name)),
);

/** Differences of php-fpm 8.5 from 8.2 and 8.4, which Hathi follows. */
function changedSince(name: string): Partial<CommandCase> {
  const changed: Readonly<Record<string, string>> = {
    'include of nothing': 'An include from a folder that is not there',
    'no user as root': 'The message that root is not to run a pool',
  };
  const differs = changed[name];
  return differs !== undefined && isPhpAtLeast('8.5') ? { differs } : {};
}

/** Intentional differences. */
export const differingCases: readonly CommandCase[] = [
  ...[['extra'], ['x', '-v']].map((args) => ({ ...bare(args), differs: 'A first word that is no command' })),
  withText('included file with an error', ['-t'], badInclude, { differs: 'Line numbers after an include' }),
  withText('root as user', ['-t'], (f) => globalText(f) + plainPool(f, 'user = root'), {
    differs: '`-t` warns of what this machine lacks',
  }),
  withText(
    'unknown name in an access list',
    ['-t'],
    (f) => globalText(f) + plainPool(f, 'listen.acl_users = nosuchuser'),
    { differs: '`-t` warns of what this machine lacks' },
  ),
  withText(
    'socket folder missing',
    ['-t'],
    (f) => globalText(f) + plainPool(f, 'listen = /nonexistent/x/www.sock'),
    { differs: '`-t` warns of what this machine lacks' },
  ),
  withText(
    'rlimit_files too high',
    ['-t'],
    (f) => globalText(f, 'rlimit_files = 2000000000') + plainPool(f),
    {
      differs: '`-t` warns of what this machine lacks',
    },
  ),
  withText(
    'folder of the pid file missing',
    ['-t'],
    (f) => globalText(f, 'pid = /nonexistent/x/server.pid') + plainPool(f),
    { differs: '`-t` warns of what this machine lacks' },
  ),
  withText('port 0', ['-t'], (f) => globalText(f) + plainPool(f, 'listen = 0'), {
    differs: '`-t` refuses addresses that cannot be',
  }),
  withText(
    '-tt with log_level = warning',
    ['-tt'],
    (f) => globalText(f, 'log_level = warning') + plainPool(f),
    {
      differs: '`-tt` prints its dump at any `log_level`',
    },
  ),
  withText('rlimit_files too low', ['-t'], (f) => globalText(f, 'rlimit_files = 12') + plainPool(f), {
    differs: '`rlimit_files` below what the master or the embedded engine needs',
  }),
  withText(
    'path of the socket too long',
    ['-t'],
    (f) => globalText(f) + plainPool(f, `listen = ${f.join('x'.repeat(120))}`),
    { differs: 'A socket path that is too long is refused' },
  ),
  withText(
    'path of the socket is a regular file',
    ['-t'],
    (f) => {
      f.write('run/www.sock', 'precious');
      return globalText(f) + plainPool(f);
    },
    { differs: 'Nothing but a stale socket is removed from a socket path' },
  ),
  withText(
    'user by number without a passwd entry and without a group',
    ['-t'],
    (f) => globalText(f) + plainPool(f, 'user = 54321'),
    { differs: 'A numeric user without a passwd entry needs a group' },
  ),
];

/** Refused by the master's start, not by its reading. */
const startTexts: readonly [string, (folder: TestFolder) => string][] = [
  ['unknown user', (f) => globalText(f) + plainPool(f, 'user = nosuchuser')],
  ['unknown group', (f) => globalText(f) + plainPool(f, 'group = nosuchgroup')],
  ['unknown owner', (f) => globalText(f) + plainPool(f, 'listen.owner = nosuchuser')],
  ['no user as root', (f) => globalText(f) + plainPool(f).replace('user = www-data\n', '')],
  ['root as user', (f) => globalText(f) + plainPool(f, 'user = root')],
  ['root as group', (f) => globalText(f) + plainPool(f, 'group = root')],
  ['socket folder missing', (f) => globalText(f) + plainPool(f, 'listen = /nonexistent/x/www.sock')],
  ['port out of range', (f) => globalText(f) + plainPool(f, 'listen = 127.0.0.1:99999')],
  ['pid file folder missing', (f) => globalText(f, 'pid = /nonexistent/x/server.pid') + plainPool(f)],
  ['rlimit_files too high', (f) => globalText(f, 'rlimit_files = 2000000000') + plainPool(f)],
];

/** By turns in the foreground and as a daemon, whose caller is told the same. */
const startFlags = [['-F'], ['-D'], ['-F', '-O'], ['-D']] as const;

export const startCases: readonly CommandCase[] = startTexts.map(([name, text], index) =>
  withText(name, startFlags[index % startFlags.length] ?? [], text, changedSince(name)),
);

/** As an ordinary user. */
const unprivilegedTexts: readonly [string, string, (folder: TestFolder) => string][] = [
  ['-t', 'what needs root is not mentioned', (f) => globalText(f, 'process.priority = -5') + plainPool(f)],
  ['-t', 'an unknown user', (f) => globalText(f) + plainPool(f, 'user = nosuchuser')],
  [
    '-F',
    'what needs root is mentioned',
    (f) =>
      globalText(f, 'process.priority = -5') +
      plainPool(
        f,
        'listen = /nonexistent/x/x.sock\ngroup = nosuchgroup\nprocess.priority = -3\nchroot = /tmp',
      ),
  ],
  ['-F', 'chown of the socket', (f) => globalText(f) + plainPool(f, 'listen.owner = www-data')],
  ['-F', 'rlimit_files over the hard limit', (f) => globalText(f, 'rlimit_files = 99999999') + plainPool(f)],
  ['-F', 'a pid file where it may not write', (f) => globalText(f, 'pid = /run/hathi-x.pid') + plainPool(f)],
  [
    '-F',
    'error_log where it may not write',
    (f) => globalText(f, 'error_log = /run/hathi-x.log') + plainPool(f),
  ],
];

export const unprivilegedCases: readonly CommandCase[] = unprivilegedTexts.map(([flag, name, text]) =>
  withText(name, [flag], text, {
    through: ['/usr/bin/setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'],
    files: (folder) => {
      folder.mkdir('.', 0o777);
      folder.write('server.conf', text(folder));
    },
  }),
);
