/** Comparing answers: noise of fresh processes is left out, everything else is told. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { Answer } from '../../src/audit/answer.ts';
import { FreshAnswers, type Ignored } from '../../src/audit/compare.ts';
import { differences, tokensOf } from '../../src/audit/tokens.ts';
import { VolatileText } from '../../src/audit/volatile.ts';

const answer = (body: string, headers: [string, string][] = [], status = 200): Answer => ({
  status,
  headers,
  body,
  length: body.length,
  hash: body,
});
const none: Ignored = { headers: new Set<string>(), patterns: [] };
const compare = (fresh: Answer[], warm: Answer, ignored = none) =>
  new FreshAnswers(fresh, ignored)
    .differencesOf(warm)
    .map(({ id, name }) => (name === '' ? id : `${id}:${name}`));

suite('differences of lists', () => {
  const words = fc.array(fc.constantFrom('a', 'b', 'c', ' '), { maxLength: 40 });

  test('applied to the first they give the second', () => {
    fc.assert(
      fc.property(words, words, (from, to) => {
        const hunks = differences(from, to);
        assert.ok(hunks !== undefined);
        const made: string[] = [];
        let at = 0;
        for (const hunk of hunks) {
          made.push(...from.slice(at, hunk.from[0]), ...to.slice(...hunk.to));
          at = hunk.from[1];
        }
        made.push(...from.slice(at));
        assert.deepEqual(made, to);
        // The shortest script never replaces what is equal.
        for (const {
          from: [start, end],
          to: [first, last],
        } of hunks)
          assert.ok(start < end || first < last);
      }),
    );
  });

  test('a list against itself, and against a wholly other long one', () => {
    fc.assert(fc.property(words, (list) => assert.deepEqual(differences(list, list), [])));
    const long = (name: string) => Array.from({ length: 3000 }, (_, index) => `${name}${index}`);
    assert.equal(differences(long('a'), long('b')), undefined);
  });

  test('words', () => {
    assert.deepEqual(tokensOf('a="b+c/d" 2026-11-30T10:00'), [
      'a=',
      '"',
      'b+c/d',
      '"',
      ' ',
      '2026-11-30T10:00',
    ]);
    assert.equal(tokensOf('<p>\u00e9 \x00 x').join(''), '<p>\u00e9 \x00 x');
  });
});

suite('volatile places', () => {
  const page = (token: string, time: string, user = 'nobody') =>
    `<form><input name="_token" value="${token}"></form><p>${time}</p><b>${user}</b>`;
  const text = new VolatileText([page('aaaa', '10:00:01'), page('bb+/=', '10:00:02')]);

  test('may differ', () => {
    assert.equal(text.differenceOf(page('cccccccc', '11:30:00')), undefined);
    assert.equal(text.differenceOf(page('', '11:30:00')), undefined);
  });

  test('nothing else may', () => {
    assert.equal(text.differenceOf(page('c', '1', 'alice'))?.warm, 'alice');
    const swallowed = text.differenceOf(page(`c ${'the basket of somebody else '.repeat(5)}`, '1'));
    assert.ok(swallowed !== undefined);
    assert.ok(text.differenceOf(`${page('c', '1')} more`) !== undefined);
    assert.ok(text.differenceOf('') !== undefined);
  });

  test('a run of a fresh process is never a difference', () => {
    const runs = fc.array(fc.stringMatching(/^[ab 1<>]{0,30}$/), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(runs, (list) => {
        assert.equal(new VolatileText(list).differenceOf(list[0]!), undefined);
      }),
    );
  });

  test('pages that differ altogether are not compared', () => {
    const noise = () => Array.from({ length: 4000 }, () => Math.random().toString(36)).join(' ');
    const altogether = new VolatileText([noise(), noise()]);
    assert.deepEqual([altogether.isAltogether, altogether.differenceOf('x')], [true, undefined]);
  });
});

suite('answers', () => {
  test('the same', () => assert.deepEqual(compare([answer('a'), answer('a')], answer('a')), []));
  test('status', () => assert.deepEqual(compare([answer('a')], answer('a', [], 404)), ['status']));
  test('a status that varies', () =>
    assert.deepEqual(compare([answer('a'), answer('a', [], 503)], answer('a', [], 404)), []));

  test('headers: another value, one less, one more, volatile, unsteady', () => {
    const fresh = [
      answer('', [
        ['Vary', 'a'],
        ['Date', '1'],
        ['X-One', '1'],
        ['CSP', "nonce-'x1'"],
        ['Content-Length', '5'],
      ]),
      answer('', [
        ['Vary', 'a'],
        ['Date', '2'],
        ['X-One', '1'],
        ['CSP', "nonce-'x2'"],
        ['X-Some', '1'],
      ]),
    ];
    const warm = answer('', [
      ['vary', 'b'],
      ['Date', '3'],
      ['CSP', "nonce-'x3'"],
      ['X-New', '1'],
    ]);
    assert.deepEqual(compare(fresh, warm), ['header:vary', 'header:x-one', 'header:x-new']);
    assert.deepEqual(
      compare(fresh, warm, { headers: new Set(['vary', 'x-one', 'x-new']), patterns: [] }),
      [],
    );
  });

  test('cookies are compared by name', () => {
    const fresh = [
      answer('', [
        ['Set-Cookie', 'id=a1; path=/'],
        ['Set-Cookie', 'b=1'],
      ]),
      answer('', [
        ['Set-Cookie', 'id=a2; path=/'],
        ['Set-Cookie', 'b=1'],
      ]),
    ];
    const warm = answer('', [
      ['Set-Cookie', 'b=2'],
      ['Set-Cookie', 'id=a3; path=/; HttpOnly'],
    ]);
    assert.deepEqual(compare(fresh, warm), ['cookie:id', 'cookie:b']);
  });

  test('--ignore', () => {
    const patterns = [/took \d+ ms/g];
    assert.deepEqual(compare([answer('x took 1 ms y')], answer('x took 20 ms y'), { ...none, patterns }), []);
    assert.deepEqual(compare([answer('x took 1 ms y')], answer('x took 20 ms z'), { ...none, patterns }), [
      'body',
    ]);
  });

  test('a body that is cut is compared by length and hash', () => {
    const cut = (hash: string) => ({ ...answer('same'), length: 9_000_000, hash });
    assert.deepEqual(compare([cut('1'), cut('1')], cut('2')), ['body']);
    assert.deepEqual(compare([cut('1'), cut('3')], cut('2')), []);
  });

  test('no answer', () => {
    const lost = { reason: 'lost', message: 'gone' } as const;
    assert.equal(new FreshAnswers([answer('a')], none).differencesOf(lost)[0]?.id, 'no-answer');
    assert.deepEqual(new FreshAnswers([lost], none).differencesOf(answer('a')), []);
  });
});
