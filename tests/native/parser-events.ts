/**
 * Output of the C parser of FastCGI (fuzz-fcgi.c), as the events of a corpus expectation; and a comparison of both
 * parsers.
 */
import assert from 'node:assert/strict';
import { encodePairs } from '../../src/fastcgi/pairs.ts';
import { type CorpusCase, loadCorpus } from '../fastcgi/corpus.ts';
import { fuzzInput } from '../fastcgi/fuzz-input.ts';
import { applications, ScriptedApplication } from '../fastcgi/scripted-application.ts';
import { playCases } from './fuzz-target.ts';

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

/** Events and final phase. */
export function outcomeOf(lines: readonly string[]): { events: unknown[]; final: string | undefined } {
  return { events: lines.slice(0, -1).map(eventOf), final: lines.at(-1)?.replace('final ', '') };
}

/**
 * The inputs of these seeds to both parsers; the C one gets each in one piece, byte by byte and in random pieces.
 *
 * @throws AssertionError naming the seed at which they part
 */
export function compareParsers(
  program: string,
  firstSeed: number,
  count: number,
  corpus: readonly CorpusCase[] = loadCorpus(),
): void {
  const inputs = Array.from({ length: count }, (_, index) => ({
    seed: firstSeed + index,
    ...fuzzInput(firstSeed + index, corpus),
  }));
  const cases = inputs.flatMap(({ application, input, random }) => {
    const inputEnds = random.below(2) === 1;
    const variant = applications.indexOf(application);
    const small = input.length < 2000 ? 1 : 1 + random.below(60_000);
    const cuts = [0, small, 65_536 + random.below(2 ** 30)];
    return cuts.map((cut) => ({ input, variant, inputEnds, cut }));
  });
  const played = playCases(program, cases);
  for (const [index, { seed, application, input }] of inputs.entries()) {
    for (let at = 3 * index; at < 3 * index + 3; at++) {
      const { inputEnds, cut } = cases[at]!;
      const outcome = outcomeOf(played[at]!);
      const expected = new ScriptedApplication(application).play([input], inputEnds);
      // A worker of the native engine reads nothing while its script asks for no body; the other server reads on.
      if (application === 'never reads nor ends' && outcome.final === 'running') {
        expected.events.splice(outcome.events.length);
        expected.final = 'running';
      }
      const what = `seed ${seed}, cut ${cut}: ${input.toString('hex').slice(0, 2000)}`;
      assert.deepEqual(outcome, expected, what);
    }
  }
}
