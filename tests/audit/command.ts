/** Runs `hathi audit` as a command of its own. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { adopt, exited } from '../harness/processes.ts';
import { launcher } from '../harness/program.ts';
import { isRoot } from '../harness/server.ts';
import { within } from '../harness/waiting.ts';
import { nativeBuild } from '../native/built-engine.ts';

export interface Audited {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** As www-data where the tests run as root: the command has to give its folder away then. */
export async function audit(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Audited> {
  const user = isRoot ? ['--user', 'www-data'] : [];
  const child = spawn(launcher(), ['audit', ...user, ...args], {
    env: { ...process.env, HATHI_ENGINE_DIR: nativeBuild().folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  adopt(child);
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  await within(exited(child), () => 'the end of hathi audit', 240_000);
  const [stdout, stderr] = await output;
  return { code: child.exitCode, stdout, stderr };
}
