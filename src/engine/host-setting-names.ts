/**
 * The only list of settings for hosts (docs/contract.md, section 3). The master sends no others, a host reads no others,
 * and native/shared/setting_names.h derives from it.
 */

import type { Engine } from '../config/directive.ts';

/** Facts about a setting. */
export interface HostSetting {
  /** Engines that read it. It is sent to the other engine too, which ignores it. */
  readonly readers: readonly Engine[];
  /** Always sent. A host that misses it is of another version than its master, and fails. */
  readonly isRequired: boolean;
}

const both: readonly Engine[] = ['embedded', 'native'];

const always = (readers: readonly Engine[] = both): HostSetting => ({ readers, isRequired: true });
const whereSet = (readers: readonly Engine[] = both): HostSetting => ({ readers, isRequired: false });

/** By name; settings that are directives have the directive's name. */
export const hostSettingNames = {
  pool: always(),
  max_children: always(),
  'listen.fd': always(),
  'listen.kind': always(),
  'listen.backlog': always(['embedded']),
  'listen.allowed_clients': whereSet(),
  pm: always(),
  'pm.max_requests': always(),
  'pm.max_memory_hard': always(['embedded']),
  'queue.max_wait': always(),
  'queue.max_length': always(),
  'queue.priority': whereSet(),
  lane_slots: always(),
  'pm.status_path': whereSet(),
  'ping.path': whereSet(),
  'ping.response': whereSet(),
  'access.log.fd': whereSet(),
  'access.format': whereSet(),
  'access.log_format': always(),
  'access.log_query': always(),
  'access.suppress_path': whereSet(),
  request_id: always(),
  'security.limit_extensions': always(),
  catch_workers_output: always(),
  log_level: always(),
  log_limit: always(),
  root: whereSet(),
  uid: whereSet(),
  gid: whereSet(),
  groups: whereSet(),
  rlimit_files: always(),
  rlimit_core: always(),
  chroot: whereSet(),
  chdir: whereSet(),
  'process.priority': whereSet(),
  'process.scheduler': always(['native']),
  'process.dumpable': always(),
  apparmor_hat: whereSet(['native']),
  env: whereSet(),
  'env.inherited': whereSet(),
  'env.user': whereSet(),
  'env.home': whereSet(),
  php_value: whereSet(),
  php_admin_value: whereSet(),
  'php.ini': whereSet(),
  'php.define': whereSet(),
  'worker.script': whereSet(),
  'worker.match': whereSet(),
  'worker.max_requests': whereSet(),
  'worker.on_exit': whereSet(),
  'worker.reset': whereSet(),
  'worker.other_children': always(['embedded']),
  'audit.socket': whereSet(['native']),
  'engine.php': whereSet(['embedded']),
  'engine.isolation': always(['embedded']),
  'engine.heap_limit': always(['embedded']),
} as const satisfies Readonly<Record<string, HostSetting>>;

export type HostSettingName = keyof typeof hostSettingNames;

/** Whether a directive or another setting of that name is sent. */
export function isHostSetting(name: string): name is HostSettingName {
  return Object.hasOwn(hostSettingNames, name);
}

/** Required settings of an engine's host. */
export function requiredSettings(engine: Engine): HostSettingName[] {
  return namesOf(engine).filter((name) => hostSettingNames[name].isRequired);
}

/** Settings that an engine's host reads. */
export function namesOf(engine: Engine): HostSettingName[] {
  return (Object.keys(hostSettingNames) as HostSettingName[]).filter((name) =>
    (hostSettingNames[name].readers as readonly Engine[]).includes(engine),
  );
}
