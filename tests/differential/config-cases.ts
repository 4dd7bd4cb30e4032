/** Small configurations, each read by the reference and by this room. `@` stands for the case's own folder. */

export interface Case {
  readonly name: string;
  /** Files beside `main.conf`; a name that ends in a slash is an empty folder. */
  readonly files?: Readonly<Record<string, string>>;
  readonly main: string;
  /** Further flags of the command line: only -p and -g. */
  readonly flags?: readonly string[];
  /** Lines in which we differ on purpose: what the reference says, what we say, and why. */
  readonly differs?: {
    readonly why: string;
    readonly lines: readonly (readonly [reference: string, ours: string])[];
  };
}

const GLOBAL = '[global]\nerror_log = @/error.log\n';
const POOL = `${GLOBAL}[www]\nlisten = @/www.sock\nuser = www-data\npm = static\npm.max_children = 2\n`;
const DYNAMIC = `${GLOBAL}[www]\nlisten = @/www.sock\nuser = www-data\npm = dynamic\n`;

/** A pool that is complete, with more lines. */
function pool(name: string, lines: string): Case {
  return { name, main: POOL + lines };
}

/** A dynamic pool with more lines. */
function dynamic(name: string, lines: string): Case {
  return { name, main: DYNAMIC + lines };
}

/** A global section with more lines, and a pool behind it. */
function global(name: string, lines: string): Case {
  return { name, main: `${GLOBAL}${lines}\n${POOL.slice(GLOBAL.length)}` };
}

