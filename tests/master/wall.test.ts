/**
 * The wall between pools: an error in any handler of one pool is that pool's incident. The pool serves again, and the
 * pool beside it loses no request.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAdminServer } from '../../src/admin/server.ts';
import { configSystem } from '../../src/boot/config-system.ts';
import type { Configuration } from '../../src/config/directives.ts';
import { loadConfiguration } from '../../src/config/load.ts';
import { installedEngine } from '../../src/engine/choice/select.ts';
import { PoolRunner } from '../../src/generation/pool-runner.ts';
import { Sleepers } from '../../src/generation/sleepers.ts';
import { ErrorLog } from '../../src/log/error-log.ts';
import { Master } from '../../src/master/master.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { TestFolder } from '../harness/folder.ts';
import { startLoad } from '../harness/load.ts';
import { cleanEnv, engineEnv } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild } from '../native/built-engine.ts';

const extra: Readonly<Record<string, string>> = {
  passAccessLog: 'access.log = /dev/null',
  sleepy: 'pm = ondemand',
};

function read(folder: TestFolder, names: readonly string[]): Configuration {
  const pools = names.map((name) =>
    [
      `[${name}]\nengine = native\npm = static\npm.max_children = 1`,
      `listen = ${folder.join(`${name}.sock`)}\n${extra[name] ?? ''}\n`,
    ].join('\n'),
  );
  const global = `[global]\nerror_log = ${folder.join('error.log')}\nadmin.listen = off\n`;
  const file = folder.write('server.conf', global + pools.join(''));
  const system = configSystem({ allowRoot: true, env: {}, ini: new Map() });
  const { configuration, messages } = loadConfiguration({ file }, system);
  assert.ok(configuration !== undefined, JSON.stringify(messages));
  return configuration;
}

/** The next use of a property fails, once. */
function breakOnce(owner: object, name: string, holds = (_self: unknown): boolean => true): void {
  const before = Object.getOwnPropertyDescriptor(owner, name);
  const restore = (): void => {
    if (before === undefined) Reflect.deleteProperty(owner, name);
    else Object.defineProperty(owner, name, before);
  };
  Object.defineProperty(owner, name, {
    configurable: true,
    get(this: unknown) {
      if (!holds(this)) return before?.value;
      restore();
      throw new Error(`${name} is broken on purpose`);
    },
  });
}

/** Each has a pool of its name. */
interface Handler {
  readonly name: string;
  /** What the log says that it was. */
  readonly doing: string;
  /** Of the pool's runner, unless it says otherwise. */
  readonly owner?: (runner: PoolRunner) => object | undefined;
  /** Events of a running master come by themselves. */
  readonly trigger?: (master: Master) => void;
}

const reload = (master: Master): void => master.request('reload');

const handlers: readonly Handler[] = [
  { name: 'heartbeat', doing: 'counting its workers' },
  { name: 'checkDeadlines', doing: 'checking deadlines' },
  { name: 'watchHosts', doing: 'watching its hosts' },
  { name: 'autoClaim', doing: 'measuring its workers' },
  { name: 'onHostEvent', doing: 'handling "[a-z]+" of its host', trigger: reload },
  { name: 'checkSocket', doing: 'looking at its socket', trigger: reload },
  { name: 'reload', doing: 'reloading it', trigger: reload },
  {
    name: 'passAccessLog',
    doing: 'passing its access log',
    trigger: (master) => master.request('reopenLogs'),
  },
  {
    name: 'abortReload',
    doing: 'aborting its reload',
    trigger: (master) => master.request('abortReload'),
  },
  {
    name: 'isSaturated',
    doing: 'telling its load',
    owner: ({ metrics }) => metrics,
    trigger: (master) => void master.admin.agentFacts('isSaturated'),
  },
  { name: 'draining', doing: 'showing it', trigger: (master) => void master.admin.read('full') },
  {
    name: 'routes',
    doing: 'reading its routes',
    owner: ({ metrics }) => metrics,
    trigger: (master) => void master.admin.routes('routes'),
  },
  {
    name: 'endWorker',
    doing: 'ending a child',
    owner: ({ serving }) => serving,
    trigger: (master) => {
      const pid = master.runners.find(({ name }) => name === 'endWorker')?.serving?.workers.all()[0]?.pid;
      assert.ok(master.admin.endWorker('endWorker', pid ?? 0, 'quit', 'the test'));
    },
  },
];

const broken = handlers.map(({ name }) => name);

