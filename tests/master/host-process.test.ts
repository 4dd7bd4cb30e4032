/** The master's cost of a host that reads nothing. */
import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { executeHost } from '../../src/generation/host-life.ts';
import { type HostEvent, HostProcess } from '../../src/generation/host-process.ts';
import { hostStates } from '../../src/generation/host-states.ts';
import { memoryFile, socketPair } from '../../src/posix/descriptors.ts';
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
