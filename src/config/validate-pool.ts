/** Checks of one pool, in PHP-FPM's order. */

import { checkValue } from './check-value.ts';
import { defaultAccessFormat, defaultPingResponse } from './defaults.ts';
import { type Draft, directive, type PoolConfig } from './directives.ts';
import type { Messages } from './messages.ts';
import { expandChroot, expandPath, isIniPath, isUnixAddress, type Prefixes } from './paths.ts';
import { type ConfigSystem, describeFailure } from './system.ts';

export interface PoolContext {
  readonly messages: Messages;
  readonly system: ConfigSystem;
  /** `-p`. */
  readonly prefix: string | undefined;
  /** The event mechanism supports `pm = ondemand`. */
  readonly edgeTriggered: boolean;
}

type Check = (pool: Draft<PoolConfig>, context: PoolContext) => void;

/** PHP-FPM's default of `listen.backlog` and the minimum for `pm = ondemand`. */
const DEFAULT_BACKLOG = -1;
/** Default of `pm = auto`: each is a slot of 4 KB. */
const autoChildren = 128;
const DEFAULT_TRACE_DEPTH = 20;

/** In order of execution. */
const CHECKS: readonly Check[] = [
  checkPrefix,
  checkUser,
  checkListen,
  checkRow('process.priority'),
  checkProcessManager,
  checkStatusPath,
  checkPing,
  completeWorkerMode,
  completeAccessLog,
  checkSlowLog,
  checkTraceDepth,
  checkChroot,
  checkChdir,
  expandIniPaths,
  checkRow('engine.php'),
  checkRow('engine.heap_limit'),
  checkMemoryLimits,
  checkRow('queue.max_wait'),
  checkRow('queue.max_length'),
  checkReloadProof,
  checkRow('queue.priority_workers'),
  checkPriority,
];

/** Completes a pool and checks it; refuses through the messages. */
export function validatePool(pool: Draft<PoolConfig>, context: PoolContext): void {
  for (const check of CHECKS) check(pool, context);
}

/** Runs the check of the directive's row. */
function checkRow(name: keyof PoolConfig): Check {
  return (pool, { messages }) => checkValue(directive('pool', name), pool[name], messages, pool.name);
}

/** Lane and adaptive limit both take connections off the queue. */
function checkPriority(pool: Draft<PoolConfig>, { messages }: PoolContext): void {
  if (pool['queue.priority'].length === 0 || !pool['queue.adaptive']) return;
  const text = `[pool ${pool.name}] queue.adaptive cannot be combined with queue.priority`;
  messages.refuse('alert', text, [`Remove ${where(pool, 'queue.adaptive')}, or the lines queue.priority[].`]);
}

function checkPrefix(pool: Draft<PoolConfig>, { messages, system, prefix }: PoolContext): void {
  if (!pool.prefix) return;
  pool.prefix = expandPath(pool.prefix, { global: prefix });
  if (system.isDirectory(pool.prefix)) return;
  const text = `[pool ${pool.name}] the prefix '${pool.prefix}' does not exist or is not a directory`;
  messages.refuse('error', text, [`Create it, or correct ${where(pool, 'prefix')}.`]);
}

function checkUser(pool: Draft<PoolConfig>, { messages, system }: PoolContext): void {
  if (pool.user !== undefined || !system.isRoot || system.allowRoot) return;
  messages.refuse('alert', `[pool ${pool.name}] user has not been defined`, [
    `Started as root, so the workers need a user to run as: add 'user = www-data' to the section [${pool.name}].`,
  ]);
}

function checkListen(pool: Draft<PoolConfig>, { messages, prefix }: PoolContext): void {
  if (!pool.listen) {
    messages.refuse('alert', `[pool ${pool.name}] no listen address have been defined!`, [
      `Add 'listen = /run/php/${pool.name}.sock' or 'listen = 127.0.0.1:9000' to the section [${pool.name}].`,
    ]);
  }
  if (isUnixAddress(pool.listen))
    pool.listen = expandPath(pool.listen, { pool: pool.prefix, global: prefix });
  const agent = pool['agent.listen'];
  if (agent === '') pool['agent.listen'] = undefined;
  else if (agent !== undefined && isUnixAddress(agent))
    pool['agent.listen'] = expandPath(agent, { pool: pool.prefix, global: prefix });
}

