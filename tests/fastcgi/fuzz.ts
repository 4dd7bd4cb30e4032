/**
 * Random and mutated input for the server's protocol and the CGI header parser. Invariants: only FastCgiError is
 * thrown, every case ends, a failure is the last thing that happens, no more body is delivered than was promised, and
 * the result does not depend on how the input is cut.
 */
import assert from 'node:assert/strict';
import { CgiResponseParser } from '../../src/fastcgi/cgi-response.ts';
import { errorCode, FastCgiError } from '../../src/fastcgi/errors.ts';
import { type CorpusCase, loadCorpus } from './corpus.ts';
import { fuzzInput } from './fuzz-input.ts';
import type { Random } from './random.ts';
import { type Application, ScriptedApplication } from './scripted-application.ts';

export interface FuzzResult {
  cases: number;
  bytes: number;
  /** How often each failure came; `none` counts input without one. */
  readonly failures: Map<string, number>;
}

const codes: ReadonlySet<string> = new Set(Object.values(errorCode));

/**
 * @param goesOn asked before each case, with the number of cases so far
 * @throws AssertionError naming the seed of the case
 */
export function fuzz(firstSeed: number, goesOn: (cases: number) => boolean): FuzzResult {
  const result: FuzzResult = { cases: 0, bytes: 0, failures: new Map() };
  const corpus = loadCorpus();
  for (let seed = firstSeed; goesOn(result.cases); seed++) fuzzOne(seed, corpus, result);
  return result;
}

function fuzzOne(seed: number, corpus: readonly CorpusCase[], result: FuzzResult): void {
  const { application, input, random } = fuzzInput(seed, corpus);
  try {
    const whole = play(application, [input]);
    const cut = play(application, random.cut(input, random.pick([1, 3, 50, 5000])));
    assert.deepEqual(cut, whole, 'the result depends on the chunks');
    const failure = checkEvents(whole.events);
    result.failures.set(failure, (result.failures.get(failure) ?? 0) + 1);
    checkCgi(input, random);
  } catch (cause) {
    throw new assert.AssertionError({ message: `seed ${seed}: ${(cause as Error).stack}` });
  }
  result.cases++;
  result.bytes += input.length;
}

function play(
  application: Application,
  chunks: Iterable<Uint8Array>,
): ReturnType<ScriptedApplication['play']> {
  return new ScriptedApplication(application).play(chunks, true);
}

function checkEvents(events: readonly unknown[]): string {
  let promised = 0;
  for (const [index, event] of events.entries()) {
    if (typeof event !== 'object' || event === null) continue;
    if ('request' in event) promised = (event.request as { contentLength: number }).contentLength;
    if ('body' in event) assert.ok((event.body as string).length <= promised, 'more body than promised');
    if ('failed' in event) {
      assert.equal(index, events.length - 1, 'something happened after the failure');
      assert.ok(codes.has(event.failed as string), `unknown code ${event.failed}`);
      return event.failed as string;
    }
  }
  return 'none';
}

function checkCgi(input: Uint8Array, random: Random): void {
  const parse = (chunks: Iterable<Uint8Array>): unknown => {
    const parser = new CgiResponseParser(512);
    let head: unknown;
    let body = '';
    try {
      for (const chunk of chunks) {
        const step = parser.push(chunk);
        head ??= step.head;
        body += Buffer.from(step.body).toString('latin1');
      }
      parser.finish();
      return { head, body };
    } catch (error) {
      if (error instanceof FastCgiError) return error.code;
      throw error;
    }
  };
  const text = Buffer.from(input).subarray(0, 2000);
  for (let at = random.below(40); at < text.length; at += 1 + random.below(40)) {
    text[at] = random.pick([0x0a, 0x0a, 0x0d, 0x3a, 0x20, 0x41]);
  }
  assert.deepEqual(parse(random.cut(text, 7)), parse([text]), 'the CGI head depends on the chunks');
}
