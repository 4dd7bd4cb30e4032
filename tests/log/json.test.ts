/** Logs for machines: `log_format = json` and `access.log_format = json`. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { accessFields, jsonAccessFormat } from '../../src/log/access-json.ts';
import { messageJson, type WorkerLine, workerJson } from '../../src/log/json-line.ts';
import { asBinary } from '../../src/text/binary.ts';
import { testEngines } from '../harness/engines.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';

const time = 1_700_000_000_123_456;

suite('lines of the error log', () => {
  for (const [text, wanted] of [
    ['plain', { message: 'plain' }],
    ['[pool www] child 7 exited with code 0', { pool: 'www', pid: 7 }],
    ['[pool www] host 8 said into stderr: "x"', { pool: 'www', pid: 8 }],
    ['[pool www] server reached pm.max_children', { pool: 'www' }],
    ['about [pool www] child 7', {}],
    ['a\nb\x1b[2J\u009b"\\\u2028', { message: 'a\nb\x1b[2J\u009b"\\\u2028' }],
  ] as const) {
    test(JSON.stringify(text), () => {
      const line = messageJson({ level: 'error', text, time, limit: 1024, style: 'json' }).toString();
      assert.doesNotMatch(line, /[\x00-\x1f\x7f-\x9f\u2028]/);
      const expected = { time: '2023-11-14T22:13:20.123Z', level: 'error', message: text, ...wanted };
      assert.deepEqual(JSON.parse(line), expected);
    });
  }

  test('the error of a system call has its own fields; a long text is cut and stays an object', () => {
    const failure = { errno: 13, strerror: 'Permission denied' };
    const line = messageJson({
      level: 'error',
      text: 'x'.repeat(2000),
      time,
      limit: 600,
      style: 'json',
      failure,
    });
    const { message, error, errno } = JSON.parse(line.toString());
    assert.deepEqual([message, error, errno], [`${'x'.repeat(597)}...`, 'Permission denied', 13]);
  });

  test('the place and what to do are part of the object', () => {
    const details = ['f.conf:2: user = "nobody\u009b"', 'Create it.'];
    const line = messageJson({
      level: 'error',
      text: 'no',
      time,
      limit: 600,
      style: 'json',
      details,
    }).toString();
    assert.deepEqual(JSON.parse(line).details, details);
    assert.doesNotMatch(line, /\u009b/);
  });
});

suite('lines of workers', () => {
  const said = (text: string | Buffer, decorate = true): string => {
    const line: WorkerLine = {
      level: 'warning',
      time,
      pool: 'www',
      pid: 7,
      stream: 'stderr',
      requestId: 'id-1',
      text: Buffer.from(text),
      decorate,
    };
    return workerJson(line).toString();
  };
  const head = {
    time: '2023-11-14T22:13:20.123Z',
    level: 'warning',
    pool: 'www',
    pid: 7,
    stream: 'stderr',
    request_id: 'id-1',
  };
  for (const [text, wanted] of [
    ['a "line"\x1b', { message: 'a "line"\x1b' }],
    ['{"a":[1,{"b":null}],"level":"x"}', { data: { a: [1, { b: null }], level: 'x' } }],
    [' {"a":1} ', { data: { a: 1 } }],
    ['{"a":1}, "pool":"forged"}', { message: '{"a":1}, "pool":"forged"}' }],
    ['{"a":1}{"b":2}', { message: '{"a":1}{"b":2}' }],
    ['[1]', { message: '[1]' }],
    ['', { message: '' }],
    [Buffer.from([0x61, 0xff]), { message: 'a\ufffd' }],
  ] as const) {
    test(`${JSON.stringify(text.toString())}`, () => {
      assert.deepEqual(JSON.parse(said(Buffer.from(text))), { ...head, ...wanted });
    });
  }

  test('without decoration an object is the line itself, and anything else is still one object', () => {
    assert.equal(said('{"a": 1}', false), '{"a": 1}');
    assert.deepEqual(JSON.parse(said('text', false)), { ...head, message: 'text' });
  });
});

testEngines('one object a line in every log, and one id in all of them', {}, async (engine) => {
  await using server = await startServer({
    engine,
    log: 'file',
    global: 'log_format = json\nlog_limit = 4096',
    expected: [/"stream":"stderr"/, /"level":"error"/],
    pools: (folder) =>
      poolText(
        folder,
        'www',
        `catch_workers_output = yes
access.log = ${folder.join('access.log')}
access.log_query = yes`,
      ),
  });
  const script = server.folder.write(
    'www/s.php',
    `<?php error_log(json_encode(['said' => $_SERVER['HTTP_X_REQUEST_ID']]));
fwrite(fopen('php://stderr', 'w'), "plain\\n"); header('X-Id: ' . $_SERVER['HTTP_X_REQUEST_ID']); echo $_SERVER['HTTP_X_REQUEST_ID'];`,
  );
  const ask = async (more: Record<string, string>): Promise<string> =>
    (await request(server.socket(), scriptParams(script, more))).body.toString('utf8');
  const uri = '/"\\\x1b\xff\xe6\xbc\xa2\xc2\x9b';
  const given = await ask({
    HTTP_X_REQUEST_ID: 'given-1',
    REQUEST_URI: uri,
    QUERY_STRING: `q=${'x'.repeat(2000)}`,
  });
  const made = await ask({});
  const odd = await ask({ HTTP_X_REQUEST_ID: 'not valid "\n' });
  assert.deepEqual([given, odd], ['given-1', 'not valid "\n'], 'what a client sent is never changed');
  assert.match(made, /^[0-9a-f]{32}$/);

  const lines = (file: string): Record<string, unknown>[] =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  const access = await poll('three lines', () => {
    const all = lines(server.folder.join('access.log'));
    return all.length === 3 ? all : undefined;
  });
  for (const line of access) {
    assert.deepEqual(
      Object.keys(line),
      accessFields.map(({ name }) => name),
    );
    for (const { name, type } of accessFields) assert.equal(typeof line[name], type, name);
    assert.deepEqual([line['pool'], line['status'], line['method']], ['www', 200, 'GET']);
    assert.ok(Math.abs(Date.now() - Date.parse(String(line['time']))) < 60_000);
    assert.ok(Number(line['memory_bytes']) > 0 && Number(line['duration_micros']) > 0);
  }
  const [first, second, third] = access;
  assert.deepEqual([first?.['request_id'], second?.['request_id']], ['given-1', made]);
  assert.match(String(third?.['request_id']), /^[0-9a-f]{32}$/);
  assert.equal(first?.['uri'], '/"\\\x1b\ufffd漢\u009b');
  assert.equal(first?.['query'], `q=${'x'.repeat(1022)}...`);
  const raw = readFileSync(server.folder.join('access.log'), 'utf8');
  assert.doesNotMatch(raw, /[\x00-\x09\x0b-\x1f\x7f-\x9f]/);

  const said = await poll('what the workers said', () => {
    const all = lines(server.errorLog).filter(({ stream }) => stream === 'stderr');
    return all.length >= 3 ? all : undefined;
  });
  const ofFirst = said.filter(({ request_id }) => request_id === 'given-1');
  assert.ok(ofFirst.length > 0, JSON.stringify(said));
  assert.ok(said.some(({ message, pid, pool }) => message === 'plain' && Number(pid) > 0 && pool === 'www'));
  server.configure((folder) => `${poolText(folder)}[[[ = "`);
  server.signal('SIGUSR2');
  const refusal = await poll('a refused reload', () => {
    const all = lines(server.errorLog);
    return all.some(({ message }) => /^reload refused/.test(String(message))) ? all : undefined;
  });
  const [place] = (refusal.find(({ details }) => details !== undefined)?.['details'] ?? []) as string[];
  assert.match(String(place), /server\.conf:\d+/);
  await server.stop();
  const states = lines(server.errorLog).map(({ message }) => message);
  assert.ok(states.includes('ready to handle connections'));
});

testEngines('the last words of a request bear its id, also when the next one waits', {}, async (engine) => {
  await using server = await startServer({
    engine,
    log: 'file',
    global: 'log_format = json',
    expected: [/"stream":"stderr"/],
    pools: (folder) => poolText(folder, 'www', 'catch_workers_output = yes\npm.max_children = 1'),
  });
  const script = server.folder.write(
    'www/last.php',
    `<?php $id = $_SERVER['HTTP_X_REQUEST_ID'];
register_shutdown_function(fn() => file_put_contents('php://stderr', "$id\n"));`,
  );
  const ids = Array.from({ length: 100 }, (_, index) => `id-${index}`);
  await Promise.all(
    ids.map((id) => request(server.socket(), scriptParams(script, { HTTP_X_REQUEST_ID: id }))),
  );
  await server.stop();
  const said = readFileSync(server.errorLog, 'utf8')
    .split('\n')
    .filter((line) => line.includes('"stream":"stderr"'))
    .map((line) => JSON.parse(line));
  assert.deepEqual(said.map(({ message }) => message).sort(), [...ids].sort());
  // A host that was not given the processor for 50 ms names no request; it never names a wrong one.
  const named = said.filter(({ request_id }) => request_id !== undefined);
  assert.deepEqual(
    named.map(({ message }) => message),
    named.map(({ request_id }) => request_id),
  );
  assert.ok(named.length >= 95, `${named.length} of 100 lines have their id`);
});

test('the fields of an access log without query', () => {
  const format = jsonAccessFormat(false);
  const values = Object.fromEntries(accessFields.map(({ name }) => [name, name])) as unknown as Parameters<
    typeof format.render
  >[0];
  const line = format.render({
    ...values,
    pool: asBinary('www'),
    requestId: asBinary(''),
    remoteAddress: asBinary(''),
    user: asBinary(''),
    method: asBinary('GET'),
    uri: asBinary('/index.php'),
    path: asBinary('/'),
    query: asBinary('secret'),
    script: asBinary(''),
    servedBy: 'classic',
    loggedAt: 1,
    duration: 1.7,
  });
  assert.doesNotMatch(line.toString(), /secret|query/);
  assert.equal(JSON.parse(line.toString()).duration_micros, 1);
});
