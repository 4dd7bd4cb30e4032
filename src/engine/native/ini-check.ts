/** Asks a native engine about ini values (native/php/check.c). */

import { spawnSync } from 'node:child_process';
import { type IniAnswer, IniCheckError, type IniRemark, type PoolIniValues } from '../ini-check.ts';
import { iniFilesFor, type PhpIniSource } from '../ini-files.ts';
import { hostProgram } from './host-program.ts';
import { iniFilesOf } from './locate.ts';
import type { BuiltEngine } from './store.ts';

const timeLimitMs = 60_000;

/** Overrides php.ini's settings about messages: the messages are the answer here. */
const toStandardLog = ['log_errors=1', 'error_log=', 'display_startup_errors=0', 'html_errors=0'];

/** @throws IniCheckError when the engine does not answer */
export function askNativeIni(
  build: BuiltEngine,
  php: PhpIniSource,
  pools: readonly PoolIniValues[],
): IniAnswer {
  const { names, remarks } = ask(build, php, pools.flatMap(linesOf));
  // A host starts PHP with its pool's values, so values that PHP reads only at its start are valid then.
  const refused = pools.flatMap((values) =>
    remarks.some(({ kind, pool }) => kind === 'refused' && pool === values.pool)
      ? ask(build, php, valueLines(values)).remarks.map((remark) => keyOf({ ...remark, pool: values.pool }))
      : [],
  );
  return {
    names,
    remarks: remarks.filter((remark) => remark.kind !== 'refused' || refused.includes(keyOf(remark))),
  };
}

function keyOf({ kind, pool, setting, name }: IniRemark): string {
  return [kind, pool, setting, name].join('\t');
}

function ask({ file, record }: BuiltEngine, php: PhpIniSource, lines: readonly string[]): IniAnswer {
  const { files, defines } = iniFilesFor(php, iniFilesOf(record));
  const [program = '', ...args] = hostProgram(file, record);
  const shared = [
    ...files.map((path) => `php.ini=${path}`),
    ...[...defines, ...toStandardLog].map((define) => `php.define=${define}`),
  ];
  const input = Buffer.concat([
    Buffer.from(shared.map(ended).join('')),
    Buffer.from(lines.map(ended).join(''), 'latin1'),
  ]);
  const { status, signal, error, stdout, stderr } = spawnSync(program, [...args, '--check'], {
    input,
    maxBuffer: 64 * 1024 * 1024,
    timeout: timeLimitMs,
  });
  if (error === undefined && status === 0) return parseAnswer(stdout.toString('latin1'));
  const said = stderr?.toString('utf8').trim().split('\n').at(-1) ?? '';
  const how = error?.message ?? (signal === null ? `exit code ${status}` : `signal ${signal}`);
  throw new IniCheckError(`PHP ${record.php} cannot be started (${how})${said === '' ? '' : `: ${said}`}`);
}

function linesOf(values: PoolIniValues): string[] {
  return [`pool=${values.pool}`, ...valueLines(values)];
}

function valueLines({ php_value, php_admin_value }: PoolIniValues): string[] {
  return [
    ...php_value.map(([name, value]) => `php_value=${name}=${value}`),
    ...php_admin_value.map(([name, value]) => `php_admin_value=${name}=${value}`),
  ];
}

function ended(line: string): string {
  return `${line}\0`;
}

const kinds: ReadonlySet<string> = new Set(['startup', 'unknown', 'refused', 'set', 'fatal']);

function isKind(word: string): word is IniRemark['kind'] {
  return kinds.has(word);
}

/** Other lines are output of extensions at their start. */
function parseAnswer(text: string): IniAnswer {
  const names: string[] = [];
  const remarks: IniRemark[] = [];
  for (const line of text.split('\n')) {
    const [kind = '', pool = '', setting = '', name = '', message] = line.split('\t');
    if (message === undefined) continue;
    if (kind === 'name') names.push(name);
    else if (isKind(kind)) remarks.push({ kind, pool, setting, name, message });
  }
  return { names, remarks };
}
