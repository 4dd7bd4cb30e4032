/** Dispatch, renewal and time limits of the pool, with threads that do what the test says. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { closeSync } from 'node:fs';
import { suite, type TestContext, test } from 'node:test';
import { Exchange } from '../../src/engine/embedded/host/exchange.ts';
import { HostPool } from '../../src/engine/embedded/host/host-pool.ts';
import { Pages } from '../../src/engine/embedded/host/pages.ts';
import { RequestAccounting } from '../../src/engine/embedded/host/request-accounting.ts';
import { BodyBudget } from '../../src/engine/embedded/host/request-body.ts';
import type { Thread } from '../../src/engine/embedded/host/worker-handle.ts';
import { WorkerLog } from '../../src/engine/embedded/host/worker-log.ts';
import { WorkerThreads } from '../../src/engine/embedded/host/worker-threads.ts';
import type { LimitAnswer } from '../../src/engine/embedded/php/time-limit.ts';
import { readRequest } from '../../src/engine/embedded/shared/message-text.ts';
import { type FromThread, sharedWord, type ToThread } from '../../src/engine/embedded/shared/protocol.ts';
import { ParamTable } from '../../src/engine/params.ts';
import type { ServerRequest } from '../../src/fastcgi/server-api.ts';
import { memoryFile } from '../../src/posix/descriptors.ts';
import { scoreboardSize } from '../../src/scoreboard/layout.ts';
import { ScoreboardWriter } from '../../src/scoreboard/writer.ts';
import { asBinary } from '../../src/text/binary.ts';

class FakeThread extends EventEmitter implements Thread {
  readonly words: Int32Array;
  readonly number: number;
  runs: number[] = [];
  limitAnswer: LimitAnswer = 'waiting';

  constructor(number: number, shared: SharedArrayBuffer) {
    super();
    this.number = number;
    this.words = new Int32Array(shared);
  }

  postMessage(message: ToThread): void {
    if (typeof message === 'string') this.runs.push(readRequest(message).id);
    else if (message.type === 'exit') this.emit('exit', 0);
  }

  terminate(): Promise<unknown> {
    this.emit('exit', 1);
    return Promise.resolve();
  }

  checkTimeLimit(): Promise<LimitAnswer> {
    return Promise.resolve(this.limitAnswer);
  }

  boot(): void {
    this.say({ type: 'up', tid: 100 + this.number, php: '8.4.1', extensions: [], zendExtensions: [] });
  }

  finish(more: Partial<Extract<FromThread, { type: 'done' }>> = {}): void {
    this.say({
      type: 'done',
      id: this.runs.at(-1) ?? 0,
      outcome: 'ok',
      status: 200,
      memoryPeak: 0,
      heapBytes: 0,
      cpuMicros: 0,
      user: '',
      rest: '',
      ...more,
    });
  }

  say(message: FromThread): void {
    this.emit('message', message);
  }
}

/** A request as seen by its client. */
class FakeRequest {
  text = '';
  errors = '';
  ends: number[] = [];
  readonly request: ServerRequest = {
    id: 1,
    role: 'RESPONDER',
    keepConnection: false,
    params: [],
    contentLength: 0,
    readBody: () => assert.fail('there is no body'),
    pauseBody: () => {},
    resumeBody: () => {},
    write: (bytes) => {
      this.text += Buffer.from(bytes).toString('latin1');
      return true;
    },
    writeError: (bytes) => {
      this.errors += Buffer.from(bytes).toString('latin1');
      return true;
    },
    onDrain: undefined,
    pendingBytes: 0,
    onAbort: undefined,
    end: (_appStatus = 0, protocolStatus = 0) => {
      this.ends.push(protocolStatus);
    },
  };
}

/** The second worker of the first slot: with a maximum of 40 its quota is 37, that is 40 less 0.618 of 5. */
function secondWorker({ pool, threads, said }: Pick<ReturnType<typeof setUp>, 'pool' | 'threads' | 'said'>) {
  pool.openWorker(0);
  threads[0]?.boot();
  pool.endWorker(0, 'quit');
  pool.openWorker(0);
  const worker = threads[1] ?? assert.fail('no second worker');
  worker.boot();
  said.length = 0;
  return worker;
}

