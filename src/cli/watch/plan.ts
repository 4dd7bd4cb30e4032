/** `hathi plan`: the workers that each pool needs, their cost, what fits, and the lines for the pool's section. */

import { writeFileSync } from 'node:fs';
import { limitOf, measuredPool, namesOf, PlanError } from '../../plan/answers.ts';
import { planPage } from '../../plan/page.ts';
import { makePlan, type WholePlan } from '../../plan/plan.ts';
import { renderLines, renderPlan } from '../../plan/report.ts';
import { defaultReserve } from '../../pool/capacity.ts';
import { asciiJson } from '../../text/json.ts';
import { AdminError } from '../../top/admin-client.ts';
import {
  type AdminIo,
  type Ask,
  actionUsage,
  adminCommand,
  adminExit,
  adminUsageEnd,
  connectTo,
} from './admin-command.ts';
import { planOffline } from './plan-offline.ts';
import { type PlanOptions, parsePlanOptions } from './plan-options.ts';

const usage = `Usage: hathi plan [POOL...] [--memory SIZE] [--others SIZE] [--reserve SHARE] [--what-if LIST]
                  [--write | --json] [--html FILE] [-y FILE] [-p PREFIX] [--connect ADDRESS]

Tells for each pool of a running master how many workers the busiest minute of the last hour needed, what they cost, what
fits into the memory, what its process manager should be set to and why, and how long clients would wait. Without a running
master it reads the configuration, and says what it cannot know.

  --memory SIZE      the memory that there is to be, such as 2G; else the limit that the master runs under
  --others SIZE      what other programs use of it; else what they use now
  --reserve SHARE    what stays free, ${100 * defaultReserve}% unless told
  --what-if LIST     also predict for max_children=N, rate=2x (arrivals), service=1.5x (durations), by comma
  --write            only the lines for the pools' sections
  --json             everything as JSON
  --html FILE        everything as a page with curves, which needs no network
${actionUsage}
  --help             this text

${adminUsageEnd}`;

/**
 * Runs `hathi plan`.
 * @param args arguments after the subcommand.
 * @returns the exit code, one of {@link adminExit}.
 */
export function planCommand(args: string[], io: AdminIo): Promise<number> {
  return adminCommand({ name: 'plan', usage, parse: () => parsePlanOptions(args) }, io, async (options) => {
    try {
      const plan = await planRunning(connectTo(options, io.env), options);
      show(plan, options, io);
      return adminExit.ok;
    } catch (error) {
      if (error instanceof PlanError) throw new AdminError(error.message);
      // An answer proves that the master runs; and an explicit address asks for a running master.
      if (!(error instanceof AdminError) || error.isAnswer || options.connect !== undefined) throw error;
      return planOffline(options, error.message, io);
    }
  });
}

async function planRunning(ask: Ask, { pools: wanted, request }: PlanOptions): Promise<WholePlan> {
  const answer = await ask('GET', '/api/pools');
  const names = namesOf(answer);
  const unknown = wanted.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new PlanError(`There is no pool "${unknown}"; there are ${names.join(', ')}`);
  const measured = [];
  // All pools: the share of one depends on the needs of the others.
  for (const name of names) {
    const history = await ask('GET', `/api/history?${new URLSearchParams({ pool: name })}`);
    measured.push(measuredPool(answer, name, history));
  }
  const plan = makePlan(measured, limitOf(answer), request);
  if (wanted.length === 0) return plan;
  return { ...plan, pools: plan.pools.filter(({ plan: { pool } }) => wanted.includes(pool.name)) };
}

function show(plan: WholePlan, { json, write, html }: PlanOptions, io: AdminIo): void {
  if (html !== undefined) writePage(html, planPage(plan, Date.now()));
  if (json) io.stdout.write(`${asciiJson(plan, 2)}\n`);
  else if (write) io.stdout.write(`${renderLines(plan).join('\n')}\n`);
  else if (html === undefined) io.stdout.write(`${renderPlan(plan).join('\n')}\n`);
}

function writePage(file: string, page: string): void {
  try {
    writeFileSync(file, page);
  } catch (error) {
    throw new AdminError(`Cannot write "${file}": ${(error as Error).message}`);
  }
}
