/**
 * Loaded into a server's own processes by `--import`: writes the sizes of the main thread's JavaScript memory to a
 * file again and again, so that growth can be told apart from that of PHP and of the sockets.
 */
import { openSync, writeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const intervalMs = 10;
const folder = process.env['HATHI_BENCH_HEAP'];

if (isMainThread && folder !== undefined) {
  const fd = openSync(`${folder}/${process.pid}.jsonl`, 'w');
  const look = (): void => {
    const { heapTotal, external } = process.memoryUsage();
    writeSync(fd, `${JSON.stringify({ heap: heapTotal, external })}\n`);
  };
  setInterval(look, intervalMs).unref();
}
