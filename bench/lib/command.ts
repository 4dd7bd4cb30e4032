/** The command line of the benchmark. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { workloads } from '../workloads/index.ts';
import type { Plan, Workload } from './workload.ts';

export interface Command {
  readonly chosen: readonly Workload[];
  readonly plan: Plan;
  /** Path of the results. */
  readonly file: string;
}

/** The command line cannot be followed; the message says why. */
export class UsageError extends Error {}

const options = {
  only: { type: 'string' },
  rounds: { type: 'string', default: '5' },
  seconds: { type: 'string', default: '0.5' },
  restarts: { type: 'string', default: '1' },
  json: { type: 'string', default: join(import.meta.dirname, '../results/last.json') },
} as const;

function parse(args: string[]) {
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** @throws UsageError */
export function readCommand(args: string[]): Command {
  const values = parse(args);
  const [rounds, restarts] = [Number(values.rounds), Number(values.restarts)];
  const seconds = Number(values.seconds);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new UsageError(`cannot run "${values.rounds}" rounds: give 1 or more`);
  if (!Number.isInteger(restarts) || restarts < 1)
    throw new UsageError(`cannot start the servers "${values.restarts}" times: give 1 or more`);
  if (!(seconds > 0))
    throw new UsageError(`cannot measure for "${values.seconds}" seconds: give more than 0`);
  const wanted = values.only?.split(',');
  const unknown = wanted?.find((name) => workloads.every((workload) => workload.name !== name));
  if (unknown !== undefined) throw new UsageError(`there is no workload "${unknown}"`);
  const chosen = workloads.filter(({ name }) => wanted?.includes(name) ?? true);
  return { chosen, plan: { rounds, restarts, seconds }, file: values.json };
}
