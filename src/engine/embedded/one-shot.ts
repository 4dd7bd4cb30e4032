/**
 * A PHP that answers one question of the command line (`-i`, `-m`), without host, workers or socket. It starts with a
 * worker's ini text, so it answers what scripts of a pool would see.
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { binaryOf } from '../../text/binary.ts';
import { type IniAnswer, IniCheckError, type IniRemark, type PoolIniValues } from '../ini-check.ts';
import type { PhpIniSource } from '../ini-files.ts';
import { newsOf } from './host/ready-payload.ts';
import { BodyQueue } from './php/body.ts';
import { readEngine } from './php/engine-files.ts';
import { composeIni } from './php/ini.ts';
import { PhpInstance } from './php/instance.ts';
import { findEngine } from './php/package.ts';
import type { OutputStream } from './php/streams.ts';
import { outcomes } from './shared/protocol.ts';
import { Variables } from './shared/variables.ts';

/** PHP cannot answer; the message has the reason. */
export class OneShotError extends Error {
  readonly code = 'HATHI_ONE_SHOT';
}

/** PHP's start options and the destination of its messages. */
interface Surroundings {
  /** Ini values of the pools, which may ask for extensions. */
  readonly poolValues?: readonly (readonly [string, string])[];
  readonly log?: (message: string) => void;
  readonly output?: OutputStream;
}

/**
 * Starts PHP, calls `ask`, shuts PHP down.
 *
 * @param ask receives PHP, and the parts of the php.ini files that it does not support
 */
async function withPhp<T>(
  version: string,
  ini: PhpIniSource,
  ask: (php: PhpInstance, warnings: readonly string[]) => Promise<T> | T,
  { poolValues = [], log = printMessage, output = printOutput }: Surroundings = {},
): Promise<T> {
  const engine = findEngine(version);
  const mainIni = readIniFiles(ini.files);
  const { module, extensions } = await readEngine(engine);
  const composed = composeIni({
    version,
    mainIni,
    defines: ini.defines.map(pair),
    loadable: [...extensions.keys()],
    poolValues,
  });
  const php = await PhpInstance.boot(
    {
      module,
      loaderPath: engine.loaderPath,
      phpVersion: version,
      threadNumber: 1,
      phpIni: composed.text,
      phpIniFiles: ini.files,
      extensions,
      phpValue: [],
      phpAdminValue: [],
      env: Object.entries(process.env).map(([name, value]) => [name, value ?? '']),
      plainPhpinfo: true,
    },
    {
      publishDeadline: () => {},
      status: () => undefined,
      image: () => {},
      opcache: () => {},
      log,
      phpLog: (bytes) => log(binaryOf(bytes)),
      output,
      abandonedAt: () => undefined,
      heap: { limit: 0, publish: () => {}, pause: () => {} },
    },
  );
  try {
    return await ask(php, composed.warnings);
  } finally {
    await php.close();
  }
}

/** Overrides php.ini's settings about messages: the messages are the answer here. */
const toOutput = ['display_errors=1', 'html_errors=0', 'log_errors=0'];

function printMessage(message: string): void {
  process.stderr.write(`${message}\n`);
}

const printOutput: OutputStream = (stream, bytes) => void process[stream].write(bytes);

/**
 * Asks the embedded PHP about its php.ini files and the values of pools. Starts PHP only when there is something to
 * ask.
 *
 * @throws IniCheckError when PHP cannot start with them
 */
export async function askEmbeddedIni(
  version: string,
  ini: PhpIniSource,
  pools: readonly PoolIniValues[],
): Promise<IniAnswer> {
  const poolValues = pools.flatMap(({ php_value, php_admin_value }) => [...php_value, ...php_admin_value]);
  if (poolValues.length === 0 && !namesWhatIsMissing(version, ini)) return { names: [], remarks: [] };
  const remarks: IniRemark[] = [];
  let said: string[] = [];
  const surroundings: Surroundings = {
    poolValues,
    log: (message) => said.push(message),
    output: (_, bytes) => said.push(binaryOf(bytes)),
  };
  const ask = async (php: PhpInstance, warnings: readonly string[]): Promise<IniAnswer> => {
    const { extensions, zendExtensions } = php.facts;
    for (const message of newsOf(warnings, [...extensions, ...zendExtensions])) {
      remarks.push({ kind: 'startup', pool: '', setting: '', name: '', message });
    }
    const names = await runScript(php, '<?php echo implode("\\n", array_keys(ini_get_all(null, false)));');
    for (const { pool, php_value, php_admin_value } of pools) {
      await php.tryPoolIni(
        { phpValue: php_value, phpAdminValue: php_admin_value },
        ({ setting, name, outcome }) => {
          const message = plainText(said.splice(0));
          if (outcome !== 'set' || message !== '') {
            remarks.push({ kind: outcome, pool, setting, name, message });
          }
        },
      );
      said = [];
    }
    return { names: names.split('\n'), remarks };
  };
  try {
    const talkative = { ...ini, defines: [...ini.defines, ...toOutput] };
    const answer = await withPhp(version, talkative, ask, surroundings);
    return { ...answer, remarks: await withLateOnes(version, ini, pools, answer.remarks) };
  } catch (error) {
    throw new IniCheckError(`the embedded PHP ${version} cannot be started: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/**
 * Separates values that PHP refuses from those that it only accepts at its start; pool values are set later than that.
 */
async function withLateOnes(
  version: string,
  ini: PhpIniSource,
  pools: readonly PoolIniValues[],
  remarks: readonly IniRemark[],
): Promise<IniRemark[]> {
  const known = new Map<string, boolean>();
  const judged: IniRemark[] = [];
  for (const remark of remarks) {
    const values = pools.find(({ pool }) => pool === remark.pool);
    const list = remark.setting === 'php_value' ? values?.php_value : values?.php_admin_value;
    const value = list?.find(([name]) => name === remark.name)?.[1];
    if (remark.kind !== 'refused' || value === undefined) {
      judged.push(remark);
      continue;
    }
    const define = `${remark.name}="${value.replace(/[\\"]/g, '\\$&')}"`;
    const isLate = known.get(define) ?? (await isTakenAtStart(version, ini, define, [remark.name, value]));
    known.set(define, isLate);
    judged.push(isLate ? { ...remark, kind: 'late' } : remark);
  }
  return judged;
}

