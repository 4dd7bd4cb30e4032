import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { KeyReader } from '../../src/top/keys.ts';
import { readSnapshot, readStack, type Snapshot } from '../../src/top/parse-answer.ts';
import { readRoutes } from '../../src/top/routes.ts';
import { renderScreen } from '../../src/top/screen.ts';
import { initialState, modes, press, type TopState } from '../../src/top/state.ts';
import { columns } from '../../src/top/terminal-text.ts';
import { selectWorkers, sortNames } from '../../src/top/workers.ts';

const hostile = '\x1b]0;x\x07\u202e漢字👩‍👩‍👧é\u0301\u0301\u0301\u0301\n';

function pool(name: string, active: number, queue = 0, workers: object[] = []): object {
  return { name, maxChildren: 10, active, queue, workers };
}

const workers = [
  { pid: 1, state: 'Idle', script: '/a.php', durationMicros: 9e6, requests: 9, residentBytes: 10 },
  { pid: 2, state: 'Running', script: `/b${hostile}.php`, durationMicros: 5e6, processCpuPercent: 50 },
  { pid: 3, state: 'Running', uri: '/c', durationMicros: 7e6, draining: true, residentBytes: 30 },
];

const snapshot = readSnapshot({
  version: hostile,
  state: 'normal',
  pools: [pool(`www${hostile}`, 2, 0, workers), pool('api', 9), pool('batch', 0, 4)],
});

/** The state after these keys. */
function typed(keys: readonly string[], on: Snapshot = snapshot): TopState {
  return keys.reduce((state, key) => press(state, key, on).state, initialState(''));
}

function chosen(keys: readonly string[]): number | undefined {
  const line = renderScreen(snapshot, typed(keys), { width: 80, height: 24, color: false }).find((row) =>
    row.startsWith('>'),
  );
  return line === undefined ? undefined : Number.parseInt(line.slice(1), 10);
}

