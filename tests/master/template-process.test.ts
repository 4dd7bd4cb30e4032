/** Templates that do not come up: whoever waits for one is told. */
import assert from 'node:assert/strict';
import { openSync } from 'node:fs';
import { test } from 'node:test';
import { type TemplateEvent, TemplateProcess } from '../../src/generation/template-process.ts';
import { poll, within } from '../harness/waiting.ts';

for (const [what, file, args, reason] of [
  ['never gets ready', 'sleep', ['1000'], /it is not ready after 0\.1 seconds/],
  ['ends at once', 'false', [], /it exited with code 1/],
  ['is no program', '/no/such/program', [], /it cannot be started: .*ENOENT/],
  [
    'says nonsense',
    'sh',
    ['-c', 'echo nonsense >&3; exec sleep 1000'],
    /which is no message of the contract/,
  ],
] as const) {
  test(`a template that ${what} is lost, and so is what was asked of it`, async () => {
    const events: TemplateEvent[] = [];
    const template = new TemplateProcess({
      command: { file, args },
      settings: [],
      env: process.env,
      onEvent: (event) => events.push(event),
      startTimeoutMs: what === 'never gets ready' ? 100 : 60_000,
    });
    const prepared = new Promise<string | undefined>((resolve) => template.whenReady(resolve));
    const refused = new Promise<string>((onRefused) =>
      template.fork([openSync('/dev/null', 'r')], { onMade: () => {}, onRefused, onGone: () => {} }),
    );
    assert.match((await within(prepared, 'what became of it')) ?? '', reason);
    assert.match(await within(refused, 'the refusal'), reason);
    assert.deepEqual(
      events.map(({ type }) => type),
      ['lost'],
    );
    assert.equal(template.hostCount, 0);
  });
}

/** Says that it is up, with no facts, and then does with each line of its channel what the script says. */
const ready = (each: string): readonly string[] => [
  '-c',
  `printf 'ready #0\\n' >&3; while read -r verb id <&3; do ${each}; done`,
];
const rule = { askAfterMs: 10, lateMs: 20, deadMs: 40, longestStepMs: 15 };

function start(each: string): { template: TemplateProcess; lost: Promise<string>; said: () => string } {
  let text = '';
  const { promise: lost, resolve } = Promise.withResolvers<string>();
  const template = new TemplateProcess({
    command: { file: 'sh', args: [...ready(each)] },
    settings: [],
    env: process.env,
    onEvent: (event) => {
      if (event.type === 'lost') resolve(event.reason);
      if (event.type === 'chatter') text += event.text;
    },
  });
  return { template, lost, said: () => text };
}

test('a template that does not answer is lost, with who waits for a host of it', async () => {
  const { template, lost } = start('true');
  await within(new Promise((done) => template.whenReady(done)), 'its start');
  const refused = new Promise<string>((onRefused) =>
    template.fork([openSync('/dev/null', 'r')], { onMade: () => {}, onRefused, onGone: () => {} }),
  );
  for (let now = 0; now < 120; now += 10) template.watch(rule, now);
  assert.match(await within(lost, 'its end'), /^it has not answered for 0 seconds$/);
  assert.match(await within(refused, 'the refusal'), /it has not answered/);
});

test('one that answers is asked again and again; an answer that nobody asked for is its end', async () => {
  const { template, lost, said } = start(
    '[ "$verb" = alive ] && echo "alive $id" >&3 && echo "asked $id" >&2',
  );
  await within(new Promise((done) => template.whenReady(done)), 'its start');
  let now = 0;
  await poll('the third question, which comes when the second one has been answered', () => {
    now += 10;
    template.watch({ ...rule, deadMs: Number.POSITIVE_INFINITY }, now);
    return said().includes('asked 3') || undefined;
  });
  template.close();
  await within(lost, 'its end');
  const liar = start('[ "$verb" = start ] && echo "alive 7" >&3');
  assert.match(await within(liar.lost, 'its end'), /"alive 7", which was not asked/);
});
