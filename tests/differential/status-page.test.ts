/** Our pages against those of the distribution's php-fpm: the same figures have to give the same bytes. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fpmStatus } from '../../src/engine/embedded/host/fpm-status.ts';
import { type HeaderLine, pingHeaders, renderStatus, statusHeadHeaders } from '../../src/status/render.ts';
import { encodeBinary } from '../../src/text/binary.ts';
import { parseStatus } from '../status/parse-status.ts';
import { Reference, type ReferenceAnswer, referenceMissing } from './status-reference.ts';

function headText(headers: readonly HeaderLine[]): string {
  return `${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

let reference: Reference;

before(async () => {
  if (referenceMissing) return;
  reference = await Reference.start({
    'work.php': '<?php for ($i = 0, $t = microtime(true); microtime(true) - $t < 0.02; $i++);',
    'status.php': '<?php echo json_encode(fpm_get_status());',
  });
});
after(async () => {
  if (!referenceMissing) await reference.stop();
});

/** A status page that has, in an idle worker's row, what the request just made left there. */
async function statusAfter(
  query: string,
  parameters: Readonly<Record<string, string>>,
): Promise<ReferenceAnswer> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    await reference.request('/work.php', parameters);
    const answer = await reference.request('/status', { QUERY_STRING: query });
    // The page itself is made by one of the two workers, now and then by the one that ran the request.
    if (!query.includes('full') || answer.body.includes('work.php')) return answer;
  }
  throw new Error('the reference never showed the request');
}

for (const format of ['text', 'html', 'xml', 'json']) {
  for (const full of [false, true]) {
    const query = `${format === 'text' ? '' : format}${full ? '&full' : ''}`;
    test(`${format}${full ? ' full' : ''} is what the reference prints`, {
      skip: referenceMissing,
    }, async () => {
      const answer = await statusAfter(query, { QUERY_STRING: 'a=1&b=<x>', REMOTE_USER: 'alice' });
      const { snapshot, now } = parseStatus(format, answer.body);
      assert.equal(snapshot.processes.length, full ? 2 : 0);
      const ours = renderStatus(snapshot, query, now);
      assert.equal(ours.status, 200);
      assert.equal(ours.body.toString('latin1'), answer.body);
      assert.equal(headText(ours.headers), answer.head);
    });
  }
}

/**
 * A page from which the worker of the request before is gone: it still counts as active for a moment after its
 * client has the answer, and two pages are the same only when both have that moment behind them.
 */
async function settledPage(query: string, active: RegExp): Promise<ReferenceAnswer> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const answer = await reference.request('/status', { QUERY_STRING: query });
    if (active.test(answer.body)) return answer;
    // Nothing tells when the worker is done; the request that asks would itself be the next one to be late.
    await setTimeout(20);
  }
  throw new Error('the reference never showed one active process');
}

for (const query of ['openmetrics', 'openmetrics&full']) {
  test(`${query} is what the reference prints`, { skip: referenceMissing }, async () => {
    const { body: json } = await settledPage('json', /"active processes":1,/);
    const { body, head } = await settledPage(query, /^phpfpm_active_processes 1$/m);
    const { snapshot, now } = parseStatus('json', json);
    const number = (name: string): number =>
      Number(new RegExp(`^phpfpm_${name} (\\d+)$`, 'm').exec(body)?.[1]);
    const then = {
      ...snapshot,
      acceptedConnections: number('accepted_connections'),
      maxActiveProcesses: number('max_active_processes'),
    };
    const ours = renderStatus(then, query, (snapshot.startTime + number('start_since')) * 1000);
    assert.ok(now >= snapshot.startTime * 1000);
    assert.equal(ours.body.toString('latin1'), body);
    assert.equal(headText(ours.headers), head);
  });
}

test('characters that need escaping come out as the reference has them in json', {
  skip: referenceMissing,
}, async () => {
  const parameters = {
    QUERY_STRING: `q=<>&"'\\]]>/${Buffer.from('é€').toString('latin1')}`,
    SCRIPT_NAME: `/work.php/<b>"'\\`,
  };
  const answer = await statusAfter('json&full', parameters);
  const { snapshot, now } = parseStatus('json', answer.body);
  assert.ok(snapshot.processes.some(({ uri }) => uri === `/work.php/<b>"'\\?${parameters.QUERY_STRING}`));
  const ours = renderStatus(snapshot, 'json&full', now).body.toString('latin1');
  assert.equal(ours, answer.body);
});

test('HEAD and ping have the headers of the reference', { skip: referenceMissing }, async () => {
  const head = await reference.request('/status', { QUERY_STRING: 'json', REQUEST_METHOD: 'HEAD' });
  assert.deepEqual(head, { head: headText(statusHeadHeaders), body: '' });
  const ping = await reference.request('/ping');
  assert.deepEqual(ping, { head: headText(pingHeaders), body: 'pong' });
});

test('fpm_get_status() has the keys and values of the reference', { skip: referenceMissing }, async () => {
  const { body } = await reference.request('/status.php', { QUERY_STRING: 'a=1' });
  const { procs, ...pool } = JSON.parse(body);
  // In the shape of the json page, for the same parser.
  const page = {
    ...pool,
    processes: procs.map((process: Record<string, unknown>) => ({
      ...process,
      'content-length': process['request-length'],
    })),
  };
  const { snapshot, now } = parseStatus('json', JSON.stringify(page));
  const processes = snapshot.processes.map((process, index) => ({
    ...process,
    // Binary strings, as the scoreboard has them.
    query: encodeBinary(procs[index]['query-string']),
  }));
  const ours = fpmStatus(renderStatus({ ...snapshot, processes }, 'json&full', now).body.toString());
  // Ours is made from the page, whose share of the processor has two decimals; the function's has all of them.
  const rounded = procs.map((process: Record<string, unknown>) => ({
    ...process,
    'last-request-cpu': Number(Number(process['last-request-cpu']).toFixed(2)),
  }));
  const expected = { ...pool, procs: rounded };
  assert.equal(ours, JSON.stringify(expected));
});