function checkProcessManager(pool: Draft<PoolConfig>, context: PoolContext): void {
  if (pool.pm === undefined) {
    const text = `[pool ${pool.name}] the process manager is missing (static, dynamic or ondemand)`;
    context.messages.refuse('alert', text, [`Add 'pm = dynamic' to the section [${pool.name}].`]);
  }
  if (pool.pm === 'auto' && !pool.places.has('pm.max_children')) pool['pm.max_children'] = autoChildren;
  checkRow('pm.max_children')(pool, context);
  switch (pool.pm) {
    case 'static':
      return;
    case 'dynamic':
      checkDynamic(pool, context);
      return;
    case 'auto':
      checkAuto(pool, context);
      return;
    case 'ondemand':
      checkOndemand(pool, context);
      return;
    default:
      throw new Error(`Cannot check the pool: unknown process manager "${String(pool.pm satisfies never)}"`);
  }
}

function checkDynamic(pool: Draft<PoolConfig>, context: PoolContext): void {
  const { messages } = context;
  checkRow('pm.min_spare_servers')(pool, context);
  checkRow('pm.max_spare_servers')(pool, context);
  const [least, most] = [pool['pm.min_spare_servers'], pool['pm.max_spare_servers']];
  const start = pool['pm.start_servers'];
  const children = pool['pm.max_children'];
  const min = `pm.min_spare_servers(${least})`;
  const max = `pm.max_spare_servers(${most})`;
  const refuse = (text: string) => messages.refuse('alert', `[pool ${pool.name}] ${text}`);
  if (least > children || most > children) {
    refuse(`${min} and ${max} cannot be greater than pm.max_children(${children})`);
  }
  if (most < least) refuse(`${max} must not be less than ${min}`);
  if (start <= 0) {
    pool['pm.start_servers'] = least + Math.trunc((most - least) / 2);
    const text = `[pool ${pool.name}] pm.start_servers is not set. It's been set to ${pool['pm.start_servers']}.`;
    messages.add('notice', text);
  } else if (start < least || start > most) {
    refuse(`pm.start_servers(${start}) must not be less than ${min} and not greater than ${max}`);
  }
  checkRow('pm.max_spawn_rate')(pool, context);
}

function checkAuto(pool: Draft<PoolConfig>, context: PoolContext): void {
  checkRow('pm.min_children')(pool, context);
  const [least, most] = [pool['pm.min_children'], pool['pm.max_children']];
  if (least <= most) return;
  context.messages.refuse(
    'alert',
    `[pool ${pool.name}] pm.min_children(${least}) cannot be greater than pm.max_children(${most})`,
    [`Correct ${where(pool, 'pm.min_children')}.`],
  );
}

function checkOndemand(pool: Draft<PoolConfig>, context: PoolContext): void {
  const { messages, edgeTriggered } = context;
  if (!edgeTriggered) {
    const text = `[pool ${pool.name}] ondemand process manager can ONLY be used when events.mechanism is either epoll (Linux) or kqueue (*BSD).`;
    messages.refuse('alert', text, [`Remove 'events.mechanism'.`]);
  }
  checkRow('pm.process_idle_timeout')(pool, context);
  if (pool['listen.backlog'] < DEFAULT_BACKLOG) {
    const text = `[pool ${pool.name}] listen.backlog(${pool['listen.backlog']}) was too low for the ondemand process manager. I updated it for you to ${DEFAULT_BACKLOG}.`;
    messages.add('warning', text);
    pool['listen.backlog'] = DEFAULT_BACKLOG;
  }
  pool['pm.start_servers'] = 0;
  pool['pm.min_spare_servers'] = 0;
  pool['pm.max_spare_servers'] = 0;
}

function checkStatusPath(pool: Draft<PoolConfig>, { messages }: PoolContext): void {
  const separate = pool['pm.status_listen'] !== undefined;
  if (separate) pool['pm.status_path'] ??= '/';
  checkUri(
    pool,
    { what: 'status', path: pool['pm.status_path'], rootAllowed: separate || pool.statusOf !== undefined },
    messages,
  );
}

