/** What snapshots of a worker tell: changes, growth, what explains what; and lines that no worker writes. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseAllowEntry, parseAllowFile, partAllowed } from '../../src/audit/allowed.ts';
import { type Finding, finding, findingKinds, joined } from '../../src/audit/findings.ts';
import { findLeftBehind } from '../../src/audit/left-behind.ts';
import type { FreshStep, Step } from '../../src/audit/observation.ts';
import { rootKind, rootOf } from '../../src/audit/places.ts';
import { counts, renderJson, renderText, sorted } from '../../src/audit/report.ts';
import { type Handled, parseReportLine, type Rest } from '../../src/audit/report-lines.ts';

const line = {
  event: 'rest',
  boot: 1,
  served: 0,
  ended: 0,
  memory: 1000,
  level: 0,
  ini: {},
  timezone: '',
  umask: 18,
  folder: '/',
  locale: 'C',
  env: {},
  errorHandlers: [],
  exceptionHandlers: [],
  descriptors: {},
  resources: {},
  counts: {},
  probes: {},
  transactions: [],
  objects: {},
  values: [],
  marks: [],
  cut: 0,
};
const rest = (change: object = {}): Rest => parseReportLine(JSON.stringify({ ...line, ...change })) as Rest;
const answered = { status: 200, headers: [], body: '', length: 0, hash: '' };

/** Steps of one worker: each goes from the state before it to the one given. */
function walk(states: readonly object[], requests: readonly number[] = []): Step[] {
  return states.slice(1).map(
    (state, index): Step => ({
      request: requests[index] ?? 0,
      sequence: index + 1,
      pass: index === 0 ? 1 : 2,
      outcome: answered,
      before: rest({ served: index, ...states[index] }),
      handled: undefined,
      after: rest({ served: index + 1, ...state }),
    }),
  );
}

const found = (steps: readonly Step[], fresh: readonly FreshStep[] = []) =>
  joined(findLeftBehind(steps, fresh)).map(({ id, name }) => (name === '' ? id : `${id}:${name}`));

suite('growth', () => {
  const growing = (make: (index: number) => object) =>
    walk(Array.from({ length: 5 }, (_, index) => make(index)));

  test('memory alone', () => {
    assert.deepEqual(found(growing((index) => ({ memory: 1000 + index * 64 }))), ['memory']);
  });
  test('objects explain memory', () => {
    const steps = growing((index) => ({ memory: 1000 + index * 64, objects: { 'App\\User': 3 + index } }));
    assert.deepEqual(found(steps), ['objects:App\\User']);
  });
  test('a place explains objects, and its strings are the same place', () => {
    const values = (index: number) => [
      [-1, 'App::$list', 2, 0, 0, 1],
      [0, 'klines', 2, index, index * 10],
    ];
    const steps = growing((index) => ({ memory: index * 64, objects: { A: index }, values: values(index) }));
    assert.deepEqual(found(steps), ["statics:App::$list['lines']"]);
  });
  test('filled once, up and down, growing before the second pass', () => {
    assert.deepEqual(found(walk([{}, { memory: 2000 }, { memory: 2000 }, { memory: 2000 }])), []);
    assert.deepEqual(found(growing((index) => ({ memory: 1000 + (index % 2) * 64 }))), []);
  });
  test('of another request between them', () => {
    // A follows B, whose request is longer: what it had kept is gone again.
    const steps = walk(
      [{}, { memory: 1100 }, { memory: 1000 }, { memory: 1100 }, { memory: 1000 }],
      [1, 0, 1, 0],
    );
    assert.deepEqual(found(steps), []);
  });
  test('descriptors with numbers of their own', () => {
    const pipes = (index: number) =>
      Object.fromEntries(Array.from({ length: index }, (_, at) => [String(at), `pipe:[${at}]`]));
    assert.deepEqual(found(growing((index) => ({ descriptors: pipes(index) }))), ['descriptors:pipe']);
  });
});

