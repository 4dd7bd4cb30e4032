/** Current load of a pool. */

import type { PoolRunner } from '../generation/pool-runner.ts';
import { statusSnapshot } from '../generation/status-page.ts';
import { type Load, statusLoad } from '../pool/saturation.ts';

/** Reads the scoreboard's numbers and asks the kernel for the backlog. */
export function poolLoad({ serving, prepared, config }: PoolRunner): Load {
  const limit = config['pm.max_children'];
  if (serving === undefined) return { busy: 0, waiting: prepared.listener.queue()?.current ?? 0, limit };
  const status = statusSnapshot(serving, prepared.listener, serving.reader.readNumbers());
  return statusLoad(status, limit);
}
