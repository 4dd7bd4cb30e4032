/** `hathi top`: the pools and workers of a running master, full-screen, or once. */
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { asciiJson } from '../../text/json.ts';
import { LiveView } from '../../top/live.ts';
import { poolsPath, readSnapshot } from '../../top/parse-answer.ts';
import { renderReport } from '../../top/report.ts';
import {
  type AdminIo,
  type Ask,
  adminCommand,
  adminExit,
  adminOptions,
  adminUsage,
  adminUsageEnd,
  connectTo,
  wantsColor,
  widthOf,
} from './admin-command.ts';

const usage = `Usage: hathi top [-y FILE] [-p PREFIX] [--connect SOCKET|HOST:PORT] [--interval SECONDS] [--filter TEXT]
       hathi top --once | --json

Shows the pools and workers of a running master continuously. The key h lists the keys.

${adminUsage}
  --interval SECONDS interval between updates, 0.5 to 60; default: 2
  --once             once, as text; takes a second to measure CPU time
  --help             this text

On a terminal without a cursor (TERM=dumb) the text is printed again and again. NO_COLOR disables colour.
${adminUsageEnd}`;

const optionTypes = {
  ...adminOptions,
  interval: { type: 'string', default: '2' },
  once: { type: 'boolean', default: false },
} as const;

export interface TopIo extends AdminIo {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
}

/** CPU time is measured between two requests. */
const sampleMs = 1050;

/**
 * Runs `hathi top`.
 * @param args arguments after the subcommand.
 * @returns the exit code, one of {@link adminExit}, or 128 plus the number of the terminating signal.
 */
export function topCommand(args: string[], io: TopIo): Promise<number> {
  return adminCommand({ name: 'top', usage, parse: () => parse(args) }, io, async (options) => {
    const ask = connectTo(options, io.env);
    if (options.json || options.once) return showOnce(ask, options, io);
    if (!io.stdin.isTTY || !io.stdout.isTTY) {
      io.stderr.write('hathi top: needs a terminal; use --once or --json without one\n');
      return adminExit.usage;
    }
    if (io.env['TERM'] === 'dumb') return showAgain(ask, options, io);
    const first = readSnapshot(await ask('GET', poolsPath({ first: options.filter })));
    const view = { input: io.stdin, output: io.stdout, color: wantsColor(io) };
    return new LiveView(
      { ask, ...view, filter: options.filter, intervalMs: options.intervalMs },
      first,
    ).run();
  });
}

type Options = ReturnType<typeof parse>;

function parse(args: string[]) {
  const { values } = parseArgs({ args, options: optionTypes, strict: true, allowPositionals: false });
  const seconds = Number(values.interval);
  if (!/^\d+(\.\d+)?$/.test(values.interval) || seconds < 0.5 || seconds > 60) {
    throw new Error(`Cannot use the interval "${values.interval}": must be a number from 0.5 to 60`);
  }
  return { ...values, intervalMs: seconds * 1000 };
}

async function showOnce(ask: Ask, options: Options, io: TopIo): Promise<number> {
  const path = options.json ? '/api/pools' : poolsPath({ first: options.filter });
  await ask('GET', path);
  await wait(sampleMs);
  const answer = await ask('GET', path);
  io.stdout.write(options.json ? `${asciiJson(answer, 2)}\n` : report(answer, options, io));
  return adminExit.ok;
}

/** Ended by a signal. */
async function showAgain(ask: Ask, options: Options, io: TopIo): Promise<number> {
  const path = poolsPath({ first: options.filter });
  for (;;) {
    io.stdout.write(`${report(await ask('GET', path), options, io)}\n`);
    await wait(options.intervalMs);
  }
}

function report(answer: unknown, { filter }: Options, io: TopIo): string {
  const rows = renderReport(readSnapshot(answer), { width: widthOf(io), color: wantsColor(io), filter });
  return `${rows.join('\n')}\n`;
}
