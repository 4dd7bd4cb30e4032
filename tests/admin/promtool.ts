/** Prometheus's own check. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { debianPackages } from '../harness/debian.ts';

/** Fails with what it says, an advice included. */
export function promtool(args: readonly string[], input = ''): void {
  const { probe } = debianPackages.prometheus;
  const { status, stdout, stderr } = spawnSync(probe, args, { input, encoding: 'utf8', timeout: 10_000 });
  assert.equal(status, 0, `promtool ${args.join(' ')}: ${stdout}${stderr}\n${input}`);
}