function isTakenAtStart(
  version: string,
  ini: PhpIniSource,
  define: string,
  [name, value]: readonly [string, string],
): Promise<boolean> {
  const started = { ...ini, defines: [...ini.defines, define] };
  const quiet: Surroundings = { log: () => {}, output: () => {} };
  return withPhp(version, started, (php) => php.iniValue(name) === value, quiet);
}

/** Whether the files may name something that this PHP lacks. */
function namesWhatIsMissing(version: string, { files, defines }: PhpIniSource): boolean {
  const mainIni = readIniFiles(files);
  return composeIni({ version, mainIni, defines: defines.map(pair), loadable: [] }).warnings.length > 0;
}

function readIniFiles(files: readonly string[]): string {
  return files.map((file) => readFileSync(file, 'latin1')).join('\n[PHP]\n');
}

/** The text of PHP's message, without level, place and markup. */
function plainText(pieces: readonly string[]): string {
  const text = pieces.join(' ').replace(/<[^>]*>/g, '');
  return text
    .replace(/(?:PHP )?Warning: +/g, '')
    .replace(/ in \S+ on line \d+/g, ';')
    .replace(/[\s;]+$/, '')
    .replace(/\s+/g, ' ')
    .trim();
}

function pair(define: string): readonly [string, string] {
  const equals = define.indexOf('=');
  return [define.slice(0, equals), define.slice(equals + 1)];
}

/** The output of `-m`: PHP's modules, then those of the Zend engine, each list sorted without regard to case. */
export function modulesText(version: string, ini: PhpIniSource): Promise<string> {
  return withPhp(version, ini, ({ facts }) => moduleLists(facts));
}

function moduleLists({ extensions, zendExtensions }: PhpInstance['facts']): string {
  return `[PHP Modules]\n${sorted(extensions)}\n[Zend Modules]\n${sorted(zendExtensions)}\n`;
}

function sorted(names: readonly string[]): string {
  const key = (name: string): string => name.toLowerCase();
  return [...names]
    .sort((left, right) => (key(left) < key(right) ? -1 : 1))
    .map((name) => `${name}\n`)
    .join('');
}

/**
 * The output of `-i`: phpinfo() as text.
 *
 * @throws OneShotError when PHP fails
 */
export function phpinfoText(version: string, ini: PhpIniSource): Promise<string> {
  return scriptText(version, ini, '<?php phpinfo();');
}

/**
 * The output of a script.
 *
 * @throws OneShotError when PHP fails
 */
export function scriptText(version: string, ini: PhpIniSource, source: string): Promise<string> {
  return withPhp(version, ini, (php) => runScript(php, source));
}

async function runScript(php: PhpInstance, source: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'hathi-info-'));
  try {
    const script = join(folder, 'info.php');
    writeFileSync(script, source);
    const pieces: Uint8Array[] = [];
    const { outcome, rest } = await php.run(
      { params: Variables.of([]), script, contentLength: 0 },
      new BodyQueue(0),
      {
        head: () => {},
        body: (bytes) => pieces.push(bytes) > 0,
        flush: () => {},
        finished: () => {},
        log: (bytes) => process.stderr.write(`${binaryOf(bytes)}\n`),
      },
    );
    pieces.push(Buffer.from(rest, 'latin1'));
    const text = Buffer.concat(pieces).toString('utf8');
    if (outcome !== outcomes.ok) throw new OneShotError(`PHP ended early (${outcome}): ${text}`);
    return text;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
