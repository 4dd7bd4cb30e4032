/** `hathi rollback`: makes a running master apply an earlier configuration again, as a reload. */

import { parseArgs } from 'node:util';
import type { ConfigurationsAnswer, KeptConfiguration } from '../../figures/answers.ts';
import { terminalText } from '../../text/terminal.ts';
import { AdminError, askAdmin } from '../../top/admin-client.ts';
import {
  type AdminIo,
  actionExit,
  actionUsage,
  addressOf,
  adminCommand,
  timedOptions,
  timeoutUsage,
  withLimit,
} from './admin-command.ts';
import { askForReload, tellOutcome } from './reload.ts';

const usage = `Usage: hathi rollback [--to NUMBER | --list] [-y FILE] [-p PREFIX] [--connect SOCKET|HOST:PORT] [--timeout SECONDS]

Makes a running master put the configuration before the one in force back, as a reload, and waits for its end. The files
stay as they are: the next reload or start reads them.

  --to NUMBER        that configuration instead
  --list             shows the kept configurations, the latest first, and changes nothing
${actionUsage}
${timeoutUsage(60)}
  --help             this text

Exit codes: ${actionExit.done} it serves, ${actionExit.refused} refused and nothing has changed, ${actionExit.partial} it serves but for some pools,
${actionExit.late} not known in that time, ${actionExit.unreachable} the master could not be asked, 64 wrong arguments. The reasons are on standard error.
`;

/**
 * Runs `hathi rollback`.
 *
 * @param args arguments after the subcommand
 * @returns the exit code, one of {@link actionExit}
 */
export function rollbackCommand(args: string[], io: AdminIo): Promise<number> {
  const parse = () => {
    const options = {
      ...timedOptions,
      to: { type: 'string' },
      list: { type: 'boolean', default: false },
    } as const;
    const { values } = parseArgs({ args, options, strict: true, allowPositionals: false });
    if (values.to !== undefined && !/^[1-9]\d{0,8}$/.test(values.to))
      throw new Error('--to must be the number of a kept configuration');
    if (values.to !== undefined && values.list) throw new Error('give either --to or --list');
    return withLimit(values);
  };
  return adminCommand(
    { name: 'rollback', usage, parse, unreachable: actionExit.unreachable },
    io,
    async (options) => {
      if (options.list) {
        const { address, ...token } = addressOf(options, io.env);
        const answer = await askAdmin(address, '/api/configurations', { method: 'GET', ...token });
        for (const row of listRows(answer)) io.stdout.write(`${row}\n`);
        return actionExit.done;
      }
      const path = `/api/rollback?wait=1${options.to === undefined ? '' : `&to=${options.to}`}`;
      const answer = await askForReload('rollback', path, options, io);
      return answer === undefined ? actionExit.late : tellOutcome('rollback', answer, io);
    },
  );
}

/** @throws AdminError for an answer without the list */
function listRows(answer: unknown): string[] {
  const { inForce, kept } = (answer ?? {}) as Partial<ConfigurationsAnswer>;
  if (!Array.isArray(kept)) throw new AdminError('Cannot read the answer to "/api/configurations"');
  return (kept as readonly KeptConfiguration[]).map(({ id, at, by, why }) => {
    const mark = id === inForce ? '*' : ' ';
    const time = new Date(Number(at)).toISOString().replace(/\.\d+Z$/, 'Z');
    return `${mark} ${String(Number(id)).padStart(4)}  ${time}  ${terminalText(String(why))}, by ${terminalText(String(by))}`;
  });
}
