/** `hathi audit`: may this application stay booted? */

import type { Writable } from 'node:stream';
import { partAllowed } from '../../audit/allowed.ts';
import { type AuditReport, counts, renderJson, renderText, sorted } from '../../audit/report.ts';
import { requestLabel } from '../../audit/request.ts';
import { releaseInherited } from '../../posix/inherited.ts';
import { UsageError } from '../serve/option-values.ts';
import { chooseUser } from '../serve/site.ts';
import { Progress } from '../watch/progress.ts';
import { auditMaster, reasonOf } from './audit-master.ts';
import { type AuditOptions, parseAuditOptions, usage } from './options.ts';
import { type AuditFolder, makeAuditFolder, poolsConfig } from './pools.ts';
import { WorkerReports } from './reports.ts';
import { type AuditRun, runAudit } from './run-audit.ts';
import { AuditError, WorkerLane } from './worker-lane.ts';

/** Exit codes of `hathi audit`. */
export const auditExit = {
  /** Nothing but advice. */
  clean: 0,
  findings: 1,
  /** Wrong arguments, or the application did not boot. */
  failed: 2,
} as const;

export interface AuditIo {
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly uid: number;
  /** Aborted when the operator ends the command. */
  readonly signal: AbortSignal;
}

/** The command line after `audit`. */
export function auditMain(args: string[]): Promise<number> {
  releaseInherited(new Set());
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => stop.abort(new AuditError(`ended by ${signal}`)));
  const { stdout, stderr, env } = process;
  const uid = process.getuid?.() ?? 0;
  return auditCommand(args, { stdout, stderr, env, cwd: process.cwd(), uid, signal: stop.signal });
}

/** @returns the exit code */
export async function auditCommand(args: readonly string[], io: AuditIo): Promise<number> {
  try {
    const options = parseAuditOptions(args, io.cwd);
    if (options === 'help') {
      io.stdout.write(usage);
      return auditExit.clean;
    }
    const report = await audit(options, io);
    const color = io.stdout.isTTY === true && !io.env['NO_COLOR'];
    io.stdout.write(
      options.json ? renderJson(report) : renderText(report, { color, isVerbose: options.isVerbose }),
    );
    return counts(report) > 0 ? auditExit.findings : auditExit.clean;
  } catch (error) {
    const isUsage = error instanceof UsageError;
    if (!isUsage && !(error instanceof AuditError)) throw error;
    io.stderr.write(`hathi audit: ${(error as Error).message}\n`);
    if (isUsage) io.stderr.write('Try: hathi audit --help\n');
    return auditExit.failed;
  }
}

async function audit(options: AuditOptions, io: AuditIo): Promise<AuditReport> {
  const runAs = chooseUser(options.site.docroot, options, io.uid);
  const folder = makeAuditFolder();
  try {
    const { run, log } = await withMaster(options, poolsConfig(options, runAs, folder), folder, io);
    const { open, allowed, unused } = partAllowed(sorted(run.findings), options.allowed);
    const requests = options.requests.map(requestLabel);
    return { script: options.script, requests, sent: run.sent, findings: open, allowed, unused, log };
  } finally {
    folder.remove();
  }
}

async function withMaster(
  options: AuditOptions,
  configText: string,
  folder: AuditFolder,
  { stderr, env, signal }: AuditIo,
): Promise<{ readonly run: AuditRun; readonly log: readonly string[] }> {
  const master = auditMaster(options, configText, folder.reports);
  if (master.identity !== undefined) folder.giveTo(master.identity.uid, master.identity.gid);
  const reports = await WorkerReports.open(folder.reports);
  using progress = new Progress(stderr, env);
  progress.step('booting the application');
  try {
    await master.start();
    try {
      const common = {
        site: options.site,
        timeout: options.timeout * 1000,
        bootTimeout: options.bootTimeout * 1000,
        signal,
      };
      const lanes = {
        fresh: new WorkerLane({
          ...common,
          socket: folder.socketOf('fresh'),
          events: reports.lines.fresh,
          isFresh: true,
        }),
        warm: new WorkerLane({
          ...common,
          socket: folder.socketOf('warm'),
          events: reports.lines.warm,
          isFresh: false,
        }),
      };
      return { run: await runAudit(options, lanes, progress.step), log: [...master.log] };
    } catch (error) {
      if (!(error instanceof AuditError) || signal.aborted) throw error;
      const reason = reasonOf(master.log);
      throw reason === undefined ? error : new AuditError(`${error.message}: ${reason}`);
    } finally {
      await master.stop();
    }
  } finally {
    reports.close();
  }
}