function setUp(t: TestContext, options: { maxRequests?: number; queueLimit?: number } = {}) {
  const fd = memoryFile('scoreboard', scoreboardSize(2));
  t.after(() => closeSync(fd));
  const threads: FakeThread[] = [];
  const said: string[] = [];
  const link = {
    send: (words: readonly string[]) => said.push(words.join(' ')),
    log: (level: string, text: string) => said.push(`log ${level} ${text}`),
  };
  const workerThreads = new WorkerThreads(
    (number, shared) => {
      const thread = new FakeThread(number, shared);
      threads.push(thread);
      return thread;
    },
    () => assert.fail('a thread is stuck'),
  );
  const scoreboard = ScoreboardWriter.create(fd, 2);
  const pool = new HostPool({
    slots: [0, 2],
    firstLaneSlot: 2,
    onQueued: (length) => scoreboard.queued(length),
    priorities: [],
    maxRequests: options.maxRequests ?? 0,
    heapLimit: 1000,
    queueLimit: options.queueLimit ?? 10,
    waiting: { maxWait: 0, maxLength: 0 },
    threads: workerThreads,
    scoreboard,
    accounting: new RequestAccounting(asBinary('www'), scoreboard, undefined),
    link,
    workerLog: new WorkerLog(link, { isCaught: false, limit: 1024, level: 'notice' }),
  });
  const submit = (): { client: FakeRequest; exchange: Exchange } => {
    const client = new FakeRequest();
    const exchange = new Exchange({
      request: client.request,
      information: {
        method: asBinary('GET'),
        uri: asBinary('/a.php'),
        path: asBinary('/a.php'),
        query: asBinary(''),
        script: asBinary('/w/a.php'),
        user: asBinary(''),
        contentLength: 0,
        requestId: asBinary(''),
      },
      remoteAddress: '',
      params: new ParamTable([]),
      pages: new Pages('8.4.1', () => undefined),
      budget: new BodyBudget(),
      logsToClient: true,
      breakConnection: () => client.ends.push(-1),
      isClientGone: () => false,
      onAbort: (aborted) => pool.withdraw(aborted),
    });
    exchange.prepare({ script: '/w/a.php', phpSelf: '/a.php', isHandled: false }, () =>
      pool.submit(exchange),
    );
    return { client, exchange };
  };
  return { pool, threads, said, submit };
}

suite('renewal', () => {
  test('a spare is started near the end and taken without a boot', (t) => {
    const { pool, threads, said, submit } = setUp(t, { maxRequests: 10 });
    pool.openWorker(0);
    threads[0]?.boot();
    for (let served = 1; served <= 10; served++) {
      submit();
      threads[0]?.finish();
      assert.equal(threads.length, served < 9 ? 1 : 2, `after ${served} requests`);
      if (served === 9) threads[1]?.boot();
    }
    assert.deepEqual(said, ['up 0 101', 'ended 0 101 exit 0']);
    pool.openWorker(0);
    assert.deepEqual(said.slice(2), ['up 0 102']);
    assert.equal(threads.length, 2);
  });

  test('a worker at its quota serves until the spare is ready, but never over the limit', (t) => {
    const { pool, threads, said, submit } = setUp(t, { maxRequests: 40 });
    const worker = secondWorker({ pool, threads, said });
    for (let served = 1; served < 40; served++) {
      submit();
      worker.finish();
    }
    assert.equal(threads.length, 3, 'its spare is booting');
    assert.deepEqual(said, []);
    submit();
    worker.finish();
    assert.deepEqual(said, ['ended 0 102 exit 0']);
    assert.equal(worker.runs.length, 40);
  });

  test('a worker at its quota leaves as soon as the spare is ready', (t) => {
    const { pool, threads, said, submit } = setUp(t, { maxRequests: 40 });
    const worker = secondWorker({ pool, threads, said });
    for (let served = 1; served <= 37; served++) {
      if (served === 37) threads[2]?.boot();
      submit();
      worker.finish();
    }
    assert.deepEqual(said, ['ended 0 102 exit 0']);
  });

  test('a spare that was taken is followed by the next when another worker is near its end', (t) => {
    const { pool, threads, submit } = setUp(t, { maxRequests: 2 });
    for (const slot of [0, 1]) {
      pool.openWorker(slot);
      threads[slot]?.boot();
      submit();
    }
    for (const slot of [0, 1]) threads[slot]?.finish();
    assert.equal(threads.length, 3, 'one spare for two');
    submit();
    threads[2]?.boot();
    const leaving = [0, 1].find((slot) => threads[slot]?.runs.length === 2) ?? assert.fail('nobody runs');
    threads[leaving]?.finish();
    assert.equal(threads.length, 3);
    pool.openWorker(leaving);
    assert.equal(threads.length, 4, 'the next spare for the other one');
  });

  test('a worker that has grown too large is renewed', (t) => {
    const { pool, threads, said, submit } = setUp(t);
    pool.openWorker(1);
    threads[0]?.boot();
    submit();
    threads[0]?.finish({ heapBytes: 1001 });
    assert.deepEqual(said, ['up 1 101', 'ended 1 101 exit 0']);
  });

  test('a fatal error keeps the worker from the next request until it is clean', (t) => {
    const { pool, threads, said, submit } = setUp(t);
    pool.openWorker(0);
    threads[0]?.boot();
    submit();
    threads[0]?.finish({ outcome: 'bailout', status: 500 });
    const { client } = submit();
    assert.equal(threads[0]?.runs.length, 1);
    threads[0]?.boot();
    assert.equal(threads[0]?.runs.length, 2);
    threads[0]?.finish();
    assert.deepEqual(client.ends, [0]);
    assert.deepEqual(said, ['up 0 101']);
  });
});

