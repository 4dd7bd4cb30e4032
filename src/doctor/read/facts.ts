/** Collects all facts; changes nothing on the machine. */

import { lstatSync, statSync } from 'node:fs';
import type { Configuration, GlobalConfig, PoolConfig } from '../../config/directives.ts';
import type { Facts, FileAccess, LogFile, PhpIniError, PoolFacts } from '../facts.ts';
import type { LiveFacts } from '../live-facts.ts';
import type { FastcgiPass } from '../web-facts.ts';
import { type ConfigurationFacts, readConfigurationFacts } from './configuration.ts';
import { readLogrotate } from './logrotate.ts';
import { readMachine } from './machine.ts';
import { Docroots, type FactsChoice, PoolReader } from './pools.ts';
import { readServices } from './units.ts';
import { readUpdates } from './updates.ts';
import { readWebServers } from './web-servers.ts';

export function readFacts(choice: FactsChoice, live?: LiveFacts): Facts {
  const { root, progress, file } = choice;
  progress('configuration');
  const read = readConfigurationFacts(choice, choice.env);
  // The hidden pools of `pm.status_listen` run no scripts.
  const configs = read.configuration?.pools.filter(({ statusOf }) => statusOf === undefined) ?? [];
  const unknown = read.configuration === undefined ? ['the pools: the configuration is not valid'] : [];
  progress('web servers');
  const web = readWebServers(choice, read.system);
  if (web.servers.length === 0) unknown.push('web servers: there is neither nginx nor Apache here');
  const docroots = new Docroots(choice);
  const errors = new Map<string, PhpIniError>();
  const pools = new PoolReader(choice, read, web.passes, docroots, errors);
  const poolFacts = configs.map((config) => pools.read(config));
  progress('packages');
  const { updates, unknown: noUpdates } = readUpdates(root, pools.packages, choice.askApt);
  if (noUpdates !== undefined) unknown.push(noUpdates);
  progress('logs');
  const rotation = readLogrotate(root);
  if (rotation === undefined) unknown.push('the rotation of logs: there is no configuration of logrotate');
  progress('processes');
  const machine = readMachine({ root, file, addresses: configs.map(({ listen }) => listen) });
  if (process.geteuid?.() !== 0) unknown.push('processes, sockets and folders of other users: ask as root');
  if (machine.memory === undefined) unknown.push('the memory of this machine: /proc/meminfo cannot be read');
  return {
    now: choice.now,
    file,
    problems: read.problems,
    processMax: read.global['process.max'],
    pidFile: read.global.pid,
    pools: poolFacts,
    iniErrors: [...errors.values()],
    logs: logsOf(read.global, read.configuration, poolFacts),
    rotation,
    machine,
    updates,
    services: readServices(root, file),
    socketOwners: new Map(configs.map((config) => [config.name, socketOwner(config, read)])),
    webServers: web.servers,
    passes: web.passes,
    hasModPhp: web.hasModPhp,
    deadSockets: deadSockets(web.passes),
    live,
    unknown: [...unknown, ...docroots.unknown],
  };
}

/** The master's result for listen.owner, listen.group, listen.mode and the lists, with which owner and group are ignored. */
function socketOwner(config: PoolConfig, { system }: ConfigurationFacts): FileAccess {
  const users = namesIn(config['listen.acl_users']);
  const groups = namesIn(config['listen.acl_groups']);
  const hasList = users.length + groups.length > 0;
  const owner = hasList ? undefined : config['listen.owner'];
  const group = hasList ? undefined : config['listen.group'];
  const mode = Number.parseInt(config['listen.mode'] || '0660', 8) & 0o777;
  const ownerEntry = owner ? system.lookupUser(owner) : undefined;
  return {
    path: config.listen,
    uid: ownerEntry?.uid ?? process.geteuid?.() ?? 0,
    gid: (group ? system.lookupGroup(group)?.gid : undefined) ?? process.getegid?.() ?? 0,
    mode,
    ...(hasList
      ? {
          list: {
            users: readWrite(users.map((name) => system.lookupUser(name)?.uid)),
            groups: readWrite(groups.map((name) => system.lookupGroup(name)?.gid)),
            groupObject: (mode >> 3) & 7,
            mask: 7,
          },
        }
      : {}),
  };
}

function namesIn(list: string | undefined): string[] {
  return (list ?? '').split(',').flatMap((name) => name.trim() || []);
}

/** Entries of a socket's list. */
function readWrite(ids: readonly (number | undefined)[]): { id: number; permissions: number }[] {
  return ids.flatMap((id) => (id === undefined ? [] : [{ id, permissions: 6 }]));
}

function logsOf(
  global: GlobalConfig,
  configuration: Configuration | undefined,
  pools: readonly PoolFacts[],
): LogFile[] {
  if (configuration === undefined) return [];
  const logs: (Omit<LogFile, 'path'> & { readonly path: string | undefined })[] = [
    { path: global.error_log, subject: '[global]', setting: 'error_log', isHeld: true },
    ...pools.flatMap(({ config, ini, name }) => [
      { path: config['access.log'], subject: `pool ${name}`, setting: 'access.log', isHeld: true },
      {
        path: config.request_slowlog_timeout > 0 ? config.slowlog : undefined,
        subject: `pool ${name}`,
        setting: 'slowlog',
        isHeld: true,
      },
      // PHP opens it for each line.
      { path: ini.text('error_log'), subject: `pool ${name}`, setting: "PHP's error_log", isHeld: false },
    ]),
  ];
  const files = logs.flatMap((log) =>
    log.path !== undefined && isLogFile(log.path) ? [{ ...log, path: log.path }] : [],
  );
  return [...new Map(files.map((log) => [log.path, log])).values()];
}

/** Not syslog, a standard stream or a device. */
function isLogFile(path: string): boolean {
  if (!path.startsWith('/') || /^\/(?:dev|proc)\//.test(path)) return false;
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat === undefined || stat.isFile();
}

function deadSockets(passes: readonly FastcgiPass[]): Set<string> {
  const paths = passes.flatMap(({ targets }) => targets).filter((target) => target.startsWith('/'));
  return new Set(paths.filter((path) => statSync(path, { throwIfNoEntry: false }) === undefined));
}
