/** `hathi serve` from its command line to the first byte of a page, when everything has been read from disk before. */
import { connect } from 'node:net';
import { RunningCommand } from '../../tests/harness/child.ts';
import { TestFolder } from '../../tests/harness/folder.ts';
import { cleanEnv, isRoot, serverCommand } from '../../tests/harness/server.ts';
import { poll } from '../../tests/harness/waiting.ts';
import { freePort } from '../../tests/harness/web-server.ts';
import { summarize } from '../lib/statistics.ts';
import { atMost, type Workload } from '../lib/workload.ts';

interface Start {
  /** Milliseconds until its port takes connections. */
  readonly listening: number;
  /** Milliseconds until the first byte of the first page. */
  readonly firstByte: number;
}

const startCap = 30_000;

/** Resolves with true when something listens there. */
function answers(port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(undefined));
    socket.once('connect', () => socket.destroy());
  });
}

async function start(folder: TestFolder): Promise<Start> {
  const port = await freePort();
  const user = isRoot ? ['--user', 'www-data'] : [];
  const begin = performance.now();
  await using serve = new RunningCommand(
    serverCommand('hathi'),
    ['serve', '--port', String(port), ...user, folder.join('public')],
    { env: cleanEnv({ TMPDIR: folder.join('tmp') }) },
  );
  await poll('the port', () => answers(port), startCap);
  const listening = performance.now() - begin;
  const response = await fetch(`http://127.0.0.1:${port}/`);
  const firstByte = performance.now() - begin;
  const body = await response.text();
  if (body !== 'hello') throw new Error(`a wrong page: ${response.status} ${body}`);
  await serve.stop();
  return { listening, firstByte };
}

export const serveStart: Workload = {
  name: 'serve-start',
  title: 'Start of hathi serve, not the first one',
  async measure(plan) {
    using folder = new TestFolder('hathi-bench-');
    folder.write('public/index.php', '<?php echo "hello";');
    folder.mkdir('tmp', 0o1777);
    await start(folder);
    const starts: Start[] = [];
    for (let round = 0; round < atMost(5, plan); round++) starts.push(await start(folder));
    return [
      {
        label: 'command to first byte of a page',
        unit: 'ms',
        hathi: summarize(starts.map(({ firstByte }) => firstByte)),
        target: { of: 'hathi', limit: 'at most', value: 1200 },
      },
      {
        label: 'of that, until the port is open',
        unit: 'ms',
        hathi: summarize(starts.map(({ listening }) => listening)),
        note: 'one Node, the modules, configuration; the rest is the engine host, a second Node',
      },
    ];
  },
};
