/** Which of many connections of the admin endpoint is closed for others. */
import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { test } from 'node:test';
import { AdminConnections } from '../../src/admin/connections.ts';

const limits = { waiting: 4, graceMs: 100, crowd: 10, asking: 2, unread: 2, pipelined: 2 };

function opened(connections: AdminConnections, count: number): Socket[] {
  return Array.from({ length: count }, () => {
    const socket = new Socket();
    connections.open(socket);
    return socket;
  });
}
const closed = (sockets: readonly Socket[]): number[] =>
  sockets.flatMap(({ destroyed }, index) => (destroyed ? [index] : []));

test('of many that come at once none is closed before it could be heard; then the oldest are', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const connections = new AdminConnections(limits);
  const sockets = opened(connections, 9);
  assert.deepEqual(closed(sockets), []);
  t.mock.timers.tick(99);
  assert.deepEqual(closed(sockets), []);
  t.mock.timers.tick(1);
  assert.deepEqual(closed(sockets), [0, 1, 2, 3, 4]);
});

test('one that has been heard goes first, and one that asks is out of the way', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const connections = new AdminConnections(limits);
  const old = opened(connections, 4);
  t.mock.timers.tick(100);
  const fresh = opened(connections, 3);
  assert.deepEqual([closed(old), closed(fresh)], [[0, 1, 2], []]);
  assert.equal(connections.begin(old[3]!), 'next');
  opened(connections, 2);
  assert.deepEqual([closed(old), closed(fresh)], [[0, 1, 2], []]);
});

test('a crowd is bounded: above it the oldest goes at once', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const sockets = opened(new AdminConnections(limits), 25);
  assert.deepEqual(closed(sockets), [...Array.from({ length: 16 }).keys()]);
  assert.equal(sockets.length - closed(sockets).length, 9);
});
