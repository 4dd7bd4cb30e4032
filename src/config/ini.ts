/**
 * The grammar half of PHP's INI syntax: parses one line into statements. A line may have several (`[www] user = x`);
 * those before a syntax error count, as in PHP-FPM. All text is binary strings.
 */

import { Scanner, type Token, type TokenType } from './ini-scanner.ts';
import { atoi } from './integer.ts';

/** One statement of the line; `at` is its offset. */
export type IniStatement =
  | { readonly kind: 'section'; readonly name: string; readonly at: number }
  /** `value` is undefined for a name without an equals sign. */
  | { readonly kind: 'entry'; readonly name: string; readonly value: string | undefined; readonly at: number }
  | {
      readonly kind: 'array';
      readonly name: string;
      /** Empty for `name[] = value`. */
      readonly key: string;
      readonly value: string;
      readonly at: number;
    };

export interface IniSyntaxError {
  /** Offset in the line where parsing stopped. */
  readonly at: number;
  /** The unexpected token, as PHP prints it: `'='`, `end of file`, `BOOL_TRUE`. */
  readonly unexpected: string;
  /** The expected tokens; empty where PHP lists none. */
  readonly expected: readonly string[];
  /** PHP's own line: `PHP:  syntax error, unexpected '=' in Unknown on line 1`. */
  readonly raw: string;
}

export interface IniLine {
  readonly statements: readonly IniStatement[];
  readonly error?: IniSyntaxError;
}

/** Values for names in a line. */
export interface IniEnvironment {
  /** Value of a PHP constant; undefined when unknown. */
  constant(name: string): string | undefined;
  /** The value for `${name}`: php.ini's, else the environment's. */
  variable(name: string): string | undefined;
}

/**
 * Parses one line.
 *
 * @param text the line, with or without its line end
 */
export function parseIniLine(text: string, environment: IniEnvironment): IniLine {
  const parser = new Parser(/[\r\n]$/.test(text) ? text : `${text}\n`, environment);
  return parser.parse();
}

const VALUE_PIECES: ReadonlySet<TokenType> = new Set<TokenType>([
  'TC_CONSTANT',
  'TC_RAW',
  'TC_NUMBER',
  'TC_STRING',
  'TC_WHITESPACE',
]);
const BINARY: ReadonlySet<TokenType> = new Set<TokenType>([`'|'`, `'&'`, `'^'`]);

/** Limit for nested operators, parentheses and defaults. PHP has one as well, a higher one. */
const MAX_NESTING = 500;

/** Unwinds the parser; never leaves this file. */
class Unexpected {
  readonly token: Token;
  readonly expected: readonly string[];
  readonly tooDeep: boolean;

  constructor(token: Token, expected: readonly string[], tooDeep = false) {
    this.token = token;
    this.expected = expected;
    this.tooDeep = tooDeep;
  }
}

class Parser {
  readonly #scanner: Scanner;
  readonly #environment: IniEnvironment;
  readonly #statements: IniStatement[] = [];
  #token: Token;
  #nesting = 0;

  constructor(text: string, environment: IniEnvironment) {
    this.#scanner = new Scanner(text);
    this.#environment = environment;
    this.#token = this.#scanner.next();
  }

