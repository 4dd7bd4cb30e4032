/** The settings that a master sends, for hosts that tests start without one. */
import { defaultAccessFormat, defaultLogLimit, defaultPingResponse } from '../../src/config/defaults.ts';
import { newPool, type PoolConfig } from '../../src/config/directives.ts';
import { hostSettings } from '../../src/engine/host-settings.ts';

export interface UsualSettings {
  readonly tcp?: boolean;
  readonly accessLog?: boolean;
  /** There is a `ping.path`, so that there is a response as well. */
  readonly pings?: boolean;
}

/** The master's settings of a pool with that many workers and nothing else set. */
export function usualSettings(
  slots: number,
  { tcp = false, accessLog = false, pings = false }: UsualSettings = {},
): readonly (readonly [string, string])[] {
  const pool: PoolConfig = {
    ...newPool('www', { file: 'fake', line: 1 }),
    pm: 'static',
    'pm.max_children': slots,
    ...(accessLog ? { 'access.format': defaultAccessFormat } : {}),
    ...(pings ? { 'ping.response': defaultPingResponse } : {}),
  };
  return hostSettings({
    pool,
    identity: undefined,
    laneSlots: 0,
    php: { files: [], hasScanFolder: false, folder: undefined, ignored: false, defines: [] },
    listenKind: tcp ? 'tcp' : 'unix',
    hasAccessLog: accessLog,
    log: { level: 'notice', limit: defaultLogLimit, format: 'text' },
    env: {},
  });
}
