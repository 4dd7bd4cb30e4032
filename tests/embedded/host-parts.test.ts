/** The parts of the host that need no PHP. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { hostPhases, phaseTransitions } from '../../src/engine/embedded/host/host-phases.ts';
import { iniLookup } from '../../src/engine/embedded/host/ini-lookup.ts';
import { Pages } from '../../src/engine/embedded/host/pages.ts';
import { SettingCollector } from '../../src/engine/embedded/host/pool-settings.ts';
import { RequestRate } from '../../src/engine/embedded/host/request-rate.ts';
import { threadStates, threadTransitions } from '../../src/engine/embedded/host/thread-states.ts';
import { type Thread, WorkerHandle } from '../../src/engine/embedded/host/worker-handle.ts';
import { drawQuota, isNearEnd, isUsedUp } from '../../src/engine/embedded/host/worker-quota.ts';
import { headersOf } from '../../src/engine/embedded/php/functions.ts';
import type { FromThread, ToThread } from '../../src/engine/embedded/shared/protocol.ts';
import { requiredSettings } from '../../src/engine/host-setting-names.ts';
import { asBinary } from '../../src/text/binary.ts';
import { usualSettings } from './usual-settings.ts';

suite('quota of a worker', () => {
  const someQuota = [fc.integer({ min: 1, max: 1_000_000 }), fc.nat({ max: 100_000 })] as const;

  test('lies in the last tenth of pm.max_requests and never over it', () => {
    fc.assert(
      fc.property(...someQuota, (maxRequests, ordinal) => {
        const quota = drawQuota(maxRequests, ordinal, false);
        return Number.isInteger(quota) && quota <= maxRequests && quota >= maxRequests * 0.9;
      }),
    );
  });

  test('of the first worker of a slot lies in the upper half', () => {
    fc.assert(
      fc.property(...someQuota, (maxRequests, ordinal) => {
        const quota = drawQuota(maxRequests, ordinal, true);
        return Number.isInteger(quota) && quota <= maxRequests && quota >= maxRequests / 2;
      }),
    );
  });

  test('sets workers apart that start together', () => {
    const quotas = [0, 1, 2, 3, 4, 5, 6, 7].map((ordinal) => drawQuota(1000, ordinal, true));
    quotas.sort((one, other) => one - other);
    const gaps = quotas.slice(1).map((quota, index) => quota - (quotas[index] ?? 0));
    assert.ok(Math.min(...gaps) >= 25, JSON.stringify(quotas));
  });

  test('0 means no end, and below 10 there is nothing to draw from', () => {
    assert.equal(drawQuota(0, 7, true), Number.POSITIVE_INFINITY);
    for (const isFirst of [false, true]) assert.equal(drawQuota(9, 7, isFirst), 9);
    assert.equal(drawQuota(1, 7, true), 1);
  });
});

suite('renewal of a worker', () => {
  const never = Number.POSITIVE_INFINITY;
  type Row = [what: string, served: number, quota: number, requestsPerMs: number, bootMs: number];
  const needSpare: Row[] = [
    ['within two boots at 100 requests a second', 956, 1000, 0.1, 220],
    ['a machine that boots slowly', 800, 1000, 0.1, 1000],
    ['half of the quota in a busy pool', 500, 1000, 100, 220],
    ['the last request of a pool at rest', 999, 1000, 0, 220],
    ['one request a worker', 0, 1, 0, 220],
  ];
  const needNone: Row[] = [
    ['more than two boots ahead at 100 requests a second', 955, 1000, 0.1, 220],
    ['a tenth of the quota is plenty for a slow pool', 900, 1000, 0.01, 220],
    ['less than half of the quota, however busy', 499, 1000, 100, 220],
    ['the last request but one of a pool at rest', 998, 1000, 0, 220],
    ['no limit', 1_000_000, never, 100, 1000],
  ];
  for (const [rows, expected] of [
    [needSpare, true],
    [needNone, false],
  ] as const) {
    for (const [what, served, quota, requestsPerMs, bootMs] of rows) {
      test(`${expected ? 'a' : 'no'} spare: ${what}`, () => {
        assert.equal(isNearEnd({ served, quota, limit: quota }, { requestsPerMs, bootMs }), expected);
      });
    }
  }

  test('at its quota it waits for the spare, at its limit for nothing', () => {
    const isLeaving = (served: number, spareIsReady: boolean) =>
      isUsedUp({ served, quota: 45, limit: 50 }, spareIsReady);
    assert.deepEqual(
      [44, 45, 49, 50].map((served) => isLeaving(served, false)),
      [false, false, false, true],
    );
    assert.deepEqual(
      [44, 45, 49, 50].map((served) => isLeaving(served, true)),
      [false, true, true, true],
    );
    assert.equal(isUsedUp({ served: 1_000_000, quota: never, limit: never }, true), false);
  });
});

suite('rate of requests', () => {
  const rateOf = (times: number[], now: number): number => {
    const rate = new RequestRate();
    for (const time of times) rate.count(time);
    return rate.perMs(now);
  };
  const steady = Array.from({ length: 150 }, (_, index) => index * 10);

  test('is that of the last second or so', () => {
    assert.equal(rateOf([], 5000), 0);
    assert.ok(Math.abs(rateOf(steady, 1500) - 0.1) < 0.01);
    assert.ok(Math.abs(rateOf(steady.slice(0, 101), 1001) - 0.1) < 0.01, 'at the turn of a period');
    assert.ok(rateOf(steady, 60_000) < 0.01, 'after a minute of silence');
  });

  test('of a few requests at once is no enormous one', () => {
    assert.equal(rateOf([0, 0, 1, 1], 1), 0.04);
  });
});

suite('settings', () => {
  const build = (...lines: [string, string][]) => {
    const collector = new SettingCollector();
    const given = new Set(lines.map(([name]) => name));
    const usual = usualSettings(2).filter(([name]) => !given.has(name));
    for (const [name, value] of [...usual, ...lines]) collector.add(name, asBinary(value));
    return collector.build();
  };

  test('what a master sends is enough, and unknown names are ignored', () => {
    const settings = build(['some.new', 'thing']);
    assert.deepEqual(settings.limitExtensions, ['.php', '.phar']);
    assert.equal(settings.backlog, 511);
    assert.equal(settings.pingPath, undefined);
    assert.equal(settings.isolation, 'worker');
    assert.equal(settings.heapLimit, 256 * 1024 * 1024);
  });

  test('values are turned into their types', () => {
    const settings = build(
      ['security.limit_extensions', '.php .html'],
      ['listen.backlog', '-1'],
      ['root', '1'],
      ['uid', '33'],
      ['gid', '34'],
      ['groups', '34 35'],
      ['rlimit_core', '-1'],
      ['php_value', 'a=b=c'],
    );
    assert.deepEqual(settings.limitExtensions, ['.php', '.html']);
    assert.equal(settings.backlog, 511);
    assert.deepEqual(settings.runAs, { uid: 33, gid: 34, groups: [34, 35] });
    assert.equal(settings.rlimitCore, -1);
    assert.deepEqual(settings.phpValue, [['a', 'b=c']]);
  });

  test('an empty security.limit_extensions allows every name', () => {
    assert.deepEqual(build(['security.limit_extensions', '']).limitExtensions, []);
  });

  test('the environment: the first of a name wins, env[] wins over what is inherited and over USER and HOME', () => {
    const { env } = build(
      ['env.inherited', 'PATH=/bin'],
      ['env.inherited', 'A=inherited'],
      ['env', 'A=first'],
      ['env', 'A=second'],
      ['env', 'HOME=/own'],
      ['env.user', 'joe'],
      ['env.home', '/home/joe'],
    );
    assert.deepEqual(env, [
      ['PATH', '/bin'],
      ['A', 'first'],
      ['HOME', '/own'],
      ['USER', 'joe'],
    ]);
  });

  test('a path is text, whatever its letters', () => {
    const bytes = Buffer.from('/srv/größe').toString('latin1');
    assert.equal(build(['chdir', bytes]).chdir, '/srv/größe');
  });

  test('what is missing or no number is named', () => {
    for (const name of requiredSettings('embedded')) {
      const collector = new SettingCollector();
      for (const [other, value] of usualSettings(2))
        if (other !== name) collector.add(other, asBinary(value));
      assert.throws(() => collector.build(), new RegExp(`no setting "${name.replaceAll('.', '\\.')}"`), name);
    }
    assert.throws(() => build(['ping.path', '/ping']), /no setting "ping\.response"/);
    assert.throws(() => build(['access.log.fd', '7']), /no setting "access\.format"/);
    assert.throws(() => build(['log_level', 'loud']), /log_level = "loud"/);
    assert.throws(() => build(['log_limit', '']), /log_limit = "": want a number/);
    assert.throws(() => build(['pm.max_requests', 'many']), /pm\.max_requests = "many": want a number/);
  });
});

test('ini values: php_admin_value wins over php_value over php.ini, sections for paths do not count', () => {
  const ini = iniLookup(
    'a = 1 ; comment\nb="two;2"\n[PATH=/x]\na=9\n[PHP]\nc=\'3\'\na2=off\n',
    [
      ['b', 'value'],
      ['d', 'first'],
      ['d', 'second'],
    ],
    [['b', 'admin']],
  );
  assert.deepEqual(['a', 'b', 'c', 'd', 'e'].map(ini), ['1', 'admin', '3', 'first', undefined]);
});

suite('pages', () => {
  const head = (page: { head: Uint8Array }) => Buffer.from(page.head).toString('latin1');

  test('have the headers of PHP', () => {
    const pages = new Pages('8.2.36', () => undefined);
    assert.equal(
      head(pages.plain(404, 'x')),
      'Status: 404 Not Found\r\nX-Powered-By: PHP/8.2.36\r\nContent-type: text/html; charset=UTF-8\r\n\r\n',
    );
    assert.equal(
      head(pages.plain(200, '')),
      'X-Powered-By: PHP/8.2.36\r\nContent-type: text/html; charset=UTF-8\r\n\r\n',
    );
  });

  test('expose_php and default_charset are obeyed', () => {
    const ini: Record<string, string> = {
      expose_php: 'Off',
      default_charset: '',
      default_mimetype: 'text/plain',
    };
    assert.equal(
      head(new Pages('8.4.1', (name) => ini[name]).plain(200, '')),
      'Content-type: text/plain\r\n\r\n',
    );
  });

  test("a status page is the master's, with either line end", () => {
    const pages = new Pages('8.4.1', (name) => (name === 'expose_php' ? '0' : undefined));
    for (const end of ['\r\n', '\n']) {
      const page = pages.status(200, Buffer.from(`A: b${end}C: d${end}${end}body${end}${end}`));
      assert.equal(head(page), 'A: b\r\nC: d\r\n\r\n');
      assert.equal(Buffer.from(page.body).toString(), `body${end}${end}`);
    }
  });
});

suite('transition tables', () => {
  test('legal paths', () => {
    const path = ['booting', 'idle', 'running', 'restoring', 'idle', 'leaving', 'gone'] as const;
    for (const [at, state] of path.slice(1).entries()) threadTransitions.move(path[at]!, state);
    const life = ['greeting', 'configuring', 'starting', 'ready', 'draining'] as const;
    for (const [at, state] of life.slice(1).entries()) phaseTransitions.move(life[at]!, state);
  });

  test('blocked moves name both states', () => {
    assert.throws(
      () => threadTransitions.move(threadStates.gone, threadStates.idle),
      /from "gone" to "idle"/,
    );
    assert.throws(
      () => threadTransitions.move(threadStates.running, threadStates.leaving),
      /"running" to "leaving"/,
    );
    assert.throws(
      () => phaseTransitions.move(hostPhases.draining, hostPhases.serving),
      /"draining" to "serving"/,
    );
  });
});

/** A thread that does nothing by itself. */
class SilentThread extends EventEmitter implements Thread {
  readonly received: ToThread[] = [];
  isTerminated = false;