export const CASES: readonly Case[] = [
  // Valid ones: the whole dump is compared.
  pool('the smallest pool', ''),
  global(
    'every global directive',
    'pid = run/x.pid\nsyslog.ident = me\nsyslog.facility = local3\nlog_buffering = no\nlog_level = Notice\nlog_limit = 512\nemergency_restart_threshold = 3\nemergency_restart_interval = 1m\nprocess_control_timeout = 2h\nprocess.max = 9\nprocess.priority = -19\ndaemonize = no\nrlimit_files = 1024\nrlimit_core = unlimited\nevents.mechanism = POLL\nsystemd_interval = 1d',
  ),
  pool(
    'every pool directive',
    'prefix = @\ngroup = www-data\nlisten.backlog = 511\nlisten.acl_users = root,www-data\nlisten.acl_groups = www-data\nlisten.owner = www-data\nlisten.group = www-data\nlisten.mode = 0666\nlisten.allowed_clients = 127.0.0.1\nprocess.priority = 20\nprocess.dumpable = yes\npm.max_requests = 500\npm.status_path = /status\npm.status_listen = 127.0.0.1:9001\nping.path = /ping\nping.response = here\naccess.log = log/$pool.access.log\naccess.format = "%R %m"\nslowlog = slow.log\nrequest_slowlog_timeout = 5s\nrequest_slowlog_trace_depth = 7\nrequest_terminate_timeout = 1m\nrequest_terminate_timeout_track_finished = yes\nrlimit_files = 99\nrlimit_core = 0\nchdir = /\ncatch_workers_output = yes\ndecorate_workers_output = no\nclear_env = no\nsecurity.limit_extensions = .php .inc\napparmor_hat = x\n',
  ),
  pool(
    'arrays',
    'access.suppress_path[] = /a\naccess.suppress_path[] = /b\nenv[A] = 1\nenv[B] = $HOME\nenv[A] = $pool\nphp_flag[x] = On\nphp_flag[y] = "yes"\nphp_value[m] = 32M\nphp_admin_flag[z] = off\nphp_admin_value[error_log] = rel\nphp_value[sendmail_path] = rel\nphp_admin_value["quoted"] = "a b"\n',
  ),
  pool(
    'paths of php.ini in a chroot',
    'chroot = @\nphp_admin_value[error_log] = rel\nphp_value[xmms.path] = rel\n',
  ),
  pool(
    'syslog as the error log of PHP',
    'php_admin_value[error_log] = SysLog\nphp_value[error_log] = syslog\n',
  ),
  pool('chroot with $prefix', 'prefix = @\nchroot = $prefix\n'),
  pool('chroot below $prefix', 'prefix = @\nchroot = $prefix/\n'),
  pool('an empty chroot', 'chroot =\nchdir = /\n'),
  dynamic(
    'start servers are computed',
    'pm.max_children = 30\npm.min_spare_servers = 3\npm.max_spare_servers = 10\n',
  ),
  dynamic(
    'start servers are given',
    'pm.max_children = 30\npm.start_servers = 5\npm.min_spare_servers = 3\npm.max_spare_servers = 10\n',
  ),
  { name: 'on demand', main: POOL.replace('static', 'ondemand') },
  {
    name: 'a backlog too small for ondemand',
    main: `${POOL.replace('static', 'ondemand')}listen.backlog = -7\n`,
  },
  global('a level that leaves notices out', 'log_level = warn'),
  pool('a second pool on a port', '[two]\nlisten = 9000\nuser = 33\npm = STATIC\npm.max_children = 1\n'),
  pool(
    'a pool that is opened again',
    '[two]\nlisten = 9000\nuser = 33\npm = static\npm.max_children = 1\n[WWW]\npm.max_children = 5\n',
  ),
  pool('names of directives in capitals', 'PM.MAX_CHILDREN = 7\nAccess.Log = @/a.log\n'),
  pool('the last one wins', 'pm.max_children = 7\npm.max_children = 8\n'),
  pool('a status listener', 'pm.status_listen = @/status.sock\n'),
  pool('an access log without a name', 'access.log = none\n'),
  pool('times and odd numbers', 'request_terminate_timeout = 1.5m\nrlimit_files =\npm.max_requests = -5\n'),
  pool('a comment and blanks', '  ; one\n\n\tpm.max_requests\t=\t5 ; two\n'),
  pool('Windows line ends', 'pm.max_requests = 5\r\nchdir = /\r\n'),
  pool(
    'quotes and joined pieces',
    'ping.path = "/p"\nping.response = "a" \'b\' c\nenv[X] = "say \\"x\\" \\\\ \\n"\n',
  ),
  pool('variables', `env[H] = \${HOME}\nenv[I] = "<\${HOME}>"\nenv[N] = x\${NO_SUCH_VARIABLE}\n`),
  pool(
    'constants and operators',
    'php_value[e] = E_ALL & ~E_NOTICE\nphp_value[f] = 1|4\nphp_value[g] = !1\nphp_value[E_ALL] = x\nphp_value[h] = M_PI\n',
  ),
  {
    name: 'a pool as in production',
    main: `${GLOBAL}[myapp]
user = www-data
group = www-data
listen = @/myapp.sock
listen.owner = www-data
listen.group = www-data
listen.mode = 0660
; the process manager
pm = dynamic
pm.max_children = 30
pm.start_servers = 5
pm.min_spare_servers = 3
pm.max_spare_servers = 10
pm.max_requests = 1000
slowlog = @/slow.log
request_slowlog_timeout = 2s
pm.status_path = /fpm-status
ping.path = /fpm-ping
clear_env = yes
env[HOSTNAME] = $HOSTNAME
env[PATH] = /usr/local/bin:/usr/bin:/bin
php_admin_value[error_log] = @/php.log
php_admin_flag[log_errors] = on
php_admin_value[memory_limit] = 256M
php_admin_value[disable_functions] = exec,passthru,shell_exec
php_admin_value[open_basedir] = /var/www/:/tmp/
`,
  },
  pool('bytes beyond ASCII', 'ping.path = /p\nping.response = h\u00e4th\u012b\naccess.log = @/l\u00f6g\n'),
  pool('empty limit_extensions', 'security.limit_extensions = FALSE\n'),
  { name: 'a name with blanks', main: POOL.replace('[www]', '[ www ]') },
  { name: 'a name in quotes', main: POOL.replace('[www]', '["www"]') },
  { name: 'a value behind the section', main: POOL.replace('[www]\n', '[www] ') },
  { name: 'no line end at the end', main: POOL.trimEnd() },
  { name: 'a prefix', main: `${POOL}access.log = a.log\nslowlog = s.log\n`, flags: ['-p', '@'] },
  { name: 'a pid file by flag', main: POOL, flags: ['-g', 'x.pid'] },
  { name: 'a pid file by flag and in the file', main: `pid = /y.pid\n${POOL}`, flags: ['-g', '/x.pid'] },
  // Includes.
  {
    name: 'an include with a pattern',
    main: `${GLOBAL}include = @/pool.d/*.conf\n`,
    files: {
      'pool.d/b.conf': POOL.slice(GLOBAL.length).replaceAll('www', 'b').replace('b-data', 'www-data'),
      'pool.d/a.conf': POOL.slice(GLOBAL.length).replaceAll('www', 'a').replace('a-data', 'www-data'),
      'pool.d/.hidden.conf': 'bogus = 1\n',
      'pool.d/folder.conf/': '',
    },
  },
  {
    name: 'the section outlives the include',
    main: `${POOL}include = @/g.conf\nlog_limit = 600\n`,
    files: { 'g.conf': '[global]\n' },
  },
  pool('nothing matches', 'include = @/no*.conf\n'),
  pool('no such file to include', 'include = @/no.conf\n'),
  pool('a folder that cannot be searched', 'include = @/no/*.conf\n'),
  pool('an include of a folder', 'include = @\n'),
  {
    name: 'an error in an included file',
    main: `${GLOBAL}include = @/i.conf\n`,
    files: { 'i.conf': '[www]\n\n\nbogus = 1\n\n' },
    differs: {
      why: 'the reference counts the lines of the included file, we say where the include stands',
      lines: [
        [
          'ERROR: Unable to include @/i.conf from @/main.conf at line 4',
          'ERROR: Unable to include @/i.conf from @/main.conf at line 3',
        ],
      ],
    },
  },
  {
    name: 'an error behind an include',
    main: `${POOL}include = @/i.conf\nbogus = 1\n`,
    files: { 'i.conf': '[www]\n\n\n\n' },
    differs: {
      why: 'the reference goes on counting from the included file',
      lines: [
        ["ERROR: [@/main.conf:6] unknown entry 'bogus'", "ERROR: [@/main.conf:9] unknown entry 'bogus'"],
      ],
    },
  },
  { name: 'includes without end', main: `${POOL}include = @/main.conf\n` },
  // Errors of the grammar.
  global('a second equals sign', 'pid = a=b'),
  global('brackets in a value', 'pid = a(b)'),
  global('an open double quote', 'pid = "a'),
  global('an open single quote', `pid = 'a`),
  global('an open variable', `pid = \${HOME`),
  global('a word for true as a name', 'yes = 1'),
  global('a comment with #', '# comment'),
  global('a hash with an equals sign', '#pid = x'),
  global('an empty value in single quotes', `pid = ''`),
  global('an unknown name and a syntax error', 'bogus = 1)'),
  global('an open section', '[www'),
  global('an array without a value', 'env[x]'),
  global('an operator without an operand', 'pid = 1|'),
  global('open parentheses', 'pid = (1'),
  // Errors of directives.
  global('an unknown name', 'pm.max_childen = 5'),
  global('a pool directive in the global section', 'pm.max_children = 5'),
  pool('a global directive in a pool', 'log_level = debug\n'),
  global('an array in the global section', 'env[A] = 1'),
  pool('an unknown array', 'php_values[A] = 1\n'),
  pool('a scalar with a key', 'listen[x] = 1\n'),
  pool('an array without brackets', 'env = 1\n'),
  pool('an array without a key', 'env[] = 1\n'),
  pool('a key of null', 'env[null] = 1\n'),
  pool('an empty variable', 'env[A] =\n'),
  pool('a key that is not wanted', 'access.suppress_path[k] = x\n'),
  pool('a path that is no URI', 'access.suppress_path[] = x\n'),
  pool('capitals in an array name', 'ENV[A] = 1\n'),
  pool('capitals in include', 'Include = x\n'),
  global('a number that is none', 'log_limit = 1k'),
  global('a time that is none', 'process_control_timeout = 5x'),
  global('an empty time', 'process_control_timeout ='),
  global('a boolean that is none', 'daemonize = maybe'),
  global('a boolean in capitals in quotes', 'daemonize = "Yes"'),
  global('a level that is none', 'log_level = loud'),
  global('a facility that is none', 'syslog.facility = local8'),
  global('a core size that is none', 'rlimit_core = -1'),
  pool('a process manager that is none', 'pm = magic\n'),
  pool('a flag that is none', 'php_flag[x] = maybe\n'),
  global('a pool name in the global section', 'pid = /$pool.pid'),
  // Errors of the whole.
  global('a log limit that is too small', 'log_limit = 511'),
  global('a negative number of processes', 'process.max = -1'),
  global('a priority out of range', 'process.priority = 21'),
  global('an event mechanism of another system', 'events.mechanism = kqueue'),
  { name: 'an error log that cannot be opened', main: POOL.replace('@/error.log', '@/no/error.log') },
  { name: 'no pool', main: GLOBAL },
  { name: 'an empty file', main: `error_log = @/error.log` },
  pool('a prefix that does not exist', 'prefix = @/no\n'),
  { name: 'no user', main: POOL.replace('user = www-data\n', '') },
  { name: 'no listen', main: POOL.replace('listen = @/www.sock\n', '') },
  { name: 'no process manager', main: POOL.replace('pm = static\n', '') },
  { name: 'no max_children', main: POOL.replace('pm.max_children = 2\n', '') },
  pool('a priority of a pool out of range', 'process.priority = -20\n'),
  dynamic('no min_spare', 'pm.max_children = 3\n'),
  dynamic('no max_spare', 'pm.max_children = 3\npm.min_spare_servers = 1\n'),
  dynamic('spare above max', 'pm.max_children = 3\npm.min_spare_servers = 1\npm.max_spare_servers = 4\n'),
  dynamic(
    'spare in the wrong order',
    'pm.max_children = 3\npm.min_spare_servers = 3\npm.max_spare_servers = 2\n',
  ),
  dynamic(
    'start out of range',
    'pm.max_children = 3\npm.min_spare_servers = 1\npm.max_spare_servers = 2\npm.start_servers = 3\n',
  ),
  dynamic(
    'no spawn rate',
    'pm.max_children = 3\npm.min_spare_servers = 1\npm.max_spare_servers = 2\npm.max_spawn_rate = 0\n',
  ),
  { name: 'no idle time', main: `${POOL.replace('static', 'ondemand')}pm.process_idle_timeout = 0\n` },
  {
    name: 'ondemand with poll',
    main: POOL.replace('static', 'ondemand').replace('[www]', 'events.mechanism = poll\n[www]'),
  },
  pool('a status path without a slash', 'pm.status_path = status\n'),
  pool('a status path too short', 'pm.status_path = /\n'),
  pool('a status path with blanks', 'pm.status_path = "/a b"\n'),
  pool('a ping path without a slash', 'ping.path = ping\n'),
  pool('an empty ping response', 'ping.path = /ping\nping.response = ""\n'),
  pool('an empty status listener', 'pm.status_listen =\n'),
  pool('an access log that cannot be opened', 'access.log = @/no/a.log\n'),
  pool('a wrong access format', 'access.log = @/a.log\naccess.format = "%X"\n'),
  pool('a slow log that is missing', 'request_slowlog_timeout = 5\n'),
  pool('a slow log that cannot be opened', 'request_slowlog_timeout = 5\nslowlog = @/no/s.log\n'),
  pool(
    'a slow log later than the end',
    'request_slowlog_timeout = 5\nslowlog = @/s.log\nrequest_terminate_timeout = 4\n',
  ),
  pool('a trace depth without a slow log', 'request_slowlog_trace_depth = 5\n'),
  pool('a negative trace depth', 'slowlog = @/s.log\nrequest_slowlog_trace_depth = -5\n'),
  pool('a chroot that does not exist', 'chroot = @/no\n'),
  pool('a chroot with $prefix in the middle', 'chroot = x$prefix\n'),
  pool('a chdir that does not exist', 'chdir = @/no\n'),
  pool('a chdir that does not exist in the chroot', 'chroot = @\nchdir = /no\n'),
  pool(
    'one address twice',
    '[two]\nlisten = @/www.sock\nuser = www-data\npm = static\npm.max_children = 1\n',
  ),
  pool('one address for pool and status', 'pm.status_listen = @/www.sock\n'),
  pool('an unknown user', 'user = no-such-user\n'),
  pool('an unknown group', 'group = no-such-group\n'),
  pool('an unknown owner', 'listen.owner = no-such-user\n'),
  pool('an unknown group of the socket', 'listen.group = no-such-group\n'),
  { name: 'a prefix that does not exist', main: POOL, flags: ['-p', '@/no'] },
];

