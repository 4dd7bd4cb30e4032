/** The table of routes: of fixed size, each request counted once, what takes time kept whatever strangers ask for. */
import assert from 'node:assert/strict';
import { randomFillSync } from 'node:crypto';
import { test } from 'node:test';
import { routeAt, routeCount, routesSize, routesStart, routeTableAt } from '../../src/scoreboard/layout.ts';
import {
  addRoutes,
  countedRequests,
  noRoutes,
  RouteCounter,
  readRouteTable,
} from '../../src/scoreboard/routes.ts';
import { asBinary } from '../../src/text/binary.ts';

test('requests, their time, their longest and their errors are counted by route', () => {
  const counter = new RouteCounter();
  counter.count('GET /a', 3000, false);
  counter.count('GET /a', 5000, true);
  counter.count('POST /a', 1, false);
  counter.count('', 7, true);
  const { routes, others, uncounted } = readRouteTable(counter.bytes);
  assert.deepEqual([...routes.keys()], ['GET /a', 'POST /a']);
  const { requests, errors, sumMicros, maxMicros } = routes.get(asBinary('GET /a'))!;
  assert.deepEqual([requests, errors, sumMicros, maxMicros], [2, 1, 8000, 5000]);
  assert.deepEqual([others.requests, others.errors, uncounted], [1, 1, 0]);
});

test('ten thousand paths that nobody has push out no route that takes time, and no request is lost', () => {
  const counter = new RouteCounter();
  for (let index = 0; index < 10_000; index += 1) {
    counter.count(`GET /scan-${index}x`, 100, false);
    if (index % 20 === 0) counter.count('GET /shop', 20_000, false);
    if (index % 500 === 0) counter.count('GET /report', 2_000_000, true);
  }
  const table = readRouteTable(counter.bytes);
  assert.equal(table.routes.size, routeCount);
  assert.equal(table.routes.get(asBinary('GET /shop'))?.requests, 500);
  assert.equal(table.routes.get(asBinary('GET /report'))?.requests, 20);
  assert.equal(countedRequests(table), 10_520);
  const counts = [...table.routes.values(), table.others].flatMap((route) => route.counts);
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    10_520,
  );
});

test('tables of several generations are one, of the size of one', () => {
  const tables = [0, 1].map((generation) => {
    const counter = new RouteCounter();
    counter.count('GET /both', 1e6, false);
    for (let index = 0; index < routeCount - 1; index += 1)
      counter.count(`GET /${generation}/x${index}x`, 10, false);
    return readRouteTable(counter.bytes);
  });
  const sum = tables.reduce(addRoutes, noRoutes);
  assert.equal(sum.routes.size, routeCount);
  assert.equal(sum.routes.get(asBinary('GET /both'))?.requests, 2);
  assert.equal(countedRequests(sum), 2 * routeCount);
  assert.equal(sum.others.requests, routeCount - 1);
});

test('what changed is told as ranges, once', () => {
  const counter = new RouteCounter();
  counter.count('GET /a', 1, false);
  const [range, ...more] = counter.takeChanges();
  assert.deepEqual(more, []);
  const copy = Buffer.alloc(routesSize);
  counter.bytes.copy(copy, range!.start, range!.start, range!.end);
  assert.deepEqual(readRouteTable(copy), readRouteTable(counter.bytes));
  assert.deepEqual(counter.takeChanges(), []);
});

test('rubbish in a table is numbers and names of bounded length', () => {
  const bytes = randomFillSync(Buffer.alloc(routesSize));
  bytes.writeUInt16LE(0xffff, routesStart + 448 + routeAt.name);
  bytes.fill(0xff, routeTableAt.uncounted, routeTableAt.uncounted + 8);
  const { routes, uncounted } = readRouteTable(bytes);
  assert.ok(routes.size <= routeCount);
  for (const [name, { requests, sumMicros, counts }] of routes) {
    assert.ok(name.length <= 160 && Number.isSafeInteger(requests) && Number.isSafeInteger(sumMicros));
    assert.ok(counts.every(Number.isSafeInteger));
  }
  assert.equal(uncounted, Number.MAX_SAFE_INTEGER);
});
