/** A script that writes over its pool's scoreboard: what it says is believed of its pool at most. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { mostInLane } from '../../src/pool/lane.ts';
import { headerAt, headerSize, hostRegion, masterRegion } from '../../src/scoreboard/layout.ts';
import { askAdmin } from '../admin/client.ts';
import { pageParams, request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { type Server, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild } from './built-engine.ts';

const { folder, skip } = nativeBuild();

/** Fills a part of the scoreboard's header, which every worker has mapped. */
const forgery = `<?php
preg_match('/^([0-9a-f]+)-.*hathi-scoreboard/m', file_get_contents('/proc/self/maps'), $found);
$memory = fopen('/proc/self/mem', 'r+');
stream_set_write_buffer($memory, 0);
fseek($memory, hexdec($found[1]) + (int) $_GET['from']);
echo fwrite($memory, str_repeat("\\x77", (int) $_GET['bytes']));`;

interface PoolFacts {
  readonly name: string;
  readonly queue: number;
  readonly maxQueue: number;
  readonly maxChildren: number;
  readonly maxChildrenReached: number;
  readonly slowRequests: number;
}

async function poolsOf(server: Server): Promise<PoolFacts[]> {
  const socketPath = server.folder.join('run/admin.sock');
  const pools = JSON.parse((await askAdmin({ socketPath, path: '/api/pools' })).body).pools as PoolFacts[];
  return pools.map(({ name, queue, maxQueue, maxChildren, maxChildrenReached, slowRequests }) => ({
    ...{ name, queue, maxQueue, maxChildren, maxChildrenReached, slowRequests },
  }));
}

suite('a forged scoreboard', { skip }, () => {
  for (const [what, region] of Object.entries({
    'the region of the host': hostRegion,
    'the region of the master': masterRegion,
  })) {
    test(what, async () => {
      await using server = await startServer({
        pools: (target) =>
          `admin.listen = ${target.join('run/admin.sock')}\n${poolText(target, 'shop', 'engine = native')}` +
          poolText(target, 'www', 'engine = native\nprocess.dumpable = yes\npm.status_path = /status'),
        env: { HATHI_ENGINE_DIR: folder },
      });
      const before = await poolsOf(server);
      const script = server.folder.write('www/forge.php', forgery);
      const bytes = Math.min(region.end, headerSize) - region.start;
      const params = scriptParams(script, { QUERY_STRING: `from=${region.start}&bytes=${bytes}` });
      assert.equal((await request(server.socket('www'), params)).body.toString(), String(bytes));

      assert.deepEqual(await poolsOf(server), before);
      const socketPath = server.folder.join('run/admin.sock');
      const ready = await askAdmin({ socketPath, path: '/readyz?queue=1' });
      assert.deepEqual([ready.status, ready.body], [200, 'ready\n']);
      const page = await request(server.socket('www'), pageParams('/status', 'json'));
      const status = JSON.parse(page.body.toString()) as Record<string, unknown>;
      assert.deepEqual([status['listen queue'], status['max listen queue']], [0, 0]);
      await server.stop();
    });
  }

  test('the queue of a lane that has a worker', async () => {
    await using server = await startServer({
      pools: (target) =>
        `admin.listen = ${target.join('run/admin.sock')}\n` +
        poolText(target, 'www', 'engine = native\nprocess.dumpable = yes\nqueue.priority[] = /first'),
      env: { HATHI_ENGINE_DIR: folder },
    });
    const script = server.folder.write('www/forge.php', forgery);
    const params = scriptParams(script, { QUERY_STRING: `from=${headerAt.queued_requests}&bytes=8` });
    assert.equal((await request(server.socket('www'), params)).body.toString(), '8');
    // The first heartbeat makes the lane's worker.
    const pool = await poll('the queue', async () => (await poolsOf(server)).find(({ queue }) => queue > 0));
    assert.deepEqual([pool.queue, pool.maxQueue], [mostInLane, mostInLane]);
    await server.stop();
  });
});