/** php-fpm finds these only at its start, `-t` of Hathi already. */
export const STRICTER: readonly (Case & { readonly says: string })[] = [
  {
    ...pool('the user is root', 'user = root\n'),
    says: 'ERROR: [pool www] please specify user and group other than root',
  },
  {
    ...pool('the group is root', 'group = 0\n'),
    says: 'ERROR: [pool www] please specify user and group other than root',
  },
  {
    ...pool('an unknown user in an access control list', 'listen.acl_users = www-data,no-such-user\n'),
    says: "ERROR: [pool www] cannot get uid for user 'no-such-user': Success (0)",
  },
  {
    ...pool('an unknown group in an access control list', 'listen.acl_groups = no-such-group\n'),
    says: "ERROR: [pool www] cannot get gid for group 'no-such-group': Success (0)",
  },
];

/** Known to Hathi only, refused by php-fpm. */
export const OWN: readonly Case[] = [
  pool('engine', 'engine = embedded\n'),
  pool('engine.php', 'engine.php = 8.4\n'),
  pool('access.log_format', 'access.log_format = json\n'),
  pool('access.log_query', 'access.log_query = yes\n'),
  pool('slowlog.format', 'slowlog.format = detailed\n'),
  pool('engine.start', 'engine.start = exec\n'),
  pool('process.scheduler', 'process.scheduler = other\n'),
  pool('engine.isolation', 'engine.isolation = request\n'),
  pool('engine.heap_limit', 'engine.heap_limit = 1G\n'),
];
