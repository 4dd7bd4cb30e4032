/** `hathi upgrade`: has a new version of Hathi take over from a running master, waits, and reports the outcome. */

import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { UpgradeResult } from '../../figures/answers.ts';
import { terminalText } from '../../text/terminal.ts';
import { AdminError, askAdmin } from '../../top/admin-client.ts';
import {
  type AdminIo,
  actionExit,
  actionUsage,
  addressOf,
  adminCommand,
  tellReasons,
  timedOptions,
  timeoutUsage,
  withLimit,
} from './admin-command.ts';

const usage = `Usage: hathi upgrade [--program FILE] [-y FILE] [-p PREFIX] [--connect SOCKET|HOST:PORT] [--timeout SECONDS]

Makes a running master start the program of the new version with its own arguments. That one opens everything, takes
over sockets, hosts and workers, and then the old master ends. No request is lost. A failure leaves the old one in
charge.

  --program FILE     the program, bin/hathi of the new version; otherwise that of the master, as it is on disk now
${actionUsage}
${timeoutUsage(120)}
  --help             this text

Exit codes: ${actionExit.done} the new version serves, ${actionExit.refused} it does not and the old master goes on, ${actionExit.late} not known in that time,
${actionExit.unreachable} the master could not be asked, 64 wrong arguments. The reasons are on standard error.
`;

/**
 * Runs `hathi upgrade`.
 *
 * @param args arguments after the subcommand
 * @returns the exit code, one of {@link actionExit}
 */
export function upgradeCommand(args: string[], io: AdminIo): Promise<number> {
  const options = {
    ...timedOptions,
    timeout: { type: 'string', default: '120' },
    program: { type: 'string' },
  } as const;
  const parse = () => withLimit(parseArgs({ args, options }).values);
  return adminCommand(
    { name: 'upgrade', usage, parse, unreachable: actionExit.unreachable },
    io,
    async ({ program, limit, timeout, ...connection }) => {
      const { address, ...token } = addressOf(connection, io.env);
      const named = program === undefined ? '' : `&program=${encodeURIComponent(resolve(program))}`;
      const asked = { method: 'POST', ...token, timeout: limit } as const;
      try {
        return tell(readResult(await askAdmin(address, `/api/upgrade?wait=1${named}`, asked)), io);
      } catch (error) {
        if (!(error instanceof AdminError && error.isLate)) throw error;
        io.stderr.write(
          `hathi upgrade: not over after ${timeout} s; the log and "hathi status" tell how it ends\n`,
        );
        return actionExit.late;
      }
    },
  );
}

function tell({ outcome, reasons, pid, version }: UpgradeResult, io: AdminIo): number {
  if (outcome === 'succeeded') {
    io.stdout.write(`Hathi ${terminalText(String(version))} is the master, pid ${Number(pid)}\n`);
    return actionExit.done;
  }
  io.stderr.write('hathi upgrade: refused: the running master goes on\n');
  tellReasons(reasons, io);
  return actionExit.refused;
}

/** @throws AdminError for an answer without the result of an upgrade */
function readResult(answer: unknown): UpgradeResult {
  const { outcome, reasons, ...more } = (answer ?? {}) as Partial<UpgradeResult>;
  const isKnown = outcome === 'succeeded' || outcome === 'refused';
  if (!isKnown || !Array.isArray(reasons))
    throw new AdminError('Cannot read the answer to "/api/upgrade": it tells no outcome');
  return { ...more, outcome, reasons: reasons.map(String) };
}
