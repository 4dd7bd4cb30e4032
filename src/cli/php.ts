/** `hathi php`: lists, adds and removes versions of the embedded PHP. */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  defaultVersion,
  EnginePackageError,
  findEngine,
  isKnownVersion,
  knownVersions,
  packageFolder,
  packageName,
} from '../engine/embedded/php/package.ts';
import { phpFolder } from '../engine/embedded/php/store.ts';
import { exitCode } from '../runtime/exit-code.ts';
import { enginePackageVersion } from '../runtime/module.ts';
import { NpmError, runNpm } from './npm.ts';

const usage = `Usage: hathi php list
       hathi php add VERSION...
       hathi php remove VERSION...

Versions of PHP for the embedded engine: those of engine.php in a pool and of hathi serve --php. A version that is added
comes from the npm registry (some 65 MB) and stays when Hathi, or node_modules, is installed anew.

  -h, --help   this text

They are kept in ${phpFolder()} (HATHI_PHP_DIR names another folder).
`;

const failed = 1;

export interface PhpIo {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  readonly env: NodeJS.ProcessEnv;
}

/** @returns the exit code: 0, 1 when it failed, 64 for a mistake in the command line */
export function phpCommand(args: string[], io: PhpIo): number {
  const words = readArguments(args);
  if (words === 'help') {
    io.stdout.write(usage);
    return exitCode.ok;
  }
  const [verb, ...versions] = words ?? [];
  try {
    if (verb === 'list' && versions.length === 0) list(io);
    else if (verb === 'add' && versions.length > 0) add(versions, io);
    else if (verb === 'remove' && versions.length > 0) remove(versions, io);
    else {
      io.stderr.write(usage);
      return exitCode.usage;
    }
    return exitCode.ok;
  } catch (error) {
    if (!(error instanceof NpmError)) throw error;
    io.stderr.write(`hathi php: ${error.message}\n`);
    return failed;
  }
}

function readArguments(args: string[]): string[] | 'help' | undefined {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { help: { type: 'boolean', short: 'h' } },
    });
    return values.help === true ? 'help' : positionals;
  } catch {
    return undefined;
  }
}

function list({ stdout }: PhpIo): void {
  for (const version of knownVersions) {
    const mark = version === defaultVersion ? '  (default)' : '';
    stdout.write(`${version.padEnd(4)} ${stateOf(version)}${mark}\n`);
  }
}

/** Exact version and location. */
function stateOf(version: string): string {
  const folder = packageFolder(version);
  if (folder === undefined) return '-         not installed';
  try {
    return `${findEngine(version).phpVersion.padEnd(9)} ${folder}`;
  } catch (error) {
    if (!(error instanceof EnginePackageError)) throw error;
    return `-         ${error.message}`;
  }
}

function add(versions: readonly string[], { stdout, env }: PhpIo): void {
  for (const version of versions) checkKnown(version);
  const wanted = versions.filter((version) => {
    const there = packageFolder(version);
    if (there !== undefined) stdout.write(`PHP ${version} is installed already: ${there}\n`);
    return there === undefined;
  });
  if (wanted.length === 0) return;
  const folder = prepareFolder();
  runNpm(
    ['install', ...wanted.map((version) => `${packageName(version)}@${enginePackageVersion()}`)],
    folder,
    env,
  );
  for (const version of wanted) {
    if (packageFolder(version) === undefined) throw new NpmError(`npm has not installed PHP ${version}`);
    stdout.write(`Installed PHP ${findEngine(version).phpVersion}: ${packageFolder(version)}\n`);
  }
}

function remove(versions: readonly string[], { stdout, env }: PhpIo): void {
  const folder = phpFolder();
  for (const version of versions) {
    checkKnown(version);
    const there = packageFolder(version);
    if (there === undefined) throw new NpmError(`PHP ${version} is not installed`);
    if (!existsSync(join(folder, 'node_modules', packageName(version))))
      throw new NpmError(`PHP ${version} was not installed by "hathi php add": remove it from "${there}"`);
  }
  runNpm(['uninstall', ...versions.map(packageName)], folder, env);
  for (const version of versions) stdout.write(`Removed PHP ${version}\n`);
}

function checkKnown(version: string): void {
  if (!isKnownVersion(version))
    throw new NpmError(`there is no embedded PHP "${version}": there are ${knownVersions.join(', ')}`);
}

/** An npm project, readable for the users of pools. */
function prepareFolder(): string {
  const folder = phpFolder();
  process.umask(0o022);
  try {
    mkdirSync(folder, { recursive: true });
    const file = join(folder, 'package.json');
    const project = { private: true, description: 'Versions of PHP for Hathi: see hathi php --help' };
    if (!existsSync(file)) writeFileSync(file, `${JSON.stringify(project, undefined, 2)}\n`);
  } catch (error) {
    throw new NpmError(`cannot write "${folder}": ${(error as Error).message}`);
  }
  return folder;
}