  postMessage(message: ToThread): void {
    this.received.push(message);
  }

  checkTimeLimit(): Promise<'waiting'> {
    return Promise.resolve('waiting');
  }

  terminate(): Promise<unknown> {
    this.isTerminated = true;
    return Promise.resolve();
  }

  say(message: FromThread): void {
    this.emit('message', message);
  }
}

suite('worker handle', () => {
  const up: FromThread = { type: 'up', tid: 77, php: '8.4.1', extensions: [], zendExtensions: [] };
  const make = () => {
    const thread = new SilentThread();
    const handle = new WorkerHandle(1, () => thread);
    return { thread, handle };
  };

  test('a thread that does not die is reported', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { thread, handle } = make();
    let isStuck = false;
    handle.onStuck = () => {
      isStuck = true;
    };
    thread.say(up);
    handle.end();
    t.mock.timers.tick(1999);
    assert.equal(isStuck, false);
    t.mock.timers.tick(1);
    assert.equal(isStuck, true);
    assert.equal(thread.isTerminated, true);
    thread.emit('exit', 1);
    assert.equal(handle.state, threadStates.gone);
  });

  test('a thread that does not leave in time is ended', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { thread, handle } = make();
    thread.say(up);
    handle.leave();
    assert.deepEqual(thread.received, [{ type: 'exit' }]);
    t.mock.timers.tick(2000);
    assert.equal(thread.isTerminated, true);
    thread.emit('exit', 1);
  });

  test("an error of a thread is the reason of its owner's message", () => {
    const { thread, handle } = make();
    let told: string | undefined;
    handle.events = {
      onIdle: () => {},
      onRequestMessage: () => {},
      onGone: (reason) => {
        told = reason;
      },
    };
    thread.say({ type: 'failed', message: 'no memory' });
    thread.emit('error', new Error('later'));
    thread.emit('exit', 1);
    assert.equal(told, 'no memory');
  });

  test('what a lost thread says late is not heard', () => {
    const { thread, handle } = make();
    thread.say(up);
    handle.end();
    handle.events = {
      onIdle: () => assert.fail('told of an idle worker'),
      onRequestMessage: () => assert.fail('told of a request'),
      onGone: () => {},
    };
    thread.say({ type: 'finished', id: 1 });
    thread.say(up);
    thread.emit('exit', 1);
  });
});

test('getallheaders() spells names as PHP-FPM does: the first letter and that behind an underscore stay', () => {
  const names = [
    'HTTP_X_FOO',
    'HTTP_X-Y',
    'HTTP__X',
    'HTTP_X__Y',
    'HTTP_X_',
    'HTTP_',
    'HTTP_x_lower',
    'CONTENT_TYPE',
  ];
  assert.deepEqual(
    headersOf(names.map((name) => [name, ''])).map(([name]) => name),
    ['X-Foo', 'X-y', '_x', 'X-_y', 'X-', 'x-lower', 'Content-Type'],
  );
});
