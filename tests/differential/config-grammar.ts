// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${...} is a variable of the configuration here
/**
 * Configurations made by chance: a valid one, and a few changes to it, so that most are refused for one reason or not
 * at all. `@` stands for the folder of the files. Texts are binary strings, one character a byte.
 */
import { DIRECTIVES } from '../../src/config/directives.ts';
import type { Chance } from './random.ts';

export interface RandomConfiguration {
  /** By name below the folder; `main.conf` is the one to test. */
  readonly files: Readonly<Record<string, string>>;
}

/** Values with a separator that is in none of them. */
function list(text: string): string[] {
  return text.split(' ¦ ');
}

const booleans = list(
  'yes ¦ no ¦ on ¦ Off ¦ TRUE ¦ false ¦ none ¦ NONE ¦ null ¦ 1 ¦ 0 ¦ ' +
    '"Yes" ¦ "yes" ¦ "off" ¦ 2 ¦ y ¦  ¦ "" ¦ \'1\' ¦ yes ; c ¦ -1',
);
const integers = list(
  '0 ¦ 1 ¦ 2 ¦ 5 ¦ 10 ¦ 20 ¦ 64 ¦ -1 ¦ -5 ¦  ¦ "" ¦ - ¦ 1.5 ¦ ' +
    '010 ¦ 0x10 ¦ +3 ¦  7  ¦ "8" ¦ \'9\' ¦ 2147483647 ¦ 2147483648 ¦ ' +
    '4294967297 ¦ 99999999999999999999 ¦ -2147483649 ¦ 1k ¦ abc ¦ 1|4 ¦ ~1 ¦ !0 ¦ ' +
    '7&3 ¦ E_ALL ¦ M_PI ¦ yes ¦ no ¦ --1 ¦ 1- ¦ 511 ¦ 512 ¦ 513',
);
const times = list(
  '0 ¦ 1 ¦ 5s ¦ 2m ¦ 1h ¦ 1d ¦ 1.5s ¦ -1s ¦ -5 ¦ s ¦ m ¦ abcs ¦ ' +
    '5S ¦ 5 s ¦ "5 s" ¦ 1w ¦  ¦ "" ¦ 30 ¦ 100d ¦ 99999999d ¦ +2m ¦ 0s ¦ ' +
    '5ss ¦ yes ¦ 1ms',
);
const strings = [
  ...list(
    'x ¦  ¦ "" ¦ \'\' ¦ "a b" ¦ a b ¦ \'a b\' ¦ $pool ¦ "$pool" ¦ a$pool.b ¦ ' +
      '${HOME} ¦ "${HOME}x" ¦ ${NOTHING} ¦ x${NOTHING}y ¦ $HOME ¦ $prefix ¦ @ ¦ ' +
      '@/file ¦ @/$pool.log ¦ rel/path ¦ ./x ¦ ../x ¦ a=b ¦ "a=b" ¦ a;b ¦ "a;b" ¦ ' +
      'E_ALL ¦ PHP_OS ¦ yes ¦ no ¦ null ¦ 12 ¦ 1.0 ¦ a|b ¦ "\\"q\\"" ¦ ' +
      '"\\n\\t\\\\" ¦ a\\b ¦ a"b"c ¦ "a" "b" ¦ x \'y\' z ¦ {} ¦ (x) ¦ [x] ¦ a,b ¦ ' +
      '/abs ¦ /tmp ¦ ~x ¦ !x ¦ \xe9\xff ¦ UPPER ¦ x\ty ¦ #x ¦ %x ¦ <> ¦ ' +
      '"unclosed ¦ \'unclosed ¦ ${unclosed ¦ "${HOME" ¦ a${ ¦ "$" ¦ $pool$pool ¦ " ¦ ' +
      "' ¦ 'it''s' ¦ a:b ¦ * ¦ ? ¦ caf\xc3\xa9 ¦ x\x00y",
  ),
  '/'.repeat(300),
  'L'.repeat(1500),
  'L'.repeat(3000),
];
const uris = list(
  '/status ¦ / ¦ /a/b ¦ status ¦ /sta tus ¦ "/sta tus" ¦ /s?x ¦ /~a-b_c.d ¦ ' +
    '/\xe9 ¦  ¦ "" ¦ $pool ¦ /$pool ¦ // ¦ /. ¦ /a%20b',
);
const addresses = list(
  '@/www.sock ¦ @/$pool.sock ¦ "@/a b.sock" ¦ 9000 ¦ 127.0.0.1:19731 ¦ [::1]:19732 ¦ ' +
    ' ¦ "" ¦ :19733 ¦ rel.sock ¦ yes ¦ @/two.sock ¦ "@/www.sock" ¦ null ¦ ' +
    '127.0.0.1:19734 ; c ¦ /tmp/hathi-fuzz.sock ¦ $prefix/x',
);
const folders = list(
  '@ ¦ / ¦ /tmp ¦ @/none ¦ rel ¦  ¦ "" ¦ $prefix ¦ $prefix/ ¦ ' +
    '$prefix/none ¦ x$prefix ¦ @/main.conf ¦ /usr ¦ bin ¦ "@" ¦ @/ ¦ $pool ¦ ' +
    '/tmp/../tmp',
);
const files = list(
  '@/a.log ¦ @/$pool.log ¦ @/none/a.log ¦ log/a.log ¦  ¦ "" ¦ @ ¦ /dev/null ¦ ' +
    'yes ¦ "@/b c.log" ¦ /proc/self/fd/2 ¦ /dev/stderr ¦ syslog ¦ SYSLOG ¦ none ¦ ' +
    '@/\xe9.log',
);
const users = list(
  'www-data ¦ root ¦ nobody ¦ 33 ¦ 0 ¦ nosuchuser ¦  ¦ "" ¦ ' +
    'www-data,root ¦ WWW-DATA ¦ "www-data" ¦ -1 ¦ 33x ¦ 65534',
);
const formats = [
  ...list(
    '"%R - %u %t \\"%m %r\\" %s" ¦ \'%R %m\' ¦ %R ¦ "%z" ¦ "%" ¦ "%%" ¦ "%{x" ¦ ' +
      '"%{x}e" ¦ "%e" ¦ "%{}e" ¦ "%o" ¦ "%{Content-Type}o" ¦ "%{user}C" ¦ "%{bad}C" ¦ ' +
      '"%{total}C %{system}C %C" ¦ "%{milli}d%{mili}d%{micro}d%{seconds}d%d" ¦ "%{x}d" ¦ ' +
      '"%{kilo}M%{mega}M%{bytes}M%M" ¦ "%{kb}M" ¦ "%f%l%n%p%P%q%Q%r" ¦ "%{%Y}t%T%{%s}T" ¦ ' +
      '"%{x}m" ¦ "%{x}R" ¦ "" ¦  ¦ "plain" ¦ "%\xe9" ¦ "% s" ¦ "%s%s%s%A" ¦ ' +
      '"%{USER}C" ¦ "%{a}{b}e" ¦ "%{a}%" ¦ "%{Seconds}d" ¦ "%a" ¦ "%5"',
  ),
  `"%{${'n'.repeat(140)}}e"`,
  `"${'x'.repeat(1100)}"`,
];
const words: Readonly<Record<string, readonly string[]>> = {
  log_level: [
    'debug',
    'notice',
    'NOTICE',
    'warn',
    'Warning',
    'error',
    'alert',
    'info',
    '',
    '"notice"',
    '1',
    'none',
    'error ',
  ],
  'syslog.facility': [
    'daemon',
    'LOCAL0',
    'local7',
    'local8',
    'AUTHPRIV',
    'kern',
    '',
    '24',
    'LOG_DAEMON',
    'DAEMON',
    'cron',
    'x',
    'ftp',
    '"mail"',
  ],
  pm: ['static', 'dynamic', 'ondemand', 'STATIC', 'Dynamic', '', 'prefork', '"static"', '1', 'none'],
  rlimit_core: ['unlimited', 'UNLIMITED', '0', '-1', '10', 'x', '', '"unlimited"', '1.5', '-', 'infinity'],
  'events.mechanism': ['epoll', 'EPOLL', 'poll', 'select', 'kqueue', 'port', '/dev/poll', '', 'x', '"epoll"'],
  'listen.mode': ['0660', '660', '0777', '', 'rw', '8', '"0666"', '-1'],
  'listen.allowed_clients': ['127.0.0.1', '127.0.0.1,::1', '', '127.0.0.1, 10.0.0.1', 'any', '10.0.0.0/8'],
  'security.limit_extensions': ['.php', '.php .php5', '', 'FALSE', 'php', '".php .html"', '*'],
  'ping.response': ['pong', '', '""', '"a b"', '$pool', '1', 'yes', 'null', '"\xe9<>"'],
  'process.priority': ['0', '-19', '-20', '20', '21', '19', '', 'x', '63', '-'],
  'access.format': formats,
  request_slowlog_trace_depth: ['0', '1', '20', '-1', '', 'x', '1000'],
};
const byName: Readonly<Record<string, readonly string[]>> = {
  ...words,
  listen: addresses,
  'pm.status_listen': addresses,
  'pm.status_path': uris,
  'ping.path': uris,
  chroot: folders,
  chdir: folders,
  prefix: folders,
  user: users,
  group: users,
  'listen.owner': users,
  'listen.group': users,
  'listen.acl_users': ['www-data', 'www-data,root', '', 'root', '0'],
  'listen.acl_groups': ['www-data', 'www-data,root', '', 'root', '0'],
  error_log: files,
  'access.log': files,
  slowlog: files,
  pid: ['@/x.pid', 'run/hathi-fuzz.pid', '@/none/x.pid', '@/$pool.pid'],
  // The reference reckons in 32 bits of milliseconds.
  systemd_interval: ['0', '5', '1m', '1h', '1d', '', 'x', '-1', '1.5s'],
  rlimit_files: ['0', '', '-'],
};
const byType: Readonly<Record<string, readonly string[]>> = {
  boolean: booleans,
  integer: integers,
  time: times,
  string: strings,
};
const keys = list(
  'A ¦ memory_limit ¦  ¦ "quoted" ¦ a b ¦  a  ¦ E_ALL ¦ 0 ¦ 12 ¦ ' +
    "error_log ¦ ERROR_LOG ¦ sendmail_path ¦ extension_dir ¦ $pool ¦ ${HOME} ¦ 'r' ¦ " +
    'a]b ¦ a[b ¦ x.y ¦ yes ¦ null ¦ a=b ¦ a;b ¦ \xe9 ¦ a"b ¦ ' +
    'session.cookie_path ¦ xdebug.output_dir ¦ PATH_',
);
const arrays = list(
  'env ¦ php_value ¦ php_flag ¦ php_admin_value ¦ php_admin_flag ¦ ' +
    'access.suppress_path ¦ ENV ¦ pm ¦ nosuch ¦ php_values ¦ env  ¦ include',
);
const oddLines = [
  ...list(
    '; comment ¦ # comment ¦  ¦     ¦ \t ¦ ; ¦ = ¦ = x ¦ x ¦ x = ¦ ' +
      'x = y = z ¦ [ ¦ ] ¦ [] ¦ [x ¦ [x]] ¦ [ www ] ¦ [WWW] ¦ [Global] ¦ ' +
      '[global] ¦ [two] ¦ ["three"] ¦ [\'four\'] ¦ [fi;ve] ¦ [a b] ¦ ' +
      '[www] pm.max_children = 3 ¦ [\xe9] ¦ [x] ; c ¦ [x]y ¦ [${HOME}] ¦ [E_ALL] ¦ ' +
      '[yes] ¦ [a"b] ¦ [a=b] ¦ [null] ¦ include ¦ include = ¦ include = x ¦ ' +
      'include = y include = z ¦ INCLUDE = x ¦ yes = 1 ¦ null = 1 ¦ none ¦ on ¦ ' +
      '"quoted" = 1 ¦ \'raw\' = 1 ¦ pm ¦ pm. ¦ .pm = x ¦ pm max_children = 3 ¦ 12 = 3 ¦ ' +
      '\xef\xbb\xbf ¦ pm.max_children=4 ¦  \t pm.max_children \t = \t 4 \t  ¦ ' +
      'pm.max_children : 4 ¦ pm.max_children 4 ¦ { ¦ } ¦ ( ¦ ) ¦ ! ¦ ~ ¦ @ ¦ ' +
      '$ ¦ $x = 1 ¦ ${HOME} = 1 ¦ a[b ¦ a[b] ¦ a[b] c ¦ a]b = 1 ¦ a[b]c = 1 ¦ \\ ¦ ' +
      'x = \\ ¦ x\x00y = 1 ¦ \x00 ¦ pm.max_children = 4\rchdir = / ¦ a|b = 1 ¦ <?php ¦ ' +
      'listen = x;y ¦ clear_env ¦ env[A ¦ env[A] ¦ env[A]= ¦ env[A] = "" ¦ env[] ¦ ' +
      'env = x ¦ access.suppress_path = /x ¦ php_value[a][b] = c ¦ ' +
      '[ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss]',
  ),
  `${'n'.repeat(2000)} = 1`,
  `[${'s'.repeat(1200)}]`,
];
const includes = list(
  '@/inc/*.conf ¦ @/inc/a.conf ¦ @/inc/none.conf ¦ @/none/*.conf ¦ @/inc ¦ @/inc/ ¦ ' +
    '@/* ¦ etc/hathi-none/*.conf ¦ "@/inc/*.conf" ¦ @/inc/[ab].conf ¦ @/inc/?.conf ¦ ' +
    '@/main.conf ¦  ¦ @/inc/{a,b}.conf ¦ @/i*/a.conf ¦ @/main.conf/* ¦ @/inc/\\a.conf ¦ ' +
    '@/inc/*.nothing ¦ @/inc/.* ¦ @/inc/$pool.conf ¦ *',
);

