/** A readable syntax error, with the line and a caret below the place. */

import { asBinary } from '../text/binary.ts';
import { sameColumns } from '../text/log-line.ts';
import { DIRECTIVES, type Place } from './directives.ts';
import type { IniSyntaxError } from './ini.ts';

/** Characters of the line shown around the place. */
const WINDOW = 100;

const WORDS: Readonly<Record<string, string>> = {
  'end of file': 'the end of the line',
  END_OF_LINE: 'the end of the line',
  TC_SECTION: `'['`,
  TC_OFFSET: 'a name with a key',
  TC_LABEL: 'a name',
  TC_RAW: 'a quoted text',
  TC_CONSTANT: 'a word',
  TC_NUMBER: 'a number',
  TC_STRING: 'a text',
  TC_WHITESPACE: 'a blank',
  TC_DOLLAR_CURLY: `'\${'`,
  TC_VARNAME: 'the name of a variable',
  TC_FALLBACK: `':-'`,
  TC_QUOTED_STRING: 'text',
  BOOL_TRUE: 'a word for true',
  BOOL_FALSE: 'a word for false',
  NULL_NULL: `'null'`,
};

/** The lines that PHP's own message lacks: file, line, place and remedy. */
export function describeSyntaxError(error: IniSyntaxError, text: string, place: Place): string[] {
  const expected = error.expected.map(inWords);
  const wanted = expected.length === 0 ? '' : `, expected ${expected.join(' or ')}`;
  const start = Math.max(0, Math.min(error.at, text.length) - WINDOW / 2);
  const shown = sameColumns(asBinary(withoutSecret(text, error.at).slice(start, start + WINDOW))).trimEnd();
  const column = Math.min(error.at - start, shown.length);
  const remedy = remedyFor(error, text);
  return [
    `${place.file}:${place.line}:${error.at + 1}: unexpected ${inWords(error.unexpected)}${wanted}`,
    `    ${shown}`,
    `    ${' '.repeat(column)}^`,
    ...(remedy === undefined ? [] : [remedy]),
  ];
}

/** For values that may be secrets, as in `/api/config`, only the character at the place is shown. */
const SECRETS = new Set(
  DIRECTIVES.filter((row) => row.secret || row.type === 'pairs').map(({ name }) => name),
);

function withoutSecret(text: string, at: number): string {
  const [head = '', name = ''] = /^\s*([\w.]+)\s*(?:\[[^\]=]*\]?)?\s*=?/.exec(text) ?? [];
  if (!SECRETS.has(name)) return text;
  return text.replace(/[^\s]/g, (character, index: number) =>
    index < head.length || index === at ? character : '*',
  );
}

function inWords(token: string): string {
  return Object.hasOwn(WORDS, token) ? (WORDS[token] ?? token) : token;
}

function remedyFor({ unexpected, expected, at }: IniSyntaxError, text: string): string | undefined {
  if (expected.includes('TC_QUOTED_STRING') || text[at] === `'`) return 'Close the quote in the same line.';
  if (text.indexOf('=') !== -1 && text.indexOf('=') < at)
    return 'Put the value in double quotes to use it literally.';
  return unexpected.startsWith('BOOL') ? 'A word for true or false cannot be a name.' : undefined;
}
