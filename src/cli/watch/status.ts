/** `hathi status`: pools and workers of a running master, once, as text or JSON. */
import { parseArgs } from 'node:util';
import { asciiJson } from '../../text/json.ts';
import { readSnapshot } from '../../top/parse-answer.ts';
import { renderReport } from '../../top/report.ts';
import {
  type AdminIo,
  adminCommand,
  adminExit,
  adminOptions,
  adminUsage,
  adminUsageEnd,
  connectTo,
  wantsColor,
  widthOf,
} from './admin-command.ts';

const usage = `Usage: hathi status [-y FILE] [-p PREFIX] [--connect SOCKET|HOST:PORT] [--json] [--filter TEXT]

Shows the pools and workers of a running master.

${adminUsage}
  --help             this text

${adminUsageEnd}`;

/**
 * Runs `hathi status`.
 * @param args arguments after the subcommand.
 * @returns the exit code, one of {@link adminExit}.
 */
export function statusCommand(args: string[], io: AdminIo): Promise<number> {
  const parse = () =>
    parseArgs({ args, options: adminOptions, strict: true, allowPositionals: false }).values;
  return adminCommand({ name: 'status', usage, parse }, io, async (options) => {
    const answer = await connectTo(options, io.env)('GET', '/api/pools');
    if (options.json) {
      io.stdout.write(`${asciiJson(answer, 2)}\n`);
      return adminExit.ok;
    }
    const view = { width: widthOf(io), color: wantsColor(io), filter: options.filter };
    io.stdout.write(`${renderReport(readSnapshot(answer), view).join('\n')}\n`);
    return adminExit.ok;
  });
}
