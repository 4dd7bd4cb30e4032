/** `pm = dynamic`: between min_spare and max_spare idle workers. */

import type { ManagedWorker } from './management.ts';
import type { Plan } from './plan.ts';

/** Spawn rate at which the pool is reported as busy. */
const busySpawnRate = 8;

/** One decision a heartbeat; spare workers serve connections in between. */
export function decideDynamic(plan: Plan): void {
  switch (plan.input.event.type) {
    case 'start':
      plan.spawn(plan.input.pool['pm.start_servers'], 'start');
      return;
    case 'heartbeat':
      heartbeat(plan);
      return;
    case 'waiting':
      return;
    default:
      throw new Error(`dynamic manager met the event ${JSON.stringify(plan.input.event)}`);
  }
}

function heartbeat(plan: Plan): void {
  const { pool } = plan.input;
  const idle = plan.idle.length;
  plan.log(
    'debug',
    `currently ${plan.active} active children, ${idle} spare children, ${plan.running} running children. ` +
      `Spawning rate ${plan.memory.spawnRate}`,
  );
  plan.killStubborn();
  if (idle > pool['pm.max_spare_servers']) {
    plan.stop(oldest(plan.idle));
    plan.memory.spawnRate = 1;
  } else if (idle + plan.coming < pool['pm.min_spare_servers']) {
    grow(plan, pool['pm.min_spare_servers'] - idle - plan.coming);
  } else {
    plan.memory.spawnRate = 1;
  }
}

function grow(plan: Plan, missing: number): void {
  const { pool, workers } = plan.input;
  const room = pool['pm.max_children'] - workers.length;
  if (room <= 0) {
    plan.maximumReached(
      `server reached pm.max_children setting (${pool['pm.max_children']}), consider raising it`,
    );
    plan.memory.spawnRate = 1;
    return;
  }
  const rate = plan.memory.spawnRate;
  if (rate >= busySpawnRate) {
    plan.log(
      'warning',
      'seems busy (you may need to increase pm.start_servers, or pm.min/max_spare_servers), spawning ' +
        `${rate} children, there are ${plan.idle.length} idle, and ${plan.running} total children`,
    );
  }
  const spawned = plan.spawn(Math.min(rate, missing, room), 'grow');
  plan.memory.atMaximum = false;
  if (spawned > 0) plan.log('debug', `${spawned} child(ren) have been created dynamically`);
  // As in php-fpm, doubling may exceed a limit that is not a power of two.
  if (rate < pool['pm.max_spawn_rate']) plan.memory.spawnRate = rate * 2;
}

/** The idle worker with the earliest start: it has had most time to grow. */
function oldest(idle: readonly ManagedWorker[]): ManagedWorker {
  return idle.reduce((first, worker) => (worker.startedAt < first.startedAt ? worker : first));
}
