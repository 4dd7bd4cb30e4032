/**
 * The CPU time of test files. Loaded into the process of a file (--import), it leaves the file's figure at its end.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

/** The variable that names the folder for the figures. */
export const cpuFolderVariable = 'HATHI_TEST_CPU';

/** Linux counts CPU time for /proc in hundredths of a second on every platform (USER_HZ). */
const ticksPerSecond = 100;

/**
 * CPU time of this process and of the children that it has waited for, with theirs, in s. Processes that were left to
 * init are not in it.
 */
export function cpuSeconds(): number {
  // The command in parentheses may have blanks and parentheses in it.
  const fields = readFileSync('/proc/self/stat', 'latin1').split(') ').at(-1)?.split(' ') ?? [];
  // utime, stime, cutime, cstime; see proc(5).
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return ticks / ticksPerSecond;
}

/** Where the figure of a test file is. `file` is its absolute path. */
function figureFile(folder: string, file: string): string {
  return join(folder, encodeURIComponent(relative(resolve(import.meta.dirname, '..'), file)));
}

/** The figure that the process of a file has left, in s; undefined where it did not come to its end. */
export function readFigure(folder: string, file: string): number | undefined {
  try {
    return Number(readFileSync(figureFile(folder, file), 'utf8'));
  } catch {
    return undefined;
  }
}

/** Leaves the figure of a test file, in s. */
export function noteFigure(folder: string, file: string, seconds: number): void {
  writeFileSync(figureFile(folder, file), String(seconds));
}

const folder = process.env[cpuFolderVariable];
const [, file] = process.argv;
if (folder !== undefined && file?.endsWith('.test.ts')) {
  // A test file may start others.
  delete process.env[cpuFolderVariable];
  process.on('exit', () => noteFigure(folder, file, cpuSeconds()));
}
