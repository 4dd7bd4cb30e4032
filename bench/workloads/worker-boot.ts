/** How long it takes until a worker can run PHP. A real master hides most of it; here a bare host is driven by hand. */
import { FakeMaster } from '../../tests/embedded/fake-master.ts';
import { TestFolder } from '../../tests/harness/folder.ts';
import { summarize } from '../lib/statistics.ts';
import { atMost, type Workload } from '../lib/workload.ts';

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

/** A heap limit that every request exceeds, so that the thread renews its instance after each. */
const alwaysRenewed = 1;

/** Milliseconds from the end of a request to the end of the next one, with a renewal in between. */
async function recycleInPlace(rounds: number): Promise<number[]> {
  // Compiles PHP in this process, so it is loaded only when that disturbs no other measurement.
  const { PhpThread } = await import('../../tests/embedded/php-thread.ts');
  using folder = new TestFolder('hathi-bench-');
  const script = folder.write('hello.php', '<?php echo "hello";');
  const thread = await PhpThread.start({ heapLimit: alwaysRenewed });
  const times: number[] = [];
  try {
    for (let round = 0; round <= rounds; round++) {
      times.push(await timed(() => thread.run(script)));
    }
  } finally {
    await thread.stop();
  }
  // The first request found the instance of the thread's start.
  return times.slice(1);
}

export const workerBoot: Workload = {
  name: 'boot',
  title: 'Boot of a worker',
  async measure(plan) {
    const rounds = atMost(5, plan);
    const host: number[] = [];
    const further: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const begin = performance.now();
      await using master = await FakeMaster.ready({ slots: 3 });
      host.push(performance.now() - begin);
      // The first slot gets the worker that the host booted to see whether PHP starts at all.
      await master.startWorker(0);
      further.push(await timed(() => master.startWorker(1)));
      further.push(await timed(() => master.startWorker(2)));
    }
    return [
      {
        label: 'engine host with its first worker',
        unit: 'ms',
        hathi: summarize(host),
        note: 'a Node, its modules, compiling PHP, and the worker',
      },
      {
        label: 'a further worker',
        unit: 'ms',
        hathi: summarize(further),
        target: { of: 'hathi', limit: 'at most', value: 220 },
      },
      {
        label: 'recycling in place',
        unit: 'ms',
        hathi: summarize(await recycleInPlace(rounds * 2)),
        target: { of: 'hathi', limit: 'at most', value: 110 },
        note: 'a new instance in the same thread; the host renews by a warm spare thread instead, see recycling',
      },
    ];
  },
};
