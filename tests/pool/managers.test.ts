import assert from 'node:assert/strict';
import { test } from 'node:test';
import { initialMemory, type ManagerDecision, type ManagerInput } from '../../src/pool/management.ts';
import { decide } from '../../src/pool/manager.ts';
import { slotForNext } from '../../src/pool/ondemand.ts';
import { input, settings, workers } from './pool-of.ts';

/** A decision in short: `+3` spawns in slot 3, `-3` stops, `!3` kills; then levels and texts of the log. */
function short(decision: ManagerDecision): string {
  return decision.actions
    .map((action) => {
      if (action.type === 'spawn') return `+${action.slot}`;
      return `${action.how === 'quit' ? '-' : '!'}${action.slot}`;
    })
    .join(' ');
}

function texts(decision: ManagerDecision): string[] {
  return decision.messages.map(({ level, text }) => `${level}: ${text}`);
}

const currently = (active: number, idle: number, running: number, rate: number): string =>
  `debug: [pool www] currently ${active} active children, ${idle} spare children, ${running} running children. ` +
  `Spawning rate ${rate}`;
const processMaxText =
  'warning: The maximum number of processes has been reached. Please review your configuration and consider ' +
  "raising 'process.max'";

interface Row {
  readonly name: string;
  readonly input: Partial<ManagerInput>;
  readonly actions: string;
  readonly messages?: readonly string[];
  readonly memory?: Partial<ManagerInput['memory']>;
}

const staticPool = settings({ pm: 'static', 'pm.max_children': 3 });
const ondemandPool = settings({ pm: 'ondemand', 'pm.max_children': 3 });
const start = { type: 'start' } as const;
const waiting = { type: 'waiting' } as const;

