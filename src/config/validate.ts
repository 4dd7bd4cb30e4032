/** Checks of a whole configuration, in PHP-FPM's order; the first failure is reported. */

import { adminOff, checkAdmin } from './admin.ts';
import { checkValue } from './check-value.ts';
import { type Draft, directive, type GlobalConfig, type PoolConfig } from './directives.ts';
import { checkEngineLimits } from './limits.ts';
import type { Messages } from './messages.ts';
import { expandPath, isUnixAddress, STATE_DIRECTORY } from './paths.ts';
import {
  type CheckContext,
  type Checked,
  CheckRecorder,
  Outdated,
  type ReadingMemory,
} from './reading-memory.ts';
import { statusPool } from './status-pool.ts';
import type { Steps } from './steps.ts';
import { type ConfigSystem, describeFailure } from './system.ts';
import { validatePool } from './validate-pool.ts';

/** A configuration that has been read but not completed. */
export interface ConfigurationDraft {
  readonly global: Draft<GlobalConfig>;
  readonly pools: readonly Draft<PoolConfig>[];
  readonly prefix?: string;
}

export interface ValidationContext {
  readonly messages: Messages;
  readonly system: ConfigSystem;
  /** `-D` and `-F`. */
  readonly daemonize?: boolean | undefined;
  /** Called once the error log could be opened; later messages belong in it. */
  readonly onErrorLog?: (global: GlobalConfig) => void;
  readonly memory?: ReadingMemory | undefined;
  /** Pools taken from the memory. */
  readonly recalled?: ReadonlyMap<PoolConfig, Checked>;
}

/** The outcome of all checks, for the next reading. */
export interface Validated {
  readonly checked: ReadonlyMap<PoolConfig, Checked>;
  readonly checks: CheckContext;
}

/** Interfaces for waiting on connections, best first. Only the first two report each new connection once. */
const MECHANISMS: Readonly<Record<string, readonly string[]>> = {
  linux: ['epoll', 'poll', 'select'],
  darwin: ['kqueue', 'poll', 'select'],
  freebsd: ['kqueue', 'poll', 'select'],
  openbsd: ['kqueue', 'poll', 'select'],
  sunos: ['port', 'poll', 'select'],
};
const EDGE_TRIGGERED: ReadonlySet<string> = new Set(['epoll', 'kqueue']);

/**
 * Completes the drafts: defaults, expanded paths, checks. Refuses through the messages.
 *
 * @throws Outdated if a remembered check has another outcome now
 */
export function* validate(draft: ConfigurationDraft, context: ValidationContext): Steps<Validated> {
  const { messages } = context;
  const { global, prefix } = draft;
  const mechanism = validateGlobal(draft, context);
  if (draft.pools.length === 0) {
    const text = 'No pool defined. at least one pool section must be specified in config file';
    messages.refuse('error', text, ['A pool starts with its name in brackets, such as [www].']);
  }
  global['events.mechanism'] = mechanism;
  const checks = { prefix, edgeTriggered: EDGE_TRIGGERED.has(mechanism) };
  const checked = new Map<PoolConfig, Checked>();
  const recorder = new CheckRecorder(context.system);
  const poolContext = { messages, system: recorder.system, ...checks };
  // Pools for status pages are appended during the checks, so they come after all others.
  const hidden: Draft<PoolConfig>[] = [];
  for (const pool of draft.pools) {
    if (context.recalled?.has(pool) === true) checkAgain(pool, checks, context);
    else {
      const said = messages.list.length;
      validatePool(pool, poolContext);
      checked.set(pool, { rechecks: recorder.take(), messages: messages.list.slice(said) });
    }
    const status = statusPool(pool);
    if (status) hidden.push(status);
    yield;
  }
  for (const pool of hidden) {
    validatePool(pool, poolContext);
    yield;
  }
  shareListenPaths(draft.pools, hidden);
  checkListenTwice([...draft.pools, ...hidden], messages);
  yield;
  for (const pool of draft.pools) {
    openAccessLog(pool, context);
    yield;
  }
  for (const pool of draft.pools) checkAccessFormat(pool, context);
  for (const pool of draft.pools) {
    if (pool.engine !== 'auto') messages.take(checkEngineLimits(pool, pool.engine));
  }
  return { checked, checks };
}

/** A pool with the outcome of its checks: what they looked at has to be the same. */
function checkAgain(
  pool: PoolConfig,
  checks: CheckContext,
  { messages, system, memory, recalled }: ValidationContext,
): void {
  const known = recalled?.get(pool);
  const before = memory?.context;
  const isSameContext = before?.prefix === checks.prefix && before?.edgeTriggered === checks.edgeTriggered;
  if (known === undefined || !isSameContext || !known.rechecks.every((holds) => holds(system)))
    throw new Outdated(`the checks of the pool ${pool.name}`);
  // With an error that stops the reading nothing would be remembered.
  messages.list.push(...known.messages);
}

