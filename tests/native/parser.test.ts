/** The C parser of FastCGI on the corpus of the TypeScript one, under the sanitizers: what it says must be equal. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { encodePairs } from '../../src/fastcgi/pairs.ts';
import { loadCorpus } from '../fastcgi/corpus.ts';
import { Random } from '../fastcgi/random.ts';
import { type Application, applications, ScriptedApplication } from '../fastcgi/scripted-application.ts';
import { checkout, TestFolder } from '../harness/folder.ts';

const compiler = process.env['CC'] || 'cc';
const skip =
  spawnSync(compiler, ['--version']).error === undefined ? false : `needs the C compiler "${compiler}"`;
const roles = ['RESPONDER', 'AUTHORIZER', 'FILTER'];

const text = (hex: string): string => Buffer.from(hex, 'hex').toString('latin1');

/** A line of the program as an event of a corpus expectation. */
function eventOf(line: string): unknown {
  const [word = '', ...rest] = line.split(' ');
  switch (word) {
    case 'start':
    case 'abandoned':
    case 'aborted':
      return word;
    case 'request': {
      const [id, role, keep, contentLength, ...params] = rest;
      return {
        request: {
          id: Number(id),
          role: roles[Number(role) - 1],
          keepConnection: keep === '1',
          params: params.map((pair) => pair.split('=').map(text)),
          contentLength: Number(contentLength),
        },
      };
    }
    case 'body':
      return { body: text(rest[0] ?? '') };
    case 'bodyEnd':
      return { bodyEnd: rest[0] === '1' };
    case 'reply':
      return replyOf(Buffer.from(rest[0] ?? '', 'hex'));
    case 'failed':
      return { failed: rest[0] };
    default:
      throw new Error(`unknown line ${JSON.stringify(line)}`);
  }
}

function replyOf(bytes: Buffer): unknown {
  const content = bytes.subarray(8, 8 + bytes.readUInt16BE(4));
  assert.equal(bytes.length, 8 + content.length + bytes.readUInt8(6), 'a reply is one whole record');
  if (bytes[1] === 3) return { reply: `END_REQUEST id=${bytes.readUInt16BE(2)} status=${content[4]}` };
  if (bytes[1] === 11) return { reply: `UNKNOWN_TYPE ${content[0]}` };
  assert.equal(bytes[1], 10);
  const values: Record<string, string> = {};
  for (let at = 0; at < content.length; ) {
    const [name = 0, value = 0] = content.subarray(at, at + 2);
    values[content.toString('latin1', at + 2, at + 2 + name)] = content.toString(
      'latin1',
      at + 2 + name,
      at + 2 + name + value,
    );
    at += 2 + name + value;
  }
  assert.deepEqual(content, encodePairs(Object.entries(values)));
  return { values };
}

/** Pieces of a body as one: how it is cut depends on the chunks. */
function joined(events: readonly unknown[]): unknown[] {
  const list: unknown[] = [];
  for (const event of events) {
    const last = list.at(-1) as { body?: string } | undefined;
    if (typeof event === 'object' && event !== null && 'body' in event && typeof last?.body === 'string') {
      last.body += (event as { body: string }).body;
    } else list.push(event);
  }
  return list;
}

suite('the FastCGI parser of the native engine', { skip }, () => {
  let folder: TestFolder;
  let program: string;

  before(() => {
    folder = new TestFolder();
    program = folder.join('parser');
    const sources = ['tests/native/parser-program.c', 'native/fcgi.c', 'native/pairs.c'];
    const flags = ['-std=gnu11', '-O1', '-g', '-Wall', '-Wextra', '-Werror', '-fsanitize=address,undefined'];
    execFileSync(compiler, [
      ...flags,
      '-fno-sanitize-recover=all',
      '-o',
      program,
      ...sources.map((file) => join(checkout, file)),
    ]);
  });
  after(() => folder[Symbol.dispose]());

  function play(input: Buffer, application: Application, chunk: number, ends: boolean): unknown {
    const number = applications.indexOf(application);
    const result = spawnSync(program, [String(number), String(chunk), ends ? '1' : '0'], {
      input,
      maxBuffer: 1 << 26,
    });
    assert.equal(result.status, 0, result.stderr.toString().slice(0, 2000));
    const lines = result.stdout.toString().split('\n').slice(0, -1);
    const final = lines.pop()?.replace('final ', '');
    return { events: joined(lines.map(eventOf)), final };
  }

  for (const row of loadCorpus()) {
    test(row.name, () => {
      for (const chunk of [1, 7, 1 << 20]) {
        // Large inputs byte by byte tell nothing more and take their time.
        if (chunk === 1 && row.input.length > 20_000) continue;
        assert.deepEqual(play(row.input, row.application, chunk, row.inputEnds), {
          events: row.events,
          final: row.final,
        });
      }
    });
  }

  test('damaged inputs give what they give in TypeScript', () => {
    const random = new Random(20_261_122);
    const rows = loadCorpus().filter(({ input }) => input.length > 0 && input.length < 5000);
    for (let round = 0; round < 150; round++) {
      const row = rows[random.below(rows.length)]!;
      const input = Buffer.from(row.input);
      for (let damage = random.below(4); damage >= 0; damage--) {
        input[random.below(input.length)] = random.below(256);
      }
      const expected = new ScriptedApplication(row.application).play([input], row.inputEnds);
      const what = `round ${round} from ${row.name}: ${input.toString('hex').slice(0, 400)}`;
      assert.deepEqual(play(input, row.application, 1 << 20, row.inputEnds), expected, what);
    }
  });
});