const rows: readonly Row[] = [
  { name: 'static starts all', input: { pool: staticPool, event: start }, actions: '+0 +1 +2', messages: [] },
  {
    name: 'static leaves a full pool alone',
    input: { pool: staticPool, workers: workers('iri') },
    actions: '',
  },
  { name: 'static fills up', input: { pool: staticPool, workers: workers('r.i') }, actions: '+1' },
  {
    name: 'static ignores the queue',
    input: { pool: staticPool, event: waiting, workers: workers('r') },
    actions: '',
  },
  {
    name: 'static stops at process.max and says so',
    input: { pool: staticPool, event: start, globalRunning: 8, processMax: 10 },
    actions: '+0 +1',
    messages: [processMaxText],
    memory: { processMaxLogged: true },
  },
  {
    name: 'process.max is said once until a worker starts',
    input: {
      pool: staticPool,
      workers: workers('rr'),
      globalRunning: 10,
      processMax: 10,
      memory: { ...initialMemory, processMaxLogged: true },
    },
    actions: '',
    messages: [],
    memory: { processMaxLogged: true },
  },

  { name: 'dynamic starts start_servers', input: { event: start }, actions: '+0 +1 +2 +3 +4', messages: [] },
  {
    name: 'dynamic rests between the spare limits and forgets its rate',
    input: { workers: workers('iiirr'), memory: { ...initialMemory, spawnRate: 16 } },
    actions: '',
    messages: [currently(2, 3, 5, 16)],
    memory: { spawnRate: 1 },
  },
  {
    name: 'dynamic grows by its rate',
    input: { workers: workers('rrrrr') },
    actions: '+5',
    messages: [currently(5, 0, 5, 1), 'debug: [pool www] 1 child(ren) have been created dynamically'],
    memory: { spawnRate: 2, atMaximum: false },
  },
  {
    name: 'dynamic grows by no more than what is missing',
    input: { workers: workers('irrr'), memory: { ...initialMemory, spawnRate: 4 } },
    actions: '+4 +5',
    messages: [currently(3, 1, 4, 4), 'debug: [pool www] 2 child(ren) have been created dynamically'],
    memory: { spawnRate: 8 },
  },
  {
    name: 'dynamic grows by no more than there is room, and says that it is busy',
    input: {
      pool: settings({ 'pm.max_children': 4 }),
      workers: workers('irr'),
      memory: { ...initialMemory, spawnRate: 8 },
    },
    actions: '+3',
    messages: [
      currently(2, 1, 3, 8),
      'warning: [pool www] seems busy (you may need to increase pm.start_servers, or pm.min/max_spare_servers), ' +
        'spawning 8 children, there are 1 idle, and 3 total children',
      'debug: [pool www] 1 child(ren) have been created dynamically',
    ],
    memory: { spawnRate: 16 },
  },
  {
    name: 'dynamic stops doubling at max_spawn_rate',
    input: { workers: workers('r'), memory: { ...initialMemory, spawnRate: 32 } },
    actions: '+1 +2 +3',
    memory: { spawnRate: 32 },
  },
  {
    name: 'doubling may pass a limit that is no power of two',
    input: {
      pool: settings({ 'pm.max_spawn_rate': 5 }),
      workers: workers('r'),
      memory: { ...initialMemory, spawnRate: 4 },
    },
    actions: '+1 +2 +3',
    memory: { spawnRate: 8 },
  },
  {
    name: 'dynamic waits for workers that are on their way',
    input: { workers: workers('rccc'), memory: { ...initialMemory, spawnRate: 4 } },
    actions: '',
    messages: [currently(4, 0, 4, 4)],
    memory: { spawnRate: 1 },
  },
  {
    name: 'dynamic stops the oldest idle worker, one a heartbeat',
    input: {
      workers: workers('riiiiiiiiiiii').map((worker) => ({ ...worker, startedAt: 50 - worker.slot })),
    },
    actions: '-12',
    memory: { spawnRate: 1, asked: [112] },
  },
  {
    name: 'a worker that was asked does not count as spare',
    input: {
      workers: workers('xiiiiiiiiii'),
      memory: { ...initialMemory, asked: [] },
    },
    actions: '',
  },
  {
    name: 'a worker that ignored the manager is killed at the next heartbeat',
    input: { workers: workers('xiii'), memory: { ...initialMemory, asked: [100] } },
    actions: '!0',
    memory: { asked: [100] },
  },
  {
    name: 'one that took a last request meanwhile is left to finish it',
    input: {
      workers: workers('riii', { stopping: true }),
      memory: { ...initialMemory, asked: [100] },
      pool: settings({ 'pm.min_spare_servers': 0 }),
    },
    actions: '',
  },
  {
    name: 'one that is gone is forgotten',
    input: { workers: workers('.iii'), memory: { ...initialMemory, asked: [100] } },
    actions: '',
    memory: { asked: [] },
  },
  {
    name: 'dynamic at its maximum says so and counts',
    input: { pool: settings({ 'pm.max_children': 5 }), workers: workers('rrrrr') },
    actions: '',
    messages: [
      currently(5, 0, 5, 1),
      'warning: [pool www] server reached pm.max_children setting (5), consider raising it',
    ],
    memory: { atMaximum: true, maxChildrenReached: 1, spawnRate: 1 },
  },
  {
    name: 'the same episode is not counted again',
    input: {
      pool: settings({ 'pm.max_children': 5 }),
      workers: workers('rrrri'),
      memory: { ...initialMemory, atMaximum: true, maxChildrenReached: 1, spawnRate: 4 },
    },
    actions: '',
    messages: [currently(4, 1, 5, 4)],
    memory: { atMaximum: true, maxChildrenReached: 1, spawnRate: 1 },
  },
  {
    name: 'growth ends the episode',
    input: {
      pool: settings({ 'pm.max_children': 5 }),
      workers: workers('rrrr'),
      memory: { ...initialMemory, atMaximum: true, maxChildrenReached: 1 },
    },
    actions: '+4',
    memory: { atMaximum: false, maxChildrenReached: 1 },
  },
  {
    name: 'dynamic at process.max starts nothing',
    input: { workers: workers('rrrrr'), globalRunning: 20, processMax: 20 },
    actions: '',
    messages: [currently(5, 0, 5, 1), processMaxText],
  },
  {
    name: 'dynamic leaves the queue to the heartbeat',
    input: { event: waiting, workers: workers('r') },
    actions: '',
  },

  { name: 'ondemand starts nothing', input: { pool: ondemandPool, event: start }, actions: '', messages: [] },
  {
    name: 'ondemand starts one worker for a connection',
    input: { pool: ondemandPool, event: waiting, workers: workers('r') },
    actions: '+1',
    messages: ['debug: [pool www] got accept without idle child available .... I forked'],
  },
  {
    name: 'ondemand starts one worker for each connection that is known to wait',
    input: { pool: ondemandPool, event: { type: 'waiting', connections: 2 } },
    actions: '+0 +1',
  },
  {
    name: 'ondemand counts workers that are on their way',
    input: { pool: ondemandPool, event: { type: 'waiting', connections: 2 }, workers: workers('c') },
    actions: '+1',
  },
  {
    name: 'ondemand starts none while one is idle',
    input: { pool: ondemandPool, event: waiting, workers: workers('ri') },
    actions: '',
    messages: [],
  },
  {
    name: 'ondemand takes note of the worker that the host has made, the last one as well',
    input: {
      pool: ondemandPool,
      event: { type: 'grown' },
      workers: workers('rrc'),
      memory: { ...initialMemory, atMaximum: true },
    },
    actions: '',
    messages: ['debug: [pool www] got accept without idle child available .... I forked'],
    memory: { atMaximum: false },
  },
  {
    name: 'ondemand at its maximum says so and counts, in its own words',
    input: { pool: ondemandPool, event: waiting, workers: workers('rrr') },
    actions: '',
    messages: ['warning: [pool www] server reached max_children setting (3), consider raising it'],
    memory: { atMaximum: true, maxChildrenReached: 1 },
  },
  {
    name: 'a hidden pool neither says nor counts it',
    input: { pool: ondemandPool, event: waiting, workers: workers('rrr'), hidden: true },
    actions: '',
    messages: [],
    memory: { maxChildrenReached: 0 },
  },
  {
    name: 'ondemand keeps a worker for exactly its idle time',
    input: { pool: ondemandPool, workers: workers('ii', { lastActivityAt: 90_000 }) },
    actions: '',
    messages: ['debug: [pool www] currently 0 active children, 2 spare children'],
  },
  {
    name: 'ondemand compares whole seconds',
    input: { pool: ondemandPool, workers: workers('i', { lastActivityAt: 89_999 }), now: 100_000 },
    actions: '-0',
  },
  {
    name: 'ondemand stops every worker that was idle for too long, whatever its age',
    input: {
      pool: ondemandPool,
      workers: [...workers('i', { lastActivityAt: 99_000 }), ...workers('.ir', { lastActivityAt: 80_000 })],
    },
    actions: '-1',
    memory: { asked: [101] },
  },

  {
    name: 'a dead worker of any pool is replaced',
    input: { pool: ondemandPool, event: { type: 'replace', count: 1 }, workers: workers('r.r') },
    actions: '+1',
    messages: [],
  },
  {
    name: 'but never over the maximum',
    input: { pool: staticPool, event: { type: 'replace', count: 2 }, workers: workers('rr') },
    actions: '+2',
  },
];