class Subject {
  readonly folder = new TestFolder();
  readonly lines: string[] = [];
  readonly master: Master;
  /** Of the configuration that a reload reads. */
  pools: readonly string[] = ['good', ...broken];

  constructor() {
    // The master looks for its engine in the environment of this process.
    Object.assign(process.env, engineEnv('native'));
    this.master = new Master({
      configuration: read(this.folder, this.pools),
      log: new ErrorLog({ sink: (line) => this.lines.push(line.replace(/^\[[^\]]*\] /, '')) }),
      env: cleanEnv(engineEnv('native')),
      php: () => ({ files: [], hasScanFolder: false, folder: undefined, ignored: true, defines: [] }),
      identify: () => undefined,
      engineFor: installedEngine,
      createAdminServer,
      obstacles: () => [],
      isObserved: true,
      reloadConfiguration: () => ({ configuration: read(this.folder, this.pools), problems: [] }),
    });
  }

  async said(pattern: RegExp): Promise<void> {
    await poll(`${pattern}`, () => this.lines.find((line) => pattern.test(line)), 20_000).catch((error) => {
      throw new Error(`${error.message}\n${this.lines.join('\n')}`);
    });
  }

  runner(name: string): PoolRunner {
    const found = this.master.runners.find((runner) => runner.name === name);
    assert.ok(found !== undefined, name);
    return found;
  }

  /** The pool answers, and no reload is under way. */
  async calm(name: string): Promise<void> {
    const script = scriptParams(this.folder.write('x.php', '<?php echo 1;'));
    await poll(
      name,
      () =>
        request(this.folder.join(`${name}.sock`), script).then(
          ({ body }) => body.toString() === '1' || undefined,
          () => undefined,
        ),
      30_000,
    ).catch((error) => {
      throw new Error(`${error.message}\n${this.lines.join('\n')}`);
    });
    await poll('the master', () => this.master.state === 'normal' || undefined, 20_000);
    assert.equal(this.master.failure, undefined);
  }
}

test('an error in any handler of a pool stays in that pool', {
  skip: nativeBuild().skip,
}, async (context) => {
  const subject = new Subject();
  using folder = subject.folder;
  const { master } = subject;
  await master.start();
  const good = scriptParams(folder.write('good.php', '<?php usleep(5000); echo "good";'));
  const load = startLoad({ clients: 1, address: folder.join('good.sock'), params: good, body: 'good' });
  try {
    for (const { name, owner } of handlers) {
      const runner = subject.runner(name);
      breakOnce((owner ?? ((one) => one))(runner) ?? {}, name);
    }
    for (const trigger of new Set(handlers.map((handler) => handler.trigger))) trigger?.(master);
    for (const { name, doing } of handlers) {
      await context.test(name, async () => {
        await subject.said(
          new RegExp(`^ALERT: \\[pool ${name}\\] fault while ${doing}: ${name} is broken on purpose`),
        );
        await subject.calm(name);
      });
    }
    await context.test('a pool that a reload adds', async () => {
      breakOnce(PoolRunner.prototype, 'start', (self) => (self as PoolRunner).name === 'late');
      subject.pools = ['good', 'late'];
      reload(master);
      await subject.said(/^ALERT: \[pool late\] fault while starting it: start is broken/);
      await subject.said(/^ERROR: \[pool late\] cannot start: start is broken on purpose; trying again/);
      await subject.calm('late');
    });
    await context.test('a pool that a reload removes', async () => {
      const late = subject.runner('late');
      breakOnce(late, 'finish');
      subject.pools = ['good'];
      reload(master);
      await subject.said(/^ALERT: \[pool late\] fault while removing it: finish is broken/);
      await subject.calm('good');
      await poll('its end', () => late.generations().length === 0 || undefined, 20_000);
    });
    await context.test('a pool whose socket cannot be watched stays awake', async () => {
      breakOnce(Sleepers.prototype, 'add');
      subject.pools = ['good', 'sleepy'];
      reload(master);
      await subject.said(
        /^WARNING: \[pool sleepy\] it stays awake, because its socket cannot be watched: add is broken/,
      );
      await subject.calm('sleepy');
    });
  } finally {
    const { counts, samples } = await load.stop();
    assert.deepEqual(Object.keys(counts), ['ok'], `${samples.join('\n')}\n${subject.lines.join('\n')}`);
    breakOnce(subject.runner('good'), 'terminate');
    master.request('terminate');
    await master.closed;
  }
});
