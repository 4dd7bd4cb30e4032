import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { createServer } from 'node:net';
import { test } from 'node:test';
import type { ServerRequest } from '../../src/fastcgi/server.ts';
import { type Front, type FrontOptions, startFront } from '../../src/http/front.ts';
import type { RequestRecord } from '../../src/http/log.ts';
import { TestFolder } from '../harness/folder.ts';
import { poll, within } from '../harness/waiting.ts';
import { bodyOf, reply, startApplication } from './application.ts';
import { ask, dial, sendRaw } from './client.ts';

const html = 'Content-Type: text/html\r\n\r\n';

interface Stage extends AsyncDisposable {
  readonly front: Front;
  readonly records: RequestRecord[];
  /** Fulfilled with the next record. */
  nextRecord(): Promise<RequestRecord>;
}

/** A front before an application that answers with a function. */
async function stage(
  answer: (request: ServerRequest) => void,
  options: Partial<FrontOptions> = {},
): Promise<Stage> {
  const application = await startApplication(answer);
  application.folder.write('site/index.php', '');
  const records: RequestRecord[] = [];
  let waiting: ((record: RequestRecord) => void) | undefined;
  const front = await startFront({
    docroot: application.folder.join('site'),
    host: '127.0.0.1',
    port: 0,
    connect: { path: application.socket },
    onRequest: (record) => {
      records.push(record);
      waiting?.(record);
    },
    ...options,
  });
  return {
    front,
    records,
    nextRecord: () => within(new Promise((resolve) => (waiting = resolve)), 'a log record'),
    async [Symbol.asyncDispose]() {
      await front.stop();
      await application[Symbol.asyncDispose]();
    },
  };
}

test('status, several cookies and binary values arrive as PHP wrote them', async () => {
  await using s = await stage((r) =>
    reply(
      r,
      `Status: 418 Elephant\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Name: \xe0\xa4\xb9\r\n${html}\x00\xff`,
    ),
  );
  const { status, headers, body } = await ask(s.front.port, '/');
  assert.equal(status, 418);
  assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2']);
  assert.equal(headers['x-name'], '\xe0\xa4\xb9');
  assert.deepEqual([...body], [0, 255]);
});

test('a Location alone is a redirect', async () => {
  await using s = await stage((r) => reply(r, 'Location: /there\r\n\r\n'));
  const { status, headers } = await ask(s.front.port, '/');
  assert.equal(status, 302);
  assert.equal(headers.location, '/there');
});

test('hop-by-hop fields of the application are dropped', async () => {
  await using s = await stage((r) =>
    reply(r, `Connection: close\r\nTransfer-Encoding: gzip\r\nKeep-Alive: x\r\n${html}ok`),
  );
  const { headers, body } = await ask(s.front.port, '/');
  assert.equal(headers['transfer-encoding'], 'chunked');
  assert.equal(headers['keep-alive'] === 'x', false);
  assert.equal(String(body), 'ok');
});

test('the header is there before the script is done, and each piece as it is written', async () => {
  let running: ServerRequest | undefined;
  await using s = await stage((r) => {
    running = r;
    r.write(Buffer.from(html));
  });
  const asked = request({ port: s.front.port, host: '127.0.0.1', agent: false }).end();
  const [response] = await within(once(asked, 'response'), 'the header');
  running!.write(Buffer.from('one'));
  assert.equal(String((await within(once(response, 'data'), 'the first piece'))[0]), 'one');
  running!.write(Buffer.from('two'));
  assert.equal(String((await within(once(response, 'data'), 'the second piece'))[0]), 'two');
  running!.end();
  await within(once(response, 'end'), 'the end');
});

test('a chunked body reaches the application with its length', async () => {
  for (const size of [0, 10, 64 * 1024, 300_000]) {
    const sent = Buffer.alloc(size, 'elephant');
    await using s = await stage(async (r) => {
      const params = Object.fromEntries(r.params);
      const body = await bodyOf(r);
      reply(r, `${html}${params['CONTENT_LENGTH']} ${body.equals(sent)} ${params['HTTP_TRANSFER_ENCODING']}`);
    });
    const pieces = async function* () {
      for (let i = 0; i < size; i += 7000) yield sent.subarray(i, i + 7000);
    };
    const headers = { 'transfer-encoding': 'chunked' };
    const { body } = await ask(s.front.port, '/', { method: 'POST', headers, body: pieces() });
    assert.equal(String(body), `${size} true undefined`);
  }
});