function directiveLine(chance: Chance, scope: 'global' | 'pool'): string {
  const rows = DIRECTIVES.filter((row) => row.scope === scope && row.own !== true && row.name !== 'include');
  const row = chance.pick(rows);
  const values = namedValues(scope, row.name) ?? byType[row.type] ?? strings;
  const value = chance.once(12) ? chance.pick(strings) : chance.pick(values);
  const name = chance.once(15) ? row.name.toUpperCase() : chance.once(40) ? row.name.slice(0, -1) : row.name;
  if (['pairs', 'flags', 'list'].includes(row.type)) return arrayLine(chance);
  return `${name}${chance.pick([' = ', ' = ', ' = ', '=', '= ', '\t=\t'])}${value}`;
}

/** The master's own priority is tried out by `-t`, and would stay with the process that runs them all. */
function namedValues(scope: 'global' | 'pool', name: string): readonly string[] | undefined {
  return scope === 'global' && name === 'process.priority' ? ['0', '-20', '21', 'x', ''] : byName[name];
}

function arrayLine(chance: Chance): string {
  const name = chance.once(8) ? chance.pick(arrays) : chance.pick(arrays.slice(0, 6));
  const isFlag = name.endsWith('flag');
  const isList = name === 'access.suppress_path';
  const key =
    isList && !chance.once(6) ? '' : chance.once(3) ? chance.pick(keys) : chance.pick(keys.slice(0, 2));
  const values = chance.once(6) ? strings : isFlag ? booleans : isList ? uris : strings;
  return `${name}[${key}] = ${chance.pick(values)}`;
}

