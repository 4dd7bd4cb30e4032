/**
 * The lexical half of PHP's INI grammar in normal mode, as PHP-FPM uses it: one line at a time. It works on binary
 * strings (latin1, one character a byte). The longest match wins; among equal ones the first rule of the list. The
 * scanner's state selects the rules.
 */

/** Token names as in syntax errors. */
export type TokenType =
  | 'end of file'
  | 'END_OF_LINE'
  | 'TC_SECTION'
  | 'TC_OFFSET'
  | 'TC_LABEL'
  | 'TC_RAW'
  | 'TC_CONSTANT'
  | 'TC_NUMBER'
  | 'TC_STRING'
  | 'TC_WHITESPACE'
  | 'TC_DOLLAR_CURLY'
  | 'TC_VARNAME'
  | 'TC_FALLBACK'
  | 'TC_QUOTED_STRING'
  | 'BOOL_TRUE'
  | 'BOOL_FALSE'
  | 'NULL_NULL'
  /** A single character token, in quotes: `'='`. */
  | `'${string}'`;

export interface Token {
  readonly type: TokenType;
  /** The token's value: without quotes, escapes resolved, names trimmed. */
  readonly text: string;
  /** Offset of its first character in the line. */
  readonly at: number;
  /** 1-based number of line ends up to the token; syntax errors print it. */
  readonly line: number;
}

/** A token without its place. */
type Made = Pick<Token, 'type' | 'text'>;

const State = {
  /** Before a value: section heads, names, the equals sign. */
  initial: 'initial',
  /** Between the brackets of a section. */
  section: 'section',
  /** Between the brackets of `name[key]`. */
  offset: 'offset',
  /** After the equals sign. */
  value: 'value',
  /** Inside double quotes. */
  quoted: 'quoted',
  /** After `${`. */
  variable: 'variable',
  /** After `:-` inside `${`. */
  fallback: 'fallback',
} as const;
type State = (typeof State)[keyof typeof State];

/** The action of a rule for its match: makes a token, or returns undefined to continue without one. */
type Action = (scanner: Scanner, match: string) => Made | undefined;
/** Length of the match at `position` in characters; 0 for no match. */
type Pattern = (text: string, position: number) => number;
type Rule = readonly [states: readonly State[], pattern: Pattern, action: Action];

const LABEL_CHARACTER = '[^=\\n\\r\\t;&|^$~(){}!"\\[\\0]';
const LABEL = `${LABEL_CHARACTER}+`;
const BYTE_ORDER_MARK = '\xef\xbb\xbf';
const NEWLINE = '(?:\\r\\n|\\r|\\n)';

/** A regular expression, matched at the scanner's position. */
function at(source: string, flags = ''): Pattern {
  const pattern = new RegExp(source, `y${flags}`);
  return (text, position) => {
    pattern.lastIndex = position;
    return pattern.exec(text)?.[0].length ?? 0;
  };
}

/**
 * A sequence of pieces, matched as long as possible. The pieces overlap (`$\` may include a third character or not), so
 * every reachable end is followed.
 */
function run(...pieces: readonly RegExp[]): Pattern {
  return (text, position) => {
    const ends = new Set([position]);
    let longest = position;
    for (const end of ends) {
      longest = Math.max(longest, end);
      for (const piece of pieces) {
        piece.lastIndex = end;
        const match = piece.exec(text)?.[0];
        if (match !== undefined) ends.add(end + match.length);
      }
    }
    return longest - position;
  };
}

/** A dollar sign that starts no variable includes the next character; so does an escaped one. */
const LITERAL_DOLLAR = [/\$[^{\0]/y, /\$\\./sy];

/** An action that makes the whole match a token. */
function token(type: TokenType): Action {
  return (_scanner, match) => ({ type, text: match });
}

/** An action that makes the first visible character of the match a token. */
function symbol(_scanner: Scanner, match: string): Made {
  const text = match.trim().charAt(0);
  return { type: text === '"' ? `'"'` : `'${text}'`, text };
}

/** Strips blanks and tabs at both ends. */
function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text[start])) start++;
  while (end > start && isBlank(text[end - 1])) end--;
  return text.slice(start, end);
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}

