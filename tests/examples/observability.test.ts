/** The Grafana dashboard and the alert rules: they ask for metrics that there are, and Prometheus takes the rules. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { metrics, sampleNames } from '../../src/admin/metrics-table.ts';
import { promtool } from '../admin/promtool.ts';
import { requires } from '../harness/debian.ts';
import { checkout } from '../harness/folder.ts';

const folder = join(checkout, 'examples/observability');
const known = new Map(
  metrics.flatMap((metric) => sampleNames(metric).map((name) => [name, metric] as const)),
);

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

/** Names of metrics in a PromQL expression, and the labels that are matched on each. */
function* uses(expression: string): Generator<readonly [name: string, labels: readonly string[]]> {
  for (const [, name = '', matchers = ''] of expression.matchAll(/\b(hathi_\w+)(?:\{([^}]*)\})?/g)) {
    yield [name, [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label)];
  }
}

function check(where: string, expression: string): void {
  let found = 0;
  for (const [name, labels] of uses(expression)) {
    found += 1;
    const metric = known.get(name);
    assert.ok(metric, `${where}: there is no metric ${name}`);
    for (const label of labels) {
      assert.ok(
        label === 'instance' || metric.labels.includes(label),
        `${where}: ${name} has no label ${label}`,
      );
    }
  }
  assert.ok(found > 0, `${where} asks for no metric of ours`);
}

test('every metric and label of the Grafana dashboard exists', () => {
  const dashboard = JSON.parse(readFileSync(join(folder, 'grafana-dashboard.json'), 'utf8'));
  const panels: Panel[] = dashboard.panels;
  const charts = panels.filter(({ type }) => type !== 'row');
  assert.ok(charts.length > 15);
  for (const { title, targets = [] } of charts) {
    assert.ok(targets.length > 0, title);
    for (const { expr } of targets) check(title, expr);
  }
  for (const { name, type, query } of dashboard.templating.list) {
    if (type === 'query') check(name, query.query);
  }
  assert.deepEqual(
    dashboard.panels.map(({ id }: { id: number }) => id),
    panels.map((_, index) => index + 1),
  );
});

test('every metric and label of the alert rules exists', () => {
  const rules = readFileSync(join(folder, 'alerts.yml'), 'utf8')
    .split(/^ {6}- alert: /m)
    .slice(1);
  assert.ok(rules.length > 8);
  for (const rule of rules) {
    const [name = ''] = rule.split('\n');
    const [, expression = ''] = /^ {8}expr: ([\s\S]*?)^ {8}\w/m.exec(rule) ?? [];
    check(name, expression);
  }
});

test('Prometheus takes the rules, and they fire when they should', { skip: requires('prometheus') }, () => {
  promtool(['check', 'rules', join(folder, 'alerts.yml')]);
  promtool(['test', 'rules', join(checkout, 'tests/examples/alerts.test.yml')]);
});
