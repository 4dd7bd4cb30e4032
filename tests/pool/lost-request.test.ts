import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LostWorker, lostRequest } from '../../src/pool/lost-request.ts';
import type { WorkerStage } from '../../src/scoreboard/states.ts';
import { asBinary } from '../../src/text/binary.ts';
import { slot } from './slot.ts';

const lost = (
  signal: number,
  stage: WorkerStage | 'unknown',
  more: Partial<LostWorker> = {},
): string | undefined =>
  lostRequest({
    pool: 'www',
    pid: 42,
    end: { type: 'signal', signal, core: false },
    slot: slot({
      stage,
      pid: 0,
      method: asBinary('GET'),
      uri: asBinary('/a\nb'),
      query: asBinary('q=1'),
      script: asBinary('/srv/ä.php'),
    }),
    withQuery: true,
    ...more,
  })?.text;

test('a request that a signal has ended is named, with nothing in it that writes a line of its own', () => {
  const text = `[pool www] child 42, script '/srv/..php' (request: "GET /a\\nb?q=1") was lost with it`;
  for (const signal of [6, 7, 9, 11]) assert.equal(lost(signal, 'running'), text);
  assert.equal(lost(11, 'finishing'), text);
  assert.equal(lost(11, 'unknown'), text);
  assert.equal(lost(9, 'running', { withQuery: false }), text.replace('?q=1', ''));
});

test('nothing is said of a worker without a request, nor of one that ended as it was asked to', () => {
  for (const stage of ['creating', 'idle', 'readingHeaders'] as const)
    assert.equal(lost(11, stage), undefined);
  for (const signal of [3, 15]) assert.equal(lost(signal, 'running'), undefined);
  assert.equal(lost(0, 'running', { end: { type: 'exit', code: 255 } }), undefined);
});