suite('changes', () => {
  test('by which request, and back to the state of the boot', () => {
    const steps = walk([{}, { umask: 0 }, {}], [4, 5]);
    assert.deepEqual(
      findLeftBehind(steps, []).map(({ id, requests }) => [id, ...requests]),
      [['umask', 4]],
    );
  });
  test('values of the environment are not told', () => {
    const [seen] = findLeftBehind(walk([{ env: { A: 1 } }, { env: { A: 2 } }]), []);
    assert.deepEqual([seen?.name, seen?.seen], ['A', ['another value']]);
  });
  test('set up by any first request', () => {
    const fresh = [0, 1].map((request): FreshStep => ({ ...walk([{}, { locale: 'de' }])[0]!, request }));
    assert.deepEqual(found(walk([{}, { locale: 'de' }]), fresh), ['first-request:locale']);
    assert.deepEqual(found(walk([{}, { locale: 'de' }]), fresh.slice(1)), ['locale']);
  });
  test('nothing of a request that ends the application', () => {
    const [step] = walk([{}, { umask: 0 }]);
    const { ended: _, ...after } = step!.after!;
    assert.deepEqual(found([{ ...step!, after: { ...after, ended: true } }]), []);
    assert.deepEqual(found([{ ...step!, after: undefined }]), []);
  });
});

suite('what Hathi puts back', () => {
  const handled = (change: object): Handled =>
    parseReportLine(JSON.stringify({ ...line, event: 'handled', exited: 0, level: 0, ...change })) as Handled;

  test('each time, or once only', () => {
    const set = handled({ ini: { precision: '5' } });
    const unset = handled({});
    const steps = walk([{}, {}, {}]);
    const all = (list: Handled[]) => steps.map((step, index) => ({ ...step, handled: list[index] }));
    const fresh = [{ ...steps[0]!, handled: set }];
    assert.deepEqual(found(all([set, set]), fresh), ['put-back:ini precision']);
    assert.deepEqual(found(all([set, unset]), fresh), ['set-once:ini precision']);
  });
});

test('names of places', () => {
  assert.deepEqual(
    ['global $a[0]', 'App::$a->b', 'f() static $a', 'Run::go() $k->x', "A::$x['f() $y']"].map(rootKind),
    ['global', 'static', 'static', 'local', 'static'],
  );
  assert.equal(rootOf('global $kernel->container->x'), 'global $kernel');
});

suite('lines that no worker writes', () => {
  for (const [name, text] of [
    ['no JSON', '{'],
    ['no object', '[]'],
    ['no event', '{"event":"x"}'],
    ['a field of another type', JSON.stringify({ ...line, memory: 'much' })],
    ['a list in place of a map', JSON.stringify({ ...line, ini: [] })],
    ['a value without an end', JSON.stringify({ ...line, values: [[1]] })],
    ['a mark without a node', JSON.stringify({ ...line, marks: ['x'] })],
  ] as const)
    test(name, () => assert.throws(() => parseReportLine(text)));

  test('parents that are not there', () => {
    const values = [[7, 'ka', 2, 1, 0]];
    assert.deepEqual(found(walk([{ values }, { values }])), []);
  });
});

suite('allowed, reports', () => {
  const all = [
    finding('umask', '', [0], ['a']),
    finding('statics', 'App::$a.b', [1], []),
    finding('changed', 'x', [], []),
  ];

  test('ids and names', () => {
    const parts = partAllowed(all, ['statics:App::$a*', 'umask:x', 'changed'].map(parseAllowEntry));
    assert.deepEqual(parts.open, [all[0]]);
    assert.deepEqual(parts.unused, ['umask:x']);
    assert.equal(parseAllowEntry('statics:App::$axb').admits(all[1]!), false);
    assert.throws(
      () => parseAllowFile('umask\n\nnone\n', 'list'),
      /^Error: list:3: no finding is called "none"/,
    );
  });

  const report = (findings: readonly Finding[]) => ({
    script: '/s.php',
    requests: ['GET /a', 'GET /\x1b[1m'],
    sent: { fresh: 2, warm: 3 },
    findings: sorted(findings),
    allowed: [],
    unused: [],
    log: ['line'],
  });

  test('text is safe on a terminal; advice is no failure', () => {
    const text = renderText(report(all), { color: false, isVerbose: false });
    assert.match(text, /WARNING umask\n {2}the umask .*\n {2}by {4}1 {2}GET \/a\n {2}seen {2}a\n {2}mend/);
    assert.match(text, /Advice \(in full with --verbose\):\n {2}changed:x\n/);
    assert.ok(!text.includes('\x1b'));
    assert.match(text, /2 warnings, 1 advice \(2 requests, 2 times/);
    assert.equal(counts(report(all.slice(2))), 0);
  });
  test('JSON', () => {
    const parsed = JSON.parse(renderJson(report(all)));
    assert.deepEqual(Object.keys(parsed), [
      'script',
      'requests',
      'sent',
      'findings',
      'allowed',
      'unused',
      'log',
    ]);
    assert.deepEqual(parsed.findings[0].id, 'statics');
    assert.equal(parsed.findings[0].mend, findingKinds.statics.mend);
  });
});
