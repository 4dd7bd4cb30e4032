/** A systemd service and queries by systemctl(1). */

import { spawnSync } from 'node:child_process';

export interface Service {
  /** Including the suffix, `php8.2-fpm.service`. */
  readonly name: string;
  readonly isActive: boolean;
  /** 0 while it is not running. */
  readonly mainPid: number;
  /** The words of ExecStart=, starting with the program. */
  readonly command: readonly string[];
  /** The same of each ExecStopPost=. */
  readonly afterStop: readonly (readonly string[])[];
}

/** The service cannot be handed over; the message has the remedy. */
export class InstallError extends Error {
  override readonly name = 'InstallError';
}

/** @param name with or without `.service` */
export function serviceName(name: string): string {
  if (!/^[A-Za-z0-9:_.@\\-]+$/.test(name)) throw new InstallError(`"${name}" is no name of a service`);
  return name.endsWith('.service') ? name : `${name}.service`;
}

/**
 * Parses the answer of `systemctl show`.
 *
 * @throws InstallError for an unknown service, or one without a command
 */
export function parseService(name: string, shown: string): Service {
  const fields = new Map(
    shown.split('\n').map((line) => {
      const at = line.indexOf('=');
      return [line.slice(0, at), line.slice(at + 1)] as const;
    }),
  );
  if (fields.get('LoadState') !== 'loaded')
    throw new InstallError(`systemd knows no service "${name}": "systemctl list-units 'php*'" lists them`);
  const words = wordsOf(fields.get('ExecStart') ?? '');
  if (words === undefined) throw new InstallError(`the service "${name}" has no ExecStart=`);
  return {
    name,
    isActive: fields.get('ActiveState') === 'active' || fields.get('ActiveState') === 'reloading',
    mainPid: Number(fields.get('MainPID') ?? 0),
    command: words,
    afterStop: shown.split('\n').flatMap((line) => {
      const found = line.startsWith('ExecStopPost=') ? wordsOf(line) : undefined;
      return found === undefined ? [] : [found];
    }),
  };
}

function wordsOf(command: string): string[] | undefined {
  return /argv\[\]=(.*?) ; ignore_errors=/.exec(command)?.[1]?.split(' ');
}

/** @throws InstallError without systemd, or for an unknown service */
export function findService(given: string): Service {
  const name = serviceName(given);
  const properties = ['LoadState', 'ActiveState', 'MainPID', 'ExecStart', 'ExecStopPost'].join(',');
  return parseService(name, systemctl('show', '--property', properties, name));
}

/** @returns its output. @throws InstallError with its errors */
export function systemctl(...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync('systemctl', [...args], { encoding: 'utf8' });
  if (error !== undefined) throw new InstallError(`cannot run systemctl: ${error.message}`);
  if (status === 0) return stdout;
  throw new InstallError(`systemctl ${args.join(' ')} failed: ${stderr.trim()}`);
}

/** The configuration file in a command line of php-fpm. */
export function configurationOf({ name, command }: Service): string {
  for (const [index, word] of command.entries()) {
    const value = /^(?:--fpm-config=|-y=?)(.+)$/.exec(word)?.[1];
    if (value !== undefined) return value;
    if (word === '--fpm-config' || word === '-y') return command[index + 1] ?? '';
  }
  throw new InstallError(
    `the command line of "${name}" names no configuration (--fpm-config): ${command.join(' ')}`,
  );
}
