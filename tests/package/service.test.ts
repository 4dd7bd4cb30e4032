/** What `hathi install` and the unit do on a machine with systemd: cases in order, on one machine. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { phpFpm, requires, testedPhp } from '../harness/debian.ts';
import { TestFolder } from '../harness/folder.ts';
import type { Load } from '../harness/load.ts';
import { machineObstacle } from '../harness/systemd-machine.ts';
import { poll } from '../harness/waiting.ts';
import { packDeb } from './pack-deb.ts';
import { fpmService, ServiceMachine } from './service-machine.ts';

const skip = requires('php-fpm', 'php-dev', 'php-cli', 'nginx', 'logrotate') || machineObstacle();

describe('the package on a machine with systemd', { skip }, () => {
  const folder = new TestFolder('hathi-deb-');
  let on: ServiceMachine;

  before(async () => {
    on = await ServiceMachine.boot(await packDeb(folder.path));
  });

  after(async () => {
    await on?.[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  /** Acts while clients ask; not one of them may notice. */
  async function underLoad(act: () => Promise<unknown>): Promise<void> {
    const load = on.startLoad();
    await moreOf(load);
    try {
      await act();
      await moreOf(load);
    } finally {
      const { counts, samples } = await load.stop();
      assert.deepEqual(Object.keys(counts), ['ok'], samples.join('\n'));
    }
  }

  async function moreOf(load: Load): Promise<void> {
    const from = load.answered;
    await poll('answers', () => load.answered > from + 10 || undefined);
  }

  /** Files of the package's name, apart from systemd's own notes and from those that tests beside this one make, and its units. */
  const traces = `find /run /var /etc /usr /tmp -xdev \\( -path /var/tmp -o -path /var/lib/systemd -o -path /var/log/journal -o -name 'hathi-test-*' \\) -prune \
    -o -name '*hathi*' -print; systemctl list-unit-files 'hathi*' --no-legend || true`;
  let earlier = '';

  test('its installation changes nothing for PHP-FPM', async () => {
    earlier = await on.run(traces);
    await underLoad(async () => {
      const said = await on.run('dpkg -i /root/hathi.deb 2>&1');
      assert.match(said, /Setting up hathi/);
    });
    assert.equal(await on.program(), phpFpm);
    assert.equal(await on.show('ActiveState', 'hathi'), 'inactive');
  });

  test('take-over under load: the same process and sockets, no request lost', async () => {
    const pid = await on.show('MainPID');
    await underLoad(async () => {
      const said = await on.run(`hathi install --take-over ${fpmService} 2>&1`);
      assert.match(said, new RegExp(`^${fpmService}\\.service runs Hathi \\(/etc/systemd/system/.*\\)\\n$`));
    });
    assert.equal(await on.show('MainPID'), pid);
    assert.match(await on.program(), /^\/usr\/lib\/hathi\/.*\/node$/);
    assert.deepEqual([await on.show('ActiveState'), await on.show('NRestarts')], ['active', '0']);
    assert.doesNotMatch(await on.run('cat /proc/self/mountinfo'), /php-fpm/);
    assert.match(await on.run(`systemctl status ${fpmService}`), /php-fpm: host for www/);
  });

  test('reload under load; a refused one fails and changes nothing', async () => {
    const pid = await on.show('MainPID');
    on.writePool('zz-memory', '[www]\nphp_admin_value[memory_limit] = 77M\n');
    await underLoad(() => on.run(`systemctl reload ${fpmService}`));
    assert.equal((await on.facts()).memory, '77M');
    on.writePool('zz-memory', '[www]\npm = nonsense\n');
    await underLoad(async () => {
      const refused = await on.machine.try(`systemctl reload ${fpmService}`);
      assert.notEqual(refused.code, 0);
    });
    assert.match(await on.run(`journalctl -u ${fpmService}`), /invalid process manager/);
    assert.deepEqual([await on.show('ActiveState'), await on.show('MainPID')], ['active', pid]);
    assert.equal((await on.facts()).memory, '77M');
    on.writePool('zz-memory', '');
    await on.run(`systemctl reload ${fpmService}`);
  });

  test("logrotate's file of Debian reopens the log", async () => {
    const log = `/var/log/${fpmService}.log`;
    await on.run(`logrotate -f /etc/logrotate.d/${fpmService}`);
    const path = on.machine.path(log);
    // The master makes it when its signal arrives, which logrotate does not wait for.
    const reopened = (): boolean => existsSync(path) && /re-opened/.test(readFileSync(path, 'utf8'));
    await poll('the new log', () => reopened() || undefined);
    assert.ok(existsSync(on.machine.path(`${log}.1`)));
  });

  test('a module is switched off: by reload, and by the trigger of packages', async () => {
    const trigger = `dpkg-trigger --no-await --by-package=${fpmService} /etc/php/${testedPhp}/fpm/conf.d && dpkg --triggers-only --pending`;
    assert.equal((await on.facts()).ctype, true);
    await on.run(`phpdismod -v ${testedPhp} -s fpm ctype`);
    await underLoad(() => on.run(`systemctl reload ${fpmService}`));
    assert.equal((await on.facts()).ctype, false);
    const pid = await on.show('MainPID');
    await on.run(`phpenmod -v ${testedPhp} -s fpm ctype && ${trigger}`);
    assert.equal((await on.facts()).ctype, true);
    assert.notEqual(await on.show('MainPID'), pid);
    assert.match(await on.program(), /node$/);
  });

  test('an upgrade of PHP restarts Hathi, and the socket of the newest PHP stays', async () => {
    const deb = await on.packUpgrade();
    const pid = await on.show('MainPID');
    await on.run(`dpkg -i ${deb} 2>&1`);
    assert.match(await on.run(`dpkg-query -W ${fpmService}`), /\+test1$/m);
    assert.notEqual(await on.show('MainPID'), pid);
    assert.match(await on.program(), /node$/);
    assert.equal((await on.run('readlink -f /run/php/php-fpm.sock')).trim(), `/run/php/${fpmService}.sock`);
    assert.equal((await on.facts()).ctype, true);
  });

  test('an upgrade of the package under load: the new version, no request lost, no restart', async () => {
    const deb = await on.packHathi('9.9.9');
    const pid = await on.show('MainPID');
    const restarts = await on.show('NRestarts');
    await underLoad(() => on.run(`dpkg -i ${deb} 2>&1`));
    assert.equal((await on.status()).version, '9.9.9');
    assert.notEqual(await on.show('MainPID'), pid);
    assert.deepEqual([await on.show('ActiveState'), await on.show('NRestarts')], ['active', restarts]);
    assert.match(await on.program(), /^\/usr\/lib\/hathi\/.*\/node$/);
    await poll(
      'the end of the old master',
      async () => !existsSync(on.machine.path(`/proc/${pid}`)) || undefined,
    );
  });

  test('give-back: the service is as it was, whatever a killed installer has left', async () => {
    await on.run(`mkdir /tmp/hathi-install-left && cd /tmp/hathi-install-left
      printf '#!/bin/sh\\nexec hathi "$@"\\n' >php-fpm && chmod 755 php-fpm && mount --bind php-fpm ${phpFpm}`);
    assert.match(await on.run(`hathi install --give-back ${fpmService}`), /is PHP-FPM's again/);
    assert.equal(await on.program(), phpFpm);
    assert.equal((await on.facts()).ctype, true);
    assert.equal(existsSync(on.machine.path(`/etc/systemd/system/${fpmService}.service.d`)), false);
    assert.doesNotMatch(await on.titles(), /node|template/);
  });

  test('a take-over that cannot be: PHP-FPM serves on', async () => {
    // Node makes machine code at run time.
    const unit = `/run/systemd/system/${fpmService}.service.d`;
    await on.run(`mkdir -p ${unit} && printf '[Service]\\nMemoryDenyWriteExecute=yes\\n' >${unit}/hard.conf
      systemctl daemon-reload && systemctl restart ${fpmService}`);
    const failed = await on.machine.try(`hathi install --take-over ${fpmService}`);
    assert.equal(failed.code, 70, failed.stderr);
    assert.match(failed.stderr, /the sockets cannot be handed over, the service restarts: .* ended/);
    assert.equal(await on.program(), phpFpm);
    assert.equal((await on.facts()).ctype, true);
    await on.run(`rm -r ${unit} && systemctl daemon-reload`);
  });

  const killMaster = 'kill -9 $(systemctl show --property MainPID --value hathi)';

  async function nextMaster(pid: string): Promise<void> {
    // In one question: a killed master is still the active one until systemd has heard of its end.
    const isNext = async (): Promise<boolean> => {
      const said = await on.run('systemctl show --property ActiveState --property MainPID hathi');
      const [, main] = /^MainPID=(\d+)$/m.exec(said) ?? [];
      return /^ActiveState=active$/m.test(said) && main !== '0' && main !== pid;
    };
    await poll('the next master', async () => (await isNext()) || undefined, 30_000);
  }

  test('hathi.service: a killed master comes back, and nobody notices', async () => {
    on.writePool(
      'zz-sleeper',
      '[sleeper]\nuser = www-data\nlisten = /run/php/sleeper.sock\npm = ondemand\npm.max_children = 2\n',
    );
    await on.run('systemctl start hathi');
    assert.deepEqual(
      [await on.show('ActiveState'), await on.show('ActiveState', 'hathi')],
      ['inactive', 'active'],
    );
    await underLoad(async () => {
      const pid = await on.show('MainPID', 'hathi');
      const before = await on.counts();
      await on.run(killMaster);
      assert.equal(await on.ask('sleeper'), 'pong');
      await nextMaster(pid);
      const after = await on.counts();
      assert.ok(after.accepted >= before.accepted, `${after.accepted} < ${before.accepted}`);
      assert.ok(
        before.pids.some((one) => after.pids.includes(one)),
        'its workers stay',
      );
    });
    assert.equal(await on.show('NRestarts', 'hathi'), '1');
    on.writePool('zz-memory', '[www]\npm = nonsense\n');
    assert.notEqual((await on.machine.try('systemctl reload hathi')).code, 0);
    assert.equal(await on.show('ActiveState', 'hathi'), 'active');
    on.writePool('zz-memory', '');
    await on.run('systemctl stop hathi');
    assert.doesNotMatch(await on.titles(), /php-fpm/);
  });

  test('without a keeper systemd holds the sockets of sleeping pools', async () => {
    const stored = async (count: number): Promise<void> => {
      const isThere = async () => Number(await on.show('NFileDescriptorStore', 'hathi')) === count;
      await poll(`${count} stored`, async () => (await isThere()) || undefined, 30_000);
    };
    await on.run('systemctl start hathi && pkill -KILL -f "^php-fpm: keeper of sockets"');
    await stored(1);
    const file = on.machine.path('/run/php/sleeper.sock');
    const { ino } = statSync(file);
    const pid = await on.show('MainPID', 'hathi');
    await on.run(killMaster);
    const answer = on.ask('sleeper');
    await nextMaster(pid);
    assert.equal(await answer, 'pong');
    assert.equal(statSync(file).ino, ino);
    await on.run('systemctl stop hathi');
    await stored(0);
    assert.equal(existsSync(file), false);
  });

  test('a stop that has to kill the master ends its hosts as well', async () => {
    const unit = '/run/systemd/system/hathi.service.d';
    await on.run(`mkdir -p ${unit} && printf '[Service]\\nTimeoutStopSec=1\\n' >${unit}/stop.conf
      systemctl daemon-reload && systemctl start hathi`);
    // The stop waits for it.
    on.write('/srv/www/long.php', '<?php for (;;) usleep(50000);');
    const lost = on.ask('sleeper', 'long').then(
      () => false,
      () => true,
    );
    await poll('the request', async () => (await on.counts('sleeper')).active > 0 || undefined);
    await on.run('systemctl stop hathi');
    assert.equal(await on.show('Result', 'hathi'), 'timeout');
    assert.ok(await lost);
    assert.doesNotMatch(await on.titles(), /php-fpm/);
    assert.equal(existsSync(on.machine.path('/run/php/sleeper.sock')), false);
    await on.run(`rm -r ${unit} && systemctl daemon-reload && systemctl reset-failed hathi`);
  });

  test('a socket unit keeps its socket when the master is killed', async () => {
    const units = 'hathi.socket hathi.service';
    await on.run(`cd /run/systemd/system && cp /usr/lib/hathi/examples/systemd/hathi.socket .
      sed -i 's,/run/php/myapp-fpm,/run/php/${fpmService},' hathi.socket
      systemctl daemon-reload && systemctl start ${units}`);
    const file = on.machine.path(`/run/php/${fpmService}.sock`);
    const { ino } = statSync(file);
    await underLoad(async () => {
      const pid = await on.show('MainPID', 'hathi');
      await on.run(killMaster);
      await nextMaster(pid);
    });
    assert.equal(statSync(file).ino, ino);
    await on.run(`systemctl stop ${units} && rm /run/systemd/system/hathi.socket && systemctl daemon-reload`);
    on.writePool('zz-sleeper', '');
    await on.run(`systemctl start ${fpmService}`);
  });

  test('purge gives services back, and nothing is left', async () => {
    await on.run(`hathi install --take-over ${fpmService}`);
    const said = await on.run('dpkg --purge hathi 2>&1');
    assert.match(said, new RegExp(`${fpmService}\\.service is PHP-FPM's again`));
    assert.equal(await on.program(), phpFpm);
    assert.equal((await on.facts()).ctype, true);
    assert.doesNotMatch(await on.titles(), /hathi|node|template/);
    assert.equal(await on.run(traces), earlier);
    assert.equal(await on.run('systemctl --failed --no-legend'), '');
    assert.deepEqual(
      readdirSync(on.machine.path('/etc/systemd/system')).filter((name) => name.startsWith('php')),
      [],
    );
  });
});
