/** The master's cost of a host that reads nothing. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { executeHost } from '../../src/generation/host-life.ts';
import { type HostEvent, HostProcess } from '../../src/generation/host-process.ts';
import { hostStates } from '../../src/generation/host-states.ts';
import { memoryFile, socketPair } from '../../src/posix/descriptors.ts';
import { checkout } from '../harness/folder.ts';
import { poll } from '../harness/waiting.ts';

/** A host that reads nothing ever, past its start as far as the master knows. */
function deafHost(events: HostEvent[]): HostProcess & Disposable {
  const descriptors = {
    scoreboard: memoryFile('scoreboard', 8192),
    listen: openSync('/dev/null', 'r'),
    descriptorPair: socketPair(),
  };
  const host = new HostProcess({
    start: (listener) => executeHost({ file: 'sleep', args: ['1000'] }, descriptors, process.env, listener),
    descriptorChannel: descriptors.descriptorPair[0],
    slotCount: 1,
    settings: [],
    onEvent: (event) => events.push(event),
  });
  host.moveTo(hostStates.ready);
  return Object.assign(host, {
    [Symbol.dispose]() {
      host.kill();
      host.close();
      closeSync(descriptors.scoreboard);
      closeSync(descriptors.listen);
    },
  });
}

for (const [what, give, reason] of [
  [
    'orders',
    (host: HostProcess) => host.endWorker(0, 'quit'),
    /does not read what it is told: \d+ bytes wait/,
  ],
  [
    'long texts',
    (host: HostProcess) => host.refuseStatus('1', 'x'.repeat(100_000)),
    /does not read what it is told: \d+ bytes wait/,
  ],
  [
    'descriptors',
    (host: HostProcess) => host.answerStatus('1', 200, Buffer.from('page')),
    /does not take descriptors|does not read what it is told/,
  ],
] as const) {
  test(`a host that takes no ${what} is given up before they gather`, async () => {
    const events: HostEvent[] = [];
    using host = deafHost(events);
    let given = 0;
    const fault = await poll('the fault', () => {
      for (let count = 0; count < 500; count += 1) give(host);
      given += 500;
      return events.find((event) => event.type === 'fault');
    });
    assert.match(fault.error.message, reason);
    const before = given;
    // Nothing more is sent, and nothing more is said.
    for (let count = 0; count < 500; count += 1) give(host);
    assert.equal(events.filter(({ type }) => type === 'fault').length, 1, `after ${before}`);
  });
}

test('a host that refuses at once is heard, also by a master that was busy and told it more', async () => {
  const events: HostEvent[] = [];
  const descriptors = {
    scoreboard: memoryFile('scoreboard', 8192),
    listen: openSync('/dev/null', 'r'),
    descriptorPair: socketPair(),
  };
  const reason = 'it cannot run this pool';
  const refuses = `printf 'failed #${reason.length}\\n${reason}' >&3`;
  const host = new HostProcess({
    start: (listener) =>
      executeHost({ file: '/bin/sh', args: ['-c', refuses] }, descriptors, process.env, listener),
    descriptorChannel: descriptors.descriptorPair[0],
    slotCount: 1,
    settings: [],
    onEvent: (event) => events.push(event),
  });
  // Its end, which this process has not heard of.
  while (/^State:\s+[^Z]/m.test(readFileSync(`/proc/${host.pid}/status`, 'latin1')));
  host.accept();
  host.startWorker(0);
  await poll('its exit', () => events.some(({ type }) => type === 'exit') || undefined);
  const said = events.flatMap((event) => (event.type === 'message' ? [event.message] : []));
  assert.deepEqual(said, [{ type: 'failed', reason }]);
  host.close();
  closeSync(descriptors.scoreboard);
  closeSync(descriptors.listen);
});

/** Has a template make a host, and executes one, with a few descriptors left; tells how many more are open afterwards. */
const nearLimit = `
import { closeSync, openSync, readdirSync } from 'node:fs';
const root = '${checkout}/src';
const { executeHost, forkHost } = await import(root + '/generation/host-life.ts');
const { socketPair } = await import(root + '/posix/descriptors.ts');
const listener = { onChatter() {}, onUnstarted() {}, onExit() {} };
const template = { pid: 1, fork() { throw new Error('it had enough'); } };
const told = [];
for (const left of [0, 0, 1, 2, 3, 5, 6, 8, -1]) {
  const before = readdirSync('/proc/self/fd').length;
  const scoreboard = openSync('/dev/null');
  const descriptors = { scoreboard, listen: scoreboard, descriptorPair: socketPair() };
  const taken = [];
  try { for (;;) taken.push(openSync('/dev/null')); } catch {}
  for (const fd of taken.splice(0, Math.abs(left))) closeSync(fd);
  try {
    if (left < 0) executeHost({ file: '/bin/true', args: [] }, descriptors, {}, listener);
    else forkHost(template, descriptors, listener, false);
    told.push('made');
  } catch (error) {
    for (const fd of [descriptors.descriptorPair[0], scoreboard, ...taken]) closeSync(fd);
    told.push(readdirSync('/proc/self/fd').length - before);
  }
}
// The first failure of a process opens what others need as well.
console.log(JSON.stringify(told.slice(1)));
process.exit(0);
`;

test('a host that cannot be made for want of descriptors leaves none open', () => {
  const args = [process.execPath, '--input-type=module', '-e', nearLimit];
  const told = execFileSync('/bin/sh', ['-c', 'ulimit -n 100 && exec "$@"', 'sh', ...args], {
    encoding: 'utf8',
  });
  assert.deepEqual(JSON.parse(told), [0, 0, 0, 0, 0, 0, 0, 0]);
});
