/** `hathi top` on a real terminal, against an admin endpoint of the test's own. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { test } from 'node:test';
import { requires } from '../harness/debian.ts';
import { TestFolder } from '../harness/folder.ts';
import { signalProcess } from '../harness/processes.ts';
import { run, serverCommand } from '../harness/server.ts';
import { TmuxTerminal } from '../harness/tmux.ts';
import { poll } from '../harness/waiting.ts';

const worker = { state: 'Idle', requests: 3, durationMicros: 2500 };
const answer = {
  version: '1.2.3',
  state: 'normal',
  at: 1_700_000_100_000,
  startedAt: 1_700_000_000_000,
  pools: [
    {
      name: 'www',
      maxChildren: 2,
      active: 1,
      queue: 3,
      queueLimit: 511,
      memoryBytes: 300 * 2 ** 20,
      cpuPercent: 150,
      recent: {
        requestsPerSecond: 12.3,
        errorsPerSecond: 0.5,
        p50Micros: 1000,
        p95Micros: 20_000,
        p99Micros: 1_500_000,
      },
      workers: [
        { ...worker, pid: 71, script: '/srv/idle.php', residentBytes: 2 ** 25 },
        {
          ...worker,
          pid: 72,
          state: 'Running',
          method: 'GET',
          uri: '/reports/9',
          script: '/srv/\x1b[2J\x9b31mhostile.php',
          durationMicros: 9e6,
        },
      ],
    },
  ],
};

const routes = {
  routes: [
    {
      pool: 'www',
      route: 'GET /users/{n}',
      requests: 1200,
      errors: 3,
      sumMicros: 9e6,
      p95Micros: 20_000,
      maxMicros: 3e6,
    },
    { pool: 'www', route: 'POST /\x1b[2J\x9b31m', requests: 1, errors: 0, sumMicros: 1e6 },
  ],
  others: { requests: 7, errors: 1, sumMicros: 2e6 },
};

class Endpoint implements AsyncDisposable {
  readonly asked: string[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      const line = `${request.method} ${request.url}`.replace(/^GET \/api\/pools\?.*/, 'GET /api/pools');
      if (line !== 'GET /api/pools' && line !== 'GET /api/routes') this.asked.push(line);
      if (line === 'GET /api/pools') return response.end(JSON.stringify(answer));
      if (line === 'GET /api/routes') return response.end(JSON.stringify(routes));
      if (request.method === 'POST') return response.writeHead(202).end('{}');
      return response.writeHead(404).end('{"error":"no such path"}');
    });
  }

  static async at(path: string): Promise<Endpoint> {
    const endpoint = new Endpoint();
    endpoint.#server.listen(path);
    await once(endpoint.#server, 'listening');
    return endpoint;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

test('on a terminal: keys, size, and everything given back at the end and on a signal', {
  skip: requires('tmux'),
}, async () => {
  using folder = new TestFolder();
  await using endpoint = await Endpoint.at(folder.join('admin.sock'));
  const top = `${serverCommand('hathi')} top --interval 0.5 --connect ${folder.join('admin.sock')}`;
  const script = `trap : INT; cd ${folder.path}; echo before; stty -g > s0; ${top}; echo ended $?; stty -g > s1
    read go; clear; ${top}; echo ended $?; stty -g > s2
    read go; clear; TERM=dumb ${top}; echo dumb $?`;
  using terminal = new TmuxTerminal(folder.join('tmux.sock'), script, { width: 80, height: 24 });

  const first = await terminal.shows(/hostile/);
  assert.match(first[0] ?? '', /^hathi 1\.2\.3 {2}normal {2}up 1m40s {2}\d\d:\d\d:\d\d$/);
  assert.match(first.join('\n'), /^www +1\/2 +50% +3\/511 +12 +0\.5 +20ms +300M +150% +0 +0$/m);
  assert.match(first.join('\n'), /^>72 +www +Running +9s +- +- +3 \/srv\/\ufffd\[2J\ufffd31mhostile\.php$/m);
  assert.match(first.join('\n'), /^ 71 +www +Idle +2\.5ms +32M +- +3 \/srv\/idle\.php$/m);
  assert.match(first[23] ?? '', /^q quit {2}h help {2}s sort: time/);
  assert.deepEqual(terminal.modes(), { isAlternate: true, hasCursor: false });

  terminal.resize({ width: 50, height: 12 });
  const small = await poll('a smaller screen', () => {
    const rows = terminal.screen();
    return rows.length === 12 && /^q quit/.test(rows[11] ?? '') ? rows : undefined;
  });
  assert.ok(small.every((row) => row.length <= 50));
  terminal.resize({ width: 80, height: 24 });

  terminal.resize({ width: 110, height: 24 });
  await terminal.shows(
    /REQS METHOD {2}URI +SCRIPT$[\s\S]*^>72 .* 3 GET {5}\/reports\/9 +~?\S*hostile\.php$/m,
  );
  terminal.type('u');
  const listed = await terminal.shows(/ROUTE[\s\S]*all others/);
  assert.match(listed.join('\n'), /^www +1\.2k +3 +9s +75% +20ms +3s GET \/users\/\{n\}$/m);
  assert.match(listed.join('\n'), /^www +1 +0 +1s +8% +- +- POST \/\ufffd\[2J\ufffd31m$/m);
  assert.match(listed.join('\n'), /^ +7 +1 +2s +16% +- +- \(all others\)$/m);
  terminal.type('x');
  await terminal.shows(/^>72 /m);
  terminal.resize({ width: 80, height: 24 });
  await terminal.shows(/REQS SCRIPT$/m);

  terminal.type('/', 'i', 'd', 'l', 'e', 'Enter');
  await terminal.shows(/^>71 /m);
  assert.doesNotMatch(terminal.screen().join('\n'), /hostile/);
  terminal.type('t');
  await terminal.shows(
    /Stack of child 71 of pool www\n\nCannot use the admin endpoint[\s\S]*404: no such path/,
  );
  terminal.type('q', 'e');
  await terminal.shows(/^End child 71 of pool www when its request is done\? y\/n$/m);
  terminal.type('n');
  await terminal.shows(/^Nothing was ended\.$/m);
  terminal.type('E', 'y');
  await terminal.shows(/^Child 71 of pool www was asked to end\.$/m);
  assert.deepEqual(endpoint.asked, [
    'GET /api/stack?pool=www&pid=71',
    'POST /api/end-worker?pool=www&pid=71&how=term',
  ]);

  terminal.type('q');
  assert.match((await terminal.shows(/^ended 0$/m)).join('\n'), /^before\nended 0\n/);
  assert.deepEqual(terminal.modes(), { isAlternate: false, hasCursor: true });

  terminal.type('Enter');
  await terminal.shows(/hostile/);
  for (const id of terminal.processes()) signalProcess(id, 'SIGTERM');
  await terminal.shows(/^ended 143$/m);
  assert.deepEqual(terminal.modes(), { isAlternate: false, hasCursor: true });
  // The shell writes them after that line.
  const settings = folder.join('s2');
  await poll('the settings of the terminal', () =>
    existsSync(settings) && readFileSync(settings, 'utf8') !== '' ? true : undefined,
  );
  const [before, quit, killed] = ['s0', 's1', 's2'].map((name) => readFileSync(folder.join(name), 'utf8'));
  assert.deepEqual([quit, killed], [before, before]);

  // Without a cursor the text comes again and again.
  terminal.type('Enter');
  await terminal.shows(/^POOL [\s\S]*^72 [\s\S]*^POOL [\s\S]*^72 /m);
  assert.deepEqual(terminal.modes(), { isAlternate: false, hasCursor: true });
  terminal.type('C-c');
  await terminal.shows(/dumb 130$/m);
});

test('once as text and as JSON; without a terminal it says what to use', async () => {
  using folder = new TestFolder();
  const socket = folder.join('admin.sock');
  await using _ = await Endpoint.at(socket);
  const top = (...args: string[]) => run(serverCommand('hathi'), ['top', '--connect', socket, ...args]);
  const [once, json, live, wrong] = await Promise.all([
    top('--once', '--filter', 'hostile'),
    top('--json'),
    top(),
    top('--interval', '0'),
  ]);
  assert.equal(once.code, 0, once.stderr);
  assert.match(once.stdout, /^72 +www +Running /m);
  assert.doesNotMatch(once.stdout, /^71 |\x1b/m);
  assert.deepEqual(JSON.parse(json.stdout), answer);
  assert.deepEqual(
    [live.code, live.stderr],
    [64, 'hathi top: needs a terminal; use --once or --json without one\n'],
  );
  assert.deepEqual([wrong.code, /must be a number from 0\.5 to 60/.test(wrong.stderr)], [64, true]);
});