test('only messages of PHP itself are marked as such', (t) => {
  const { pool, threads, submit } = setUp(t);
  pool.openWorker(0);
  threads[0]?.boot();
  const { client } = submit();
  const id = threads[0]?.runs.at(-1) ?? 0;
  threads[0]?.say({ type: 'log', id, author: 'php', bytes: Buffer.from('PHP Warning:  one') });
  threads[0]?.say({ type: 'log', id, author: 'sapi', bytes: Buffer.from('Unable to open') });
  threads[0]?.finish();
  assert.equal(client.errors, 'PHP message: PHP Warning:  one; Unable to open');
});

suite('order', () => {
  test('requests are served first come, first served, and over the limit are refused as overloaded', (t) => {
    const { pool, threads, submit } = setUp(t, { queueLimit: 2 });
    const early = [submit(), submit(), submit()];
    assert.deepEqual(
      early.map(({ client }) => client.ends),
      [[], [], [2]],
    );
    pool.openWorker(0);
    threads[0]?.boot();
    threads[0]?.finish();
    threads[0]?.finish();
    assert.deepEqual(threads[0]?.runs, [early[0]?.exchange.id, early[1]?.exchange.id]);
  });

  test('a drain with waiting requests and no worker starts one by itself and says nothing of it', (t) => {
    const { pool, threads, said, submit } = setUp(t);
    const { client } = submit();
    pool.prepareDrain();
    threads[0]?.boot();
    threads[0]?.finish();
    assert.deepEqual(client.ends, [0]);
    assert.deepEqual(said, []);
  });
});

suite('max_execution_time', () => {
  const start = (t: TestContext, answer: LimitAnswer) => {
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    const parts = setUp(t);
    parts.pool.openWorker(0);
    const thread = parts.threads[0] ?? assert.fail('no thread');
    thread.boot();
    thread.limitAnswer = answer;
    const { client } = parts.submit();
    Atomics.store(thread.words, sharedWord.executionSeconds, 1);
    Atomics.store(thread.words, sharedWord.executionLimit, 1);
    // The deadline is one millisecond of the real clock away.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3);
    t.mock.timers.tick(100);
    return { ...parts, thread, client };
  };

  test('a script that PHP cannot end is ended from outside', async (t) => {
    const { client, said } = start(t, 'stuck');
    await Promise.resolve();
    await Promise.resolve();
    assert.match(client.text, /^Status: 500 /);
    assert.deepEqual(said, ['up 0 101', 'ended 0 101 exit 255']);
  });

  test('a script whose time is not over goes on', async (t) => {
    const { client, said, thread } = start(t, 'waiting');
    await Promise.resolve();
    await Promise.resolve();
    t.mock.timers.tick(2500);
    assert.deepEqual(client.ends, []);
    thread.finish();
    assert.deepEqual(client.ends, [0]);
    assert.deepEqual(said, ['up 0 101']);
  });
});