const { initial, section, offset, value, quoted, variable, fallback } = State;

const RULES: readonly Rule[] = [
  [[initial], at('\\['), (s) => s.enter(section, { type: 'TC_SECTION', text: '[' })],
  [[section, value, offset], at(`'[^']+'`), (_s, match) => ({ type: 'TC_RAW', text: match.slice(1, -1) })],
  [
    [section],
    at(`\\][ \\t]*${NEWLINE}?`),
    (s, match) => {
      s.countLine();
      return s.enter(initial, symbol(s, match));
    },
  ],
  [
    [initial],
    at(`${LABEL}\\[[ \\t]*`),
    (s, match) =>
      s.enter(offset, { type: 'TC_OFFSET', text: trimBlanks(match.slice(0, match.lastIndexOf('['))) }),
  ],
  [[offset], at('[ \\t]*\\]'), (s, match) => s.enter(initial, symbol(s, match))],
  [
    [quoted, section, value, offset, fallback],
    at('\\$\\{'),
    (s) => s.push(variable, { type: 'TC_DOLLAR_CURLY', text: '${' }),
  ],
  // `:-` ends a name although both characters may occur in one.
  [
    [variable],
    at(`(?:(?!:-)${LABEL_CHARACTER})+`),
    (_s, match) => ({ type: 'TC_VARNAME', text: trimBlanks(match) }),
  ],
  [[variable], at(':-'), (s) => s.enter(fallback, { type: 'TC_FALLBACK', text: ':-' })],
  [[variable, fallback], at('\\}'), (s, match) => s.pop(symbol(s, match))],
  [[initial, value], at('(?:true|on|yes)[ \\t]*', 'i'), () => ({ type: 'BOOL_TRUE', text: '1' })],
  [[initial, value], at('(?:false|off|none|no)[ \\t]*', 'i'), () => ({ type: 'BOOL_FALSE', text: '' })],
  [[initial, value], at('null[ \\t]*', 'i'), () => ({ type: 'NULL_NULL', text: '' })],
  [[initial], at(LABEL), (s, match) => s.label(trimBlanks(match))],
  [[initial], at('[ \\t]*=[ \\t]*'), (s, match) => s.enter(value, symbol(s, match))],
  [[value, initial], at(`[ \\t]*${NEWLINE}`), (s) => s.endOfLine()],
  [[section, value, offset, fallback], at('[a-zA-Z_][a-zA-Z0-9_]*'), token('TC_CONSTANT')],
  [[section, value, offset, fallback], at('[0-9]*\\.[0-9]+|[0-9]+\\.[0-9]*|-?[0-9]+'), token('TC_NUMBER')],
  [[initial], at('[:,.\\[\\]"\'()&|^+\\-/*=%$!~<>?@{}]'), symbol],
  [[value], at('[&|^~()!][ \\t]*'), symbol],
  // A second equals sign ends the value unread, so that it becomes an error.
  [[value], at('='), (s) => s.endValue()],
  [[value], run(/[^$= \t\n\r;&|^~()!"'\0]/y, ...LITERAL_DOLLAR), token('TC_STRING')],
  [[section, offset], run(/[^$\n\r;"'\]\\]/y, /\\./sy, ...LITERAL_DOLLAR), token('TC_STRING')],
  [[fallback], at('[^$\\n\\r;&|^~()!"\\0\\t \'}{]+'), token('TC_STRING')],
  [[section, value, offset, fallback], at('[ \\t]*"'), (s, match) => s.push(quoted, symbol(s, match))],
  [[quoted], at('"[ \\t]*'), (s, match) => s.pop(symbol(s, match))],
  [[section, value, offset, fallback], at('[ \\t]+'), token('TC_WHITESPACE')],
  [[initial], at('[ \\t]+'), () => undefined],
  [[initial, value], at(`[ \\t]*;[^\\r\\n]*${NEWLINE}`), (s) => s.endOfLine()],
];

/** The tokens of one line, on demand: an error ends the reading. */
export class Scanner {
  readonly #text: string;
  readonly #stack: State[] = [];
  #state: State = State.initial;
  #position = 0;
  /** Start of the current token. */
  #restart = 0;
  #line = 1;

  /** `text` is one line with its line end; a NUL ends it early, like a C string. */
  constructor(text: string) {
    const nul = text.indexOf('\0');
    this.#text = nul === -1 ? text : text.slice(0, nul);
    // PHP skips it at the start of a text, and here each line is one text.
    if (this.#text.startsWith(BYTE_ORDER_MARK)) this.#position = BYTE_ORDER_MARK.length;
  }

  /** The next token; at the end always `end of file`. */
  next(): Token {
    for (;;) {
      const start = this.#position;
      if (start >= this.#text.length && this.#state !== State.value) {
        return { type: 'end of file', text: '', at: start, line: this.#line };
      }
      const made = this.#match();
      if (made) {
        const blanks = /^[ \t]*/.exec(this.#text.slice(start, this.#position))?.[0].length ?? 0;
        return { ...made, at: made.type === 'END_OF_LINE' ? start : start + blanks, line: this.#line };
      }
    }
  }

  /** Changes the state. */
  enter<T>(state: State, result: T): T {
    this.#state = state;
    return result;
  }

  /** Enters a nested state; `pop` leaves it. */
  push<T>(state: State, result: T): T {
    this.#stack.push(this.#state);
    return this.enter(state, result);
  }

  /** Leaves a nested state. */
  pop<T>(result: T): T {
    return this.enter(this.#stack.pop() ?? State.initial, result);
  }

  /** A name at the very end (possible only with a NUL) is no name to PHP. */
  label(text: string): Made {
    return this.#position < this.#text.length
      ? { type: 'TC_LABEL', text }
      : { type: 'end of file', text: '' };
  }

  countLine(): void {
    this.#line++;
  }

  endOfLine(): Made {
    this.countLine();
    return this.endValue(true);
  }

  /** The value ends; the character at the position stays unread unless `consumed`. */
  endValue(consumed = false): Made {
    if (!consumed) this.#position = this.#restart;
    return this.enter(State.initial, { type: 'END_OF_LINE', text: '' });
  }

  #match(): Made | undefined {
    this.#restart = this.#position;
    let longest = 0;
    let chosen: Action | undefined;
    for (const [states, pattern, action] of RULES) {
      if (!states.includes(this.#state)) continue;
      const length = pattern(this.#text, this.#position);
      if (length > longest) [longest, chosen] = [length, action];
    }
    if (chosen) {
      const match = this.#text.slice(this.#position, this.#position + longest);
      this.#position += longest;
      return chosen(this, match);
    }
    if (this.#state === State.quoted) return this.#quotedText();
    if (this.#state === State.value && !/^'[^']/.test(this.#text.slice(this.#position))) {
      // The input ends inside the value, or an empty pair of single quotes ends it (really: PHP then reads the second
      // quote as a name).
      this.#position++;
      return this.endValue(true);
    }
    // No rule matches, for example at an open single quote: PHP's scanner then reports the end of input, whatever
    // follows.
    this.#position = this.#text.length;
    return { type: 'end of file', text: '' };
  }

  /** Text between double quotes, up to the closing quote, `${` or the end. */
  #quotedText(): Made {
    const start = this.#position;
    let end = start;
    while (end < this.#text.length) {
      const character = this.#text[end];
      if (character === '"' || (character === '$' && this.#text[end + 1] === '{')) break;
      end += character === '\\' && !this.#closesLine(end + 1) ? 2 : 1;
    }
    this.#position = Math.min(end, this.#text.length);
    const raw = this.#text.slice(start, this.#position);
    this.#line += raw.match(/\r\n|\r|\n/g)?.length ?? 0;
    return { type: 'TC_QUOTED_STRING', text: raw.replace(/\\([\\"$])/g, '$1') };
  }

  /** A quote before the line end closes even after a backslash, for `"C:\path\"`. */
  #closesLine(position: number): boolean {
    const after = this.#text[position + 1];
    return this.#text[position] === '"' && (after === undefined || after === '\n' || after === '\r');
  }
}
