// @ts-check
/** Charts of the last hour: one figure a chart, with its present values beside its name. */

/** @import { Column, ColumnName, History } from './types.d.ts' */

import { make, setAttribute, setText } from './dom.js';
import { bytes, clock, count, duration, rate } from './format.js';
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
      { column: 'p50Micros', name: 'p50', kind: 'main' },
      { column: 'p95Micros', name: 'p95', kind: 'second' },
      { column: 'p99Micros', name: 'p99', kind: 'third' },
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
    format: count,
    least: 1,
    steps: whole,
    lines: [
      { column: 'busy', name: 'busy', kind: 'main' },
      { column: 'limit', name: 'limit', kind: 'limit' },
    ],
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

  /** @param {History} history @param {number} minutes */
  show(history, minutes) {
    // Every other look brings no new sample.
    if (history === this.#history && minutes === this.#minutes) return;
    this.#history = history;
    this.#minutes = minutes;
    for (const chart of this.#charts) chart.show(history, minutes);
  }
}

class Chart {
  #definition;
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
    const title = make('figcaption', {}, make('h3', {}, definition.title), make('p', {}, ...legend));
    const figure = make('figure', { 'data-chart': definition.id }, title, this.#plotPlace);
    root.append(figure);
    this.#plotPlace.append(this.#empty);
    this.#plot = new uPlot(options(definition, onPoint), [[]], this.#plotPlace);
    new ResizeObserver(([entry]) => {
      if (entry !== undefined)
        this.#plot.setSize({ width: Math.floor(entry.contentRect.width), height: plotHeight });
    }).observe(this.#plotPlace);
  }

  /** @param {History} history @param {number} minutes */
  show(history, minutes) {
    this.#history = history;
    const { lines } = this.#definition;
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
 * @returns {uPlot.Options}
 */
function options({ lines, format, least, steps }, onPoint) {
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
    hooks: { setCursor: [(plot) => onPoint(plot.cursor.idx ?? null)] },
  };
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

/** What the chart shows, in words. @param {Definition} definition @param {History} history @param {number} minutes */
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
  return `${title}, last ${minutes} minutes. ${parts.join('; ')}.`;
}

/** @param {string} name of a variable of style.css */
function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name);
}
