import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chownSync, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { matchesGlob } from 'node:path';
import { test } from 'node:test';
import { findApplication } from '../../src/cli/serve/application.ts';
import { UsageError } from '../../src/cli/serve/option-values.ts';
import { parseServeOptions } from '../../src/cli/serve/options.ts';
import { makeRuntimeFolder, poolConfig } from '../../src/cli/serve/pool.ts';
import {
  isLoopback,
  type ServeDependencies,
  type ServeMaster,
  type ServeMasterOptions,
  serveCommand,
} from '../../src/cli/serve/serve.ts';
import { chooseUser, findSite } from '../../src/cli/serve/site.ts';
import type { AdminSource } from '../../src/figures/admin-source.ts';
import { findPortOwner, listeningInodes } from '../../src/http/port-owner.ts';
import { TestFolder } from '../harness/folder.ts';
import { within } from '../harness/waiting.ts';
import { freePort } from '../harness/web-server.ts';
import { type Application, reply, startApplication } from './application.ts';
import { ask } from './client.ts';

const nobody = 65534;

/** A command that runs, with a FastCGI application in the place of the pool. */
class Run {
  readonly out: string[] = [];
  readonly errors: string[] = [];
  readonly signals = new Map<string, () => void>();
  readonly ended = Promise.withResolvers<string>();
  readonly #announced = Promise.withResolvers<void>();
  masterOptions: ServeMasterOptions | undefined;
  masterStopped = 0;
  exitCalls: number[] = [];
  now = 0;
  readonly done: Promise<number>;
  readonly #cwd: string;
  readonly #startMaster: (options: ServeMasterOptions) => Promise<ServeMaster>;

