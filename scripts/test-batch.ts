/**
 * Several test files in one process, one after the other: the arguments name them. Each becomes a suite by its name, so
 * that the runner knows which file a result belongs to. A process of its own costs a file more than most of these take.
 */
import { relative } from 'node:path';
import { after, suite, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { checkout } from '../tests/harness/folder.ts';
import { cpuFolderVariable, cpuSeconds, noteFigure } from './cpu-time.ts';

const folder = process.env[cpuFolderVariable];
delete process.env[cpuFolderVariable];

/** Resolves when the file's last test has ended, whatever came of it. */
async function runFile(file: string): Promise<void> {
  const begin = cpuSeconds();
  await new Promise<void>((resolve) => {
    suite(relative(checkout, file), async () => {
      after(() => resolve());
      try {
        await import(pathToFileURL(file).href);
      } catch (error) {
        test('loads', () => {
          throw error;
        });
      }
    });
  });
  if (folder !== undefined) noteFigure(folder, file, cpuSeconds() - begin);
}

for (const file of process.argv.slice(2)) await runFile(file);
