/** The same requests to PHP-FPM and to the code that stands in for it: variables and refusals must be equal. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, statSync } from 'node:fs';
import { suite, test } from 'node:test';
import { type Param, ParamTable, scriptParams } from '../../src/engine/params.ts';
import { judgeScript, resolveScript, scriptRules } from '../../src/engine/script.ts';
import { askOnce } from '../engine/plain-fastcgi.ts';
import { scriptRows } from '../engine/script-rows.ts';
import { phpFpm, requires } from '../harness/debian.ts';
import { ReferenceFpm } from './reference-fpm.ts';

/** The engine's input for $_SERVER: everything except the client's Proxy header. */
function serverVariables(table: ParamTable, phpSelf: string): Param[] {
  return scriptParams(table, phpSelf).filter(([name]) => name !== 'HTTP_PROXY');
}

const files = {
  kind: (path: string) => {
    const found = statSync(path, { throwIfNoEntry: false });
    return found === undefined ? 'missing' : found.isFile() ? 'file' : 'other';
  },
} as const;

function open(path: string): { code: string; text: string } | undefined {
  try {
    closeSync(openSync(path, 'r'));
    return undefined;
  } catch (error) {
    return { code: String((error as NodeJS.ErrnoException).code), text: 'cannot be opened' };
  }
}

const referenceVersion =
  requires('php-fpm') === false
    ? (/^PHP (\S+)/.exec(execFileSync(phpFpm, ['-n', '-v'], { encoding: 'utf8' }))?.[1] ?? '')
    : '';

/** Hathi's result for a request, in the form of php-fpm's dump. */
function ours(params: readonly Param[], fixPathinfo: boolean): unknown {
  const table = new ParamTable(params);
  const ini = (name: string): string | undefined =>
    name === 'cgi.fix_pathinfo' && !fixPathinfo ? '0' : undefined;
  const found = resolveScript(table, scriptRules(referenceVersion, ini), files);
  const verdict = judgeScript(table.get('REQUEST_METHOD'), found.path, ['.php', '.phar'], open);
  switch (verdict.kind) {
    case 'run':
      return { cwd: verdict.script.replace(/\/[^/]*$/, ''), server: serverVariables(table, found.phpSelf) };
    case 'refused':
      return { status: verdict.status, body: verdict.body };
    case 'empty':
      return { status: 200, body: '' };
    default:
      throw new Error(`unknown verdict ${JSON.stringify(verdict satisfies never)}`);
  }
}

/** Time and environment are the process's own and stand at fixed places. */
const notParams = new Set(['USER', 'HOME', 'REQUEST_TIME', 'REQUEST_TIME_FLOAT']);

async function theirs(fpm: ReferenceFpm, params: readonly Param[]): Promise<unknown> {
  const response = await askOnce({ path: fpm.socket }, { params });
  const status = Number(/^Status: (\d+)/m.exec(response.head)?.[1] ?? 200);
  if (!response.body.startsWith('{')) return { status, body: response.body };
  const dump = JSON.parse(response.body) as { cwd: string; server: Record<string, string> };
  return { cwd: dump.cwd, server: Object.entries(dump.server).filter(([name]) => !notParams.has(name)) };
}

for (const fixPathinfo of [true, false]) {
  suite(`script resolution equals PHP-FPM with cgi.fix_pathinfo=${fixPathinfo ? 1 : 0}`, {
    skip: requires('php-fpm'),
  }, () => {
    test('every row', async (t) => {
      await using fpm = await ReferenceFpm.start(
        fixPathinfo ? [] : ['php_admin_value[cgi.fix_pathinfo] = 0'],
      );
      const root = fpm.folder.mkdir('www');
      fpm.folder.write(
        'www/info.php',
        '<?php $s = $_SERVER; echo json_encode(["cwd" => getcwd(), "server" => $s]);',
      );
      fpm.folder.write('www/page.html', 'text');
      for (const row of scriptRows) {
        await t.test(row.name, async () => {
          const params: Param[] = [
            ['REQUEST_METHOD', 'GET'],
            ...row.params.map(([name, value]): Param => [name, value.replaceAll('W', root)]),
          ];
          assert.deepEqual(ours(params, fixPathinfo), await theirs(fpm, params));
        });
      }
    });
  });
}
