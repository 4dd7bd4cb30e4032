/** npm, run by this program's Node: npm skips, and removes, packages that its own Node is too old for. */

import { spawnSync } from 'node:child_process';
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** npm is missing or failed; the message has the remedy. */
export class NpmError extends Error {
  override readonly name = 'NpmError';
}

/** Runs npm in a folder. @throws NpmError with npm's output */
export function runNpm(args: readonly string[], folder: string, env: NodeJS.ProcessEnv): void {
  const program = findNpm(env);
  const more = ['--no-audit', '--no-fund', '--no-progress', '--ignore-scripts', '--loglevel=error'];
  const { status, error, stderr, stdout } = spawnSync(
    process.execPath,
    [program, ...args, '--prefix', folder, ...more],
    // Otherwise npm looks for its global configuration (a registry, a certificate file) beside the Node that runs it.
    { env: { ...env, npm_config_globalconfig: globalConfig(program, env) }, encoding: 'utf8', cwd: folder },
  );
  if (error !== undefined) throw new NpmError(`cannot run npm ("${program}"): ${error.message}`);
  if (status !== 0) throw new NpmError(`npm ${args[0]} failed:\n${(stderr || stdout).trim()}`);
}

/** npm's own program file. */
function findNpm(env: NodeJS.ProcessEnv): string {
  for (const folder of (env['PATH'] ?? '').split(':')) {
    const path = join(folder, 'npm');
    if (folder === '' || !isFile(path)) continue;
    const program = realpathSync(path);
    // Other programs of that name, such as a version manager's, are not for Node.
    if (/^#!.*\bnode\b/.test(readFileSync(program, 'latin1').slice(0, 200))) return program;
  }
  throw new NpmError('cannot find npm on PATH: install Node.js with npm first');
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function globalConfig(program: string, env: NodeJS.ProcessEnv): string | undefined {
  if (env['npm_config_globalconfig']) return env['npm_config_globalconfig'];
  const { status, stdout } = spawnSync(program, ['config', 'get', 'globalconfig'], { env, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}
