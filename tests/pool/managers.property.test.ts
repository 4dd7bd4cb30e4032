import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  heartbeatMillis,
  initialMemory,
  type ManagedWorker,
  type ManagerMemory,
  type ManagerSettings,
} from '../../src/pool/management.ts';
import { decide } from '../../src/pool/manager.ts';
import { settings } from './pool-of.ts';

const pools: fc.Arbitrary<ManagerSettings> = fc
  .record({
    pm: fc.constantFrom('static', 'dynamic', 'ondemand'),
    max: fc.integer({ min: 1, max: 40 }),
    minSpare: fc.integer({ min: 1, max: 40 }),
    moreSpare: fc.nat(20),
    rate: fc.integer({ min: 1, max: 40 }),
  })
  .map(({ pm, max, minSpare, moreSpare, rate }) => {
    const least = Math.min(minSpare, max);
    const most = Math.min(least + moreSpare, max);
    return settings({
      pm,
      'pm.max_children': max,
      'pm.min_spare_servers': least,
      'pm.max_spare_servers': most,
      'pm.start_servers': least,
      'pm.max_spawn_rate': rate,
    });
  });

/** External events between two decisions. */
const step = fc.record({
  /** How many requests are running from now on. */
  load: fc.nat(50),
  deaths: fc.nat(3),
  /** Whether workers that were asked for come up, and workers that were asked to go, go. */
  settles: fc.boolean(),
});

/** A pool whose workers are as many as the decisions made them, with requests put on them from the first slot. */
class World {
  readonly pool: ManagerSettings;
  readonly processMax: number;
  now = 0;
  memory: ManagerMemory = initialMemory;
  workers: ManagedWorker[] = [];
  #nextPid = 1;

  constructor(pool: ManagerSettings, processMax: number) {
    this.pool = pool;
    this.processMax = processMax;
  }

  decide(type: 'start' | 'heartbeat' | 'waiting'): void {
    this.#apply({ type });
  }

  replace(count: number): void {
    this.#apply({ type: 'replace', count });
  }

  #apply(event: Parameters<typeof decide>[0]['event']): void {
    const { now, pool, processMax, workers } = this;
    const decision = decide({
      pool,
      event,
      now,
      workers,
      globalRunning: workers.length,
      processMax,
      memory: this.memory,
    });
    this.memory = decision.memory;
    for (const action of decision.actions) {
      const worker = this.workers.find(({ slot }) => slot === action.slot);
      if (action.type === 'spawn') {
        assert.equal(worker, undefined, `slot ${action.slot} was free`);
        this.workers.push({
          slot: action.slot,
          pid: 0,
          startedAt: now,
          stage: 'creating',
          lastActivityAt: now,
          stopping: false,
        });
      } else {
        assert.equal(worker?.stage, 'idle', `only idle workers are stopped, ${action.how}`);
        this.workers = this.workers.map((each) => (each === worker ? { ...each, stopping: true } : each));
      }
    }
    assert.ok(this.workers.length <= pool['pm.max_children'], 'never over pm.max_children');
    if (processMax > 0) assert.ok(this.workers.length <= processMax, 'never over process.max');
    assert.ok(this.workers.every(({ slot }) => slot < pool['pm.max_children']));
  }

  advance(load: number, settles: boolean): void {
    this.now += heartbeatMillis;
    if (settles) {
      this.workers = this.workers
        .filter(({ stopping, stage }) => !stopping || stage !== 'idle')
        .map((worker) =>
          worker.stage === 'creating'
            ? { ...worker, stage: 'idle', pid: this.#nextPid++, lastActivityAt: this.now }
            : worker,
        );
    }
    let left = load;
    this.workers = this.workers.map((worker) => {
      if (worker.stage === 'creating') return worker;
      const stage = left-- > 0 && !worker.stopping ? 'running' : 'idle';
      return stage === worker.stage ? worker : { ...worker, stage, lastActivityAt: this.now };
    });
  }
}

test('limits hold and no busy worker is stopped, whatever happens', () => {
  fc.assert(
    fc.property(pools, fc.nat(30), fc.array(step, { maxLength: 40 }), (pool, processMax, steps) => {
      const world = new World(pool, processMax);
      world.decide('start');
      for (const { load, deaths, settles } of steps) {
        world.advance(load, settles);
        world.workers.splice(0, deaths);
        world.replace(deaths);
        world.decide('waiting');
        world.decide('heartbeat');
      }
    }),
    { numRuns: 300 },
  );
});

test('under a steady load the number of workers settles where the settings say', () => {
  fc.assert(
    fc.property(pools, fc.nat(50), fc.nat(50), (pool, firstLoad, load) => {
      const world = new World(pool, 0);
      world.decide('start');
      const pass = (requests: number): void => {
        world.advance(requests, true);
        if (world.workers.every(({ stage }) => stage !== 'idle')) world.decide('waiting');
        world.decide('heartbeat');
      };
      for (let second = 0; second < 60; second += 1) pass(firstLoad);
      for (let second = 0; second < 120; second += 1) pass(load);
      const max = pool['pm.max_children'];
      const idle = world.workers.filter(({ stage }) => stage === 'idle').length;
      if (pool.pm === 'static') assert.equal(world.workers.length, max);
      if (pool.pm === 'dynamic') {
        assert.ok(idle <= pool['pm.max_spare_servers']);
        assert.ok(idle >= pool['pm.min_spare_servers'] || world.workers.length === max);
      }
      if (pool.pm === 'ondemand' && load >= max) assert.equal(world.workers.length, max);
      if (pool.pm === 'ondemand' && load < firstLoad && load > 0) assert.ok(idle <= 1);
    }),
    { numRuns: 200 },
  );
});

test('a decision changes nothing of its input', () => {
  fc.assert(
    fc.property(pools, fc.nat(10), (pool, running) => {
      const world = new World(pool, 0);
      world.decide('start');
      world.advance(running, true);
      const before = structuredClone({ workers: world.workers, memory: world.memory });
      const { memory, workers } = world;
      decide({
        pool,
        event: { type: 'heartbeat' },
        now: 60_000,
        workers,
        globalRunning: 0,
        processMax: 0,
        memory,
      });
      assert.deepEqual({ workers, memory }, before);
    }),
  );
});
