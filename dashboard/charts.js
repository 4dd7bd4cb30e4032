// @ts-check
/** Charts of the last hour: one figure a chart, with its present values beside its name. */

/** @import { Column, ColumnName, History } from './types.d.ts' */

import { make, setAttribute, setText } from './dom.js';
import { bytes, clock, count, duration, rate, share } from './format.js';
import uPlot from './uplot.js';

/**
 * @typedef {object} Line
 * @property {ColumnName} column
 * @property {string} name
 * @property {'main' | 'second' | 'third' | 'bad' | 'limit'} kind how it is drawn; no two lines of a chart differ by colour alone
 */

/**
 * @typedef {object} Definition
 * @property {string} id
 * @property {string} title
 * @property {'pool' | 'all'} [scope] only of one pool, only of all together
 * @property {(value: number | null | undefined) => string} format
 * @property {number} least the axis reaches at least this far
 * @property {number[]} [steps] of the axis, where decimal ones would not do
 * @property {readonly Line[]} lines
 */

/** Halves of a worker or of a connection there are none. */
const whole = [1, 2, 5]
  .flatMap((digit) => [0, 1, 2, 3, 4, 5, 6].map((power) => digit * 10 ** power))
  .sort((a, b) => a - b);
const binary = Array.from({ length: 30 }, (_, power) => 2 ** (power + 18));

/** @type {readonly Definition[]} */
export const definitions = [
  {
    id: 'requests',
    title: 'Requests a second',
    format: rate,
    least: 1,
    lines: [{ column: 'requestsPerSecond', name: 'requests', kind: 'main' }],
  },
  {
    id: 'latency',
    title: 'Duration',
    format: duration,
    least: 1000,
    lines: [
      { column: 'p50Micros', name: '≈ p50', kind: 'main' },
      { column: 'p95Micros', name: '≈ p95', kind: 'second' },
      { column: 'p99Micros', name: '≈ p99', kind: 'third' },
    ],
  },
  {
    id: 'errors',
    title: '5xx answers a second',
    format: rate,
    least: 1,
    lines: [{ column: 'errorsPerSecond', name: '5xx', kind: 'bad' }],
  },
  {
    id: 'workers',
    title: 'Busy workers',
    scope: 'pool',
    format: count,
    least: 1,
    steps: whole,
    lines: [
      { column: 'busy', name: 'busy', kind: 'main' },
      { column: 'busyMean', name: 'on average', kind: 'second' },
      { column: 'limit', name: 'limit', kind: 'limit' },
    ],
  },
  {
    // Of all workers together one pool that is full cannot be told.
    id: 'fullest',
    title: 'Fullest pool',
    scope: 'all',
    format: share,
    least: 1,
    steps: [0.25, 0.5],
    lines: [{ column: 'fullest', name: 'busy', kind: 'main' }],
  },
  {
    id: 'queue',
    title: 'Listen queue',
    format: count,
    least: 4,
    steps: whole,
    lines: [{ column: 'queue', name: 'waiting', kind: 'main' }],
  },
  {
    id: 'memory',
    title: 'Memory',
    format: bytes,
    least: 1024 * 1024,
    steps: binary,
    lines: [{ column: 'memoryBytes', name: 'memory', kind: 'main' }],
  },
];

/** How the kinds are drawn: width and dashes beside the colour, which style.css has under the same name. */
const strokes = {
  main: { width: 1.5, dash: [] },
  second: { width: 1.5, dash: [6, 3] },
  third: { width: 1.5, dash: [2, 3] },
  bad: { width: 1.5, dash: [] },
  limit: { width: 1, dash: [8, 4] },
};

const plotHeight = 128;
const syncKey = 'history';

export class Charts {
  /** @type {Chart[]} */
  #charts;
  /** @type {History | undefined} */
  #history;
  #minutes = 0;
  /** @type {string | undefined} */
  #fullest;