  constructor(
    cwd: string,
    args: string[],
    startMaster: (run: Run, options: ServeMasterOptions) => Promise<ServeMaster> = readyMaster,
    environment: Record<string, string> = {},
  ) {
    this.#cwd = cwd;
    this.#startMaster = (options) => startMaster(this, options);
    this.done = serveCommand(args, this.#dependencies(environment));
  }

  /** The port of the announced address. */
  async port(): Promise<number> {
    await within(Promise.race([this.#announced.promise, this.done]), 'the address');
    return Number(/127\.0\.0\.1:(\d+)/.exec(this.out.join('\n'))?.[1]);
  }

  /** The pool's socket, from the configuration. */
  get socket(): string {
    return /^listen = "(.*)"$/m.exec(this.masterOptions?.configText ?? '')?.[1] ?? '';
  }

  #dependencies(environment: Record<string, string>): ServeDependencies {
    return {
      startMaster: (options) => {
        this.masterOptions = options;
        return this.#startMaster(options);
      },
      environment,
      cwd: this.#cwd,
      uid: nobody,
      print: (line) => {
        this.out.push(line);
        if (line.includes('Ctrl-C')) this.#announced.resolve();
      },
      isTerminal: false,
      printError: (line) => this.errors.push(line),
      now: () => this.now,
      onSignal: (signal, listener) => this.signals.set(signal, listener),
      exit: (code) => this.exitCalls.push(code),
    };
  }
}

/** A dashboard's view of a master, enough to report a missing token. */
const admin = { read: () => assert.fail('nobody has asked with the token') } as unknown as AdminSource;

async function readyMaster(run: Run): Promise<ServeMaster> {
  const application: Application = await startApplication(
    (request) => reply(request, 'Content-Type: text/plain\r\n\r\nfrom the pool'),
    run.socket,
  );
  return {
    ready: { phpVersion: '8.4.25', engine: 'embedded', pool: 'serve', warnings: ['this PHP lacks fixes'] },
    admin,
    ended: run.ended.promise,
    async stop() {
      run.masterStopped++;
      await application[Symbol.asyncDispose]();
    },
  };
}

function siteFolder(): TestFolder {
  const folder = new TestFolder('hathi-serve-test-');
  folder.write('public/index.php', '');
  return folder;
}

test('it serves, tells what runs, and Ctrl-C leaves nothing behind', async () => {
  using folder = siteFolder();
  const run = new Run(folder.path, ['--port', '0']);
  const port = await run.port();
  assert.equal(String((await ask(port, '/')).body), 'from the pool');
  const told = run.out.join('\n');
  for (const fact of [
    `http://127.0.0.1:${port}`,
    '8.4.25, embedded engine',
    'serve',
    'Ctrl-C',
    folder.join('public'),
  ]) {
    assert.ok(told.includes(fact), `"${fact}" in ${told}`);
  }
  assert.deepEqual(run.errors, []);
  run.signals.get('SIGINT')!();
  assert.equal(await within(run.done, 'the end'), 0);
  assert.equal(run.masterStopped, 1);
  assert.equal(existsSync(run.socket), false);
  assert.match(run.out.join('\n'), /200 {2}GET {3}\/ /);
  await assert.rejects(fetch(`http://127.0.0.1:${port}/`));
});

test('the dashboard has a port and a token of its own, ends with the command, and is left out on demand', async () => {
  using folder = siteFolder();
  const run = new Run(folder.path, ['--port', '0']);
  const port = await run.port();
  const url = new URL(/Dashboard +(\S+)/.exec(run.out.join('\n'))?.[1] ?? '');
  assert.notEqual(Number(url.port), port);
  assert.match(url.href, /^http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]{24}$/);
  assert.equal(run.masterOptions?.isObserved, true);
  assert.match(await (await fetch(url)).text(), /<title>Hathi<\/title>/);
  assert.equal((await fetch(new URL('/api/pools', url))).status, 401);
  run.signals.get('SIGINT')!();
  await run.done;
  await assert.rejects(fetch(url));

  const without = new Run(folder.path, ['--port', '0', '--no-dashboard']);
  await without.port();
  assert.doesNotMatch(without.out.join('\n'), /Dashboard|token/);
  assert.equal(without.masterOptions?.isObserved, false);
  without.signals.get('SIGINT')!();
  await without.done;
});

test('a second Ctrl-C ends the process at once', async () => {
  using folder = siteFolder();
  const run = new Run(folder.path, ['--port', '0']);
  await run.port();
  run.signals.get('SIGTERM')!();
  run.signals.get('SIGINT')!();
  assert.deepEqual(run.exitCalls, [1]);
  await run.done;
});

test('below npm, which passes a Ctrl-C on that the terminal has sent already, two at once are one', async () => {
  using folder = siteFolder();
  const run = new Run(folder.path, ['--port', '0'], readyMaster, { npm_lifecycle_event: 'start' });
  await run.port();
  for (const now of [1000, 1040, 1499]) {
    run.now = now;
    run.signals.get('SIGINT')!();
  }
  assert.deepEqual(run.exitCalls, []);
  run.now = 1500;
  run.signals.get('SIGINT')!();
  assert.deepEqual(run.exitCalls, [1]);
  await run.done;
});

test('a request that comes before the pool is ready waits for it', async () => {
  using folder = siteFolder();
  const boot = Promise.withResolvers<void>();
  const called = Promise.withResolvers<void>();
  const probe = await freePort();
  const run = new Run(folder.path, ['--port', String(probe)], async (self) => {
    called.resolve();
    await boot.promise;
    return readyMaster(self);
  });
  await called.promise;
  const answer = ask(probe, '/');
  boot.resolve();
  assert.equal(String((await answer).body), 'from the pool');
  run.signals.get('SIGINT')!();
  await run.done;
});

test('a taken port is told with its owner and the way out, and no pool is started', async () => {
  using folder = siteFolder();
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  const run = new Run(folder.path, [], readyMaster, { PORT: String(port) });
  assert.equal(await run.done, 1);
  assert.match(
    run.errors[0]!,
    new RegExp(`port is taken by process ${process.pid} .*PORT=${port + 1} npm start`),
  );
  assert.equal(run.masterOptions, undefined);
  other.close();
});

test('a pool that does not start ends the command with its reason', async () => {
  using folder = siteFolder();
  const run = new Run(folder.path, ['--port', '0'], () => Promise.reject(new Error('no PHP 9.9: npm i x')));
  assert.equal(await run.done, 1);
  assert.deepEqual(run.errors, ['hathi serve: no PHP 9.9: npm i x']);
});

test('a pool that ends by itself ends the command', async () => {
  using folder = siteFolder();
  const run = new Run(folder.path, ['--port', '0']);
  await run.port();
  run.ended.resolve('it crashed');
  assert.equal(await run.done, 1);
  assert.match(run.errors.join('\n'), /the pool ended: it crashed/);
});

test('an address that others can reach is warned about, with what is unsafe', async () => {
  using folder = siteFolder();
  const run = new Run(folder.path, ['--port', '0', '--host', '0.0.0.0']);
  await run.port();
  run.signals.get('SIGINT')!();
  await run.done;
  assert.match(run.errors.join('\n'), /listening on 0\.0\.0\.0.*\n.*this PHP lacks fixes/);
});

test('loopback is known in all its forms', () => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost'])
    assert.equal(isLoopback(host), true, host);
  for (const host of ['0.0.0.0', '::', '192.168.1.1', 'example.com'])
    assert.equal(isLoopback(host), false, host);
});

const mistakes: [args: string[], message: RegExp][] = [
  [['--port', '70000'], /--port: give a whole number from 0 to 65535/],
  [['--port', 'http'], /cannot use "http" for --port/],
  [['--workers', '0'], /--workers/],
  [['--php', 'latest'], /version such as 8\.4/],
  [['a', 'b'], /one docroot/],
  [['--wrkers', '2'], /--wrkers/],
];

for (const [args, message] of mistakes) {
  test(`${args.join(' ')} is a mistake that is explained`, () => {
    assert.throws(() => parseServeOptions(args, {}, true), message);
  });
}

test('the port comes from the option, else from PORT, else 8080', () => {
  const port = (args: string[], environment: Record<string, string>) => {
    const options = parseServeOptions(args, environment, true);
    assert.ok(options !== 'help');
    return options.port;
  };
  assert.equal(port(['--port', '1'], { PORT: '2' }), 1);
  assert.equal(port([], { PORT: '2' }), 2);
  assert.equal(port([], { PORT: '' }), 8080);
  assert.throws(() => port([], { PORT: 'x' }), /PORT/);
});

test('colours are for a terminal that has not been told otherwise', () => {
  const color = (args: string[], environment: Record<string, string>, isTerminal: boolean) => {
    const options = parseServeOptions(args, environment, isTerminal);
    return options !== 'help' && options.color;
  };
  assert.equal(color([], {}, true), true);
  assert.equal(color([], {}, false), false);
  assert.equal(color(['--no-color'], {}, true), false);
  assert.equal(color([], { NO_COLOR: '1' }, true), false);
});

test('the usual document roots are tried in order', () => {
  using folder = new TestFolder();
  assert.throws(() => findSite(undefined, folder.path), UsageError);
  folder.write('index.html', '');
  assert.equal(findSite(undefined, folder.path).docroot, folder.path);
  folder.write('web/index.php', '');
  assert.equal(findSite(undefined, folder.path).docroot, folder.join('web'));
  folder.mkdir('public');
  assert.equal(findSite(undefined, folder.path).docroot, folder.join('web'));
  assert.deepEqual(findSite('public', folder.path), { docroot: folder.join('public'), guessed: false });
  assert.throws(() => findSite('nowhere', folder.path), /the folder does not exist/);
});

test('PHP runs as root only when that was asked for', {
  skip: process.getuid?.() === 0 ? false : 'needs root',
}, () => {
  using folder = new TestFolder();
  const nothing = { user: undefined, allowRoot: false };
  assert.throws(() => chooseUser(folder.path, nothing, 0), /--user NAME .*or insist with -R/);
  assert.equal(chooseUser(folder.path, { ...nothing, allowRoot: true }, 0), undefined);
  assert.deepEqual(chooseUser(folder.path, { ...nothing, user: 'www-data' }, 0), { user: 'www-data' });
  chownSync(folder.path, nobody, nobody);
  assert.deepEqual(chooseUser(folder.path, nothing, 0), { user: 'nobody', group: String(nobody) });
});

test('without root the user cannot change', () => {
  assert.equal(chooseUser('/', { user: undefined, allowRoot: false }, nobody), undefined);
  assert.throws(() => chooseUser('/', { user: 'www-data', allowRoot: false }, nobody), /only root/);
});

test('the configuration keeps the address and lets the user have the rest', () => {
  const lines = poolConfig(
    {
      socket: '/run/x.sock',
      php: '8.3',
      workers: 3,
      runAs: { user: 'anna', group: '7' },
      application: undefined,
      config: '/etc/more.conf',
      own: ['access.log = /proc/self/fd/9'],
    },
    8,
  ).split('\n');
  for (const line of ['user = anna', 'group = 7', 'pm = static', 'pm.max_children = 3', 'engine.php = 8.3']) {
    assert.ok(lines.includes(line), line);
  }
  const include = lines.indexOf('include = "/etc/more.conf"');
  assert.ok(include > lines.indexOf('pm = static'), 'scalars: the last one counts');
  assert.ok(include < lines.indexOf('php_flag[display_errors] = on'), 'arrays: the first one counts');
  assert.ok(include < lines.lastIndexOf('listen = "/run/x.sock"'), 'the address is ours');
  assert.ok(include < lines.indexOf('access.log = /proc/self/fd/9'), 'the request log is ours');
  assert.ok(include < lines.lastIndexOf('[serve]'), 'the file may have ended in another section');
});

test('--worker and --watch: the script, and files of the project beside what it generates or has installed', () => {
  using folder = new TestFolder();
  const script = folder.write('public/index.php', '');
  for (const name of ['src/A.php', 'con[f]ig/a.yaml', 'var/cache/b.php', 'vendor/c.php', '.git/d.php'])
    folder.write(name, '');
  const watch = { worker: 'public/index.php', watch: true };
  const { watched, ...rest } = findApplication(watch, folder.path)!;
  assert.equal(rest.script, script);
  const matches = (name: string) => watched.some((pattern) => matchesGlob(folder.join(name), pattern));
  for (const name of [
    'src/A.php',
    'src/deep/B.yaml',
    'con[f]ig/a.yaml',
    'public/index.php',
    '.env.local',
    'x.json',
  ])
    assert.ok(matches(name), name);
  for (const name of ['var/cache/b.php', 'vendor/c.php', '.git/d.php', 'src/a.log'])
    assert.ok(!matches(name), name);
  assert.deepEqual(findApplication({ ...watch, watch: false }, folder.path)?.watched, []);
  assert.equal(findApplication({ worker: undefined, watch: false }, folder.path), undefined);
  assert.throws(
    () => findApplication({ ...watch, worker: 'public' }, folder.path),
    /--worker.*does not exist/,
  );
  assert.throws(() => parseServeOptions(['--watch'], {}, false), /--watch without --worker/);
  const lines = poolConfig({
    socket: '/run/x.sock',
    php: undefined,
    workers: 1,
    runAs: undefined,
    application: { script, watched: ['/srv/src/**/*.php'] },
    config: undefined,
    own: [],
  }).split('\n');
  for (const line of ['engine = auto', `worker.script = "${script}"`, 'worker.watch[] = "/srv/src/**/*.php"'])
    assert.ok(lines.includes(line), line);
});

test('the runtime folder is private, and its socket path short enough for the kernel', () => {
  using folder = new TestFolder();
  const deep = folder.mkdir('a'.repeat(90));
  for (const temporary of [folder.path, deep]) {
    const runtime = makeRuntimeFolder(temporary);
    assert.equal(statSync(runtime.folder).mode & 0o777, 0o700);
    assert.ok(runtime.socket.length <= 107);
    runtime.remove();
    assert.equal(existsSync(runtime.folder), false);
  }
});

test('the owner of a port is found; of a free one there is none', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  assert.equal((await findPortOwner(port))?.pid, process.pid);
  server.close();
  await once(server, 'close');
  assert.equal(await findPortOwner(port), undefined);
});

test('only listening sockets on that very port count', () => {
  const row = (port: string, state: string, inode: number) =>
    `   0: 0100007F:${port} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1`;
  const table = [
    '  sl  local_address',
    row('1F90', '0A', 11),
    row('1F90', '01', 12),
    row('1F91', '0A', 13),
  ].join('\n');
  assert.deepEqual(listeningInodes(table, 8080), ['11']);
});
