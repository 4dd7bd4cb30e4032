// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${...} is a variable of the configuration here
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { phpConstant } from '../../src/config/constants.ts';
import { type IniEnvironment, type IniStatement, parseIniLine } from '../../src/config/ini.ts';

const environment: IniEnvironment = {
  constant: (name) => phpConstant(name),
  variable: (name) => ({ NAME: 'value', EMPTY: '' })[name],
};

/** A statement in few characters: `[section]`, `name=value`, `name[key]=value`, `name` without a value. */
function brief(statement: IniStatement): string {
  switch (statement.kind) {
    case 'section':
      return `[${statement.name}]`;
    case 'entry':
      return statement.value === undefined ? statement.name : `${statement.name}=${statement.value}`;
    case 'array':
      return `${statement.name}[${statement.key}]=${statement.value}`;
  }
}

/** Lines and their statements. */
const LINES: readonly (readonly [line: string, ...statements: string[]])[] = [
  // Names, values and blanks.
  ['a=b', 'a=b'],
  [' \ta \t= \tb \t', 'a=b'],
  ['a b = c d', 'a b=c d'],
  ['a', 'a'],
  ['a =', 'a='],
  ['a=b\r', 'a=b'],
  ['a=b\rc=d', 'a=b', 'c=d'],
  ["'a'=b", "'a'=b"],
  ['a.b-c/d:e,f%g<h>?@#] = 1', 'a.b-c/d:e,f%g<h>?@#]=1'],
  // Comments: a semicolon, never a hash.
  ['; x'],
  ['   ;'],
  [''],
  ['a=b;c', 'a=b'],
  ['a=b ; "c"', 'a=b'],
  ['a=";" ; c', 'a=;'],
  ['# a', '# a'],
  ['#a=b', '#a=b'],
  // Words for true, false and nothing.
  ['a=YES', 'a=1'],
  ['a=on ; x', 'a=1'],
  ['a=true', 'a=1'],
  ['a=No', 'a='],
  ['a=off', 'a='],
  ['a=none', 'a='],
  ['a=NULL', 'a='],
  ['a=yesterday', 'a=yesterday'],
  ['a="yes"', 'a=yes'],
  // Quotes.
  ['a="b" "c"', 'a=bc'],
  ['a=b "c" d', 'a=bcd'],
  [`a='b' 'c'`, 'a=b c'],
  [`a='b"c'`, 'a=b"c'],
  [`a="b'c"`, "a=b'c"],
  ['a="\\"\\\\\\$\\n\\t"', 'a="\\$\\n\\t'],
  ['a="C:\\dir\\"', 'a=C:\\dir\\'],
  [`a='\\n'`, 'a=\\n'],
  ['a=""', 'a='],
  [`a=''`, 'a=', "'"],
  ['a=\\b', 'a=\\b'],
  ['a=$b', 'a=$b'],
  // Variables.
  ['a=${NAME}', 'a=value'],
  ['a=x${NAME}y', 'a=xvaluey'],
  ['a="x${ NAME }y"', 'a=xvaluey'],
  [`a='\${NAME}'`, 'a=${NAME}'],
  ['a=${NONE}', 'a='],
  ['a=${NONE:-default}', 'a=default'],
  ['a=${EMPTY:-x y}', 'a=x y'],
  ['a=${NAME:-default}', 'a=value'],
  ['a="<${NONE:-d}>"', 'a=<d>'],
  ['a=${NONE:-"a b"}', 'a=a b'],
  ['a=${NONE:-${NAME}}', 'a=value'],
  ['a=${NONE:-}', 'a='],
  // Constants and operators.
  ['a=E_ALL & ~E_NOTICE', 'a=32759'],
  ['a=E_ALL x', 'a=32767 x'],
  ['a=xE_ALL', 'a=xE_ALL'],
  ['a=1|4', 'a=5'],
  ['a=6&3|8', 'a=10'],
  ['a=8|6&3', 'a=2'],
  ['a=1^3', 'a=2'],
  ['a=~1&3', 'a=2'],
  ['a=!1', 'a=0'],
  ['a=!x', 'a=1'],
  ['a=(1|2)', 'a=3'],
  ['a=4000000000|1', 'a=-294967295'],
  ['a=a|b', 'a=0'],
  ['a=1.5x', 'a=1.5x'],
  // Arrays.
  ['a[b]=c', 'a[b]=c'],
  ['a []= c', 'a[]=c'],
  ['a[ b ]=c', 'a[b ]=c'],
  ['a["b c"]=d', 'a[b c]=d'],
  [`a['b']=c`, 'a[b]=c'],
  ['a[${NAME}]=c', 'a[value]=c'],
  ['a[E_ALL]=c', 'a[32767]=c'],
  ['a[null]=c', 'a[]=c'],
  // Sections.
  ['[x]', '[x]'],
  ['[ x ]', '[ x ]'],
  ['[]', '[]'],
  ['["x"]', '[x]'],
  ['[E_ALL]', '[E_ALL]'],
  ['[x] ; y', '[x]'],
  ['[x] a=b', '[x]', 'a=b'],
  // A NUL ends the line as it ends a C string.
  ['a=b\0c=d', 'a=b'],
];

