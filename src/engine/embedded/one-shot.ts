/**
 * One PHP that answers a question of the command line (`-i`, `-m`) and is gone: no host, no worker, no socket. It
 * starts with the same ini text as a worker, so what it says is what scripts of a pool would see.
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PhpIniSource } from '../ini-files.ts';
import { BodyQueue } from './php/body.ts';
import { readEngine } from './php/engine-files.ts';
import { composeIni } from './php/ini.ts';
import { PhpInstance } from './php/instance.ts';
import { findEngine } from './php/package.ts';
import { outcomes } from './protocol.ts';
import { Variables } from './variables.ts';

/** PHP cannot answer; the message says why. */
export class OneShotError extends Error {
  readonly code = 'HATHI_ONE_SHOT';
}

/** Starts PHP, asks it, shuts it down. */
async function withPhp<T>(
  version: string,
  ini: PhpIniSource,
  ask: (php: PhpInstance) => Promise<T> | T,
): Promise<T> {
  const engine = findEngine(version);
  const mainIni = ini.files.map((file) => readFileSync(file, 'latin1')).join('\n[PHP]\n');
  const { module, extensions } = await readEngine(engine);
  const composed = composeIni({
    version,
    mainIni,
    defines: ini.defines.map(pair),
    loadable: [...extensions.keys()],
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
      log: (message) => process.stderr.write(`${message}\n`),
      output: (stream, bytes) => process[stream].write(bytes),
    },
  );
  try {
    return await ask(php);
  } finally {
    await php.close();
  }
}

function pair(define: string): readonly [string, string] {
  const equals = define.indexOf('=');
  return [define.slice(0, equals), define.slice(equals + 1)];
}

/** What `-m` prints: the modules, then those of the Zend engine, each list sorted without regard to case. */
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
 * What `-i` prints: phpinfo() as text.
 *
 * @throws OneShotError when PHP failed on the way
 */
export function phpinfoText(version: string, ini: PhpIniSource): Promise<string> {
  return scriptText(version, ini, '<?php phpinfo();');
}

/**
 * What a script prints.
 *
 * @throws OneShotError when PHP failed on the way
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
        log: (bytes) => process.stderr.write(`${Buffer.from(bytes).toString('latin1')}\n`),
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
