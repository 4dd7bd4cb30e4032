/** `pm = auto` in a simulated machine: load, processor, memory and neighbours that change. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseBudget } from '../../src/config/budget.ts';
import { type AutoMemory, freshAuto, sizeAuto } from '../../src/pool/auto-sizing.ts';
import { budgetBytes, memoryCeilings, projectUse } from '../../src/pool/memory-shares.ts';
import { exponential, seededRandom } from '../../src/pool/random.ts';

const megabyte = 2 ** 20;

interface Machine {
  readonly seconds: number;
  /** Arrivals a second. */
  readonly rate: (second: number) => number;
  /** Seconds that a request takes, alone. */
  readonly service: (second: number) => number;
  /** Share of that on the processor; there are two processors. */
  readonly processor?: number;
  readonly least?: number;
  readonly most?: number;
  /** MiB: the budget, what others use, and what a worker has after so many requests. */
  readonly budget?: number;
  readonly others?: (second: number) => number;
  readonly workerSize?: (requests: number) => number;
  /** A pool of a fixed size instead. */
  readonly fixed?: number;
}

interface Worker {
  until: number;
  requests: number;
  isLeaving: boolean;
}

/** Times are seconds; ten steps a second, a decision a second. */
function run(machine: Machine) {
  const random = seededRandom(11);
  const {
    processor = 0.1,
    least = 1,
    most = 128,
    budget = 1e6,
    others = () => 0,
    workerSize = () => 30,
  } = machine;
  let memory: AutoMemory = freshAuto;
  const workers: Worker[] = Array.from({ length: machine.fixed ?? least }, () => ({
    until: 0,
    requests: 0,
    isLeaving: false,
  }));
  const queue: number[] = [];
  const waits: { at: number; wait: number }[] = [];
  const sizes: number[] = [];
  const used: number[] = [];
  const reasons = new Set<string>();
  let grown = 0;
  let next = 0;
  for (let tick = 0; tick < machine.seconds * 10; tick += 1) {
    const now = tick / 10;
    for (; next <= now; next += exponential(Math.max(1e-6, machine.rate(next)), random)) queue.push(next);
    const busy = workers.filter(({ until }) => until > now).length;
    // Two processors are shared by those who are on one.
    const onProcessor = busy * processor;
    const slower = Math.max(1, onProcessor / 2);
    for (const worker of workers) {
      if (worker.until > now || worker.isLeaving || queue.length === 0) continue;
      const arrived = queue.shift()!;
      waits.push({ at: now, wait: now - arrived });
      const own = machine.service(now);
      worker.until = now + own * (0.5 + random()) * (1 - processor + processor * slower);
      worker.requests += 1;
    }
    for (let index = workers.length - 1; index >= 0; index -= 1)
      if (workers[index]!.isLeaving && workers[index]!.until <= now) workers.splice(index, 1);
    if (tick % 10 !== 0) continue;
    const own = workers.reduce((sum, { requests }) => sum + workerSize(requests), 0);
    used.push(own + others(now));
    sizes.push(workers.length);
    if (machine.fixed !== undefined) continue;
    const active = workers.filter(({ until }) => until > now).length;
    const average = workers.length === 0 ? 30 : own / workers.length;
    const decide = (ceiling: number | undefined) =>
      sizeAuto({ 'pm.min_children': least, 'pm.max_children': most }, memory, {
        now: now * 1000,
        running: workers.filter(({ isLeaving }) => !isLeaving).length,
        active,
        queue: queue.length,
        ceiling,
        isProcessorBusy: active * processor >= 1.9,
        processorShare: processor,
      });
    const { wanted, load } = decide(undefined);
    const claim = {
      name: 'www',
      load,
      least,
      wanted,
      running: workers.length,
      workerBytes: average * megabyte,
    };
    const ceiling = memoryCeilings(budget * megabyte, used.at(-1)! * megabyte, [claim]).get('www');
    const decision = decide(ceiling);
    memory = decision.memory;
    reasons.add(decision.limit);
    let surplus = workers.filter(({ isLeaving }) => !isLeaving).length - decision.target;
    for (; surplus < 0; surplus += 1) {
      workers.push({ until: 0, requests: 0, isLeaving: false });
      grown += 1;
    }
    const idleFirst = [...workers].sort((a, b) => a.until - b.until);
    for (const worker of idleFirst) {
      const mayGo = worker.until <= now || decision.limit === 'memory';
      if (surplus <= 0 || worker.isLeaving || !mayGo) continue;
      worker.isLeaving = true;
      surplus -= 1;
    }
  }
  const p95 = (from: number, to: number): number => {
    const sorted = waits
      .filter(({ at }) => at >= from && at < to)
      .map(({ wait }) => wait)
      .sort((a, b) => a - b);
    return sorted[Math.floor(0.95 * sorted.length)] ?? 0;
  };
  return {
    p95,
    sizes,
    used,
    reasons,
    grown,
    left: queue.length,
    served: waits.length,
    patience: memory.patienceMillis,
  };
}

const tenth = () => 0.1;

