/** Templates that do not come up: whoever waits for one is told. */
import assert from 'node:assert/strict';
import { openSync } from 'node:fs';
import { test } from 'node:test';
import { type TemplateEvent, TemplateProcess } from '../../src/generation/template-process.ts';
import { within } from '../harness/waiting.ts';

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
