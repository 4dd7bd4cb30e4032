// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${...} is a variable of the configuration here
/** Random lines, scanned by PHP's own INI scanner (the one that PHP-FPM uses) and by ours. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { phpConstant } from '../../src/config/constants.ts';
import { type IniStatement, parseIniLine } from '../../src/config/ini.ts';
import { versionConstant } from '../../src/engine/choice/version-constants.ts';
import { isPhpAtLeast, phpCli, testedPhp } from '../harness/debian.ts';

const PHP = phpCli;
const LINES = 4000;
/** Fixed, so that a run can be repeated; any other finds what this one may not. */
const SEED = 20_261_122;

/** Separated by commas. `:-` is left out: inside of `${...}` it means something from PHP 8.3 on only. */
const PIECES =
  'a,b,=,=,=, ,  ,\t,[,],",",\',\',$,${,},${HOME},\\,\\",\\\\,\\$,$x,&,|,^,~,!,(,),;,{,yes,no,null,on,E_ALL,12,-3,1.5,.,-,x y,\r,#,k,\xe9';
const STARTS = ['', '', '\xef\xbb\xbf', 'a=', 'a = ', 'a=1|', '[', 'a[', 'a="', 'a[x]=', '[x] '];

/** Reads lines in base64 from stdin; answers each with what was parsed and the warning, if any. */
const SCRIPT = `
set_error_handler(function ($number, $text) { global $warning; $warning = trim($text); return true; });
$answers = [];
foreach (file('php://stdin', FILE_IGNORE_NEW_LINES) as $line) {
  $warning = null;
  $parsed = parse_ini_string(base64_decode($line) . "\\n", true, INI_SCANNER_NORMAL);
  $answers[] = [$parsed === false ? null : base64_encode(flat($parsed)), $warning];
}
function flat($values) {
  $text = '';
  foreach ($values as $key => $value) $text .= "<$key>" . (is_array($value) ? '{' . flat($value) . '}' : "=$value");
  return $text;
}
echo json_encode($answers);`;

type Tree = Map<string, string | Tree>;

/** Statements as parse_ini_string() arranges them: by section, later values over earlier ones. */
function arrange(statements: readonly IniStatement[]): Tree {
  const root: Tree = new Map();
  let section = root;
  for (const statement of statements) {
    if (statement.kind === 'section') {
      section = new Map();
      root.set(statement.name, section);
    } else if (statement.kind === 'entry') {
      if (statement.value !== undefined) section.set(statement.name, statement.value);
    } else {
      const found = section.get(statement.name);
      const list: Tree = found instanceof Map ? found : new Map();
      section.set(statement.name, list);
      list.set(statement.key === '' ? String(list.size) : statement.key, statement.value);
    }
  }
  return root;
}

function flat(tree: Tree): string {
  return [...tree]
    .map(([key, value]) => `<${key}>${typeof value === 'string' ? `=${value}` : `{${flat(value)}}`}`)
    .join('');
}

test('random lines mean what they mean to PHP', {
  skip: isPhpAtLeast('8.3')
    ? 'the scanner is that of PHP 8.2: later ones are wrong about other lines, and call things otherwise'
    : existsSync(PHP)
      ? false
      : `${PHP} is not installed`,
}, () => {
  const line = fc
    .tuple(fc.constantFrom(...STARTS), fc.array(fc.constantFrom(...PIECES.split(',')), { maxLength: 9 }))
    .map(([start, pieces]) => start + pieces.join(''));
  const lines = fc.sample(line, { numRuns: LINES, seed: SEED });
  const input = lines.map((text) => Buffer.from(text, 'latin1').toString('base64')).join('\n');
  const { stdout } = spawnSync(PHP, ['-n', '-r', SCRIPT], { input, encoding: 'utf8', maxBuffer: 1 << 26 });
  const answers: [parsed: string | null, warning: string | null][] = JSON.parse(stdout);
  assert.equal(answers.length, LINES);
  const constant = (name: string): string | undefined =>
    versionConstant(name, () => `${testedPhp}.0`) ?? phpConstant(name);
  const environment = { constant, variable: (name: string) => process.env[name] };
  for (const [index, text] of lines.entries()) {
    const [parsed, warning] = answers[index] ?? [null, 'no answer'];
    const { statements, error } = parseIniLine(`${text}\n`, environment);
    const shown = JSON.stringify(text);
    assert.equal(error?.raw ?? null, warning === null ? null : `PHP:  ${warning}`, shown);
    if (parsed !== null)
      assert.equal(flat(arrange(statements)), Buffer.from(parsed, 'base64').toString('latin1'), shown);
  }
});
