/** Worker mode of `hathi serve`: the application's script, and its files to watch. */
import { readdirSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { UsageError } from './option-values.ts';

export interface Application {
  /** Absolute path. */
  readonly script: string;
  /** Patterns for `worker.watch[]`. */
  readonly watched: readonly string[];
}

/** Kinds of files that an application reads at its boot. */
const kinds = '*.{php,env,ini,json,twig,neon,xml,yaml,yml}';
/**
 * Folders that applications write to, and those of package managers: a file of a cache that a request writes would boot
 * the application again and again.
 */
const unwatched: readonly string[] = [
  'var',
  'vendor',
  'node_modules',
  'storage',
  'cache',
  'log',
  'logs',
  'tmp',
  'temp',
];

/**
 * Finds the application of `--worker` and `--watch`.
 *
 * @throws UsageError when the script is not a file
 */
export function findApplication(
  { worker, watch }: { readonly worker: string | undefined; readonly watch: boolean },
  cwd: string,
): Application | undefined {
  if (worker === undefined) return undefined;
  const script = resolve(cwd, worker);
  if (!statSync(script, { throwIfNoEntry: false })?.isFile())
    throw new UsageError(`cannot boot "${script}" (--worker): the file does not exist`);
  return { script, watched: watch ? watchedFiles(projectOf(script, cwd)) : [] };
}

/** The folder of the command where the script is below it. */
function projectOf(script: string, cwd: string): string {
  return relative(cwd, script).startsWith('..') ? dirname(script) : cwd;
}

function watchedFiles(project: string): string[] {
  const folders = readdirSync(project, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && !unwatched.includes(entry.name))
    .map(({ name }) => join(project, escapeGlob(name), '**', kinds));
  return [join(project, kinds), join(project, '.env*'), ...folders];
}

/** A folder's name as part of a pattern. */
function escapeGlob(name: string): string {
  return name.replace(/[*?[\]{}!()]/g, '?');
}
