/** Hosts of a killed master that do not answer, as after a stop of all processes. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { contractVersion } from '../../src/engine/contract.ts';
import { ErrorLog } from '../../src/log/error-log.ts';
import { HostSurvival } from '../../src/master/host-survival.ts';
import { checkout, TestFolder } from '../harness/folder.ts';
import { exited } from '../harness/processes.ts';

/** Listens at each path and never answers; a letter for each client. */
const silent = `
const { createServer } = require('node:net');
let open = process.argv.length - 1;
for (const path of process.argv.slice(1))
  createServer({ pauseOnConnect: true }, () => process.stdout.write('c')).listen(path, () => { if (--open === 0) process.stdout.write('L'); });
`;

test('hosts that do not answer are waited for together, then ended', async () => {
  using folder = new TestFolder();
  const hosts = folder.join('hosts');
  folder.mkdir('hosts', 0o700);
  const places = ['1111111111111111', '2222222222222222', '3333333333333333'];
  const child = spawn(process.execPath, ['-e', silent, ...places.map((place) => `${hosts}/${place}.sock`)]);
  let said = '';
  child.stdout.on('data', (bytes) => {
    said += bytes;
  });
  await once(child.stdout, 'data');
  const ticks = readFileSync(`/proc/${child.pid}/stat`, 'latin1').split(' ')[21];
  for (const place of places) {
    const record = {
      contract: contractVersion,
      fingerprint: '',
      config: { name: place },
      engine: 'native',
      generation: 1,
      pid: child.pid,
      startTicks: Number(ticks),
      slotCount: 1,
      launchedEpochMs: 0,
    };
    folder.write(`hosts/host-${place}.json`, JSON.stringify(record));
  }
  // A folder that outlived the machine's boot: any process may have that pid and that start time by now.
  const stranger = spawn('sleep', ['60']);
  const began = readFileSync(`/proc/${stranger.pid}/stat`, 'latin1').split(' ')[21];
  const old = { contract: contractVersion, config: { name: 'old' }, generation: 1, slotCount: 1 };
  const identity = { pid: stranger.pid, startTicks: Number(began), boot: 'another' };
  const file = folder.write('hosts/host-4444444444444444.json', JSON.stringify({ ...old, ...identity }));
  const lines: string[] = [];
  const survival = new HostSurvival({
    folder: hosts,
    log: new ErrorLog({ sink: (line) => lines.push(line) }),
    env: {},
    seconds: () => 60,
  });
  assert.deepEqual(survival.find(), []);
  await exited(child);
  assert.deepEqual(lines.length, 3, lines.join('\n'));
  for (const line of lines) assert.match(line, /cannot be reached, it is ended: /);
  assert.equal(child.signalCode, 'SIGKILL');
  // One after the other the first one's end would have been the end of all: they are one process here.
  assert.equal(said, 'Lccc');
  assert.deepEqual([existsSync(file), stranger.exitCode, stranger.signalCode], [false, null, null]);
  stranger.kill();
  await exited(stranger);
  survival.close();
});

/** Looks for a host with a few descriptors left; tells how many are open before and after. */
const nearLimit = `
import { closeSync, openSync, readdirSync, writeFileSync } from 'node:fs';
const root = '${checkout}/src';
const { HostSurvival } = await import(root + '/master/host-survival.ts');
const { ErrorLog } = await import(root + '/log/error-log.ts');
const { bind, listen, openSocket } = await import(root + '/posix/sockets.ts');
const folder = process.argv[1];
const path = folder + '/1111111111111111';
const record = { contract: 0, fingerprint: '', config: { name: 'www' }, generation: 1, pid: 0, startTicks: 0, slotCount: 1 };
const survival = new HostSurvival({ folder, log: new ErrorLog({ sink: () => {} }), env: {}, seconds: () => 60 });
survival.find();
const told = [];
for (let left = 1; left <= 6; left += 1) {
  const socket = openSocket('unix');
  bind(socket, { family: 'unix', path: path + '.sock' });
  listen(socket, 4);
  writeFileSync(folder + '/host-1111111111111111.json', JSON.stringify(record));
  const before = readdirSync('/proc/self/fd').length;
  const taken = [];
  try { for (;;) taken.push(openSync('/dev/null')); } catch {}
  for (const fd of taken.splice(0, left)) closeSync(fd);
  survival.find();
  for (const fd of taken) closeSync(fd);
  told.push(readdirSync('/proc/self/fd').length - before);
}
console.log(JSON.stringify(told));
process.exit(0);
`;

test('a host that cannot be reached for want of descriptors leaves none open', () => {
  using folder = new TestFolder();
  const hosts = folder.mkdir('hosts', 0o700);
  const args = [process.execPath, '--input-type=module', '-e', nearLimit, hosts];
  const told = execFileSync('/bin/sh', ['-c', 'ulimit -n 100 && exec "$@"', 'sh', ...args], {
    encoding: 'utf8',
  });
  assert.deepEqual(JSON.parse(told), [0, 0, 0, 0, 0, 0]);
});