/** Lines that are wrong: what is said, and in which column (from 0). */
const ERRORS: readonly (readonly [line: string, message: string, at: number])[] = [
  ['a=b=c', "unexpected '=' in Unknown on line 1", 3],
  ['a = b = c', "unexpected '=' in Unknown on line 1", 6],
  ['=b', "unexpected '=' in Unknown on line 1", 0],
  ['a=x(1)', "unexpected '(' in Unknown on line 1", 3],
  ['a=1 ~2', "unexpected '~' in Unknown on line 1", 4],
  ['a=1|', 'unexpected END_OF_LINE in Unknown on line 2', 4],
  ['a=(1', "unexpected END_OF_LINE, expecting '^' or '|' or '&' or ')' in Unknown on line 2", 4],
  [
    'a="b',
    `unexpected end of file, expecting TC_DOLLAR_CURLY or TC_QUOTED_STRING or '"' in Unknown on line 2`,
    5,
  ],
  ["a='b", 'unexpected end of file in Unknown on line 1', 2],
  ['a=${', 'unexpected end of file, expecting TC_VARNAME in Unknown on line 1', 4],
  ['a=${}', "unexpected '}', expecting TC_VARNAME in Unknown on line 1", 4],
  ['a=${NAME', "unexpected end of file, expecting '}' in Unknown on line 1", 8],
  ['a=yes no', 'unexpected BOOL_FALSE in Unknown on line 1', 6],
  ['yes=1', 'unexpected BOOL_TRUE in Unknown on line 1', 0],
  ['null=1', 'unexpected NULL_NULL in Unknown on line 1', 0],
  ['a[b]', "unexpected END_OF_LINE, expecting '=' in Unknown on line 2", 4],
  ['a[b][c]=d', "unexpected TC_SECTION, expecting '=' in Unknown on line 1", 4],
  ['a[b', "unexpected end of file, expecting ']' in Unknown on line 1", 3],
  ['[x', "unexpected end of file, expecting ']' in Unknown on line 1", 2],
  ['[x;y]', "unexpected end of file, expecting ']' in Unknown on line 1", 2],
  ['"a"=b', `unexpected '"' in Unknown on line 1`, 0],
  ['{', "unexpected '{' in Unknown on line 1", 0],
];

describe('a line', () => {
  for (const [line, ...statements] of LINES) {
    test(JSON.stringify(line), () => {
      const parsed = parseIniLine(line, environment);
      assert.equal(parsed.error, undefined);
      assert.deepEqual(parsed.statements.map(brief), statements);
    });
  }
});

describe('a wrong line', () => {
  for (const [line, message, at] of ERRORS) {
    test(JSON.stringify(line), () => {
      const { error } = parseIniLine(line, environment);
      assert.equal(error?.raw, `PHP:  syntax error, ${message}`);
      assert.equal(error.at, at);
    });
  }

  test('keeps the statements before the error', () => {
    const { statements, error } = parseIniLine('[www] a = 1)', environment);
    assert.deepEqual(statements.map(brief), ['[www]', 'a=1']);
    assert.equal(error?.unexpected, "')'");
  });
});

describe('lines that a person would not write', () => {
  const LONG = 100_000;
  const repeated = [
    'x',
    ' ',
    "'",
    '"',
    '\\',
    '$',
    '[',
    ']',
    '!',
    '(',
    '${',
    '${A:-',
    '"${',
    '= ',
    'x ',
    '1|',
    '\r',
    '$\\',
  ];
  for (const piece of repeated) {
    for (const start of ['', 'a=', '[', 'a[', 'a="']) {
      test(`${start}${piece}, again and again`, { timeout: 5000 }, () => {
        const { statements, error } = parseIniLine(start + piece.repeat(LONG / piece.length), environment);
        assert.ok(statements.length > 0 || error !== undefined || piece.trim() === '');
      });
    }
  }

  test('nesting has a limit, as in PHP', () => {
    assert.equal(parseIniLine(`a=${'!'.repeat(500)}1`, environment).error, undefined);
    const { error } = parseIniLine(`a=${'!'.repeat(20_000)}1`, environment);
    assert.equal(error?.raw, 'PHP:  memory exhausted in Unknown on line 1');
  });
});

test('any bytes give a result', () => {
  const piece = fc.constantFrom(...'ab=[]"\'$\\|&^~!();{} \t\r\0:-'.split(''), '${', 'yes', 'E_ALL', '12');
  const bytes = fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array).toString('latin1'));
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join('')),
        bytes,
      ),
      (line) => {
        const { statements, error } = parseIniLine(line, environment);
        assert.ok(statements.length <= line.length + 1);
        if (error) assert.ok(error.at >= 0 && error.at <= line.length + 1);
      },
    ),
    { numRuns: 2000 },
  );
});
