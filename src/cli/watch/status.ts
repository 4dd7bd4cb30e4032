/** `hathi status`: pools and workers of a running master, once, as text or JSON. */
import { parseArgs } from 'node:util';
import { asciiJson } from '../../text/json.ts';
import { poolsAtOnce, poolsPath, readSnapshot } from '../../top/parse-answer.ts';
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

const statusOptions = {
  ...adminOptions,
  pool: { type: 'string', default: '' },
  all: { type: 'boolean', default: false },
} as const;

const usage = `Usage: hathi status [-y FILE] [-p PREFIX] [--connect SOCKET|HOST:PORT] [--json] [--filter TEXT] [--pool TEXT] [--all]

Shows the pools and workers of a running master: of thousands of pools the ${poolsAtOnce} that matter most, with the workers
of these.

${adminUsage}
  --pool TEXT        only pools whose name holds TEXT
  --all              all pools, however many there are
  --help             this text

${adminUsageEnd}`;

/**
 * Runs `hathi status`.
 * @param args arguments after the subcommand.
 * @returns the exit code, one of {@link adminExit}.
 */
export function statusCommand(args: string[], io: AdminIo): Promise<number> {
  const parse = () =>
    parseArgs({ args, options: statusOptions, strict: true, allowPositionals: false }).values;
  return adminCommand({ name: 'status', usage, parse }, io, async (options) => {
    const isWhole = options.all || options.json;
    const path = poolsPath({ pool: options.pool, limit: isWhole ? Number.POSITIVE_INFINITY : poolsAtOnce });
    const answer = await connectTo(options, io.env)('GET', path);
    if (options.json) {
      io.stdout.write(`${asciiJson(answer, 2)}\n`);
      return adminExit.ok;
    }
    const view = { width: widthOf(io), color: wantsColor(io), filter: options.filter };
    io.stdout.write(`${renderReport(readSnapshot(answer), view).join('\n')}\n`);
    return adminExit.ok;
  });
}
