/**
 * `hathi doctor`: finds faults of a configuration and its machine, with their consequences and the lines that fix them.
 */

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { defaultConfigFile } from '../boot/default-config-file.ts';
import { nearest } from '../config/suggest.ts';
import { checks } from '../doctor/checks.ts';
import { examine, exitCodeOf, type Finding, tally } from '../doctor/finding.ts';
import { readFacts } from '../doctor/read/facts.ts';
import { readLive } from '../doctor/read/live.ts';
import { askApt } from '../doctor/read/updates.ts';
import { renderHtml } from '../doctor/report-html.ts';
import { renderJson } from '../doctor/report-json.ts';
import { type Report, renderText } from '../doctor/report-text.ts';
import { exitCode } from '../runtime/exit-code.ts';
import { AdminError } from '../top/admin-client.ts';
import { type AdminIo, type Ask, actionExit, connectTo, wantsColor } from './watch/admin-command.ts';
import { Progress } from './watch/progress.ts';

const usage = `Usage: hathi doctor [-y FILE] [-p PREFIX] [-c PATH] [--docroot DIR]... [--nginx FILE]
                    [--apache FILE] [--live [--publish] [--connect ADDRESS]] [--json] [--html FILE] [--silence ID,...]

Looks at the configuration, PHP, the web server, logs and the machine, and says what is wrong, what comes of it, and the lines that
mend it. It reads only. Without --live it needs no running master.

  -y FILE            the configuration of the master
  -p PREFIX          as the master is given it
  -c PATH            the php.ini, or its folder, as the master is given it
  --docroot DIR      a folder with scripts to be looked at; may be given again
  --nginx FILE       the web server's main file, or a file with what "nginx -T" prints
  --apache FILE      the same of Apache; both are found where Debian has them
  --live             ask the running master as well: saturation, OPcache, stacks of busy workers
  --publish          with --live: have the master show the counts in its metrics and on the dashboard
  --connect ADDRESS  where to ask it, unless the configuration tells: path of a Unix socket, HOST:PORT or PORT
  --silence ID,...   leave out these checks: docs/doctor.md has all of them
  --json             for programs
  --html FILE        also write a page that needs no network
  --help             this text

Exit codes: 0 nothing, or advice alone; 1 warnings; 2 something critical; 64 wrong arguments, 69 the
master could not be asked.
`;

const optionTypes = {
  'fpm-config': { type: 'string', short: 'y' },
  prefix: { type: 'string', short: 'p' },
  'php-ini': { type: 'string', short: 'c' },
  docroot: { type: 'string', multiple: true },
  nginx: { type: 'string' },
  apache: { type: 'string' },
  live: { type: 'boolean', default: false },
  publish: { type: 'boolean', default: false },
  connect: { type: 'string' },
  silence: { type: 'string', multiple: true },
  json: { type: 'boolean', default: false },
  html: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

/**
 * Runs `hathi doctor`.
 * @param args what follows the subcommand.
 * @returns the exit code
 */
export async function doctorCommand(args: string[], io: AdminIo): Promise<number> {
  let options: ReturnType<typeof parse>;
  try {
    options = parse(args);
  } catch (error) {
    io.stderr.write(`hathi doctor: ${(error as Error).message}\nTry: hathi doctor --help\n`);
    return exitCode.usage;
  }
  if (options.help) {
    io.stdout.write(usage);
    return exitCode.ok;
  }
  let report: Report;
  try {
    report = await examineMachine(options, io);
  } catch (error) {
    if (!(error instanceof AdminError)) throw error;
    io.stderr.write(`hathi doctor: ${error.message}\n`);
    return actionExit.unreachable;
  }
  if (options.html !== undefined && !writePage(options.html, report, io)) return exitCode.usage;
  io.stdout.write(options.json ? renderJson(report) : renderText(report, wantsColor(io)));
  return exitCodeOf(report.findings);
}

/** @throws Error in words for the user */
function parse(args: string[]) {
  const { values } = parseArgs({ args, options: optionTypes, strict: true, allowPositionals: false });
  const silence = (values.silence ?? []).flatMap((list) => list.split(',')).filter((id) => id !== '');
  const ids = checks.map(({ id }) => id);
  for (const id of silence) {
    if (ids.includes(id)) continue;
    const meant = nearest(id, ids);
    throw new Error(
      `--silence: there is no check "${id}"${meant === undefined ? '' : `: did you mean "${meant}"?`}`,
    );
  }
  if ((values.connect !== undefined || values.publish) && !values.live) {
    throw new Error('--connect and --publish require --live');
  }
  return { ...values, silence };
}

async function examineMachine(options: ReturnType<typeof parse>, io: AdminIo): Promise<Report> {
  using progress = new Progress(io.stderr, io.env);
  const file = options['fpm-config'] ?? defaultConfigFile(options.prefix);
  const ask = options.live ? connectTo(options, io.env) : undefined;
  const live = ask && (await readLive((path) => ask('GET', path), progress.step));
  const choice = {
    file,
    prefix: options.prefix,
    phpIni: options['php-ini'],
    docroots: options.docroot ?? [],
    nginx: options.nginx,
    apache: options.apache,
    root: '/',
    env: io.env,
    now: Date.now(),
    askApt,
    progress: progress.step,
  };
  const facts = readFacts(choice, live);
  const silenced = new Set(options.silence);
  const made = checks.filter(
    ({ id, live }) => !silenced.has(id) && (live !== true || facts.live !== undefined),
  );
  const findings = examine(made, facts);
  if (ask !== undefined && options.publish) await publish(ask, findings);
  return {
    file,
    findings,
    unknown: facts.unknown,
    silenced: options.silence,
    checks: made.length,
  };
}

/** @throws AdminError */
async function publish(ask: Ask, findings: readonly Finding[]): Promise<void> {
  const told = tally(findings).map(({ id, severity, count }): [string, string] => [
    severity,
    `${id}*${count}`,
  ]);
  await ask('POST', `/api/doctor?${new URLSearchParams(told)}`);
}

function writePage(path: string, report: Report, io: AdminIo): boolean {
  try {
    writeFileSync(path, renderHtml(report, new Date()));
    return true;
  } catch (error) {
    io.stderr.write(`hathi doctor: cannot write "${path}": ${(error as Error).message}\n`);
    return false;
  }
}
