import {
  initialMemory,
  type ManagedWorker,
  type ManagerInput,
  type ManagerSettings,
} from '../../src/pool/management.ts';
import type { WorkerStage } from '../../src/scoreboard/states.ts';

export function settings(changes: Partial<ManagerSettings>): ManagerSettings {
  return {
    name: 'www',
    pm: 'dynamic',
    'pm.max_children': 50,
    'pm.min_children': 1,
    'pm.start_servers': 5,
    'pm.min_spare_servers': 3,
    'pm.max_spare_servers': 10,
    'pm.max_spawn_rate': 32,
    'pm.process_idle_timeout': 10,
    ...changes,
  };
}

/** One letter a worker, slot by slot: `i` idle, `r` running, `c` creating, `x` idle and stopping, `.` a free slot. */
export function workers(letters: string, changes: Partial<ManagedWorker> = {}): ManagedWorker[] {
  const stages: Record<string, WorkerStage> = { i: 'idle', r: 'running', c: 'creating', x: 'idle' };
  return [...letters].flatMap((letter, slot) =>
    letter === '.'
      ? []
      : [
          {
            slot,
            pid: letter === 'c' ? 0 : 100 + slot,
            startedAt: 1000 + slot,
            stage: stages[letter]!,
            lastActivityAt: 100_000,
            stopping: letter === 'x',
            ...changes,
          },
        ],
  );
}

export function input(changes: Partial<ManagerInput>): ManagerInput {
  const present = changes.workers ?? [];
  return {
    pool: settings({}),
    event: { type: 'heartbeat' },
    now: 100_000,
    workers: present,
    globalRunning: present.length,
    processMax: 0,
    memory: initialMemory,
    ...changes,
  };
}
