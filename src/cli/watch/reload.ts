/** `hathi reload`: makes a running master reload its configuration, waits, and reports the outcome. */

import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { PoolsAnswer, ReloadOutcome, ReloadResult } from '../../figures/answers.ts';
import { terminalText } from '../../text/terminal.ts';
import { AdminError, askAdmin } from '../../top/admin-client.ts';
import {
  type AdminIo,
  actionExit,
  actionUsage,
  addressOf,
  adminCommand,
  type Connection,
  tellReasons,
  timedOptions,
  timeoutUsage,
  withLimit,
} from './admin-command.ts';
import { Progress } from './progress.ts';

/** What has no answer yet is looked at so often. */
const lookMs = 500;
/** So many looks may fail in a row. */
const mostBlind = 20;
/** The master keeps no connection for longer than two minutes: from then on it is looked at. */
const longestAnswerMs = 110_000;
/** Answers of masters that take over. */
const mostLost = 5;

const usage = `Usage: hathi reload [--changed | --abort] [-y FILE] [-p PREFIX] [--connect SOCKET|HOST:PORT] [--timeout SECONDS]

Makes a running master reload its configuration, as SIGUSR2 does, and waits until the new one serves or is refused.

  --changed          pools whose settings, php.ini files, engine and PHP are the same keep their host and workers
  --abort            gives up a reload that is under way: new workers that are being started or on trial (reload.canary) go again
${actionUsage}
${timeoutUsage(60)}; a trial is waited for in addition
  --help             this text

Exit codes: ${actionExit.done} the new configuration serves, ${actionExit.refused} it was refused and nothing has changed, ${actionExit.partial} it serves but for some pools,
${actionExit.late} not known in that time, ${actionExit.unreachable} the master could not be asked, or there is nothing to abort, 64 wrong arguments. The reasons are on standard error.
`;

/** Meaning of each outcome for the caller. */
const outcomes: Readonly<Record<ReloadOutcome, { readonly code: number; readonly text: string }>> = {
  succeeded: { code: actionExit.done, text: '' },
  partial: { code: actionExit.partial, text: 'the new configuration is in effect, except for these pools' },
  refused: { code: actionExit.refused, text: 'refused: the running configuration stays in force' },
};

/**
 * Runs `hathi reload`.
 * @param args arguments after the subcommand.
 * @returns the exit code, one of {@link actionExit}.
 */
export function reloadCommand(args: string[], io: AdminIo): Promise<number> {
  const options = {
    ...timedOptions,
    changed: { type: 'boolean', default: false },
    abort: { type: 'boolean', default: false },
  } as const;
  const parse = () => {
    const values = withLimit(parseArgs({ args, options }).values);
    if (values.abort && values.changed) throw new Error('give --changed or --abort');
    return values;
  };
  return adminCommand(
    { name: 'reload', usage, parse, unreachable: actionExit.unreachable },
    io,
    async (options) => {
      if (options.abort) return await abortReload(options, io);
      const path = `/api/reload?wait=1${options.changed ? '&changed=1' : ''}`;
      const answer = await askForReload('reload', path, options, io);
      if (answer === undefined) return actionExit.late;
      if (answer.unchanged !== undefined && answer.unchanged.length > 0)
        io.stdout.write(`unchanged: ${answer.unchanged.map(terminalText).join(', ')}\n`);
      return tellOutcome('reload', answer, io);
    },
  );
}

/** @throws AdminError where there is nothing to abort */
async function abortReload(options: Connection, io: AdminIo): Promise<number> {
  const { address, ...token } = addressOf(options, io.env);
  await askAdmin(address, '/api/abort-reload', { method: 'POST', ...token });
  return actionExit.done;
}

type Result = Pick<ReloadResult, 'outcome' | 'reasons' | 'unchanged' | 'again'>;

/**
 * Requests a reload and waits for its end.
 *
 * @returns undefined when it is late, after a message
 * @throws AdminError
 */
export async function askForReload(
  name: string,
  path: string,
  options: Connection & { readonly limit: number; readonly timeout: string },
  io: AdminIo,
  longest = longestAnswerMs,
): Promise<Result | undefined> {
  const { address, ...token } = addressOf(options, io.env);
  const begun = Date.now();
  const timeout = Math.min(options.limit, longest);
  try {
    const ask = async (): Promise<Result> =>
      readResult(await askAdmin(address, path, { method: 'POST', ...token, timeout }));
    const result = await ask();
    return result.again === true ? await untilAnswered(ask) : result;
  } catch (error) {
    if (!(error instanceof AdminError && error.isLate)) throw error;
    const ask = (): Promise<unknown> => askAdmin(address, '/api/pools', token).catch(() => undefined);
    const result = await untilOver(ask, { begun, until: begun + options.limit }, io);
    if (result !== undefined) return result;
    io.stderr.write(
      `hathi ${name}: not over after ${options.timeout} s; the log and "hathi status" tell how it ends\n`,
    );
    return undefined;
  }
}

/** Asks the next master, at the same place: one that ends before it answers is followed by another one. */
async function untilAnswered(ask: () => Promise<Result>): Promise<Result> {
  for (let left = mostLost; ; left -= 1) {
    try {
      return await ask();
    } catch (error) {
      if (left === 0 || (error as AdminError).isLate) throw error;
      await setTimeout(lookMs);
    }
  }
}

/**
 * Looks until it is over.
 *
 * @param times.until not beyond this time, but for a trial
 * @returns undefined where it is not over by then, or nobody tells
 */
async function untilOver(
  ask: () => Promise<unknown>,
  { begun, until }: { readonly begun: number; readonly until: number },
  io: AdminIo,
): Promise<Result | undefined> {
  using progress = new Progress(io.stderr, io.env);
  for (let blind = 0; blind < mostBlind; ) {
    const answer = (await ask()) as Partial<PoolsAnswer> | undefined;
    blind = answer === undefined ? blind + 1 : 0;
    const { pools = [], lastReload } = answer ?? {};
    if ((lastReload?.at ?? 0) >= begun) return readResult(lastReload);
    const trial = pools.find((pool) => pool.trial !== undefined);
    if (trial?.trial !== undefined)
      progress.step(`pool ${trial.name}: on trial for ${trial.trial.secondsLeft} s more`);
    else if (Date.now() >= until) return undefined;
    await setTimeout(lookMs);
  }
  return undefined;
}

/** @returns the exit code */
export function tellOutcome(name: string, { outcome, reasons }: Result, io: AdminIo): number {
  const { code, text } = outcomes[outcome];
  if (text !== '') io.stderr.write(`hathi ${name}: ${text}\n`);
  tellReasons(reasons, io);
  return code;
}

/** @throws AdminError for an answer without the result of a reload */
function readResult(answer: unknown): Result {
  const { outcome, reasons, unchanged, again } = (answer ?? {}) as Partial<ReloadResult>;
  if (outcome === undefined || !Object.hasOwn(outcomes, outcome) || !Array.isArray(reasons)) {
    throw new AdminError('Cannot read the answer to "/api/reload": it tells no outcome');
  }
  return {
    outcome,
    reasons: reasons.map(String),
    unchanged: Array.isArray(unchanged) ? unchanged.map(String) : [],
    ...(again === true && { again }),
  };
}
