/** The cost of `engine.isolation = request`: every request is followed by a return to the state after the boot. */
import { poolText } from '../../tests/harness/pool.ts';
import { startServer } from '../../tests/harness/server.ts';
import type { Figure } from '../lib/figure.ts';
import { requestBytes, sendStream } from '../lib/requests.ts';
import { summarize } from '../lib/statistics.ts';
import type { Workload } from '../lib/workload.ts';

const modes = ['worker', 'request'] as const;
type Mode = (typeof modes)[number];

export const isolation: Workload = {
  name: 'isolation',
  title: 'engine.isolation, hello world',
  async measure({ rounds, seconds }) {
    await using server = await startServer({
      kind: 'hathi',
      pools: (folder) => modes.map((mode) => poolText(folder, mode, `engine.isolation = ${mode}`)).join(''),
    });
    const script = server.folder.write('www/hello.php', '<?php echo "hello";');
    const time = async (mode: Mode): Promise<number> => {
      const stream = { socket: server.socket(mode), request: requestBytes(script), ending: 'hello' };
      const { perSecond } = await sendStream({ ...stream, clients: 1, keep: true, seconds });
      return 1000 / perSecond;
    };
    for (const mode of modes) await time(mode);
    const times: Record<Mode, number[]> = { worker: [], request: [] };
    for (let round = 0; round < rounds; round++) {
      const order = round % 2 === 0 ? modes : modes.toReversed();
      for (const mode of order) times[mode].push(await time(mode));
    }
    const cost = times.request.map((value, round) => value - (times.worker[round] ?? Number.NaN));
    const figure = (label: string, values: readonly number[], note?: string): Figure => ({
      label,
      unit: 'ms',
      hathi: summarize(values),
      ...(note === undefined ? {} : { note }),
    });
    return [
      figure('a request, isolation = worker', times.worker),
      figure('a request, isolation = request', times.request),
      figure(
        'cost of the return',
        cost,
        'one client without a pause; with pauses it is done before the next request',
      ),
    ];
  },
};