test('a body over the limit is 413, announced or chunked', async () => {
  await using s = await stage((r) => reply(r, `${html}no`), { limits: { maxBodyBytes: 100_000 } });
  const body = Buffer.alloc(200_000);
  assert.equal((await ask(s.front.port, '/', { method: 'POST', body })).status, 413);
  const headers = { 'transfer-encoding': 'chunked' };
  assert.equal((await ask(s.front.port, '/', { method: 'POST', body, headers })).status, 413);
});

test('Expect: 100-continue is answered, but not for a body that is too large', async () => {
  await using s = await stage(async (r) => reply(r, `${html}${await bodyOf(r)}`), {
    limits: { maxBodyBytes: 10 },
  });
  const head = 'POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\n';
  const small = await sendRaw(s.front.port, `${head}Content-Length: 2\r\n\r\nhi`);
  assert.match(small, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
  assert.match(small, /hi/);
  const socket = await dial(s.front.port);
  socket.write(`${head}Content-Length: 11\r\n\r\n`);
  const [first] = await within(once(socket, 'data'), 'the refusal');
  assert.match(String(first), /^HTTP\/1\.1 413 /);
  socket.destroy();
});

test('a connection is used again', async () => {
  await using s = await stage((r) => reply(r, `${html}ok`));
  const get = 'GET / HTTP/1.1\r\nHost: x\r\n';
  const answer = await sendRaw(s.front.port, `${get}\r\n${get}\r\n${get}Connection: close\r\n\r\n`);
  assert.equal(answer.match(/HTTP\/1\.1 200 OK/g)?.length, 3);
});

test('a body that PHP did not read is never taken for a request', async () => {
  await using s = await stage((r) => reply(r, `${html}early`));
  const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n';
  const socket = await dial(s.front.port);
  const recorded = s.nextRecord();
  socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n`);
  const [answer] = await within(once(socket, 'data'), 'the answer');
  assert.match(String(answer), /Connection: close/i);
  socket.write(smuggled);
  socket.destroy();
  await recorded;
  assert.deepEqual(
    s.records.map((record) => record.uri),
    ['/'],
  );
});

test('a client that does not read holds PHP back, and gets everything later', async () => {
  const piece = Buffer.alloc(256 * 1024, 'elephant');
  const pieces = 200;
  let written = 0;
  await using s = await stage((r) => {
    const more = (): void => {
      while (written < pieces) {
        written++;
        if (!r.write(piece)) return;
      }
      r.end();
    };
    r.onDrain = more;
    r.write(Buffer.from(html));
    more();
  });
  const asked = request({ port: s.front.port, host: '127.0.0.1', agent: false }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  let before = -1;
  const stalled = await poll('PHP to be held back', async () => {
    const now = written;
    if (now === before) return now;
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 100));
    return undefined;
  });
  // The kernel's buffers on both sides hold up to 10 MB; the front itself adds little.
  assert.ok(stalled < pieces / 2, `${stalled} of ${pieces} pieces were taken`);
  let bytes = 0;
  for await (const chunk of response) bytes += chunk.length;
  assert.equal(bytes, pieces * piece.length);
});

test('HEAD gets the header that PHP gave, and no body', async () => {
  await using s = await stage((r) => reply(r, `Content-Length: 5\r\n${html}`));
  const { status, headers, body } = await ask(s.front.port, '/', { method: 'HEAD' });
  assert.equal(status, 200);
  assert.equal(headers['content-length'], '5');
  assert.equal(body.length, 0);
});

test('a client that leaves closes the connection to PHP', async () => {
  const left = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  // A bare socket: a FastCGI server rightly takes the end of input for a client that still wants its answer.
  const pool = createServer((connection) => {
    connection.once('data', () => started.resolve()).once('end', () => left.resolve());
  });
  using folder = new TestFolder('hathi-left-');
  pool.listen(folder.join('pool.sock'));
  await using s = await stage(() => {}, { connect: { path: folder.join('pool.sock') } });
  const recorded = s.nextRecord();
  const socket = await dial(s.front.port);
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await within(started.promise, 'the request');
  socket.destroy();
  await within(left.promise, 'PHP to be told');
  const { status, details } = await recorded;
  assert.equal(status, 499);
  assert.deepEqual(details, ['the client left']);
  pool.close();
});

for (const [how, head] of [
  ['chunked', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'],
  ['with a length', 'Content-Length: 100\r\n\r\nhello'],
] as const) {
  test(`an upload ${how} that breaks off is told once, as a client that left`, async () => {
    await using s = await stage(async (r) => reply(r, `${html}${await bodyOf(r)}`));
    const recorded = s.nextRecord();
    const socket = await dial(s.front.port);
    socket.write(`POST / HTTP/1.1\r\nHost: x\r\n${head}`);
    await new Promise<void>((resolve) => socket.end(() => resolve()));
    socket.destroy();
    const { status, details } = await recorded;
    assert.deepEqual({ status, details }, { status: 499, details: ['the client left'] });
    assert.equal(String((await ask(s.front.port, '/', { method: 'POST', body: 'next' })).body), 'next');
    assert.equal(s.records.length, 2);
  });
}

test('a pool that is down is 502 and says so', async () => {
  await using s = await stage(() => {}, { connect: { path: '/nonexistent/pool.sock' } });
  const { status, body } = await ask(s.front.port, '/');
  assert.equal(status, 502);
  assert.match(String(body), /pool does not answer: .*ENOENT/);
});

test('PHP that goes away before it answers is 502', async () => {
  await using s = await stage((r) => r.end());
  const { status, body } = await ask(s.front.port, '/');
  assert.equal(status, 502);
  assert.match(String(body), /is invalid/);
});

test('PHP that says nothing for too long is 504', async () => {
  await using s = await stage(() => {}, { limits: { responseTimeout: 50 } });
  const { status, body } = await ask(s.front.port, '/');
  assert.equal(status, 504);
  assert.match(String(body), /did not answer within 0\.05 s/);
});

const broken: [what: string, response: string][] = [
  ['no header', 'just text'],
  ['a field that cannot be sent', `X-A: a\x01b\r\n${html}`],
  ['a status that is not final', `Status: 101 Switching\r\n${html}`],
];

for (const [what, response] of broken) {
  test(`${what} is 502`, async () => {
    await using s = await stage((r) => reply(r, response));
    assert.equal((await ask(s.front.port, '/')).status, 502);
  });
}

test('a body shorter than its Content-Length cuts the connection', async () => {
  await using s = await stage((r) => reply(r, `Content-Length: 10\r\n${html}short`));
  await assert.rejects(ask(s.front.port, '/'), { code: 'ECONNRESET' });
});

test('a body longer than its Content-Length is cut to it', async () => {
  await using s = await stage((r) => reply(r, `Content-Length: 4\r\n${html}longer than that`));
  const get = 'GET / HTTP/1.1\r\nHost: x\r\n';
  const answer = await sendRaw(s.front.port, `${get}\r\n${get}Connection: close\r\n\r\n`);
  assert.equal(answer.match(/HTTP\/1\.1 200 OK/g)?.length, 2);
  assert.equal(answer.match(/\r\n\r\nlong/g)?.length, 2);
});

test('what PHP writes to stderr is handed on', async () => {
  const said: string[] = [];
  await using s = await stage(
    (r) => {
      r.writeError(Buffer.from('PHP Warning'));
      reply(r, `${html}ok`);
    },
    { onStderr: (chunk) => said.push(String(Buffer.from(chunk))) },
  );
  await ask(s.front.port, '/');
  assert.deepEqual(said, ['PHP Warning']);
});

test('a record tells what was sent', async () => {
  let toldId: string | undefined;
  await using s = await stage((r) => {
    toldId = r.params.find(([name]) => name === 'REQUEST_ID')?.[1];
    reply(r, `${html}hello`);
  });
  const recorded = s.nextRecord();
  await ask(s.front.port, '/a?b');
  const { method, uri, status, bytes, details, duration, id } = await recorded;
  assert.deepEqual(
    { method, uri, status, bytes, details },
    { method: 'GET', uri: '/a?b', status: 200, bytes: 5, details: [] },
  );
  assert.match(id ?? '', /^[0-9a-f]{16}$/);
  assert.equal(id, toldId, 'the id by which the pool logs the request');
  assert.ok(duration > 0 && duration < 5000);
});

test('stop lets a running request finish within its grace', async () => {
  let running: ServerRequest | undefined;
  const started = Promise.withResolvers<void>();
  await using s = await stage((r) => {
    running = r;
    started.resolve();
  });
  const answer = ask(s.front.port, '/');
  await started.promise;
  const stopped = s.front.stop(5000);
  reply(running!, `${html}done`);
  assert.equal(String((await answer).body), 'done');
  await within(stopped, 'the front to stop');
});
