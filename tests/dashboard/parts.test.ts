/** Parts of the dashboard's page that need no browser: the tree of a profile, and numbers as they are shown. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bars, type Call, hottest, parseFolded } from '../../dashboard/flame-tree.js';
import {
  bytes,
  clock,
  count,
  duration,
  foreign,
  moment,
  percent,
  rate,
  share,
  span,
} from '../../dashboard/format.js';
import { stateOf } from '../../dashboard/pool-state.js';

/** A call of the tree by its path. */
function find(root: Call, ...path: string[]): Call {
  return path.reduce(
    (call, name) => call.callees.find((callee) => callee.name === name) ?? assert.fail(name),
    root,
  );
}

const folded = 'main;b;c 3\nmain;a 5\nmain;b 2\nmain;a;a 10\n\nno number\n';

test('folded stacks become a tree; samples of callees count for their callers', () => {
  const root = parseFolded(folded, 'pool www');
  assert.deepEqual([root.name, root.samples], ['pool www', 20]);
  const main = find(root, 'main');
  assert.deepEqual(
    main.callees.map(({ name, samples }) => [name, samples]),
    [
      ['a', 15],
      ['b', 5],
    ],
  );
  assert.equal(find(root, 'main', 'b', 'c').samples, 3);
});

test('bars fill the width from their caller’s start; what is zoomed to is as wide as its callers', () => {
  const root = parseFolded(folded, 'all');
  const place = (focus: Call) =>
    bars(focus, 0.2)
      .map(({ call, depth, from, width }) => [call.name, depth, from, width])
      .sort((a, b) => Number(a[1]) - Number(b[1]) || Number(a[2]) - Number(b[2]));
  assert.deepEqual(place(root), [
    ['all', 0, 0, 1],
    ['main', 1, 0, 1],
    ['a', 2, 0, 0.75],
    ['b', 2, 0.75, 0.25],
    ['a', 3, 0, 0.5],
  ]);
  assert.deepEqual(place(find(root, 'main', 'b')), [
    ['all', 0, 0, 1],
    ['main', 1, 0, 1],
    ['b', 2, 0, 1],
    ['c', 3, 0, 0.6],
  ]);
});

test('a function that calls itself counts once in all', () => {
  assert.deepEqual(hottest(parseFolded(folded, 'all')), [
    { name: 'a', own: 15, total: 15 },
    { name: 'c', own: 3, total: 3 },
    { name: 'b', own: 2, total: 5 },
    { name: 'main', own: 0, total: 20 },
  ]);
});

test('numbers are short, and what is not known is a dash and not 0', () => {
  const plain = (text: string) => text.replaceAll('\u202f', ' ');
  const rows: [shown: string, wanted: string][] = [
    [duration(0), '0'],
    [duration(870), '870 µs'],
    [duration(12_340), '12.3 ms'],
    [duration(1_200_000), '1.20 s'],
    [duration(185e6), '3 min'],
    [bytes(1023 * 1024), '1.00 MB'],
    [bytes(42.2 * 1024 ** 2), '42.2 MB'],
    [count(9999), '9999'],
    [count(12_345), '12.3 k'],
    [rate(0.2), '0.20'],
    [percent(1, 8), '13 %'],
    [percent(1, 1000), '0.1 %'],
    [span(3 * 86_400 + 3600), '3 d 1 h'],
  ];
  for (const [shown, wanted] of rows) assert.equal(plain(shown), wanted);
  for (const unknown of [duration(undefined), bytes(null), count(undefined), rate(null), percent(1, 0)]) {
    assert.equal(unknown, '–');
  }
});

test('text of others cannot turn the direction of what stands around it, nor hide', () => {
  assert.equal(foreign('a\u202eb\u200bc\u2028d\u0007'), 'a\ufffdb\ufffdc\ufffdd\ufffd');
  assert.equal(foreign('हाथी <b>'), 'हाथी <b>');
});

test('a moment of another day has its day; a part of one is a percentage', () => {
  const at = new Date(2026, 4, 31, 9, 5, 59).getTime();
  assert.equal(moment(at, at + 1000), clock(at).slice(0, 5));
  assert.match(moment(at, at + 86_400_000), /31.*09:05$/);
  assert.deepEqual([share(1), share(0.25), share(null)], [percent(1, 1), percent(1, 4), '–']);
});

test('a trial is shown while it runs, also where every worker is busy', () => {
  const trial = {
    share: 0.1,
    secondsLeft: 42,
    fresh: { requests: 20, errors: 3, crashes: 0 },
    serving: { requests: 180, errors: 0, crashes: 0 },
  };
  const pool = { name: 'www', state: 'serving', active: 1, maxChildren: 4 };
  const state = (more: object): string => stateOf({ ...pool, ...more } as Parameters<typeof stateOf>[0]);
  const told = /^new generation on trial: 10\s% for 42 s more, 3 of 20 failed, before it 0 of 180$/;
  assert.match(state({ trial }), told);
  const [full, ...rest] = state({ active: 4, trial }).split('; ');
  assert.equal(full, 'every worker is busy');
  assert.match(rest.join(), told);
  assert.deepEqual([state({}), state({ active: 4 })], ['', 'every worker is busy']);
});
