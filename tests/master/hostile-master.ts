/**
 * A master of its own process for tests: the hosts of pools that FILE names are programs of the test, and hosts have
 * little time to answer.
 *
 *   node hostile-master.ts CONFIGURATION FILE
 *
 * FILE is JSON: a list of programs with their arguments by name of the pool. SIGWINCH breaks what belongs to the pool
 * `broken`, SIGURG what belongs to all.
 */
import { readFileSync } from 'node:fs';
import { createAdminServer } from '../../src/admin/server.ts';
import { readConfiguration } from '../../src/boot/configuration.ts';
import { LaunchReport } from '../../src/boot/daemonize.ts';
import { poolIdentity } from '../../src/boot/identity.ts';
import { endByFault, reportFaults } from '../../src/boot/last-words.ts';
import { engineCommand } from '../../src/engine/choice/select.ts';
import { ErrorLog } from '../../src/log/error-log.ts';
import { Master } from '../../src/master/master.ts';
import { MasterSignals } from '../../src/master/signals.ts';

const [configFile = '', programsFile = ''] = process.argv.slice(2);
const programs = JSON.parse(readFileSync(programsFile, 'utf8')) as Record<string, readonly string[]>;

function read(): ReturnType<typeof readConfiguration> {
  const flags = { prefix: undefined, pidFile: undefined, phpIni: undefined, defines: [] };
  const further = { daemonize: false, forceStderr: true, allowRoot: false, test: 0, noPhpIni: true };
  return readConfiguration({ configFile, ...flags, ...further }, process.env, 'start');
}

const { configuration, messages } = read();
if (configuration === undefined) throw new Error(JSON.stringify(messages));
const log = new ErrorLog();
const { log_level: level, log_limit: limit } = configuration.global;
log.configure({ level, limit });
const faults = reportFaults(log, LaunchReport.fromEnvironment({}));
const master = new Master({
  configuration,
  log,
  env: process.env,
  php: () => ({ files: [], hasScanFolder: false, folder: undefined, ignored: true, defines: [] }),
  identify: poolIdentity,
  createAdminServer,
  obstacles: () => [],
  engineFor: (pool) => {
    const [file, ...args] = programs[pool.name] ?? [];
    return file === undefined
      ? engineCommand(pool)
      : { engine: 'native', file, args, argv0: file, parts: [] };
  },
  patience: { askAfterMs: 1000, lateMs: 1000, deadMs: 4000, longestStepMs: 1500, obeyMs: 1500 },
  signals: new MasterSignals(),
  reloadConfiguration: () => ({ configuration: read().configuration, problems: [] }),
});
faults(master);
process.on('SIGWINCH', () => {
  const broken = master.runners.find(({ name }) => name === 'broken');
  if (broken === undefined) throw new Error('there is no pool "broken"');
  Object.defineProperty(broken.metrics, 'heartbeat', {
    value: () => {
      // Once: the next host is to serve.
      Reflect.deleteProperty(broken.metrics, 'heartbeat');
      throw new Error('broken on purpose');
    },
    configurable: true,
  });
});
process.on('SIGURG', () => {
  throw new Error('all is broken on purpose');
});
await master.start();
await master.closed;
if (master.failure !== undefined) endByFault();
