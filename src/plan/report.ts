/** A capacity plan as rows of text. */

import type { Prediction } from '../pool/prediction.ts';
import type { Waiting } from '../pool/queue-simulation.ts';
import { terminalText } from '../text/terminal.ts';
import { bytes } from '../top/units.ts';
import type { PoolOutlook, WholePlan } from './plan.ts';
import { plotRows } from './plot.ts';

const plotHeight = 6;
const plotWidth = 60;

export function renderPlan(plan: WholePlan): string[] {
  return [...memoryRows(plan), ...plan.pools.flatMap((pool) => ['', ...poolRows(pool, plan)])];
}

function memoryRows({ budget, capacity, source, reserve, masterBytes }: WholePlan): string[] {
  if (budget === undefined) return ['MEMORY  the limit is not known: give it with --memory'];
  const { limitBytes, othersBytes } = budget;
  const others = othersBytes - masterBytes;
  const cost = capacity.costBytes;
  const available = capacity.availableBytes ?? 0;
  const verdict =
    cost === undefined
      ? 'the memory of a pool has not been seen yet'
      : cost <= available
        ? 'all that is needed fits'
        : `${bytes(cost - available)} too much: not every pool can have what it needs`;
  return [
    `MEMORY  ${bytes(limitBytes)} (${source}), ${Math.round(100 * reserve)} % reserve, others ${bytes(others)}, master ${bytes(masterBytes)}: ${bytes(available)} for pools`,
    `        needed ${bytes(cost)}: ${verdict}`,
  ];
}

function poolRows(outlook: PoolOutlook, whole: WholePlan): string[] {
  const { plan } = outlook;
  const { pool, needed, recommended } = plan;
  const rows = [
    `POOL ${terminalText(pool.name)}  pm = ${terminalText(pool.processManager)}, pm.max_children = ${pool.maxChildren}`,
    `  needs     ${counted(needed, 'worker')}: ${plan.why}`,
    ...(pool.demand === undefined ? [] : [`  seen      ${seenText(outlook)}`]),
    `  costs     ${costText(outlook)}`,
    ...(plan.worstBytes === undefined || pool.maxChildren <= needed
      ? []
      : [`  may take  ${worstText(outlook, whole)}`]),
    ...(plan.fits === undefined ? [] : [`  fits      ${fitText(plan.fits, needed)}`]),
    ...(recommended < needed
      ? [`  gets      ${counted(recommended, 'worker')}: more does not fit beside the other pools`]
      : []),
    ...waitRows(outlook),
  ];
  const minutes = pool.demand?.minutes ?? [];
  const curve = plotRows({
    values: minutes.map(({ busy, load }) => Math.max(busy, load)),
    limit: pool.maxChildren,
    width: plotWidth,
    height: plotHeight,
  });
  return [
    ...rows,
    ...(curve.length === 0
      ? []
      : ['', '  busy workers, a column a minute, and the limit', ...curve.map((row) => `  ${row}`)]),
    '',
    ...adviceRows(outlook).map((row) => `  ${row}`),
  ];
}

function seenText({ plan: { pool } }: PoolOutlook): string {
  const { demand } = pool;
  if (demand === undefined) return '';
  const { peak, meanLoad, seconds, isCut } = demand;
  const span = seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
  const cut = isCut ? '; every worker was busy then, so more may have been wanted' : '';
  return `${span}, busiest minute until ${clock(peak.at)}, ${meanLoad.toFixed(1)} busy on average${cut}`;
}

function costText({ plan: { pool, costBytes, workerBytes, needed } }: PoolOutlook): string {
  if (costBytes === undefined || workerBytes === undefined)
    return 'unknown: no worker has been looked at yet';
  const { workerMemory, sharedBytes } = pool;
  const growth = workerMemory?.growthBytesPerRequest;
  const grows = growth === undefined || growth < 64 ? '' : `, ${bytes(growth)} more a request`;
  return `${bytes(costBytes)}: ${needed} x ${bytes(workerBytes)} (largest seen ${bytes(workerMemory?.peakBytes)}${grows}), shared ${bytes(sharedBytes)}`;
}

function worstText({ plan: { pool, worstBytes = 0 } }: PoolOutlook, { capacity }: WholePlan): string {
  const available = capacity.availableBytes;
  const verdict =
    available !== undefined && worstBytes > available
      ? ': more than there is, so the kernel may have to kill something'
      : '';
  return `${bytes(worstBytes)} with all ${pool.maxChildren} that pm.max_children allows${verdict}`;
}

function fitText(fits: number, needed: number): string {
  if (!Number.isFinite(fits)) return 'any number of workers';
  return `${counted(fits, 'worker')} beside what the other pools need${fits < needed ? ', fewer than needed' : ''}`;
}

function waitRows({ plan, now, proposed, whatIf }: PoolOutlook): string[] {
  if (now === undefined || proposed === undefined) return [];
  const row = (name: string, { workers, peak, p95Range: [low, high] }: Prediction): string => {
    const range =
      high > 1.2 * low ? ` (${seconds(low)} to ${seconds(high)} from one repetition to another)` : '';
    return `  ${name.padEnd(9)} ${counted(workers, 'worker')}: in the busiest minute ${waitText(peak)}${range}`;
  };
  return [
    row('now', now),
    ...(plan.recommended === plan.pool.maxChildren ? [] : [row('then', proposed)]),
    ...(whatIf === undefined ? [] : [row('what if', whatIf)]),
  ];
}

export function waitText({ p95, p99, waited }: Waiting): string {
  const share = `${(100 * waited).toFixed(waited < 0.1 ? 1 : 0)} % wait`;
  return p95 === 0 && p99 === 0 ? share : `${share}, p95 ${seconds(p95)}, p99 ${seconds(p99)}`;
}

export function seconds(value: number): string {
  if (value === 0) return '0';
  if (value < 1) return `${(value * 1000).toFixed(value < 0.01 ? 1 : 0)} ms`;
  return `${value.toFixed(value < 10 ? 1 : 0)} s`;
}

/** The lines for the pool's section, with their reasons. */
export function adviceRows({ plan: { advice, why } }: PoolOutlook): string[] {
  const width = Math.max(...advice.map(({ directive, value }) => `${directive} = ${value}`.length));
  return advice.map(({ directive, value, reason }) => {
    const said = directive === 'pm.max_children' ? why : reason;
    return `${`${directive} = ${value}`.padEnd(width)}  ; ${said}`;
  });
}

/** All pools' lines, for pasting. */
export function renderLines({ pools }: WholePlan): string[] {
  return pools.flatMap((pool, index) => [
    ...(index === 0 ? [] : ['']),
    `[${terminalText(pool.plan.pool.name)}]`,
    ...adviceRows(pool),
  ]);
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function clock(at: number): string {
  const time = new Date(at);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${two(time.getHours())}:${two(time.getMinutes())}`;
}