  /**
   * @param {HTMLElement} root
   * @param {(at: number | undefined) => void} onPoint told which time the pointer is at
   */
  constructor(root, onPoint) {
    const point = (/** @type {number | null} */ index) => {
      for (const chart of this.#charts) chart.showValues(index);
      onPoint(index === null ? undefined : this.#history?.at[index]);
    };
    this.#charts = definitions.map((definition) => new Chart(root, definition, point));
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      for (const chart of this.#charts) chart.redraw();
    });
  }

  /**
   * @param {History} history
   * @param {number} minutes
   * @param {{ isOfAll: boolean, fullest: string | undefined }} scope `fullest` is the name of that pool
   */
  show(history, minutes, { isOfAll, fullest }) {
    // Every other look brings no new sample.
    if (history === this.#history && minutes === this.#minutes && fullest === this.#fullest) return;
    this.#history = history;
    this.#minutes = minutes;
    this.#fullest = fullest;
    for (const chart of this.#charts) chart.show(history, minutes, { isOfAll, fullest });
  }
}

class Chart {
  #definition;
  #figure;
  #titleEnd = make('bdi');
  #plotPlace = make('div', { class: 'plot', role: 'img' });
  #empty = make('p', { class: 'empty' }, 'No data yet');
  /** @type {HTMLElement[]} */
  #values;
  /** @type {uPlot} */
  #plot;
  /** @type {History | undefined} */
  #history;

  /**
   * @param {HTMLElement} root
   * @param {Definition} definition
   * @param {(index: number | null) => void} onPoint
   */
  constructor(root, definition, onPoint) {
    this.#definition = definition;
    this.#values = definition.lines.map(() => make('b', {}, '–'));
    const legend = definition.lines.map(({ name, kind }, index) =>
      make('span', { class: 'value' }, make('i', { 'data-kind': kind }), `${name} `, this.#values[index]),
    );
    const title = make(
      'figcaption',
      {},
      make('h3', {}, definition.title, this.#titleEnd),
      make('p', {}, ...legend),
    );
    this.#figure = make('figure', { 'data-chart': definition.id }, title, this.#plotPlace);
    root.append(this.#figure);
    this.#plotPlace.append(this.#empty);
    const drawReloads = (/** @type {uPlot} */ plot) => markReloads(plot, this.#history?.reloads ?? []);
    this.#plot = new uPlot(options(definition, onPoint, drawReloads), [[]], this.#plotPlace);
    new ResizeObserver(([entry]) => {
      if (entry !== undefined)
        this.#plot.setSize({ width: Math.floor(entry.contentRect.width), height: plotHeight });
    }).observe(this.#plotPlace);
  }

  /** @param {History} history @param {number} minutes @param {{ isOfAll: boolean, fullest: string | undefined }} scope */
  show(history, minutes, { isOfAll, fullest }) {
    this.#history = history;
    const { id, lines, scope } = this.#definition;
    this.#figure.hidden = scope !== undefined && (scope === 'all') !== isOfAll;
    if (id === 'fullest') setText(this.#titleEnd, fullest === undefined ? '' : `: ${fullest}`);
    const last = history.at.at(-1);
    this.#empty.hidden =
      last !== undefined && lines.some(({ column }) => history[column].some((value) => value !== null));
    setAttribute(this.#plotPlace, 'aria-label', summary(this.#definition, history, minutes));
    const end = (last ?? Date.now()) / 1000;
    // One drawing for the data and the range.
    this.#plot.batch(() => {
      this.#plot.setData(
        [history.at.map((at) => at / 1000), ...lines.map(({ column }) => [...history[column]])],
        false,
      );
      this.#plot.setScale('x', { min: end - minutes * 60, max: end });
    });
    this.showValues(this.#plot.cursor.idx ?? null);
  }

  /** Values of a sample; of the last one where there is none. @param {number | null} index */
  showValues(index) {
    this.#definition.lines.forEach(({ column }, line) => {
      const values = this.#history?.[column] ?? [];
      const value = index === null ? values.at(-1) : values[index];
      setText(this.#values[line], this.#definition.format(value));
    });
  }

  redraw() {
    this.#plot.redraw(false);
  }
}

/**
 * @param {Definition} definition
 * @param {(index: number | null) => void} onPoint
 * @param {(plot: uPlot) => void} drawReloads
 * @returns {uPlot.Options}
 */
function options({ lines, format, least, steps }, onPoint, drawReloads) {
  const axis = {
    stroke: () => color('--muted'),
    grid: { stroke: () => color('--grid'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui, sans-serif',
  };
  return {
    width: 300,
    height: plotHeight,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: syncKey }, drag: { x: false, y: false }, points: { size: 6 }, y: false },
    scales: { x: { time: true }, y: { range: (_plot, _min, max) => [0, Math.max(max ?? 0, least) * 1.08] } },
    axes: [
      {
        ...axis,
        size: 22,
        gap: 4,
        space: 56,
        values: (_plot, splits) => splits.map((at) => clock(at * 1000).slice(0, 5)),
      },
      {
        ...axis,
        size: 52,
        gap: 4,
        space: 28,
        ...(steps === undefined ? {} : { incrs: steps }),
        values: (_plot, splits) => splits.map((value) => format(value)),
      },
    ],
    series: [{}, ...lines.map((line) => drawn(line))],
    hooks: { setCursor: [(plot) => onPoint(plot.cursor.idx ?? null)], draw: [drawReloads] },
  };
}

/** @typedef {History['reloads'][number]} ReloadMark */

/** @param {ReloadMark} reload */
export function reloadWord({ outcome }) {
  return { succeeded: 'reload', partial: 'reload in part', refused: 'refused reload' }[outcome];
}

/** A line over the height at each reload, with a hollow triangle where it did not go well. @param {uPlot} plot @param {readonly ReloadMark[]} reloads */
function markReloads(plot, reloads) {
  const { ctx, bbox, scales } = plot;
  const { min = 0, max = 0 } = scales['x'] ?? {};
  const pixel = devicePixelRatio;
  for (const { at, outcome } of reloads) {
    if (min === null || max === null || at / 1000 < min || at / 1000 > max) continue;
    const x = Math.round(plot.valToPos(at / 1000, 'x', true));
    const isBad = outcome !== 'succeeded';
    ctx.save();
    ctx.strokeStyle = color(isBad ? '--line-bad' : '--line-reload');
    ctx.fillStyle = ctx.strokeStyle;
    ctx.lineWidth = pixel;
    ctx.setLineDash([3 * pixel, 2 * pixel]);
    ctx.beginPath();
    ctx.moveTo(x + 0.5, bbox.top);
    ctx.lineTo(x + 0.5, bbox.top + bbox.height);
    ctx.stroke();
    ctx.beginPath();
    ctx.moveTo(x - 4 * pixel, bbox.top);
    ctx.lineTo(x + 4 * pixel, bbox.top);
    ctx.lineTo(x, bbox.top + 6 * pixel);
    // Not by colour alone: of one that did not go well the triangle is hollow.
    if (isBad) {
      ctx.closePath();
      ctx.setLineDash([]);
      ctx.stroke();
    } else {
      ctx.fill();
    }
    ctx.restore();
  }
}

/** @param {Line} line @returns {uPlot.Series} */
function drawn({ name, kind }) {
  const { width, dash } = strokes[kind];
  return {
    label: name,
    stroke: () => color(`--line-${kind}`),
    ...(kind === 'main' ? { fill: () => color('--fill-main') } : {}),
    width,
    dash,
    // A value without neighbours would be a line of no length.
    points: {
      show: true,
      size: 3,
      filter: (plot, series) => lonely(/** @type {Column} */ (plot.data[series])),
    },
  };
}

/** @param {Column} values */
function lonely(values) {
  const found = [];
  for (let index = 0; index < values.length; index += 1) {
    if (values[index] != null && values[index - 1] == null && values[index + 1] == null) found.push(index);
  }
  return found;
}

/** Describes the chart in words. @param {Definition} definition @param {History} history @param {number} minutes */
function summary({ title, format, lines }, history, minutes) {
  const from = (history.at.at(-1) ?? 0) - minutes * 60_000;
  const first = history.at.findIndex((at) => at >= from);
  const parts = lines.map(({ column, name }) => {
    const values = history[column].slice(Math.max(0, first));
    let highest = -1;
    values.forEach((value, index) => {
      if (value !== null && value > (values[highest] ?? -1)) highest = index;
    });
    if (highest < 0) return `${name}: no data`;
    const at = clock(history.at[Math.max(0, first) + highest] ?? 0);
    return `${name}: now ${format(values.at(-1))}, highest ${format(values[highest])} at ${at}`;
  });
  const reloads = history.reloads
    .filter(({ at }) => at >= from)
    .map((reload) => ` ${reloadWord(reload)} at ${clock(reload.at)}.`);
  return `${title}, last ${minutes} minutes. ${parts.join('; ')}.${reloads.join('')}`;
}

/** @param {string} name of a variable of style.css */
function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name);
}