function pool(chance: Chance, name: string): string[] {
  const manager = chance.pick(['static', 'static', 'dynamic', 'ondemand']);
  const lines = [
    `[${name}]`,
    'user = www-data',
    `listen = @/${name}.sock`,
    `pm = ${manager}`,
    'pm.max_children = 6',
  ];
  if (manager === 'dynamic') {
    const [start, min, max, rate] = [
      chance.pick(['', '0', '1', '2', '3', '7', '-1']),
      chance.pick(['1', '1', '2', '0', '-1', '7']),
      chance.pick(['3', '3', '6', '7', '1', '0']),
      chance.pick(['', '', '', '1', '0', '-3', '64']),
    ];
    if (start !== '') lines.push(`pm.start_servers = ${start}`);
    lines.push(`pm.min_spare_servers = ${min}`, `pm.max_spare_servers = ${max}`);
    if (rate !== '') lines.push(`pm.max_spawn_rate = ${rate}`);
  }
  if (chance.once(4))
    lines.push('access.log = @/$pool.access.log', `access.format = ${chance.pick(formats)}`);
  if (chance.once(4)) {
    lines.push('slowlog = @/slow.log', `request_slowlog_timeout = ${chance.pick(times)}`);
    if (chance.once(2)) lines.push(`request_terminate_timeout = ${chance.pick(times)}`);
  }
  if (chance.once(4)) lines.push(`chroot = ${chance.pick(folders)}`);
  if (chance.once(4)) lines.push(`chdir = ${chance.pick(folders)}`);
  if (chance.once(6)) lines.push(`prefix = ${chance.pick(folders)}`);
  if (chance.once(5))
    lines.push(
      `ping.path = ${chance.pick(uris)}`,
      `ping.response = ${chance.pick(byName['ping.response'] ?? strings)}`,
    );
  if (chance.once(6)) lines.push('pm.status_listen = @/status.sock', `pm.status_path = ${chance.pick(uris)}`);
  if (chance.once(3)) for (let more = chance.below(5); more >= 0; more -= 1) lines.push(arrayLine(chance));
  return lines;
}

