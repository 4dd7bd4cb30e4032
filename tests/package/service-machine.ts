/** A machine with systemd on which nginx serves PHP by Debian's php8.2-fpm, as its packages set it up. */
import { copyFileSync, writeFileSync } from 'node:fs';
import type { PoolsAnswer } from '../../src/figures/answers.ts';
import { phpFpm, testedPhp } from '../harness/debian.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { httpGet, type Load, startHttpLoad } from '../harness/load.ts';
import { repackCommands } from '../harness/repack.ts';
import { SystemdMachine } from '../harness/systemd-machine.ts';

/** Debian's service. */
export const fpmService = `php${testedPhp}-fpm`;
const folder = `/etc/php/${testedPhp}/fpm`;

/** A script takes 30 ms, so the clients are no load for the machine. */
const script = `<?php
usleep(30000);
echo 'pong';
`;
const facts = `<?php echo json_encode(['ctype' => extension_loaded('ctype'), 'memory' => ini_get('memory_limit')]);`;

/** nginx names the socket of the newest PHP. */
const site = `server {
  listen unix:/run/web.sock;
  root /srv/www;
  location ~ \\.php$ { include fastcgi.conf; fastcgi_pass unix:/run/php/php-fpm.sock; }
}
`;

export class ServiceMachine implements AsyncDisposable {
  readonly machine: SystemdMachine;

  private constructor(machine: SystemdMachine) {
    this.machine = machine;
  }

  /** Boots it and starts both services; the package lies in /root. */
  static async boot(deb: string): Promise<ServiceMachine> {
    const machine = await SystemdMachine.boot();
    const booted = new ServiceMachine(machine);
    try {
      copyFileSync(deb, machine.path('/root/hathi.deb'));
      await machine.run('mkdir -p /srv/www && rm -f /etc/nginx/sites-enabled/* /etc/nginx/conf.d/*');
      // The package's scripts visit every module, a second each where the machine is busy.
      await machine.run(`cd /etc/php/${testedPhp}/mods-available && ls | grep -vx -e opcache.ini -e ctype.ini | xargs rm -f
        find /etc/php/${testedPhp}/*/conf.d -xtype l -delete`);
      booted.write('/srv/www/ping.php', script);
      booted.write('/srv/www/facts.php', facts);
      booted.write('/etc/nginx/sites-enabled/test', site);
      // Without it php-fpm ends running requests at each of its reloads.
      booted.write(`${folder}/pool.d/zz-global.conf`, '[global]\nprocess_control_timeout = 10s\n');
      await machine.run(`systemctl start nginx ${fpmService}`);
      return booted;
    } catch (error) {
      await machine[Symbol.asyncDispose]();
      throw error;
    }
  }

  run(command: string): Promise<string> {
    return this.machine.run(command);
  }

  write(path: string, text: string): void {
    writeFileSync(this.machine.path(path), text);
  }

  /** Settings of another pool, or of none: '' removes it. */
  writePool(name: string, text: string): void {
    this.write(`${folder}/pool.d/${name}.conf`, text);
  }

  startLoad(): Load {
    return startHttpLoad({ clients: 4, socketPath: this.#web, path: '/ping.php', body: 'pong' });
  }

  async facts(): Promise<{ readonly ctype: boolean; readonly memory: string }> {
    return JSON.parse((await httpGet(this.#web, '/facts.php')).body);
  }

  /** A property of a unit. */
  async show(property: string, unit = fpmService): Promise<string> {
    return (await this.run(`systemctl show --property ${property} --value ${unit}`)).trim();
  }

  /** The program of a unit's main process. */
  async program(unit = fpmService): Promise<string> {
    return (await this.run(`readlink /proc/${await this.show('MainPID', unit)}/exe`)).trim();
  }

  /** What the machine's processes are called, apart from systemd's. */
  async titles(): Promise<string> {
    return await this.run('ps -e -o args=');
  }

  /** Another version of Debian's package, of the installed files. @returns its path in the machine */
  async packUpgrade(): Promise<string> {
    return await this.#pack(fpmService, 's/^Version: .*/&+test1/');
  }

  /** Another version of Hathi's. */
  async packHathi(version: string): Promise<string> {
    const about = 'usr/lib/hathi/package.json';
    const change = `sed -i 's/"version": *"[^"]*"/"version": "${version}"/' ${about}`;
    return await this.#pack('hathi', `s/^Version: .*/Version: ${version}/`, change);
  }

  async #pack(name: string, edit: string, change?: string): Promise<string> {
    const folder = `/root/next-${name}`;
    await this.run(repackCommands(name, folder, edit, change));
    return `${folder}.deb`;
  }

  /** A request to a pool of the machine that no web server passes on. */
  async ask(pool: string, name = 'ping'): Promise<string> {
    const socket = this.machine.path(`/run/php/${pool}.sock`);
    return (await request(socket, scriptParams(`/srv/www/${name}.php`))).body.toString();
  }

  /** Requests that a pool has accepted and runs, and its workers. */
  async counts(
    pool = 'www',
  ): Promise<{ readonly accepted: number; readonly active: number; readonly pids: readonly number[] }> {
    const found = (await this.status()).pools.find(({ name }) => name === pool);
    if (found === undefined) throw new Error(`there is no pool ${pool}`);
    return {
      accepted: found.totals.accepted,
      active: found.active,
      pids: found.workers.map(({ pid }) => pid),
    };
  }

  /** What the master tells. */
  async status(): Promise<PoolsAnswer> {
    return JSON.parse(await this.run(`hathi status --json -y ${folder}/php-fpm.conf`));
  }

  get #web(): string {
    return this.machine.path('/run/web.sock');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.machine[Symbol.asyncDispose]();
  }
}

export { phpFpm };