suite('the screen of hathi top', () => {
  const states: readonly (readonly string[])[] = [[], ['h'], ['/', 'b'], ['e'], ['i', 's'], [' '], ['u']];
  for (const [width, height] of [
    [80, 24],
    [200, 60],
    [40, 10],
    [10, 5],
    [1, 1],
  ] as const) {
    test(`${width}x${height}: no row too many, none too long, nothing that a terminal obeys`, () => {
      for (const keys of states) {
        const rows = renderScreen(snapshot, typed(keys), { width, height, color: false });
        assert.equal(rows.length, height);
        for (const row of rows) {
          assert.ok(columns(row) <= width, row);
          assert.doesNotMatch(row, /[\p{Cc}\u202e]/u);
        }
        const colored = renderScreen(snapshot, typed(keys), { width, height, color: true });
        assert.deepEqual(
          colored.map((row) => row.replaceAll(/\x1b\[[\d;]*m/g, '').trimEnd()),
          rows.map((row) => row.trimEnd()),
        );
      }
    });
  }

  test('where not all pools fit, those in trouble come first', () => {
    const rows = renderScreen(snapshot, typed([]), { width: 80, height: 11, color: false });
    assert.match(rows[3] ?? '', /^batch /);
    assert.equal(rows[4], '... and 2 more pools');
    const all = renderScreen(snapshot, typed([]), { width: 80, height: 24, color: false });
    assert.match(all[4] ?? '', /^api /);
  });

  test('a pool that nobody serves does not look idle, and comes first', () => {
    const lost = readSnapshot({
      pools: [
        pool('batch', 0, 4),
        { ...pool('shop', 0), state: 'serving' },
        { ...pool('lost', 0), state: 'starting', failure: `no engine${hostile}` },
        { ...pool('new', 0), state: 'starting' },
      ],
    });
    const rows = renderScreen(lost, typed([], lost), { width: 80, height: 24, color: true });
    assert.match(rows[1] ?? '', /^pools 4 \(2 down\) /);
    assert.match(rows[4] ?? '', /^shop +0\/10 +0%/);
    assert.match(rows[5] ?? '', /^\x1b\[31;1mlost +down: no engine[^\x1b\u202e]*\x1b\[0m$/);
    assert.match(rows[6] ?? '', /^\x1b\[31;1mnew +starting\x1b/);
    const small = renderScreen(lost, typed([], lost), { width: 80, height: 11, color: false });
    assert.match(small[3] ?? '', /^lost /);
  });

  test('the pool with least room is named, and since when counts count', () => {
    const startedAt = new Date(2026, 4, 31, 9, 5).getTime();
    const totals = { accepted: 7000, slowRequests: 3, maxChildrenReached: 2 };
    const after = (seconds: number, pools: object[]) =>
      renderScreen(readSnapshot({ at: startedAt + seconds * 1000, startedAt, pools }), typed([]), {
        width: 120,
        height: 24,
        color: false,
      });
    const pools = [
      pool('www', 2),
      { ...pool('api', 9), accepted: 5, slowRequests: 1, totals },
      pool('batch', 0),
    ];
    assert.match(
      after(60, pools)[1] ?? '',
      /busy 11\/30 \(fullest: api 9\/10\) {2}.* {2}counts since 09:05$/,
    );
    assert.match(
      after(90_000, pools.slice(0, 1))[1] ?? '',
      /busy 2\/10 {2}.* {2}counts since 2026-05-31 09:05$/,
    );
    // Over reloads: not those of the generation that serves.
    assert.match(after(60, pools)[4] ?? '', /^api .* 7k +2 +3$/);
  });

  test('routes are scrolled and filtered, and none of their names is obeyed', () => {
    const routes = readRoutes({
      routes: Array.from({ length: 60 }, (_, index) => ({
        pool: 'www',
        route: `GET /${index}${hostile}`,
        requests: 1,
      })),
      others: { requests: 5 },
    });
    const rowsOf = (state: TopState) =>
      renderScreen(snapshot, state, { width: 80, height: 24, color: false });
    const state = { ...typed(['u']), routes };
    assert.ok(rowsOf(state).every((row) => columns(row) <= 80 && !/[\p{Cc}\u202e]/u.test(row)));
    assert.match(rowsOf(press(state, 'pagedown', snapshot).state)[3] ?? '', /GET \/10\b/);
    assert.equal(press(state, 'x', snapshot).state.mode, modes.list);
    const filtered = { ...state, selection: { ...state.selection, filter: 'get /59' } };
    assert.equal(rowsOf(filtered).filter((row) => /^www/.test(row)).length, 1);
    assert.doesNotMatch(rowsOf(filtered).join(''), /all others/);
  });

  test('the chosen worker stays in sight', () => {
    const many = Array.from({ length: 100 }, (_, index) => ({ pid: index + 1, state: 'Idle' }));
    const crowded = readSnapshot({ pools: [pool('www', 0, 0, many)] });
    for (const [keys, pid] of [
      [['end'], 100],
      [['pagedown', 'down'], 12],
      [['end', 'home'], 1],
    ] as const) {
      const rows = renderScreen(crowded, typed(keys, crowded), { width: 80, height: 24, color: false });
      assert.equal(rows.filter((row) => row.startsWith(`>${pid} `)).length, 1);
    }
  });
});

suite('keys of hathi top', () => {
  for (const [keys, pid] of [
    [[], 3],
    [['down'], 2],
    [['down', 'down', 'down'], 1],
    [['down', 'up'], 3],
    [['r'], 1],
    [['s'], 2],
    [['s', 's'], 3],
    [['s', 's', 's'], 1],
    [['/', 'A', '.', 'enter'], 1],
    [['/', 'x', 'y', 'enter'], undefined],
    [['/', 'x', 'backspace', 'a', '.', 'enter', 'escape'], 3],
    [['i', 'end'], 2],
    // The choice follows the worker, not its place.
    [['down', 'r'], 2],
  ] as const) {
    test(`${keys.join(' ') || 'none'}: ${pid} is chosen`, () => assert.equal(chosen(keys), pid));
  }

  test('what they make the program do', () => {
    const effects = (keys: readonly string[]) =>
      press(typed(keys.slice(0, -1)), keys.at(-1) ?? '', snapshot).effect;
    const target = { pool: `www${hostile}`, pid: 3 };
    assert.deepEqual(effects(['q']), { type: 'quit' });
    assert.deepEqual(effects(['h', 'interrupt']), { type: 'quit' });
    assert.deepEqual(effects(['enter']), { type: 'stack', ...target });
    assert.deepEqual(effects(['e', 'y']), { type: 'end', how: 'quit', ...target });
    assert.deepEqual(effects(['E', 'y']), { type: 'end', how: 'term', ...target });
    for (const other of ['n', 'Y', 'enter', 'escape', 'q']) assert.equal(effects(['e', other]), undefined);
    assert.equal(effects(['/', 'q']), undefined);
    assert.equal(typed(['/', 'q']).selection.filter, 'q');
    assert.equal(typed(['h', 'q']).mode, modes.list);
  });

  test('a worker that is gone while it is asked about is still the one that is meant', () => {
    const asked = typed(['e']);
    const later = readSnapshot({ pools: [pool('www', 0, 0, [workers[0] ?? {}])] });
    assert.deepEqual(press(asked, 'y', later).effect, {
      type: 'end',
      how: 'quit',
      pool: `www${hostile}`,
      pid: 3,
    });
  });

  test('bytes become keys, however they are cut', () => {
    const bytes = Buffer.from('q\x1b[A\x1b[5~\x1bOB/é漢\r\x7f\x03\x1b[1;5C\x01\x1b');
    const wanted = ['q', 'up', 'pageup', 'down', '/', 'é', '漢', 'enter', 'backspace', 'interrupt', 'escape'];
    assert.deepEqual(new KeyReader().read(bytes), wanted);
    const reader = new KeyReader();
    // A lone escape is a key, so a sequence may be cut anywhere but behind it.
    const cut = [...bytes].map((byte, index) => (byte === 0x1b || bytes[index - 1] === 0x1b ? -1 : index));
    const pieces = cut.filter((index) => index > 0);
    const starts = [0, ...pieces];
    const keys = starts.flatMap((start, index) =>
      reader.read(bytes.subarray(start, starts[index + 1] ?? bytes.length)),
    );
    assert.deepEqual(keys, wanted);
  });
});

test('every order is total and takes all workers', () => {
  for (const sort of sortNames) {
    for (const reversed of [false, true]) {
      const listed = selectWorkers(snapshot, { filter: '', sort, reversed, showsIdle: true });
      assert.deepEqual(listed.map(({ pid }) => pid).sort(), [1, 2, 3], sort);
    }
  }
});

test('long lines of a stack are wrapped, wide characters and tiny screens included', () => {
  for (const width of [1, 2, 7, 80]) {
    const state = { ...typed([]), mode: modes.stack, stack: [`#0 漢字${'x'.repeat(20)}`, ''] };
    const rows = renderScreen(snapshot, state, { width, height: 60, color: false });
    assert.ok(rows.every((row) => columns(row) <= width));
    if (width > 6) assert.match(rows.join(''), /#0 漢字x{20}/);
  }
});

test('worker mode: the stack of a worker is headed by its application', () => {
  const application = { boots: 2, bootMicros: 12_000, requests: 345, growthBytesPerRequest: 0 };
  const workers = [
    { pid: 1, state: 'Idle', application },
    { pid: 2, state: 'Idle' },
  ];
  const booted = readSnapshot({ pools: [{ name: 'www', workers }] });
  const about = (pid: number): string => {
    const state = { ...typed([]), mode: modes.stack, selected: { pool: 'www', pid }, stack: ['#0 f'] };
    return renderScreen(booted, state, { width: 100, height: 20, color: false })[3] ?? '';
  };
  const words = 'booted in 12ms, boot 2 of this worker, 345 requests since, grows 0 bytes a request';
  assert.equal(about(1).trim(), `Application: ${words}`);
  assert.equal(about(2).trim(), '');
});

test('a stack, or why there is none', () => {
  assert.deepEqual(
    readStack({
      frames: [
        { function: 'query', class: 'Db', file: '/db.php', line: 7 },
        { function: '{main}', file: '', line: 0 },
      ],
    }),
    ['#0 Db::query  /db.php:7', '#1 {main}'],
  );
  assert.deepEqual(readStack({ reason: 'no rights' }), ['no rights']);
  assert.deepEqual(readStack({ frames: [] }), ['No PHP code runs.']);
  assert.deepEqual(readStack(null), ['The answer of the master holds no stack.']);
});
