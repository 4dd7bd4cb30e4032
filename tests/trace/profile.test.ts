/** Forms of a profile, made from stacks that hold every character that could break one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { asBinary } from '../../src/text/binary.ts';
import { flameGraph } from '../../src/trace/flame-graph.ts';
import { foldedText } from '../../src/trace/folded.ts';
import { type Profile, ProfileCounts } from '../../src/trace/profile.ts';
import { speedscopeText } from '../../src/trace/speedscope.ts';
import type { Call } from '../../src/trace/walker.ts';
import { openBrowser } from '../harness/browser.ts';
import { requires } from '../harness/debian.ts';
import { TestFolder } from '../harness/folder.ts';

const nothing = { address: 8, scope: asBinary(''), isClosure: false, startLine: 0, line: 0, includes: 0 };
const main: Call = {
  ...nothing,
  kind: 'main',
  name: asBinary(''),
  file: asBinary('/s/<b>&"x;y.php'),
  startLine: 1,
  line: 7,
};
const user = (name: string, startLine = 3): Call => ({
  ...nothing,
  kind: 'user',
  name: asBinary(name),
  file: asBinary('/s/f.php'),
  startLine,
  line: 5,
});
const sleep: Call = { ...nothing, kind: 'internal', name: asBinary('sleep'), file: asBinary('') };

function profileOf(stacks: readonly (readonly [count: number, calls: readonly Call[]])[]): Profile {
  const counts = new ProfileCounts();
  for (const [count, calls] of stacks) {
    for (let time = 0; time < count; time += 1) counts.add({ calls, isSteady: time > 0, isWhole: true });
  }
  counts.add(undefined);
  counts.add({ calls: [], isSteady: true, isWhole: true });
  const { samples, unsteady, looks, dropped, skipped, lookMicros } = counts;
  const options = { pool: 'a]]>b', seconds: 1, hertz: 99, startedAt: 0 };
  return { ...options, stacks: counts.stacks, samples, unsteady, looks, dropped, skipped, lookMicros };
}

const hostile = "évil</script>'";
const profile = profileOf([
  [1, [sleep, user('query'), main]],
  [6, [user('query'), main]],
  [3, [sleep, user('query'), user(Buffer.from(hostile).toString('latin1')), main]],
]);

test('stacks are told apart by their functions; what saw nothing is counted', () => {
  const { samples, unsteady, looks, dropped } = profile;
  // The last look found no PHP code: that is no stack, and none was missed.
  assert.deepEqual(
    { samples, unsteady, looks, dropped },
    { samples: 10, unsteady: 3, looks: 12, dropped: 1 },
  );
  assert.deepEqual(
    profile.stacks.map((stack) => stack.samples),
    [6, 3, 1],
  );
  // Another line of the same function is the same stack, another function of the same name is not.
  const moved = { ...user('query'), line: 6 };
  assert.equal(
    profileOf([
      [1, [user('query')]],
      [1, [moved]],
      [1, [user('query', 9)]],
    ]).stacks.length,
    2,
  );
});

test('what an application calls its functions does not fill the master’s memory', () => {
  const long = (index: number): Call[] =>
    Array.from({ length: 128 }, (_, depth) => user(`${index}-${depth}-`.padEnd(4000, 'x')));
  const counts = new ProfileCounts();
  for (let index = 0; index < 40; index += 1)
    counts.add({ calls: long(index), isSteady: true, isWhole: true });
  counts.add({ calls: long(0), isSteady: true, isWhole: true });
  // Of half a million characters each: what was seen before is counted on.
  assert.deepEqual([counts.stacks.length, counts.samples, counts.dropped], [31, 32, 9]);
});

test('folded stacks', () => {
  assert.equal(
    foldedText(profile),
    [
      '{main} /s/<b>&"x:y.php;query 6',
      `{main} /s/<b>&"x:y.php;${hostile};query;sleep 3`,
      '{main} /s/<b>&"x:y.php;query;sleep 1',
      '',
    ].join('\n'),
  );
});

test('a speedscope file', () => {
  const file = JSON.parse(speedscopeText(profile));
  const [shown] = file.profiles;
  assert.deepEqual(
    shown.samples.map((stack: number[]) => stack.map((index) => file.shared.frames[index].name)),
    [
      ['{main} /s/<b>&"x;y.php', 'query'],
      ['{main} /s/<b>&"x;y.php', hostile, 'query', 'sleep'],
      ['{main} /s/<b>&"x;y.php', 'query', 'sleep'],
    ],
  );
  assert.deepEqual([shown.type, shown.weights, shown.endValue], ['sampled', [6, 3, 1], 10]);
  assert.deepEqual(file.shared.frames[1], { name: 'query', file: '/s/f.php', line: 3 });
});

test('a flame graph asks nobody for anything, and an empty one is one', () => {
  const links = flameGraph(profile).match(/\b(?:https?:|src=|href=|url\(|@import)[^"\s]*/g);
  assert.deepEqual(links, ['http://www.w3.org/2000/svg']);
  assert.match(flameGraph(profileOf([])), /0 samples/);
});

test('a flame graph in a browser: well-formed, nothing hostile runs, zoom and search work', {
  skip: requires('chromium'),
}, async () => {
  using folder = new TestFolder();
  const file = folder.write('flame.svg', flameGraph(profile));
  await using browser = await openBrowser();
  const page = await browser.newPage();
  const errors: Error[] = [];
  const requests: string[] = [];
  page.on('pageerror', (error) => errors.push(error));
  page.on('request', (asked) => requests.push(asked.url()));
  await page.goto(pathToFileURL(file).href);
  const names = (): Promise<(string | null)[]> =>
    page.$$eval('#bars g:not(.hidden)', (bars) => bars.map((bar) => bar.getAttribute('data-name')));
  const all = ['pool a]]>b', '{main} /s/<b>&"x;y.php', hostile, 'query', 'query', 'sleep', 'sleep'];
  assert.deepEqual((await names()).sort(), all.sort());

  await page.locator(`[data-name^="évil"]`).click();
  assert.deepEqual(
    (await names()).sort(),
    ['pool a]]>b', '{main} /s/<b>&"x;y.php', hostile, 'query', 'sleep'].sort(),
  );
  const width = await page.locator('[data-name="sleep"]:not(.hidden) rect').getAttribute('width');
  assert.equal(width, '1200');
  await page.keyboard.press('Escape');
  assert.equal((await names()).length, all.length);

  page.on('dialog', (dialog) => void dialog.accept('^sl'));
  await page.keyboard.press('/');
  assert.equal(await page.locator('#state').textContent(), '4 samples, 40.00 %: ^sl');
  assert.equal(await page.locator('.found').count(), 2);
  assert.deepEqual([errors, requests], [[], [pathToFileURL(file).href]]);

  // A deep one is scrolled, not scaled down until it fits.
  const deep = profileOf([[1, Array.from({ length: 100 }, (_, index) => user(`f${index}`))]]);
  await page.goto(pathToFileURL(folder.write('deep.svg', flameGraph(deep))).href);
  const bar = await page.locator('#bars rect').first().boundingBox();
  assert.ok((bar?.height ?? 0) >= 15, `a bar is ${bar?.height} pixels high`);
});