/** @returns the name of the event mechanism */
function validateGlobal(
  { global, prefix }: ConfigurationDraft,
  { messages, system, daemonize, onErrorLog }: ValidationContext,
): string {
  if (global.pid !== undefined)
    global.pid = expandPath(global.pid, { global: prefix, fallback: STATE_DIRECTORY });
  if (daemonize !== undefined) global.daemonize = daemonize;
  for (const name of [
    'log_limit',
    'memory.budget',
    'process.max',
    'process.priority',
    'admin.listen',
    'admin.token',
    'metrics.listen',
    'metrics.aliases',
  ] as const) {
    checkValue(directive('global', name), global[name], messages);
  }
  const admin = checkAdmin(global['admin.listen'], global['admin.token']);
  if (admin !== undefined) messages.refuse('error', admin);
  const listen = global['admin.listen'];
  if (listen !== undefined && listen !== adminOff && isUnixAddress(listen))
    global['admin.listen'] = expandPath(listen, { global: prefix, fallback: STATE_DIRECTORY });
  const metricsListen = global['metrics.listen'];
  if (metricsListen !== undefined && isUnixAddress(metricsListen))
    global['metrics.listen'] = expandPath(metricsListen, { global: prefix, fallback: STATE_DIRECTORY });
  if (global.error_log.toLowerCase() !== 'syslog') {
    global.error_log = expandPath(global.error_log, { global: prefix, fallback: STATE_DIRECTORY });
    const failure = system.openForAppend(global.error_log);
    if (failure) {
      messages.refuse('error', `failed to open error_log (${global.error_log})${describeFailure(failure)}`, [
        `Create its folder, or set 'error_log' to a file that can be written.`,
      ]);
    }
  }
  onErrorLog?.(global);
  return eventMechanism(global['events.mechanism'], { messages, system });
}

function eventMechanism(name: string | undefined, { messages, system }: ValidationContext): string {
  const available = MECHANISMS[system.platform] ?? ['poll', 'select'];
  const chosen = available.find((candidate) => candidate === name?.toLowerCase());
  if (name === undefined) return available[0] ?? 'poll';
  if (chosen !== undefined) return chosen;
  return messages.refuse('error', `event mechanism '${name}' is not available on this system`, [
    `Available are ${available.join(', ')}; without 'events.mechanism' the best one is used.`,
  ]);
}

/** `pm.status_listen` becomes the listen address of its hidden pool. */
function shareListenPaths(pools: readonly Draft<PoolConfig>[], hidden: readonly PoolConfig[]): void {
  const withStatus = pools.filter((pool) => pool['pm.status_listen'] !== undefined);
  withStatus.forEach((pool, index) => {
    pool['pm.status_listen'] = hidden[index]?.listen;
  });
}

function checkListenTwice(pools: readonly PoolConfig[], messages: Messages): void {
  if (new Set(pools.map(({ listen }) => listen)).size === pools.length) return;
  const byAddress = Map.groupBy(pools, ({ listen }) => listen);
  // In the order of the first of each: that one is reported.
  for (const [pool, later] of byAddress.values()) {
    if (pool === undefined || later === undefined) continue;
    const text = `[pool ${later.name}] unable to set listen address as it's already used in another pool '${pool.name}'`;
    const place = pool.places.get('listen') ?? pool;
    messages.refuse('error', text, [`'${pool.listen}' is set in ${place.file}:${place.line}.`]);
  }
}

function openAccessLog(pool: PoolConfig, { messages, system }: ValidationContext): void {
  const path = pool['access.log'];
  if (path === undefined) return;
  const failure = system.openForAppend(path, pool.user);
  if (failure?.isForeign) {
    messages.add('warning', `[pool ${pool.name}] access log (${path}) is refused${describeFailure(failure)}`);
  } else if (failure) {
    const remedy =
      path === ''
        ? `Leave 'access.log' of the pool '${pool.name}' out for no access log.`
        : `Create its folder, or set 'access.log' of the pool '${pool.name}' to a file that can be written.`;
    messages.refuse('error', `failed to open access log (${path})${describeFailure(failure)}`, [remedy]);
  }
  messages.add('debug', `open access log (${path})`);
}

function checkAccessFormat(pool: PoolConfig, { messages, system }: ValidationContext): void {
  const format = pool['access.format'];
  if (!pool['access.log'] || format === undefined) return;
  const warnings = system.checkAccessFormat(format) ?? [];
  if (warnings.length === 0) return;
  for (const warning of warnings) messages.add('warning', warning);
  messages.refuse('error', `[pool ${pool.name}] wrong format for access.format '${format}'`);
}