function checkPing(pool: Draft<PoolConfig>, context: PoolContext): void {
  checkUri(pool, { what: 'ping', path: pool['ping.path'], rootAllowed: false }, context.messages);
  if (!pool['ping.path']) {
    pool['ping.response'] = undefined;
    return;
  }
  pool['ping.response'] ??= defaultPingResponse;
  checkRow('ping.response')(pool, context);
}

function checkUri(
  pool: PoolConfig,
  { what, path, rootAllowed }: { what: string; path: string | undefined; rootAllowed: boolean },
  messages: Messages,
): void {
  if (!path) return;
  const refuse = (problem: string) =>
    messages.refuse('error', `[pool ${pool.name}] the ${what} path '${path}' ${problem}`);
  if (!path.startsWith('/')) refuse(`must start with a '/'`);
  if (path.length < 2 && !rootAllowed) refuse('is not long enough');
  if (!/^[A-Za-z0-9/_.~-]*$/.test(path)) {
    refuse(`must contain only the following characters '[alphanum]/_-.~'`);
  }
}

/** Workers look up the application's script: inside the chroot if there is one. */
function completeWorkerMode(pool: Draft<PoolConfig>, context: PoolContext): void {
  for (const name of ['worker.other_children', 'worker.boot_timeout'] as const) checkRow(name)(pool, context);
  if (!pool['worker.script']) return;
  if (pool['engine.isolation'] === 'request') {
    const text = `[pool ${pool.name}] engine.isolation = request cannot go with worker.script = ${pool['worker.script']}`;
    context.messages.refuse('error', text, [
      'A booted application keeps its state between requests. Remove one of the two.',
    ]);
  }
  pool['worker.watch'] = pool['worker.watch'].map((pattern) =>
    expandPath(pattern, prefixesOf(pool, context)),
  );
  pool['worker.script'] = pool.chroot
    ? pool['worker.script']
    : expandPath(pool['worker.script'], prefixesOf(pool, context));
}

/** The probe of a new generation, and its trial. */
function checkReloadProof(pool: Draft<PoolConfig>, context: PoolContext): void {
  const rows = [
    'reload.probe',
    'reload.probe_method',
    'reload.probe_status',
    'reload.probe_timeout',
    'reload.canary',
    'reload.canary_time',
  ] as const;
  for (const name of rows) checkRow(name)(pool, context);
  const [path] = pool['reload.probe'].split('?');
  const own = [pool['ping.path'], pool['pm.status_path']].includes(path);
  const script = pool['reload.probe_script'] || pool['worker.script'];
  if (!pool['reload.probe'] || own) return;
  if (!script?.startsWith('/')) {
    const text = `[pool ${pool.name}] reload.probe needs the path of a script: reload.probe_script is '${script ?? ''}'`;
    context.messages.refuse('error', text, [
      `Add 'reload.probe_script = /path/to/the/script.php' to the section [${pool.name}]: what the web server sends as SCRIPT_FILENAME.`,
    ]);
  }
}

function completeAccessLog(pool: Draft<PoolConfig>, context: PoolContext): void {
  if (!pool['access.log']) return;
  pool['access.log'] = expandPath(pool['access.log'], prefixesOf(pool, context));
  pool['access.format'] ??= defaultAccessFormat;
}

function checkSlowLog(pool: Draft<PoolConfig>, context: PoolContext): void {
  const timeout = pool['request_slowlog_timeout'];
  const limit = pool['request_terminate_timeout'];
  if (pool.slowlog) pool.slowlog = expandPath(pool.slowlog, prefixesOf(pool, context));
  if (timeout === 0) return;
  if (!pool.slowlog) {
    const text = `[pool ${pool.name}] 'slowlog' must be specified for use with 'request_slowlog_timeout'`;
    context.messages.refuse('error', text, [
      `Add 'slowlog = /var/log/php-${pool.name}-slow.log' to the section [${pool.name}].`,
    ]);
  }
  const failure = context.system.openForAppend(pool.slowlog, pool.user);
  if (failure?.isForeign) {
    const text = `[pool ${pool.name}] slow log (${pool.slowlog}) is refused${describeFailure(failure)}`;
    context.messages.add('warning', text);
  } else if (failure) {
    context.messages.refuse(
      'error',
      `Unable to create or open slowlog(${pool.slowlog})${describeFailure(failure)}`,
      [`Create its folder, or correct ${where(pool, 'slowlog')}.`],
    );
  }
  if (limit !== 0 && timeout > limit) {
    const text = `[pool ${pool.name}] 'request_slowlog_timeout' (${timeout}) can't be greater than 'request_terminate_timeout' (${limit})`;
    context.messages.refuse('error', text);
  }
}