  parse(): IniLine {
    try {
      while (this.#token.type !== 'end of file') this.#statement();
    } catch (problem) {
      if (!(problem instanceof Unexpected)) throw problem;
      return { statements: this.#statements, error: describe(problem) };
    }
    return { statements: this.#statements };
  }

  #statement(): void {
    const { type, text: name, at } = this.#token;
    switch (type) {
      case 'END_OF_LINE':
        this.#advance();
        return;
      case 'TC_SECTION': {
        this.#advance();
        const section = this.#string(false) ?? '';
        // The bracket ends the statement: the rest of the line is a statement of its own.
        this.#require(`']'`);
        this.#statements.push({ kind: 'section', name: section, at });
        this.#advance();
        return;
      }
      case 'TC_LABEL': {
        this.#advance();
        const value = this.#accept(`'='`) ? this.#value() : undefined;
        this.#statements.push({ kind: 'entry', name, value, at });
        return;
      }
      case 'TC_OFFSET': {
        this.#advance();
        const key = this.#string(true) ?? '';
        this.#expect(`']'`);
        this.#expect(`'='`);
        this.#statements.push({ kind: 'array', name, key, value: this.#value(), at });
        return;
      }
      default:
        throw new Unexpected(this.#token, []);
    }
  }

  /** The value after an equals sign: a boolean word, nothing, or an expression. */
  #value(): string {
    const { type, text } = this.#token;
    if (type === 'BOOL_TRUE' || type === 'BOOL_FALSE' || type === 'NULL_NULL' || type === 'END_OF_LINE') {
      this.#advance();
      return text;
    }
    return this.#expression();
  }

  /** Binary operators have one precedence and are left-associative; `~` and `!` bind tighter. */
  #expression(): string {
    let left = this.#operand();
    while (BINARY.has(this.#token.type)) {
      const operator = this.#token.text;
      this.#advance();
      left = calculate(operator, left, this.#operand());
    }
    return left;
  }

  #operand(): string {
    switch (this.#token.type) {
      case `'~'`:
        this.#advance();
        return String(~atoi(this.#nested(() => this.#operand())));
      case `'!'`:
        this.#advance();
        return atoi(this.#nested(() => this.#operand())) === 0 ? '1' : '0';
      case `'('`: {
        this.#advance();
        const inner = this.#nested(() => this.#expression());
        this.#expect(`')'`, [`'^'`, `'|'`, `'&'`, `')'`]);
        return inner;
      }
      default: {
        const text = this.#string(true);
        if (text === undefined) throw new Unexpected(this.#token, []);
        return text;
      }
    }
  }

  /** Joins adjacent pieces; undefined without any. Constants are resolved except in section names. */
  #string(constants: boolean): string | undefined {
    let joined: string | undefined;
    for (;;) {
      const { type, text } = this.#token;
      let piece: string;
      if (VALUE_PIECES.has(type)) {
        piece = constants && type === 'TC_CONSTANT' ? (this.#environment.constant(text) ?? text) : text;
        this.#advance();
      } else if (type === 'TC_DOLLAR_CURLY') {
        piece = this.#variable();
      } else if (type === `'"'`) {
        piece = this.#quoted();
      } else {
        return joined;
      }
      joined = (joined ?? '') + piece;
    }
  }

  #quoted(): string {
    this.#advance();
    let text = '';
    for (;;) {
      if (this.#token.type === 'TC_QUOTED_STRING') {
        text += this.#token.text;
        this.#advance();
      } else if (this.#token.type === 'TC_DOLLAR_CURLY') {
        text += this.#variable();
      } else {
        this.#expect(`'"'`, ['TC_DOLLAR_CURLY', 'TC_QUOTED_STRING', `'"'`]);
        return text;
      }
    }
  }

  /** `${NAME}` and `${NAME:-default}`; the default applies if the name is unset or empty. */
  #variable(): string {
    this.#advance();
    const name = this.#token.text;
    this.#expect('TC_VARNAME');
    const found = this.#environment.variable(name) ?? '';
    if (this.#token.type !== 'TC_FALLBACK') {
      this.#expect(`'}'`);
      return found;
    }
    this.#advance();
    const substitute = this.#nested(() => this.#string(true)) ?? '';
    this.#expect(`'}'`);
    return found === '' ? substitute : found;
  }

  /** Parses a nested part. */
  #nested<T>(part: () => T): T {
    if (++this.#nesting > MAX_NESTING) throw new Unexpected(this.#token, [], true);
    const result = part();
    this.#nesting--;
    return result;
  }

  #accept(type: TokenType): boolean {
    if (this.#token.type !== type) return false;
    this.#advance();
    return true;
  }

  #require(type: TokenType, expected: readonly string[] = [type]): void {
    if (this.#token.type !== type) throw new Unexpected(this.#token, expected);
  }

  #expect(type: TokenType, expected: readonly string[] = [type]): void {
    this.#require(type, expected);
    this.#advance();
  }

  #advance(): void {
    this.#token = this.#scanner.next();
  }
}

function calculate(operator: string, left: string, right: string): string {
  const [a, b] = [atoi(left), atoi(right)];
  switch (operator) {
    case '|':
      return String(a | b);
    case '&':
      return String(a & b);
    case '^':
      return String(a ^ b);
    default:
      throw new Error(`Cannot calculate: unknown operator "${operator}"`);
  }
}

function describe({ token, expected, tooDeep }: Unexpected): IniSyntaxError {
  const list = expected.length === 0 ? '' : `, expecting ${expected.join(' or ')}`;
  const message = tooDeep ? 'memory exhausted' : `syntax error, unexpected ${token.type}${list}`;
  return {
    at: token.at,
    unexpected: tooDeep ? 'another level of nesting' : token.type,
    expected,
    raw: `PHP:  ${message} in Unknown on line ${token.line}`,
  };
}
