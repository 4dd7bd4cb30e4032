/** The messages of a request as text, and its parameters in one piece. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  type DoneMessage,
  doneText,
  readDone,
  readRequest,
  requestText,
} from '../../src/engine/embedded/shared/message-text.ts';
import { Variables } from '../../src/engine/embedded/shared/variables.ts';

suite('variables of a request', () => {
  const pairs: [string, string][] = [
    ['A', 'first'],
    ['QUERY', 'x\0A\0forged'],
    ['', 'no name'],
    ['AB', ''],
    ['A', '\xff\n\0'],
  ];

  test('come out as they went in, whatever bytes they have', () => {
    assert.deepEqual([...Variables.of(pairs)], pairs);
    assert.deepEqual([...Variables.of([])], []);
  });

  test('the last of a name counts, and no value passes for one', () => {
    const variables = Variables.of(pairs);
    assert.equal(variables.get('A'), '\xff\n\0');
    assert.equal(variables.get('AB'), '');
    assert.equal(variables.get('forged'), undefined);
    assert.equal(variables.get('Q'), undefined);
  });
});

suite('messages as text', () => {
  test('a request', () => {
    const request = {
      params: Variables.of([['NAME', 'a\n"\xe9']]),
      script: '/www/a\n"\xe9.php',
      contentLength: 2 ** 40,
      phpValue: 'a=1\nb=2',
    };
    assert.deepEqual(readRequest(requestText(7, request)), { id: 7, request });
  });

  test('the end of a request, with its head and without', () => {
    const numbers = { id: 7, outcome: 'ok', status: 404, memoryPeak: 1, heapBytes: 2, cpuMicros: 3 } as const;
    const done: DoneMessage = { type: 'done', ...numbers, user: 'a"\n\xe9', rest: '\n\0\xff' };
    assert.deepEqual(readDone(doneText(done)), done);
    for (const head of ['', 'Status: 404\r\nA: \xe9\r\n\r\n']) {
      assert.deepEqual(readDone(doneText({ ...done, head })), { ...done, head });
    }
  });
});