function checkTraceDepth(pool: Draft<PoolConfig>, context: PoolContext): void {
  if (pool['request_slowlog_trace_depth'] === 0) {
    pool['request_slowlog_trace_depth'] = DEFAULT_TRACE_DEPTH;
    return;
  }
  if (!pool.slowlog) {
    const text = `[pool ${pool.name}] 'slowlog' must be specified for use with 'request_slowlog_trace_depth'`;
    context.messages.refuse('error', text);
  }
  checkRow('request_slowlog_trace_depth')(pool, context);
}

function checkChroot(pool: Draft<PoolConfig>, context: PoolContext): void {
  if (!pool.chroot) return;
  const { messages, system } = context;
  const expanded = expandChroot(pool.chroot, prefixesOf(pool, context));
  if (expanded === undefined) messages.add('error', `'$prefix' must be use at the beginning of the value`);
  pool.chroot = expanded ?? pool.chroot;
  const refuse = (problem: string) =>
    messages.refuse('error', `[pool ${pool.name}] the chroot path '${pool.chroot}' ${problem}`, [
      `Correct ${where(pool, 'chroot')}.`,
    ]);
  if (!pool.chroot.startsWith('/')) refuse(`must start with a '/'`);
  if (!system.isDirectory(pool.chroot)) refuse('does not exist or is not a directory');
}

function checkChdir(pool: Draft<PoolConfig>, context: PoolContext): void {
  if (!pool.chdir) return;
  const { messages, system } = context;
  pool.chdir = expandPath(pool.chdir, prefixesOf(pool, context));
  const refuse = (problem: string) =>
    messages.refuse('error', `[pool ${pool.name}] the chdir path '${pool.chdir}' ${problem}`, [
      `Correct ${where(pool, 'chdir')}.`,
    ]);
  if (!pool.chdir.startsWith('/')) refuse(`must start with a '/'`);
  const inside = pool.chroot === undefined ? pool.chdir : `${pool.chroot}/${pool.chdir}`;
  if (system.isDirectory(inside)) return;
  refuse(
    pool.chroot === undefined
      ? 'does not exist or is not a directory'
      : `within the chroot path '${pool.chroot}' ('${inside}') does not exist or is not a directory`,
  );
}

/** Inside a chroot, paths of php.ini settings belong to the application. */
function expandIniPaths(pool: Draft<PoolConfig>, context: PoolContext): void {
  if (pool.chroot !== undefined) return;
  const prefixes = prefixesOf(pool, context);
  const expand = ([key, value]: readonly [string, string]) =>
    [key, isIniPath(key) ? expandPath(value, prefixes) : value] as const;
  pool.php_value = pool.php_value.map(expand);
  pool.php_admin_value = pool.php_admin_value.map((pair) => {
    const [key, value] = pair;
    return key.toLowerCase() === 'error_log' && value.toLowerCase() === 'syslog' ? pair : expand(pair);
  });
}

function prefixesOf(pool: PoolConfig, { prefix }: PoolContext): Prefixes {
  return { pool: pool.prefix, global: prefix };
}

/** Place of a directive, for a remedy. */
function where(pool: PoolConfig, name: string): string {
  const place = pool.places.get(name);
  return place ? `'${name}' in ${place.file}:${place.line}` : `'${name}'`;
}

/** The soft limit must be reached first. */
function checkMemoryLimits(pool: Draft<PoolConfig>, { messages }: PoolContext): void {
  const { 'pm.max_memory': soft, 'pm.max_memory_hard': hard } = pool;
  if (hard === 0 || soft < hard) return;
  const text = `[pool ${pool.name}] pm.max_memory_hard(${hard}) must be greater than pm.max_memory(${soft})`;
  messages.refuse('alert', text, [`Correct ${where(pool, 'pm.max_memory_hard')}.`]);
}