/** One change; lines are those of the whole file. */
function change(chance: Chance, lines: string[], withIncludes: boolean): void {
  const at = chance.below(lines.length + 1);
  const firstPool = lines.findIndex((line) => /^\[(?!global)/i.test(line));
  const scope = chance.once(25) === at <= firstPool ? 'pool' : 'global';
  switch (chance.below(withIncludes ? 9 : 8)) {
    case 0:
    case 1:
    case 2:
    case 3:
      lines.splice(at, 0, directiveLine(chance, scope));
      return;
    case 4:
      lines.splice(at, 0, arrayLine(chance));
      return;
    case 5:
      lines.splice(at, 0, chance.pick(oddLines));
      return;
    case 6:
      if (chance.once(2)) lines.splice(chance.below(lines.length), 1);
      else if (lines.length > 0) lines.splice(at, 0, chance.pick(lines));
      return;
    case 7:
      scratch(chance, lines);
      return;
    default:
      lines.splice(at, 0, `include = ${chance.pick(includes)}`);
  }
}

/** A character more, less or another one somewhere. */
function scratch(chance: Chance, lines: string[]): void {
  if (lines.length === 0) return;
  const index = chance.below(lines.length);
  const line = lines[index] ?? '';
  const at = chance.below(line.length + 1);
  const odd = chance.pick([...'=;"\'[]{}()$|&^~! \t\\#\r\0\xff,.:x0']);
  lines[index] = line.slice(0, at) + (chance.once(3) ? '' : odd) + line.slice(chance.once(2) ? at : at + 1);
}

function text(chance: Chance, lines: readonly string[]): string {
  const end = chance.once(15) ? '\r\n' : '\n';
  const joined = lines.join(end) + (chance.once(8) ? '' : end);
  return (chance.once(60) ? '\xef\xbb\xbf' : '') + joined;
}

/** A configuration, perhaps with files that it includes. */
export function randomConfiguration(chance: Chance): RandomConfiguration {
  const withIncludes = chance.once(6);
  const lines = chance.once(30) ? [] : ['[global]', 'error_log = @/error.log'];
  const names = chance.pick([['www'], ['www'], ['www'], ['www', 'two'], ['b', 'a', 'c']]);
  if (!chance.once(60)) for (const name of names) lines.push(...pool(chance, name));
  for (let changes = chance.pick([0, 1, 1, 1, 2, 2, 3, 5]); changes > 0; changes -= 1)
    change(chance, lines, withIncludes);
  const files: Record<string, string> = { 'main.conf': text(chance, lines) };
  if (withIncludes) {
    for (const name of ['inc/a.conf', 'inc/b.conf']) {
      const included = chance.once(2) ? pool(chance, name.slice(4, 5)) : [];
      for (let changes = chance.below(2); changes >= 0; changes -= 1)
        change(chance, included, chance.once(3));
      files[name] = text(chance, included);
    }
  }
  return { files };
}
