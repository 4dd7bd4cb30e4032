/**
 * Measures Hathi's engines, and Debian's php-fpm in the same run: prints a table with the target beside
 * each figure and writes all of it as JSON.
 *
 *     node bench/run.ts [--only name,name] [--rounds N] [--seconds S] [--restarts N] [--json FILE]
 *
 * Exit code 0 whatever was missed: a figure is no test. 1 when a measurement failed, 64 for a wrong command line.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { readCommand, UsageError } from './lib/command.ts';
import { type Figure, verdict } from './lib/figure.ts';
import { describeMachine, load, type Machine } from './lib/machine.ts';
import { renderTable } from './lib/table.ts';
import type { Plan, Workload } from './lib/workload.ts';
import { workloads } from './workloads/index.ts';

interface Result {
  readonly name: string;
  readonly title: string;
  /** Load of the machine when it began; our own work raises it. */
  readonly load: number;
  readonly seconds: number;
  readonly figures: readonly Figure[];
  /** Why there are no figures. */
  readonly failure?: string;
}

const usageExit = 64;

/** @returns the exit code */
function explain(mistake: UsageError): number {
  const names = workloads.map(({ name }) => name).join(', ');
  process.stderr.write(
    `bench: ${mistake.message}\nusage: node bench/run.ts [--only NAME,NAME] [--rounds N] [--seconds S] [--restarts N] [--json FILE]\n` +
      `names: ${names}\n`,
  );
  return usageExit;
}

async function measure(workload: Workload, plan: Plan): Promise<Result> {
  const before = load();
  const begin = performance.now();
  const result = (figures: readonly Figure[], failure?: string): Result => ({
    name: workload.name,
    title: workload.title,
    load: before,
    seconds: (performance.now() - begin) / 1000,
    figures,
    ...(failure === undefined ? {} : { failure }),
  });
  const obstacle = workload.obstacle?.();
  if (obstacle !== undefined) return result([], `skipped: ${obstacle}`);
  try {
    return result(await workload.measure(plan));
  } catch (error) {
    return result([], `failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
}

function renderResult({ title, load: before, seconds, figures, failure }: Result): string {
  const heading = `${title} (load ${before.toFixed(1)}, ${seconds.toFixed(0)} s)`;
  return failure === undefined ? renderTable(heading, figures) : `${heading}\n  ${failure}\n`;
}

function renderMachine(machine: Machine): string {
  const { cores, processor, memoryGiB, kernel, node, embeddedPhp, phpFpm, commit } = machine;
  return [
    `${cores} cores (${processor}), ${memoryGiB} GiB, Linux ${kernel}, load ${load().toFixed(1)}`,
    `Node ${node}, embedded PHP ${embeddedPhp}, php-fpm ${phpFpm ?? 'not installed'}, Hathi ${commit ?? ''}`,
    'medians of rounds in which the servers take turns; ± is half the distance between the quartiles',
    '',
  ].join('\n');
}

function renderTargets(results: readonly Result[]): string {
  const verdicts = results
    .flatMap(({ figures }) => figures.map(verdict))
    .filter((found) => found !== undefined);
  const reached = verdicts.filter((found) => found === 'reached').length;
  return `${reached} of ${verdicts.length} targets reached`;
}

async function main(args: string[]): Promise<number> {
  let command: ReturnType<typeof readCommand>;
  try {
    command = readCommand(args);
  } catch (error) {
    if (error instanceof UsageError) return explain(error);
    throw error;
  }
  const { chosen, plan, file } = command;
  const machine = describeMachine();
  const begin = performance.now();
  console.log(renderMachine(machine));
  const results: Result[] = [];
  for (const workload of chosen) {
    const result = await measure(workload, plan);
    results.push(result);
    console.log(renderResult(result));
  }
  const seconds = (performance.now() - begin) / 1000;
  mkdirSync(dirname(file), { recursive: true });
  const measuredAt = new Date().toISOString();
  const document = { measuredAt, machine, plan, seconds, loadAtEnd: load(), results };
  writeFileSync(file, `${JSON.stringify(document, null, 2)}\n`);
  console.log(`${renderTargets(results)}; ${seconds.toFixed(0)} s, load ${load().toFixed(1)}; ${file}`);
  return results.some(({ failure }) => failure?.startsWith('failed')) ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
