/** The native engine's memory: a host with 16 workers, against php-fpm's master with 16 children. */
import { poolText } from '../../tests/harness/pool.ts';
import type { Server } from '../../tests/harness/server.ts';
import { memoryOf } from '../lib/memory.ts';
import { Pair } from '../lib/pair.ts';
import { requestBytes, sendStream, timeOnce } from '../lib/requests.ts';
import type { Workload } from '../lib/workload.ts';

const workers = 16;

/** Busy for as long as it takes until every other worker has its request, too. */
const holding = `<?php usleep(200_000); echo 'hello';`;

/** MiB of the PHP processes: php-fpm's master is one, ours is Node. */
function sizeOf(server: Server): number {
  const pids = server.workers().map(({ pid }) => pid);
  if (server.kind === 'php-fpm') pids.push(server.pid);
  if (pids.length !== workers + 1) throw new Error(`${pids.length} processes instead of ${workers + 1}`);
  return pids.reduce((sum, pid) => sum + memoryOf(pid).pss, 0);
}

export const nativeMemory: Workload = {
  name: 'native-memory',
  title: 'Native engine: memory (PSS) of host and 16 workers',
  async measure({ seconds }) {
    await using pair = await Pair.start(
      (folder) => poolText(folder, 'www', `pm.max_children = ${workers}`),
      (folder) => {
        folder.write('www/hello.php', '<?php echo "hello";');
        folder.write('www/holding.php', holding);
      },
      'native',
    );
    const idle = new Map(pair.servers.map((server) => [server, sizeOf(server)]));
    const result = await pair.compare(1, async (server) => {
      const socket = server.socket();
      const held = requestBytes(server.folder.join('www/holding.php'), { keep: false });
      await Promise.all(Array.from({ length: workers }, () => timeOnce(socket, held, 'hello')));
      const request = requestBytes(server.folder.join('www/hello.php'), { keep: false });
      await sendStream({ socket, request, ending: 'hello', clients: workers, keep: false, seconds });
      return { idle: idle.get(server) ?? Number.NaN, loaded: sizeOf(server) };
    });
    return [
      { label: 'before the first request', unit: 'MiB', ...result.idle },
      {
        label: 'after load',
        unit: 'MiB',
        ...result.loaded,
        target: { of: 'ratio', limit: 'at most', value: 1.15 },
        note: "without Hathi's master, which is a Node process; with php-fpm's",
      },
    ];
  },
};
