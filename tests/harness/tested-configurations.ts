/**
 * A process of its own that tests configurations, one after the other, by the code that `-t` and `-tt` run; a start for
 * each takes a fifth of a second of CPU. It reads a line of JSON for each on stdin, and prints the exit code between two
 * marks on stderr behind what was said.
 */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { testConfiguration } from '../../src/boot/test-configuration.ts';

interface Order {
  readonly configFile: string;
  /** Number of `-t`. */
  readonly test: number;
  readonly cwd: string;
}

for await (const line of createInterface({ input: process.stdin })) {
  const { configFile, test, cwd } = JSON.parse(line) as Order;
  process.chdir(cwd);
  const code = await testConfiguration({
    configFile,
    test,
    prefix: undefined,
    pidFile: undefined,
    daemonize: undefined,
    forceStderr: false,
    allowRoot: false,
    phpIni: undefined,
    noPhpIni: false,
    defines: [],
  });
  writeSync(2, `\x1e${code}\x1e`);
}
