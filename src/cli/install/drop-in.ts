/** The drop-in that makes a PHP-FPM service run Hathi. Source: systemd.unit(5). */

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/** Folder of the administrator's units. */
export const unitFolder = '/etc/systemd/system';

const fileName = 'hathi.conf';
/** The first line identifies our files. */
const mark = '# Written by "hathi install --take-over"; "hathi install --give-back" removes it.';

export interface DropIn {
  /** Absolute path of the program. */
  readonly hathi: string;
  readonly configuration: string;
  /** The service's own arguments after its program. */
  readonly args: readonly string[];
  /** The service's own commands after a stop (ExecStopPost=). */
  readonly afterStop: readonly (readonly string[])[];
}

/** Runs the command in its words only if the service was stopped: after a crash the hosts serve on. */
const unlessCrashed = `ExecStopPost=-/bin/sh -c 'case $$SERVICE_RESULT in success|timeout) exec "$$0" "$$@" ;; esac' `;

/**
 * The text. The example explains each line; paths are those of this installation.
 *
 * @param example `examples/systemd/php8.2-fpm.service.d/hathi.conf`
 */
export function dropInText(example: string, { hathi, configuration, args, afterStop }: DropIn): string {
  const lines = example.split('\n').filter((line) => !line.startsWith('#'));
  return [
    mark,
    ...lines.flatMap((line) => {
      if (line.startsWith(unlessCrashed))
        return afterStop.map((words) => unlessCrashed + words.map(unitWord).join(' '));
      if (/^ExecStart=./.test(line)) return `ExecStart=${[hathi, ...args].map(unitWord).join(' ')}`;
      const command = /^(ExecReload=|ExecStopPost=-)\S+ (.*) --fpm-config /.exec(line);
      if (command !== null) {
        const words = [hathi, ...(command[2] ?? '').split(' '), '--fpm-config', configuration];
        return `${command[1]}${words.map(unitWord).join(' ')}`;
      }
      return line;
    }),
  ].join('\n');
}

/** A word of a unit's command line: escapes `%` and `$`, which are special there (systemd.service(5)). */
function unitWord(word: string): string {
  const plain = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /[\s"'\\;]/.test(plain) ? `"${plain.replace(/["\\]/g, '\\$&')}"` : plain;
}

/** Installs it atomically. @param service its name with `.service` */
export function writeDropIn(service: string, text: string, folder = unitFolder): string {
  const place = join(folder, `${service}.d`);
  mkdirSync(place, { recursive: true, mode: 0o755 });
  const file = join(place, fileName);
  writeFileSync(`${file}.new`, text, { mode: 0o644 });
  renameSync(`${file}.new`, file);
  return file;
}

/** @returns whether a drop-in of ours existed */
export function removeDropIn(service: string, folder = unitFolder): boolean {
  const place = join(folder, `${service}.d`);
  const file = join(place, fileName);
  if (!isOurs(file)) return false;
  rmSync(file);
  if (readdirSync(place).length === 0) rmdirSync(place);
  return true;
}

/** Names of the services with a drop-in of ours. */
export function takenServices(folder = unitFolder): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.service.d') && isOurs(join(folder, name, fileName)))
    .map((name) => name.slice(0, -'.d'.length));
}

function isOurs(file: string): boolean {
  return existsSync(file) && readFileSync(file, 'utf8').startsWith(mark);
}
