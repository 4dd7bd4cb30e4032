/** Routes of the native engine: their names are those of the other engine, and their counts those of the requests. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { routeCount } from '../../src/scoreboard/layout.ts';
import { routeName } from '../../src/scoreboard/route-name.ts';
import { type RouteCounts, readRouteTable } from '../../src/scoreboard/routes.ts';
import { asBinary } from '../../src/text/binary.ts';
import { checkout, TestFolder } from '../harness/folder.ts';
import { routeNameCases } from '../scoreboard/route-name-cases.ts';
import { compileChecked, targetSkip } from './fuzz-target.ts';

test('names are those that TypeScript makes, of cases and of random paths', { skip: targetSkip }, () => {
  using folder = new TestFolder();
  const program = compileChecked(folder.join('route-name'), [
    join(checkout, 'tests/native/route-name-program.c'),
    join(checkout, 'native/record/route_name.c'),
  ]);
  const piece = fc.oneof(
    fc.constantFrom('/', '-', '.', '_', '%20', '550e8400-e29b-41d4-a716-446655440000', 'index', 'v1', '\xff'),
    fc.string({ unit: fc.constantFrom(...'0123456789'), maxLength: 12 }),
    fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), maxLength: 40 }),
    fc.string({ unit: fc.constantFrom(...'abcXYZ0189-_.,;:=@+~/'), maxLength: 90 }),
  );
  const paths = fc.sample(
    fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`),
    20_000,
  );
  const methods = ['GET', 'POST', 'get', 'A'.repeat(17), ''];
  const cases = [...routeNameCases.map(([path]) => path), ...paths]
    .filter((path) => !path.includes('\n'))
    .map((path, index) => ({ path, method: methods[index % methods.length] ?? '' }));
  const input = Buffer.from(cases.map(({ method, path }) => `${method}\t${path}\n`).join(''), 'latin1');
  const { status, stdout, stderr } = spawnSync(program, { input, maxBuffer: 2 ** 28 });
  assert.equal(status, 0, stderr.toString());
  const names = stdout.toString('latin1').split('\n');
  for (const [index, { method, path }] of cases.entries()) {
    assert.equal(names[index], routeName(method, path), `${method} ${path}`);
  }
});

test('workers that count at once lose nothing, and one that dies with the table does not keep it', {
  skip: targetSkip,
}, () => {
  using folder = new TestFolder();
  const program = compileChecked(folder.join('routes'), [
    join(checkout, 'tests/native/routes-program.c'),
    ...['record/routes.c', 'record/route_name.c', 'record/scoreboard.c', 'shared/clock.c'].map((file) =>
      join(checkout, 'native', file),
    ),
  ]);
  const { status, stdout, stderr } = spawnSync(program);
  assert.equal(status, 0, stderr.toString());
  const { routes, others, uncounted } = readRouteTable(stdout);
  const all = [...routes.values(), others];
  const sum = (of: (counts: RouteCounts) => number) => all.reduce((total, counts) => total + of(counts), 0);
  // Two were counted while another one held the table.
  assert.equal(sum(({ requests }) => requests) + uncounted, 80_000 + 3);
  assert.ok(uncounted >= 2, `${uncounted}`);
  assert.equal(
    sum(({ requests }) => requests),
    sum(({ counts }) => counts.reduce((total, count) => total + count, 0)),
  );
  assert.equal(routes.has(asBinary('GET /held')), false);
  assert.equal(routes.get(asBinary('GET /free'))?.requests, 1);
  assert.equal(routes.size, routeCount);
  const shop = routes.get(asBinary('GET /shop'));
  assert.ok(shop !== undefined && shop.requests + uncounted >= 20_000 && shop.requests <= 20_000);
  assert.deepEqual(
    [shop.errors, shop.maxMicros, shop.sumMicros],
    [shop.requests, 5000, 5000 * shop.requests],
  );
});
