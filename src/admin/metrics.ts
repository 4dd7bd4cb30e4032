/** The table of metrics as text: Prometheus 0.0.4, or OpenMetrics 1.0 for clients that ask for it. */

import type { AdminSnapshot } from '../figures/admin-snapshot.ts';
import { exporterMetrics } from './exporter-metrics.ts';
import { type Metric, metrics, type Sample, sampleNames } from './metrics-table.ts';

export type MetricsFormat = 'prometheus' | 'openmetrics';

export const metricsTypes: Readonly<Record<MetricsFormat, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/** @param accept the request's header */
export function metricsFormat(accept: string | undefined): MetricsFormat {
  return accept?.includes('application/openmetrics-text') ? 'openmetrics' : 'prometheus';
}

/** @param aliases `metrics.aliases` */
export function renderMetrics(
  snapshot: AdminSnapshot,
  format: MetricsFormat,
  aliases?: string | undefined,
): string {
  const shown = aliases === 'phpfpm' ? [...metrics, ...exporterMetrics] : metrics;
  const text = shown.map((metric) => block(metric, metric.samples(snapshot), format)).join('');
  return format === 'openmetrics' ? `${text}# EOF\n` : text;
}

/** The older format has no info type, and names a family like its samples. */
function block(metric: Metric, samples: readonly Sample[], format: MetricsFormat): string {
  if (samples.length === 0) return '';
  const isOpen = format === 'openmetrics';
  const name = metric.type === 'histogram' ? metric.name : sampleNames(metric).join();
  const family = isOpen ? metric.name : name;
  const type = !isOpen && metric.type === 'info' ? 'gauge' : metric.type;
  const lines = [`# TYPE ${family} ${type}`];
  if (isOpen && metric.unit !== undefined) lines.push(`# UNIT ${family} ${metric.unit}`);
  lines.push(`# HELP ${family} ${escaped(metric.help, isOpen)}`);
  for (const [labels, value, suffix = ''] of samples) {
    const pairs = Object.entries(labels).map(([name, text]) => `${name}="${escaped(text, true)}"`);
    lines.push(`${name}${suffix}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Escapes backslash, line end and, in some places, the quotation mark. */
function escaped(text: string, quotes: boolean): string {
  const plain = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return quotes ? plain.replaceAll('"', '\\"') : plain;
}