for (const row of rows) {
  test(row.name, () => {
    const decision = decide(input(row.input));
    assert.equal(short(decision), row.actions);
    if (row.messages !== undefined) assert.deepEqual(texts(decision), row.messages);
    for (const [key, value] of Object.entries(row.memory ?? {})) {
      assert.deepEqual(decision.memory[key as keyof typeof decision.memory], value, key);
    }
  });
}

test('a spawn says what it is for', () => {
  const reasons = (changes: Partial<ManagerInput>): string[] =>
    decide(input(changes)).actions.map((action) => (action.type === 'spawn' ? action.reason : action.type));
  assert.deepEqual(reasons({ pool: staticPool, event: start }), ['start', 'start', 'start']);
  assert.deepEqual(reasons({ pool: staticPool, workers: workers('rr') }), ['grow']);
  assert.deepEqual(reasons({ pool: staticPool, event: { type: 'replace', count: 1 } }), ['replace']);
});

test('the slot of the next worker is told ahead where the maximum and process.max allow it', () => {
  assert.equal(slotForNext(ondemandPool, [], 0), 0);
  assert.equal(slotForNext(ondemandPool, workers('r.r'), 0), 1);
  assert.equal(slotForNext(ondemandPool, workers('rrr'), 0), undefined);
  assert.equal(slotForNext(ondemandPool, [], 20), undefined);
});

test('an unknown process manager is an error', () => {
  const pool = { ...settings({}), pm: 'other' } as unknown as ManagerInput['pool'];
  assert.throws(() => decide(input({ pool })), /cannot manage a pool with pm = "other"/);
});
