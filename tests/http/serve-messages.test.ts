import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type MessageSource, MessageTwins, messagesOf } from '../../src/cli/serve/messages.ts';

/** Printed lines for the given input. */
function printed(...lines: readonly (readonly [MessageSource, string])[]): string[] {
  const twins = new MessageTwins();
  return lines.filter(([source, line]) => twins.isNew(line, source)).map(([, line]) => line);
}

test('messages of a request are told apart', () => {
  assert.deepEqual(messagesOf('PHP message: a; PHP message: PHP Warning:  b; c in d'), [
    'PHP message: a',
    'PHP message: PHP Warning:  b; c in d',
  ]);
  assert.deepEqual(messagesOf('Primary script unknown'), ['Primary script unknown']);
});

test('a message that comes from both sides is printed when it first comes', () => {
  assert.deepEqual(printed(['fastcgi', 'PHP message: a'], ['worker', 'NOTICE: PHP message: a']), [
    'PHP message: a',
  ]);
  assert.deepEqual(printed(['worker', 'PHP message: a'], ['fastcgi', 'PHP message: a']), ['PHP message: a']);
  assert.deepEqual(printed(['worker', 'ERROR: no script'], ['fastcgi', 'ERROR: no script']), [
    'ERROR: no script',
  ]);
});

test('a message that comes from one side, and one that comes again, is printed', () => {
  assert.deepEqual(printed(['worker', 'x'], ['worker', 'x'], ['fastcgi', 'y']), ['x', 'x', 'y']);
  assert.deepEqual(printed(['fastcgi', 'x'], ['worker', 'x'], ['fastcgi', 'x'], ['worker', 'x']), ['x', 'x']);
});

test('what never gets a twin is forgotten', () => {
  const twins = new MessageTwins();
  assert.equal(twins.isNew('first', 'worker'), true);
  for (let index = 0; index < 1000; index++) twins.isNew(`line ${index}`, 'worker');
  assert.equal(twins.isNew('first', 'fastcgi'), true);
});
