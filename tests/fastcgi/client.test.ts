import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { after } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { FastCgiClient, requestFastCgi } from '../../src/fastcgi/client.ts';
import { recordType } from '../../src/fastcgi/records.ts';
import { ServerConnection, type ServerLimits, type ServerRequest } from '../../src/fastcgi/server.ts';
import { endRequest, record } from '../../src/fastcgi/writer.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'hathi-fastcgi-'));
after(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;

interface TestServer extends AsyncDisposable {
  readonly path: string;
  readonly sockets: net.Socket[];
}

async function listen(onSocket: (socket: net.Socket) => void): Promise<TestServer> {
  const socketPath = path.join(folder, `${count++}.sock`);
  const sockets: net.Socket[] = [];
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    onSocket(socket);
  });
  server.listen(socketPath);
  await once(server, 'listening');
  return {
    path: socketPath,
    sockets,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function serve(
  onRequest: (request: ServerRequest) => void,
  limits: Partial<ServerLimits> = {},
): Promise<TestServer> {
  return listen((socket) => {
    new ServerConnection(socket, { onRequest, onProtocolError: () => {}, onClose: () => {} }, limits);
  });
}

function collect(): { text: () => string; onStdout: (chunk: Uint8Array) => void } {
  const chunks: Uint8Array[] = [];
  return {
    text: () => Buffer.concat(chunks).toString('latin1'),
    onStdout: (chunk) => {
      chunks.push(chunk);
    },
  };
}

const megabyte = 1024 * 1024;
const size = 20 * megabyte;

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** Bytes in use once what nobody holds is collected. */
function liveBytes(): number {
  // The first collection leaves the memory of dead array buffers to a thread; the second waits for that.
  collectGarbage();
  collectGarbage();
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
}

/** A body that tells how much of it was taken, and holds one buffer only. */
async function* counted(taken: { bytes: number }): AsyncGenerator<Uint8Array> {
  const piece = Buffer.alloc(64 * 1024, 'x');
  for (; taken.bytes < size; taken.bytes += piece.length) yield piece;
}

test('20 MB up and down at the speed of the slower side, in a few megabytes of memory', async () => {
  await using server = await serve((request) => {
    request.readBody(
      (chunk) => {
        if (request.write(Buffer.from(chunk))) return;
        request.pauseBody();
        request.onDrain = () => request.resumeBody();
      },
      (complete) => request.end(complete ? 0 : 1),
    );
  });
  const taken = { bytes: 0 };
  let got = 0;
  let ahead = 0;
  let grown = 0;
  const before = liveBytes();
  const result = await requestFastCgi({
    connect: { path: server.path },
    params: [['CONTENT_LENGTH', String(size)]],
    body: counted(taken),
    onStdout: async (chunk) => {
      got += chunk.length;
      ahead = Math.max(ahead, taken.bytes - got);
      if (got % (4 * megabyte) >= chunk.length) return;
      await delay(5);
      grown = Math.max(grown, liveBytes() - before);
    },
  });
  assert.deepEqual(result, { appStatus: 0 });
  assert.equal(got, size);
  assert.ok(ahead < 4 * megabyte, `the client was ${ahead} bytes ahead of what came back`);
  assert.ok(grown < 8 * megabyte, `memory grew by ${grown} bytes`);
});

test('STDERR, application status and several pieces arrive apart', async () => {
  await using server = await serve((request) => {
    request.writeError(Buffer.from('warn'));
    request.write(Buffer.from('out'));
    request.end(3);
  });
  const out = collect();
  let errors = '';
  const result = await requestFastCgi({
    connect: { path: server.path },
    params: [],
    onStdout: out.onStdout,
    onStderr: (chunk) => {
      errors += Buffer.from(chunk).toString();
    },
  });
  assert.deepEqual([out.text(), errors, result], ['out', 'warn', { appStatus: 3 }]);
});

test('keepConnection: one connection for requests in a row, a second one for requests at once', async () => {
  await using server = await serve((request) => {
    request.readBody(
      () => {},
      () => request.end(),
    );
  });
  const client = new FastCgiClient({ path: server.path }, { keepConnection: true });
  const one = (): Promise<unknown> => client.request({ params: [['A', 'b']], onStdout: () => {} });
  await one();
  await one();
  assert.equal(server.sockets.length, 1);
  await Promise.all([one(), one()]);
  assert.equal(server.sockets.length, 2);
  client.close();
});

test('a kept connection that the application has closed: GET is sent again, POST is not', async () => {
  let requests = 0;
  let deaths = 1;
  await using server = await listen((socket) => {
    new ServerConnection(socket, {
      onRequest: (request) => {
        requests++;
        const dies = request.params.some(([name]) => name === 'DIE') && deaths-- > 0;
        if (dies) socket.destroy();
        else request.end();
      },
      onProtocolError: () => {},
      onClose: () => {},
    });
  });
  const client = new FastCgiClient({ path: server.path }, { keepConnection: true });
  const send = (method: string, ...extra: [string, string][]): Promise<unknown> =>
    client.request({ params: [['REQUEST_METHOD', method], ...extra], onStdout: () => {} });
  await send('GET');
  await send('GET', ['DIE', '1']);
  assert.equal(requests, 3);
  deaths = 1;
  await assert.rejects(send('POST', ['DIE', '1']), { name: 'FastCgiError' });
  client.close();
});

test('the application answers before the body is sent: the response counts, the rest is not sent', async () => {
  await using server = await serve((request) => {
    request.write(Buffer.from('too large'));
    request.end();
  });
  const out = collect();
  const taken = { bytes: 0 };
  await requestFastCgi({
    connect: { path: server.path },
    params: [['CONTENT_LENGTH', String(size)]],
    body: counted(taken),
    onStdout: out.onStdout,
  });
  assert.equal(out.text(), 'too large');
  assert.ok(taken.bytes < size);
});

test('abort closes the connection, which the application sees', async () => {
  const aborted = Promise.withResolvers<void>();
  const controller = new AbortController();
  await using server = await serve((request) => {
    request.onAbort = aborted.resolve;
    const more = (): void => {
      if (request.write(Buffer.alloc(65528))) setImmediate(more);
      else request.onDrain = more;
    };
    more();
  });
  await assert.rejects(
    requestFastCgi({
      connect: { path: server.path },
      params: [],
      onStdout: () => controller.abort(new Error('enough')),
      signal: controller.signal,
    }),
    { code: 'aborted', message: /enough/ },
  );
  await aborted.promise;
});

test('a consumer and a body that fail end the request with their reason', async () => {
  await using server = await serve((request) => request.write(Buffer.from('x')));
  const connect = { path: server.path };
  const failing = async (): Promise<void> => {
    throw new Error('disk full');
  };
  await assert.rejects(requestFastCgi({ connect, params: [], onStdout: failing }), {
    code: 'aborted',
    message: /disk full/,
  });
  // biome-ignore lint/correctness/useYield: it fails before it has anything to yield
  const body = (async function* (): AsyncGenerator<Uint8Array> {
    throw new Error('no such file');
  })();
  await assert.rejects(requestFastCgi({ connect, params: [], body, onStdout: () => {} }), {
    code: 'aborted',
    message: /no such file/,
  });
});

test('no application at the address', async () => {
  await assert.rejects(
    requestFastCgi({ connect: { path: path.join(folder, 'none') }, params: [], onStdout: () => {} }),
    { code: 'connect-failed', message: /ENOENT/ },
  );
});

for (const [about, answer, code] of [
  ['closes without an answer', Buffer.alloc(0), 'unexpected-end'],
  [
    'closes inside a record',
    record(recordType.stdout, 1, Buffer.alloc(100)).subarray(0, 50),
    'unexpected-end',
  ],
  ['speaks HTTP', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), 'bad-version'],
  ['answers another request', record(recordType.stdout, 2, Buffer.from('x')), 'unexpected-record'],
  ['sends what only a client sends', record(recordType.stdin, 1, Buffer.from('x')), 'unexpected-record'],
  ['ends with 4 bytes', record(recordType.endRequest, 1, Buffer.alloc(4)), 'bad-end-length'],
  ['is overloaded', endRequest(1, 0, 2), 'refused'],
] as const) {
  test(`an application that ${about}: ${code}`, async () => {
    await using server = await listen((socket) => {
      socket.on('error', () => {});
      socket.resume();
      socket.end(answer);
    });
    await assert.rejects(requestFastCgi({ connect: { path: server.path }, params: [], onStdout: () => {} }), {
      code,
    });
  });
}