suite('pm = auto', () => {
  test('a step: there within seconds, and no more than the rule says', () => {
    const { p95, sizes } = run({ seconds: 180, service: tenth, rate: (second) => (second < 60 ? 10 : 100) });
    assert.ok(sizes[50]! <= 6, `${sizes[50]}`);
    assert.ok(p95(70, 180) < 0.15, `${p95(70, 180)}`);
    // A load of 10 needs 15; a queue at the step asks for more for a moment.
    assert.ok(sizes.at(-1)! >= 13 && sizes.at(-1)! <= 26, `${sizes.at(-1)}`);
  });

  test('down slowly: hardly any goes in the first half minute, then step by step to what is needed', () => {
    const { sizes } = run({ seconds: 600, service: tenth, rate: (second) => (second < 100 ? 100 : 5) });
    const before = sizes[99]!;
    assert.ok(sizes[125]! >= 0.8 * before);
    assert.ok(sizes.at(-1)! <= 6, `${sizes.at(-1)}`);
    for (let second = 101; second < 600; second += 1)
      assert.ok(sizes[second - 1]! - sizes[second]! <= Math.max(1, before / 10), `${second}`);
  });

  test('a sine: it does not flap, and waits as little as a pool of the size of the peak', () => {
    const rate = (second: number) => 60 + 40 * Math.sin((2 * Math.PI * second) / 120);
    const auto = run({ seconds: 1200, service: tenth, rate });
    const fixed = run({ seconds: 1200, service: tenth, rate, fixed: 15 });
    assert.ok(
      auto.p95(60, 1200) <= fixed.p95(60, 1200) * 1.2 + 0.05,
      `${auto.p95(60, 1200)} ${fixed.p95(60, 1200)}`,
    );
    assert.ok(auto.grown < 60, `${auto.grown} workers were made`);
  });

  test('a flash crowd: served within the ceiling, and the ceiling is the reason', () => {
    const { sizes, reasons, p95 } = run({
      seconds: 240,
      service: tenth,
      most: 20,
      rate: (second) => (second > 60 && second < 90 ? 400 : 10),
    });
    assert.equal(Math.max(...sizes), 20);
    assert.ok(reasons.has('maximum'));
    assert.ok(p95(200, 240) < 0.1, 'and it is over');
  });

  test('a slow database: requests that wait get more workers, though the processor is busy', () => {
    const { p95, sizes } = run({
      seconds: 300,
      processor: 0.05,
      rate: () => 40,
      service: (second) => (second < 100 ? 0.1 : 1),
    });
    assert.ok(sizes.at(-1)! > 40 && p95(200, 300) < 0.3, `${sizes.at(-1)} ${p95(200, 300)}`);
  });

  test('a processor that is used up: no growth beyond it', () => {
    const { sizes, reasons } = run({ seconds: 120, processor: 1, rate: () => 60, service: tenth });
    assert.ok(reasons.has('processor'));
    assert.ok(Math.max(...sizes) <= 8, `${Math.max(...sizes)}`);
  });

  test('workers that leak: the budget holds, and requests are served on', () => {
    const { used, reasons, served } = run({
      seconds: 600,
      service: () => 0.2,
      rate: (second) => 60 + 20 * Math.sin(second / 30),
      budget: 600,
      workerSize: (requests) => 30 + requests * 0.02,
    });
    assert.ok(reasons.has('memory'));
    // A worker that has a request is not ended, so for a second it may be more.
    assert.ok(Math.max(...used) < 600 * 1.1, `${Math.max(...used)}`);
    assert.ok(served > 20_000, `${served}`);
  });

  test('a neighbour that takes memory: workers go at once, and come back when it has gone', () => {
    const { used, sizes } = run({
      seconds: 400,
      service: () => 0.5,
      rate: () => 30,
      budget: 1000,
      others: (second) => (second > 100 && second < 200 ? 700 : 100),
    });
    assert.ok(Math.max(...used.slice(105, 195)) <= 1030, `${Math.max(...used.slice(105, 195))}`);
    assert.ok(sizes[150]! <= 11 && sizes[150]! >= 1, `${sizes[150]}`);
    assert.ok(sizes[260]! >= 18, `${sizes[260]}`);
  });

  test('patience grows with flapping', () => {
    const { patience, grown } = run({
      seconds: 1500,
      service: tenth,
      rate: (second) => (second % 80 < 10 ? 200 : 2),
    });
    assert.ok(patience > 60_000, `${patience}`);
    assert.ok(grown < 300, `${grown}`);
  });

  test('budgets', () => {
    assert.deepEqual(parseBudget('80%'), { share: 0.8 });
    assert.deepEqual(parseBudget('4G'), { bytes: 4 * 2 ** 30 });
    assert.equal(budgetBytes({ share: 0.5 }, 1000), 500);
    for (const text of ['', '0%', '101%', '-1', '4X', '1.5G', '0'])
      assert.equal(parseBudget(text), undefined, text);
  });

  test('what grows is looked at ahead; what new workers took is no growth', () => {
    const before = { at: 0, used: 1000, running: 5, workerBytes: 40 };
    assert.equal(projectUse(undefined, before), 1000);
    assert.equal(projectUse(before, { ...before, at: 1000, used: 1100 }), 1250);
    assert.equal(projectUse(before, { ...before, at: 1000, used: 1080, running: 7 }), 1080);
    assert.equal(projectUse(before, { ...before, at: 1000, used: 900 }), 900);
    assert.equal(projectUse(before, { ...before, at: 9000, used: 2000 }), 2000, 'too long ago');
  });

  test('two pools share what there is: each its least, then by what a byte does', () => {
    const claims = [
      { name: 'heavy', load: 10, least: 1, wanted: 15, running: 10, workerBytes: 100 * megabyte },
      { name: 'light', load: 10, least: 2, wanted: 15, running: 5, workerBytes: 20 * megabyte },
    ];
    const shares = memoryCeilings(1200 * megabyte, 1300 * megabyte, claims);
    assert.equal(shares.get('light'), 15);
    assert.ok(shares.get('heavy')! < 10 && shares.get('heavy')! >= 1);
    assert.deepEqual(Object.fromEntries(memoryCeilings(0, 5000 * megabyte, claims)), { heavy: 1, light: 2 });
  });
});
