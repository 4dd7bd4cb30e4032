/** Runs a piece of a program in a process of its own, for calls that change the process for good. */
import { spawnSync } from 'node:child_process';

const posix = new URL('../../src/posix/', import.meta.url).href;

/**
 * Runs `body` as a module in which `posix(file)` imports a file of src/posix.
 *
 * @returns what it wrote to stdout, parsed as JSON
 * @throws Error with the child's stderr when it fails
 */
export function runInChild(body: string): unknown {
  const source = `const posix = (file) => import(${JSON.stringify(posix)} + file);
const say = (value) => process.stdout.write(JSON.stringify(value));
${body}`;
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8' });
  if (child.status !== 0) {
    throw new Error(`the child ended with ${child.status ?? child.signal}: ${child.stderr}`);
  }
  return JSON.parse(child.stdout);
}

export const isRoot = process.getuid?.() === 0;
/** Skip reason of tests for which the kernel wants root. */
export const needsRoot = isRoot ? false : 'needs root';
