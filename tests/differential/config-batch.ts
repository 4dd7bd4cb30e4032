/**
 * A process of its own that tests many configurations, one after the other, by the code that `-tt` runs; a start of
 * Node for each would take a quarter of a second. Before and after each it prints a mark on stderr.
 */
import { writeSync } from 'node:fs';
import { testConfiguration } from '../../src/boot/test-configuration.ts';

for (const configFile of process.argv.slice(2)) {
  const code = await testConfiguration({
    configFile,
    prefix: undefined,
    pidFile: undefined,
    daemonize: undefined,
    forceStderr: false,
    allowRoot: true,
    test: 2,
    phpIni: undefined,
    noPhpIni: true,
    defines: [],
  });
  writeSync(2, `\x1e${code}\x1e`);
}
