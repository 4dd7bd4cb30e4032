/** The steps of an upgrade on the side of the old master, without processes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorLog } from '../../src/log/error-log.ts';
import { MasterStage } from '../../src/master/master-stage.ts';
import { masterStates } from '../../src/master/master-states.ts';
import { MasterUpgrade, type UpgradeParts } from '../../src/master/master-upgrade.ts';
import type { Successor } from '../../src/master/predecessor.ts';

const sockets = { placed: [] };

/** A program that does as it is told to, and what was done in which order. */
function scene(successor: Partial<Successor> = {}, more: Partial<UpgradeParts> = {}) {
  const done: string[] = [];
  const log = new ErrorLog({ sink: () => {} });
  const stage = new MasterStage(log);
  stage.started();
  const next: Successor = {
    pid: 77,
    version: '2',
    prepare: async () => void done.push('prepare'),
    takeOver: async (limit) => void done.push(`takeOver ${limit}`),
    release: () => done.push('release'),
    end: async () => void done.push('end'),
    ...successor,
  };
  const upgrade = new MasterUpgrade({
    log,
    stage,
    start: async (program) => {
      done.push(`start ${program}`);
      return next;
    },
    surviveMs: () => 200_000,
    sockets: () => sockets,
    serves: () => ['www'],
    letGo: () => {
      done.push('letGo');
      return sockets;
    },
    passOn: (pid) => done.push(`passOn ${pid}`),
    goOn: () => done.push('goOn'),
    end: (end) => {
      done.push(`end: ${end?.type}`);
      if (end?.type === 'takesBack') end.done();
    },
    takesBack: (given, isDone) => ({
      type: 'takesBack',
      configuration: undefined as never,
      sockets: given,
      done: isDone,
    }),
    ...more,
  });
  return { upgrade, done, stage };
}

const fails = (reason: string) => async (): Promise<never> => {
  throw new Error(reason);
};

test('a program that serves is the master; the old one lets go only when it is prepared', async () => {
  const { upgrade, done } = scene();
  assert.deepEqual(await upgrade.request('/p'), { outcome: 'succeeded', reasons: [], pid: 77, version: '2' });
  const order = ['start /p', 'prepare', 'letGo', 'takeOver 60000', 'passOn 77', 'release', 'end: replaced'];
  assert.deepEqual(done, order);
});

test('hosts drain after survive: the time without a master is less', async () => {
  const { upgrade, done } = scene({}, { surviveMs: () => 10_000 });
  await upgrade.request(undefined);
  assert.ok(done.includes('takeOver 5000'));
});

test('a failure before the hand-over changes nothing; one after it starts a master again', async () => {
  const early = scene({ prepare: fails('no sockets') });
  assert.deepEqual(await early.upgrade.request('/p'), { outcome: 'refused', reasons: ['no sockets'] });
  assert.deepEqual(early.done, ['start /p', 'goOn']);
  assert.equal(early.stage.state, masterStates.normal);
  const late = scene({ takeOver: fails('it hangs') });
  assert.deepEqual(await late.upgrade.request('/p'), { outcome: 'refused', reasons: ['it hangs'] });
  assert.deepEqual(late.done, ['start /p', 'prepare', 'letGo', 'end', 'end: takesBack']);
});

test('at other times it is refused: during a reload, an upgrade, a start, a stop; without survive', async () => {
  for (const state of [masterStates.reloading, masterStates.upgrading, masterStates.finishing]) {
    const { upgrade, done, stage } = scene();
    stage.moveTo(state);
    const { outcome, reasons } = await upgrade.request('/p');
    assert.deepEqual([outcome, done, stage.state], ['refused', [], state]);
    const reason =
      state === masterStates.upgrading ? /another upgrade is under way/ : new RegExp(`is ${state}`);
    assert.match(reasons.join(), reason);
  }
  const mortal = scene({}, { surviveMs: () => 0 });
  assert.match((await mortal.upgrade.request('/p')).reasons.join(), /set survive/);
  const inside = scene({}, { start: undefined });
  assert.match((await inside.upgrade.request('/p')).reasons.join(), /runs in another program/);
});

test('a stop ends the program, and the master does not go on', async () => {
  const prepared = Promise.withResolvers<void>();
  const { upgrade, done, stage } = scene({ prepare: () => prepared.promise });
  const result = upgrade.request('/p');
  await new Promise((resolve) => setImmediate(resolve));
  upgrade.cancel();
  stage.moveTo(masterStates.finishing);
  prepared.resolve();
  assert.deepEqual(await result, { outcome: 'refused', reasons: ['the master was told to stop'] });
  assert.ok(done.includes('end') && !done.includes('letGo') && !done.includes('goOn'), done.join());
  assert.equal(stage.state, masterStates.finishing);
});
