/** The test files of a run: which there are, which of them run servers, and their order. */
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { checkout } from '../tests/harness/folder.ts';

/** A file that measures its own process has it for itself. */
const ownProcess = ['tests/posix/memory-limit.test.ts'];

/** Begun first, so that none of them is the last to end. Each takes twenty seconds and more. */
const longest = [
  'tests/native/sanitized.test.ts',
  'tests/package/service.test.ts',
  'tests/blackbox/upgrade.test.ts',
  'tests/blackbox/older-contract.test.ts',
  'tests/blackbox/survive.test.ts',
  'tests/blackbox/faults.test.ts',
  'tests/differential/command-line.test.ts',
  'tests/package/start.test.ts',
  'tests/blackbox/dokuwiki.test.ts',
  'tests/engine-real/versions.test.ts',
  'tests/engine-real/nginx.test.ts',
  'tests/blackbox/pools.test.ts',
  'tests/blackbox/reload-under-load.test.ts',
  'tests/examples/cluster.test.ts',
  'tests/embedded/thread-limits.test.ts',
  'tests/master/hostile-host.test.ts',
  'tests/contract/life-cycle.test.ts',
  'tests/differential/life.test.ts',
  'tests/image/image.test.ts',
  'tests/examples/site.test.ts',
  'tests/blackbox/signals.test.ts',
  'tests/worker-mode/life.test.ts',
  'tests/native/memory-limits.test.ts',
  'tests/package/package.test.ts',
  'tests/admin/dashboard.test.ts',
  'tests/bench/run.test.ts',
];

/** Folders of which all tests that start a process run whole servers or hosts, or the reference. */
const wholeServers = [
  'tests/admin/',
  'tests/bench/',
  'tests/blackbox/',
  'tests/contract/',
  'tests/differential/',
  'tests/embedded/',
  'tests/engine-real/',
  'tests/examples/',
  'tests/http/',
  'tests/image/',
  'tests/master/',
  'tests/native/',
  'tests/package/',
  'tests/top/',
  'tests/worker-mode/',
];

/** What a file imports that starts servers, hosts or the reference. */
const serverHarness =
  /from '\.\.\/(?:harness\/(?:server|engines|child|processes)|native\/built-engine|worker-mode\/\w+)\.ts'/;

/** What of the tests starts processes, without harness/folder.ts, which copies by one. */
const starter =
  /^tests\/(?:harness\/(?:server|engines|child|processes|masters)|native\/built-engine|embedded\/(?:fake-master|php-thread)|worker-mode\/\w+)\.ts$/;

/** True where a file, or what it imports of the tests, starts processes or threads. */
function startsProcesses(file: string, seen: Set<string> = new Set()): boolean {
  if (seen.has(file) || file === 'tests/harness/folder.ts') return false;
  seen.add(file);
  const source = readFileSync(join(checkout, file), 'utf8');
  if (starter.test(file) || /from 'node:(?:child_process|worker_threads)'/.test(source)) return true;
  const imported = [...source.matchAll(/from '(\.[^']+\.ts)'/g)].map(([, name = '']) =>
    join(dirname(file), name),
  );
  return imported.some((name) => name.startsWith('tests/') && startsProcesses(name, seen));
}

/** Its server is in its own process, and it waits for clients for seconds. */
const serversWithin = ['tests/admin/slow-readers.test.ts'];

export function runsServers(file: string): boolean {
  if (serversWithin.includes(file)) return true;
  if (wholeServers.some((folder) => file.startsWith(folder))) return startsProcesses(file);
  return serverHarness.test(readFileSync(join(checkout, file), 'utf8'));
}

/**
 * The files that have a process of their own since they run servers, those that take longest first; and the others,
 * which share one.
 */
export function inOrder(
  files: readonly string[],
): readonly [long: readonly string[], short: readonly string[]] {
  const rank = (file: string): number => {
    const place = longest.indexOf(file);
    return place === -1 ? longest.length : place;
  };
  const long = files
    .filter((file) => runsServers(file) || ownProcess.includes(file))
    .sort((one, other) => rank(one) - rank(other));
  return [long, files.filter((file) => !long.includes(file))];
}

/** The test files below the given paths, or all of them: paths from the checkout's root. */
export function findTests(paths: readonly string[]): string[] {
  if (paths.length === 0) return globSync('tests/**/*.test.ts', { cwd: checkout }).sort();
  const found = paths.flatMap((path) => {
    const full = join(checkout, relative(checkout, join(process.env['INIT_CWD'] ?? process.cwd(), path)));
    const place = existsSync(full) ? full : join(checkout, path);
    if (!existsSync(place)) throw new Error(`cannot find "${path}": give a folder or file below tests/`);
    const name = relative(checkout, place);
    return statSync(place).isDirectory() ? globSync(`${name}/**/*.test.ts`, { cwd: checkout }) : [name];
  });
  return [...new Set(found)].sort();
}
