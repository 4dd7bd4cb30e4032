/** A capacity plan as one page of HTML that loads nothing: text and curves. */

import { markup } from '../text/markup.ts';
import { bytes } from '../top/units.ts';
import type { PoolOutlook, WholePlan } from './plan.ts';
import { adviceRows, renderPlan, seconds } from './report.ts';

const width = 640;
const height = 160;
const left = 64;
const bottom = 20;

interface Line {
  readonly name: string;
  readonly kind: 'main' | 'second' | 'limit';
  /** Undefined for unknown values. */
  readonly values: readonly (number | undefined)[];
}

interface Chart {
  readonly title: string;
  readonly at: readonly number[];
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
}

/** @param at time of the plan, milliseconds since 1970 */
export function planPage(plan: WholePlan, at: number): string {
  const text = renderPlan({ ...plan, pools: [] });
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
    // No scripts and no other hosts, whatever a pool's name is.
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    `<title>Capacity plan</title><style>${style}</style></head><body>`,
    `<h1>Capacity plan</h1><p>${markup(new Date(at).toISOString())}</p>`,
    `<pre>${markup(text.join('\n'))}</pre>`,
    ...plan.pools.map((pool) => poolSection(pool, plan)),
    '</body></html>',
    '',
  ].join('\n');
}

function poolSection(outlook: PoolOutlook, whole: WholePlan): string {
  const { pool } = outlook.plan;
  const rows = renderPlan({ ...whole, pools: [outlook] });
  const from = rows.findIndex((row) => row.startsWith('POOL '));
  const facts = rows
    .slice(from + 1)
    .filter((row) => /^ {2}[a-z]/.test(row) && !row.includes(' = ') && !/a column a/.test(row));
  return [
    `<section><h2>${markup(pool.name)}</h2>`,
    `<pre>${markup(facts.join('\n'))}</pre>`,
    ...chartsOf(outlook, whole).map(chartMarkup),
    `<h3>Lines for its section</h3><pre>${markup(adviceRows(outlook).join('\n'))}</pre></section>`,
  ].join('\n');
}

function chartsOf({ plan, now, proposed }: PoolOutlook, { capacity }: WholePlan): Chart[] {
  const minutes = plan.pool.demand?.minutes ?? [];
  if (minutes.length === 0) return [];
  const at = minutes.map((minute) => minute.at);
  const even = (value: number): number[] => minutes.map(() => value);
  const count = (value: number): string => String(Math.round(value * 10) / 10);
  const waits = (prediction: typeof now) => minutes.map((_, index) => prediction?.minutes[index]?.p95);
  return [
    {
      title: 'Demand: requests a second',
      at,
      format: count,
      lines: [{ name: 'requests', kind: 'main', values: minutes.map(({ rate }) => rate) }],
    },
    {
      title: 'Workers',
      at,
      format: count,
      lines: [
        { name: 'busy at most', kind: 'second', values: minutes.map(({ busy }) => busy) },
        { name: 'wanted on average', kind: 'main', values: minutes.map(({ load }) => load) },
        { name: `recommended (${plan.recommended})`, kind: 'limit', values: even(plan.recommended) },
      ],
    },
    {
      title: 'Memory of the pool',
      at,
      format: (value) => bytes(value),
      lines: [
        { name: 'taken', kind: 'main', values: minutes.map(({ memoryBytes }) => memoryBytes) },
        ...(plan.costBytes === undefined
          ? []
          : [{ name: 'with what it needs', kind: 'second', values: even(plan.costBytes) } as const]),
        ...(capacity.availableBytes === undefined || capacity.availableBytes > 4 * (plan.costBytes ?? 0)
          ? []
          : [{ name: 'for all pools', kind: 'limit', values: even(capacity.availableBytes) } as const]),
      ],
    },
    {
      title: 'Predicted wait, p95',
      at,
      format: seconds,
      lines: [
        { name: `${plan.pool.maxChildren} workers, as now`, kind: 'main', values: waits(now) },
        { name: `${plan.recommended} workers, as recommended`, kind: 'second', values: waits(proposed) },
      ],
    },
  ];
}

function chartMarkup({ title, at, lines, format }: Chart): string {
  const top = Math.max(0, ...lines.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const x = (index: number): number => left + ((width - left) * index) / Math.max(1, at.length - 1);
  const y = (value: number): number => (height - bottom) * (1 - (top > 0 ? value / (top * 1.05) : 0));
  const paths = lines.map(({ name, kind, values }) => {
    let drawing = '';
    values.forEach((value, index) => {
      if (value === undefined) return;
      const isFirst = drawing === '' || values[index - 1] === undefined;
      drawing += `${isFirst ? 'M' : 'L'}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
    });
    return `<path class="${kind}" d="${drawing}"><title>${markup(name)}</title></path>`;
  });
  const legend = lines.map(
    ({ name, kind, values }) =>
      `<span class="${kind}">${markup(name)}: at most ${markup(format(Math.max(0, ...values.map((value) => value ?? 0))))}</span>`,
  );
  return [
    `<figure><figcaption><b>${markup(title)}</b> ${legend.join(' ')}</figcaption>`,
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${markup(title)}">`,
    `<text x="${left - 6}" y="12" class="scale">${markup(format(top))}</text><text x="${left - 6}" y="${height - bottom}" class="scale">0</text>`,
    `<path class="axis" d="M${left} 0V${height - bottom}H${width}"/>`,
    `<text x="${left}" y="${height - 4}">${time(at[0])}</text><text x="${width}" y="${height - 4}" class="scale">${time(at.at(-1))}</text>`,
    ...paths,
    '</svg></figure>',
  ].join('\n');
}

function time(at = 0): string {
  return new Date(at).toISOString().slice(11, 16);
}

const style = `
:root { color-scheme: light dark; --main: #2563eb; --second: #b45309; --limit: #6b7280; }
@media (prefers-color-scheme: dark) { :root { --main: #7aa5ff; --second: #f0a04b; --limit: #9ca3af; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
pre { overflow-x: auto; padding: .6rem .8rem; border: 1px solid var(--limit); border-radius: 4px; }
figure { display: inline-block; width: min(100%, 36rem); margin: .5rem 0 1rem; }
figcaption span { margin-left: .8em; font-size: .85em; }
figcaption .main { color: var(--main); } figcaption .second { color: var(--second); } figcaption .limit { color: var(--limit); }
svg { width: 100%; height: auto; display: block; } svg text { font-size: 11px; fill: currentColor; } svg .scale { text-anchor: end; }
path { fill: none; stroke-width: 1.5; } path.main { stroke: var(--main); } path.second { stroke: var(--second); stroke-dasharray: 6 3; }
path.limit { stroke: var(--limit); stroke-dasharray: 8 4; } path.axis { stroke: var(--limit); stroke-width: 1; }
`;
