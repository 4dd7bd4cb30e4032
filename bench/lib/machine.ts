/** Conditions of a figure besides the code: the machine, its load, the versions. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { findEngine } from '../../src/engine/embedded/php/package.ts';
import { debianPackages } from '../../tests/harness/debian.ts';
import { checkout } from '../../tests/harness/folder.ts';
import { serverCommand } from '../../tests/harness/server.ts';

export interface Machine {
  readonly cores: number;
  readonly processor: string;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly embeddedPhp: string;
  /** Version of the php-fpm that is compared with. */
  readonly phpFpm?: string;
  /** Abbreviated commit, with `+` when files were changed since; absent outside of a git checkout. */
  readonly commit?: string;
}

export function hasPhpFpm(): boolean {
  return existsSync(debianPackages['php-fpm'].probe);
}

/** Processes that wanted to run, on average of the last minute; the cores of the machine say what that means. */
export function load(): number {
  return loadavg()[0] ?? 0;
}

export function describeMachine(): Machine {
  const phpFpm = hasPhpFpm() ? firstLine(serverCommand('php-fpm'), ['-v']) : undefined;
  const commit = commitOf(checkout);
  return {
    cores: availableParallelism(),
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.versions.node,
    embeddedPhp: findEngine('8.4').phpVersion,
    ...(phpFpm === undefined ? {} : { phpFpm: /^PHP (\S+)/.exec(phpFpm)?.[1] ?? phpFpm }),
    ...(commit === undefined ? {} : { commit }),
  };
}

function commitOf(folder: string): string | undefined {
  if (!existsSync(`${folder}/.git`)) return undefined;
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', folder, ...args], { encoding: 'utf8' }).trim();
  const changed = git('status', '--porcelain') === '' ? '' : '+';
  return git('rev-parse', '--short', 'HEAD') + changed;
}

function firstLine(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8' }).split('\n')[0] ?? '';
}
