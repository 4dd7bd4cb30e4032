/** `hathi stop`: stops a running master, and waits for its end. */

import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { defaultConfigFile } from '../../boot/default-config-file.ts';
import { endOrphans } from '../../boot/end-orphans.ts';
import { processStat } from '../../posix/process-stat.ts';
import { AdminError, askAdmin } from '../../top/admin-client.ts';
import {
  type AdminIo,
  actionExit,
  actionUsage,
  addressOf,
  adminCommand,
  type Connection,
  timedOptions,
  timeoutUsage,
  withLimit,
} from './admin-command.ts';

const usage = `Usage: hathi stop [-y FILE] [-p PREFIX] [--connect SOCKET|HOST:PORT] [--now] [--timeout SECONDS]
       hathi stop [-y FILE] [-p PREFIX] --orphans

Stops a running master, as SIGQUIT does: running requests finish. Waits for its end.

${actionUsage}
  --now              as SIGTERM: running requests are lost
${timeoutUsage(60)}
  --orphans          instead: ends at once what a killed master has left, hosts and sockets. In ExecStopPost= of a unit only
                     if the service was stopped: after a crash they are for the next master
  --help             this text

Exit codes: ${actionExit.done} it has stopped, ${actionExit.late} it still runs after that time, ${actionExit.unreachable} it could not be asked, 64 wrong arguments.
`;

/** Check interval in ms. */
const interval = 50;

/**
 * Runs `hathi stop`.
 * @param args arguments after the subcommand.
 * @returns the exit code, one of {@link actionExit}.
 */
export function stopCommand(args: string[], io: AdminIo): Promise<number> {
  const flag = { type: 'boolean', default: false } as const;
  const options = { ...timedOptions, now: flag, orphans: flag } as const;
  const parse = () => withLimit(parseArgs({ args, options }).values);
  return adminCommand(
    { name: 'stop', usage, parse, unreachable: actionExit.unreachable },
    io,
    async (options) => {
      if (options.orphans) return await stopOrphans(options, io);
      const until = performance.now() + options.limit;
      const { address, ...token } = addressOf(options, io.env);
      const asked = { method: 'POST', ...token } as const;
      const answer = await askAdmin(address, `/api/stop?how=${options.now ? 'term' : 'quit'}`, asked);
      const isThere = 'path' in address ? processOf(answer) : undefined;
      while (performance.now() < until) {
        const isGone =
          isThere === undefined ? !(await answers(() => askAdmin(address, '/api/pools', token))) : !isThere();
        if (isGone) return actionExit.done;
        await wait(interval);
      }
      io.stderr.write(
        `hathi stop: still running after ${options.timeout} s; "hathi stop --now" does not wait for requests\n`,
      );
      return actionExit.late;
    },
  );
}

/** systemd.exec(5), SERVICE_RESULT: how the service's own end came about; any other is followed by another start. */
const finalResults: readonly (string | undefined)[] = [undefined, 'success', 'timeout'];

async function stopOrphans(options: Connection, io: AdminIo): Promise<number> {
  if (!finalResults.includes(io.env['SERVICE_RESULT'])) return actionExit.done;
  const file = options['fpm-config'] ?? defaultConfigFile(options.prefix);
  const problems: string[] = [];
  await endOrphans({ file, prefix: options.prefix }, io.env, (line) => problems.push(line));
  for (const problem of problems) io.stderr.write(`${problem}\n`);
  return problems.length === 0 ? actionExit.done : actionExit.refused;
}

/**
 * Observes the process that answered, if it is on this machine (or in this container); by its start time, since pids
 * are reused.
 */
function processOf(answer: unknown): (() => boolean) | undefined {
  const { pid } = (answer ?? {}) as { readonly pid?: unknown };
  if (typeof pid !== 'number') return undefined;
  const started = processStat(pid)?.startTicks;
  return started === undefined ? undefined : () => processStat(pid)?.startTicks === started;
}

/** Whether the master answers, in any way. */
async function answers(ask: () => Promise<unknown>): Promise<boolean> {
  try {
    await ask();
    return true;
  } catch (error) {
    if (!(error instanceof AdminError)) throw error;
    return error.isAnswer;
  }
}
