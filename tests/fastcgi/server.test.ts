import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import test, { mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { recordType } from '../../src/fastcgi/records.ts';
import { ServerConnection, type ServerRequest } from '../../src/fastcgi/server.ts';
import { abortRequest, beginRequest, endOfStream, record } from '../../src/fastcgi/writer.ts';
import { ConnectionHarness, head, stdin } from './connection-harness.ts';
import { loadCorpus } from './corpus.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const endOfStdin = endOfStream(recordType.stdin, 1);

/** For callbacks that must not come. */
function unexpected(): never {
  throw new Error('Cannot be called: nothing was to be delivered');
}

/** Answers with the body it was sent. */
function echo(request: ServerRequest): void {
  let body = '';
  request.readBody(
    (chunk) => {
      body += Buffer.from(chunk).toString('latin1');
    },
    (complete) => {
      request.write(bytes(`${complete}:${body}`));
      request.end();
    },
  );
}

test('a response ends with empty STDOUT and END_REQUEST; STDERR is ended when it was used', async () => {
  const harness = new ConnectionHarness((request) => {
    request.writeError(bytes('oops'));
    request.write(bytes('hello'));
    request.end(258, 0);
    request.end();
  });
  harness.send(head(1, false), endOfStdin);
  assert.equal((await harness.endRequest()).toString('hex'), '0000010200000000');
  assert.deepEqual(
    harness.received.map(({ type, content }) => [type, content.toString('latin1', 0, 5)]),
    [
      [recordType.stderr, 'oops'],
      [recordType.stdout, 'hello'],
      [recordType.stdout, ''],
      [recordType.stderr, ''],
      [recordType.endRequest, '\x00\x00\x01\x02\x00'],
    ],
  );
  await harness.closed;
  assert.deepEqual(harness.calls, ['start', 'request', 'close']);
});

test('a kept connection serves request after request and closes when the client does', async () => {
  const harness = new ConnectionHarness(echo);
  for (let id = 1; id <= 3; id++) {
    harness.send(
      head(id, true, ['CONTENT_LENGTH', '3']),
      stdin(id, `ab${id}`),
      endOfStream(recordType.stdin, id),
    );
    await harness.endRequest(id);
  }
  assert.equal(harness.text(recordType.stdout), 'true:ab1true:ab2true:ab3');
  assert.ok(harness.connection.isIdle);
  harness.client.end();
  await harness.closed;
  assert.deepEqual(harness.errors, []);
});

test('a request that was sent before the answer to the last one is served next', async () => {
  const harness = new ConnectionHarness(echo);
  harness.send(head(1, true), endOfStdin, head(1, true), endOfStdin);
  await harness.endRequest(2);
  assert.equal(harness.text(recordType.stdout), 'true:true:');
  harness.client.end();
  await harness.closed;
});

/** Answers in a later turn, with what the request asks for. */
function later(request: ServerRequest): void {
  setImmediate(() => {
    request.write(bytes(`${request.params.map(([, value]) => value).join()};`));
    request.end();
  });
}

for (const [what, pieces, answer] of [
  [
    'all at once',
    [
      [1, true, 'a'],
      [1, true, 'b'],
      [1, true, 'c'],
    ],
    'a;b;c;',
  ],
  [
    'behind one that is not to keep the connection',
    [
      [1, false, 'a'],
      [1, true, 'b'],
    ],
    'a;',
  ],
  [
    'the last of which is not to keep the connection',
    [
      [1, true, 'a'],
      [1, false, 'b'],
    ],
    'a;b;',
  ],
] as const) {
  test(`requests of one id, ${what}, wait for the answer to the one before`, async () => {
    const harness = new ConnectionHarness(later);
    harness.send(...pieces.flatMap(([id, keeps, name]) => [head(id, keeps, ['N', name]), endOfStdin]));
    harness.client.end();
    await harness.closed;
    assert.equal(harness.text(recordType.stdout), answer);
    assert.deepEqual(harness.errors, []);
  });
}

test('a request that begins inside the body of another one of its id is an error', async () => {
  const harness = new ConnectionHarness(echo);
  harness.send(head(1, true, ['CONTENT_LENGTH', '3']), stdin(1, 'ab'), head(1, true));
  await harness.closed;
  assert.equal(harness.errors[0]?.code, 'unexpected-record');
});

test('the body waits in the socket until it is asked for, and pauses when told', async () => {
  const { promise, resolve } = Promise.withResolvers<ServerRequest>();
  const harness = new ConnectionHarness(resolve);
  const size = 4 * 1024 * 1024;
  harness.send(head(1, false, ['CONTENT_LENGTH', String(size)]));
  const piece = record(recordType.stdin, 1, Buffer.alloc(65528));
  let sent = 0;
  const push = (): void => {
    while (sent < size) {
      const content = Math.min(65528, size - sent);
      sent += content;
      const whole = content === 65528 ? piece : record(recordType.stdin, 1, Buffer.alloc(content));
      if (!harness.client.write(whole)) return;
    }
  };
  harness.client.on('drain', push);
  push();
  const request = await promise;
  await turn();
  await turn();
  assert.ok(sent < size / 4, `${sent} bytes were taken before anybody wanted them`);
  let got = 0;
  const end = Promise.withResolvers<boolean>();
  request.readBody((chunk) => {
    got += chunk.length;
    request.pauseBody();
    const seen = got;
    setImmediate(() => {
      assert.equal(got, seen, 'a piece came while paused');
      request.resumeBody();
    });
  }, end.resolve);
  assert.equal(await end.promise, true);
  assert.equal(got, size);
  request.end();
  harness.client.end();
  await harness.closed;
});

test('ABORT_REQUEST: onAbort, then END_REQUEST', async () => {
  let aborted = 0;
  const harness = new ConnectionHarness((request) => {
    request.onAbort = () => {
      aborted++;
      assert.equal(request.write(bytes('late words')), true);
    };
  });
  harness.send(head(1, false), abortRequest(1));
  await harness.endRequest();
  assert.equal(aborted, 1);
  assert.equal(harness.text(recordType.stdout), 'late words');
});

test('a client that goes away: onAbort once, writes are harmless, no error escapes', async () => {
  const { promise, resolve } = Promise.withResolvers<ServerRequest>();
  const harness = new ConnectionHarness(resolve);
  harness.send(head(1, false));
  const request = await promise;
  const aborted = new Promise<void>((done) => {
    request.onAbort = done;
  });
  harness.connection.destroy();
  await aborted;
  await harness.closed;
  assert.equal(request.write(bytes('x')), true);
  assert.equal(request.pendingBytes, 0);
  request.end();
  request.readBody(unexpected, unexpected);
  assert.deepEqual(harness.calls, ['start', 'request', 'close']);
});

test('a half-close is harmless', async () => {
  const harness = new ConnectionHarness((request) => {
    harness.client.once('finish', () =>
      setImmediate(() => {
        request.write(bytes('still here'));
        request.end();
      }),
    );
    harness.client.end();
  });
  harness.send(head(1, true), endOfStdin);
  await harness.ended;
  assert.equal(harness.text(recordType.stdout), 'still here');
  await harness.closed;
});

test('an unread body closes a kept connection, after the response is out', async () => {
  const harness = new ConnectionHarness((request) => {
    request.write(bytes('no thanks'));
    request.end();
  });
  harness.send(head(1, true, ['CONTENT_LENGTH', '100']), stdin(1, 'abc'));
  await harness.ended;
  assert.equal(harness.text(recordType.stdout), 'no thanks');
  harness.client.end();
  await harness.closed;
  assert.equal(harness.calls.filter((call) => call === 'request').length, 1);
});

test('a protocol error after a response does not take the response away', async () => {
  const harness = new ConnectionHarness(echo);
  harness.send(head(1, true), stdin(1, 'surplus'));
  await harness.ended;
  assert.equal(harness.text(recordType.stdout), 'true:');
  harness.client.end();
  await harness.closed;
  assert.equal(harness.errors[0]?.code, 'unexpected-record');
});

test('the body limit refuses by CONTENT_LENGTH, before a byte of the body', async () => {
  const harness = new ConnectionHarness(unexpected, { bodyBytes: 10 });
  harness.send(head(1, false, ['CONTENT_LENGTH', '11']));
  await harness.closed;
  assert.equal(harness.errors[0]?.code, 'body-too-large');
});

test('a peer that asks for values and never reads is not read on either', async () => {
  const harness = new ConnectionHarness(unexpected, {}, false);
  const question = record(recordType.getValues, 0, bytes('\x0f\x00FCGI_MPXS_CONNS'));
  let taken = 0;
  while (taken < 100_000 && harness.client.write(question)) taken++;
  for (let idle = 0; idle < 50; idle++) {
    await turn();
    while (taken < 100_000 && harness.client.write(question)) taken++;
  }
  assert.ok(taken < 50_000, `${taken} questions were taken`);
  harness.connection.destroy();
  await harness.closed;
});

test('a peer that asks again and again and never reads gets no further answer', async () => {
  let answered = 0;
  const harness = new ConnectionHarness(
    (request) => {
      answered += 1;
      request.write(new Uint8Array(100_000));
      request.end();
    },
    {},
    false,
  );
  for (let asked = 0; asked < 200; asked += 1)
    harness.client.write(Buffer.concat([head(1, true), endOfStdin]));
  for (let idle = 0; idle < 50; idle++) await turn();
  assert.ok(answered < 50, `${answered} answers were given`);
  harness.connection.destroy();
  await harness.closed;
});

test('closeWhenIdle closes an idle connection, but serves a request that is on its way', async () => {
  const idle = new ConnectionHarness(echo);
  idle.connection.closeWhenIdle();
  await idle.ended;
  idle.client.end();
  await idle.closed;

  const busy = new ConnectionHarness(echo);
  busy.connection.closeWhenIdle();
  busy.send(head(1, true), endOfStdin);
  await busy.endRequest();
  await busy.closed;
  assert.equal(busy.text(recordType.stdout), 'true:');
});

test('head, body and end of a response leave in one write', async () => {
  const writes: number[] = [];
  const server = net.createServer((socket) => {
    const write = socket.write.bind(socket);
    socket.write = (chunk: Uint8Array) => {
      writes.push(chunk.length);
      return write(chunk);
    };
    new ServerConnection(socket, {
      onRequest: (request) => {
        request.write(bytes('Content-type: text/plain\r\n\r\n'));
        request.write(bytes('hello'));
        request.end();
      },
      onProtocolError: assert.fail,
      onClose: () => server.close(),
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
  client.end(Buffer.concat([head(1, false), endOfStdin]));
  let received = 0;
  client.on('data', (chunk) => {
    received += chunk.length;
  });
  await Promise.all([once(server, 'close'), once(client, 'close')]);
  assert.deepEqual(writes, [received]);
  assert.ok(received > 40);
});

test('a reset by the peer is an abort and not an unhandled error', async () => {
  const outcome = Promise.withResolvers<string[]>();
  const calls: string[] = [];
  const server = net.createServer((socket) => {
    new ServerConnection(socket, {
      onRequest: (request) => {
        request.onAbort = () => calls.push('abort');
        client.resetAndDestroy();
      },
      onProtocolError: (error) => calls.push(error.code),
      onClose: () => {
        calls.push('close');
        server.close(() => outcome.resolve(calls));
      },
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
  client.write(head(1, false));
  assert.deepEqual(await outcome.promise, ['abort', 'close']);
});

test('every corpus file ends with a closed connection once the client has ended its side', async () => {
  for (const row of loadCorpus()) {
    const harness = new ConnectionHarness(echo);
    harness.client.end(row.input);
    await harness.closed;
    assert.ok(harness.errors.length <= 1, row.name);
    const failed = row.events.some(
      (event) => typeof event === 'object' && event !== null && 'failed' in event,
    );
    if (row.application === 'reads and ends' && failed) assert.equal(harness.errors.length, 1, row.name);
  }
});

const partial = beginRequest(1, 1, false).subarray(0, 11);
for (const row of [
  { about: 'no first byte: closed in silence', limit: 'headerTimeout', input: [], code: undefined },
  { about: 'half a header', limit: 'headerTimeout', input: [partial], code: 'header-timeout' },
  {
    about: 'a body that does not come',
    limit: 'bodyTimeout',
    input: [head(1, true, ['CONTENT_LENGTH', '9'])],
    code: 'body-timeout',
  },
  {
    about: 'no next request: closed in silence',
    limit: 'keepAliveTimeout',
    input: [head(1, true), endOfStdin],
    code: undefined,
  },
] as const) {
  test(`timeout: ${row.about}`, async (context) => {
    context.mock.timers.enable({ apis: ['setTimeout'] });
    const harness = new ConnectionHarness(echo, { [row.limit]: 1234 });
    for (const input of row.input) harness.send(input);
    for (let count = 0; count < 5; count++) await turn();
    context.mock.timers.tick(1233);
    await turn();
    assert.ok(!harness.calls.includes('close') && harness.errors.length === 0, 'not before its time');
    context.mock.timers.tick(2);
    harness.client.end();
    await harness.closed;
    assert.deepEqual(
      harness.errors.map((error) => error.code),
      row.code === undefined ? [] : [row.code],
    );
  });
}

test('a client that never ends its side is left after the linger time', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const harness = new ConnectionHarness((request) => request.end(), { lingerTimeout: 777 });
  harness.send(head(1, false, ['CONTENT_LENGTH', '5']));
  await harness.ended;
  await turn();
  assert.ok(!harness.calls.includes('close'));
  context.mock.timers.tick(778);
  await harness.closed;
});

test('a peer that does not take the response is given up after the send time', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const harness = new ConnectionHarness(
    (request) => {
      request.write(Buffer.alloc(1024 * 1024));
      request.end();
    },
    { sendTimeout: 500 },
    false,
  );
  harness.send(head(1, false), endOfStdin);
  for (let count = 0; count < 5; count++) await turn();
  for (let count = 0; count < 4; count++) context.mock.timers.tick(501);
  await harness.closed;
  assert.equal(harness.errors[0]?.code, 'send-timeout');
});

test('no timer is left when a connection is over', async () => {
  const set = mock.method(globalThis, 'setTimeout');
  const harness = new ConnectionHarness(echo);
  harness.send(head(1, true, ['CONTENT_LENGTH', '3']));
  await turn();
  harness.send(stdin(1, 'abc'), endOfStdin);
  await harness.endRequest();
  harness.client.end();
  await harness.closed;
  const timers = set.mock.calls.map((call) => call.result as NodeJS.Timeout & { _destroyed?: boolean });
  set.mock.restore();
  assert.ok(timers.length > 0);
  assert.deepEqual(
    timers.filter((timer) => timer._destroyed !== true),
    [],
  );
});
