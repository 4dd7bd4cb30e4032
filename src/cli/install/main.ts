/** `hathi install`: makes a PHP-FPM service run Hathi, and gives it back. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { exitCode } from '../../runtime/exit-code.ts';
import { packageFile } from '../../runtime/module.ts';
import { dropInText, removeDropIn, takenServices, writeDropIn } from './drop-in.ts';
import { handOver, removeLeftMount, runsItself } from './hand-over.ts';
import { configurationOf, findService, InstallError, type Service, systemctl } from './unit.ts';

const usage = `Usage: hathi install --take-over SERVICE
       hathi install --give-back SERVICE | --all

Makes a systemd service of PHP-FPM (php8.2-fpm) run Hathi, by a drop-in: package triggers, logrotate, panels and Ansible
go on working. A running PHP-FPM hands its sockets over, so no connection is lost. The configuration is tested first.

  --take-over SERVICE   from now on the service runs Hathi
  --give-back SERVICE   the service is PHP-FPM's again
  --all                 give back every service that was taken over
  --help                this text

Exit codes: 0 done, 70 it could not be done and nothing has changed, 78 the configuration is not one for Hathi, 64 wrong arguments.
`;

/** The launcher of this installation. */
const ownProgram = packageFile('bin/hathi');
const exampleFile = packageFile('examples/systemd/php8.2-fpm.service.d/hathi.conf');

interface Io {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
}

/** @returns the exit code */
export async function installCommand(args: string[], io: Io): Promise<number> {
  const options = readArguments(args);
  if (options === undefined || options.help) {
    (options === undefined ? io.stderr : io.stdout).write(usage);
    return options === undefined ? exitCode.usage : exitCode.ok;
  }
  try {
    if (process.getuid?.() !== 0) throw new InstallError('only root may change services');
    const { 'take-over': taken, 'give-back': given } = options;
    if (taken !== undefined) return await takeOver(findService(taken), io);
    const services = options.all ? takenServices() : [findService(given ?? '').name];
    for (const service of services) giveBack(service, io);
    return exitCode.ok;
  } catch (error) {
    if (!(error instanceof InstallError)) throw error;
    io.stderr.write(`hathi install: ${error.message}\n`);
    return exitCode.software;
  }
}

/** @returns undefined unless they tell one thing to do */
export function readArguments(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      // An option with a value cannot be followed by another option.
      args: args.filter((word, index) => !(word === '--give-back' && args[index + 1] === '--all')),
      options: {
        'take-over': { type: 'string' },
        'give-back': { type: 'string' },
        all: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    const given = [values['take-over'], values['give-back'], values.all || undefined];
    return values.help || given.filter((value) => value !== undefined).length === 1 ? values : undefined;
  } catch {
    return undefined;
  }
}

async function takeOver(service: Service, io: Io): Promise<number> {
  const configuration = configurationOf(service);
  const isTaken = takenServices().includes(service.name);
  if (isTaken && !(service.isActive && runsItself(service.mainPid))) {
    io.stdout.write(`${service.name} runs Hathi already\n`);
    return exitCode.ok;
  }
  const tested = spawnSync(ownProgram, ['-tt', '-y', configuration], {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  if (tested.status !== 0) {
    io.stderr.write(
      `${tested.stderr}hathi install: ${service.name} stays with PHP-FPM: fix the lines above first\n`,
    );
    return exitCode.config;
  }
  const [, ...args] = service.command;
  const { afterStop } = service;
  const example = readFileSync(exampleFile, 'utf8');
  const text = dropInText(example, { hathi: ownProgram, configuration, args, afterStop });
  const file = writeDropIn(service.name, text);
  try {
    systemctl('daemon-reload');
    if (service.isActive && service.mainPid > 0) await moveSockets(service, io);
  } catch (error) {
    restore(service);
    throw error;
  }
  io.stdout.write(`${service.name} runs Hathi (${file})\n`);
  return exitCode.ok;
}

/** As it was: PHP-FPM, and running if it was. */
function restore({ name, isActive }: Service): void {
  removeDropIn(name);
  systemctl('daemon-reload');
  if (!isActive || findService(name).isActive) return;
  systemctl('reset-failed', name);
  systemctl('start', name);
}

/** If the sockets cannot be handed over, the service is restarted, with a message. */
async function moveSockets(service: Service, io: Io): Promise<void> {
  try {
    await handOver(service.mainPid, ownProgram);
  } catch (error) {
    if (!(error instanceof InstallError)) throw error;
    io.stderr.write(
      `hathi install: the sockets cannot be handed over, the service restarts: ${error.message}\n`,
    );
    systemctl('restart', service.name);
  }
}

function giveBack(service: string, io: Io): void {
  if (!removeDropIn(service)) {
    io.stdout.write(`${service} was not taken over\n`);
    return;
  }
  systemctl('daemon-reload');
  const { isActive, command } = findService(service);
  removeLeftMount(command[0] ?? '');
  if (isActive) systemctl('restart', service);
  io.stdout.write(`${service} is PHP-FPM's again\n`);
}
