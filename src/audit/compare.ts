/** Compares what a warm worker answers with what fresh processes answer. */

import { type Answer, isAnswer, type Outcome } from './answer.ts';
import { type TextDifference, VolatileText } from './volatile.ts';

/** One difference, in the words of the report. */
export interface Difference {
  readonly id: 'no-answer' | 'status' | 'header' | 'cookie' | 'body';
  /** The header's or the cookie's name; '' for others. */
  readonly name: string;
  readonly fresh: string;
  readonly warm: string;
  /** The text before it in the body. */
  readonly before?: string;
}

/** Noise that the operator names. */
export interface Ignored {
  /** Lower-case names. */
  readonly headers: ReadonlySet<string>;
  /** Removed from bodies and header values before they are compared. */
  readonly patterns: readonly RegExp[];
}

/** The answers of fresh processes to one request, ready for comparing. */
export class FreshAnswers {
  readonly #answers: readonly Answer[];
  readonly #ignored: Ignored;
  readonly #body: VolatileText;
  readonly #fields: ReadonlyMap<string, readonly VolatileText[]>;
  /** Fields that only some of the fresh answers have, or not as often. */
  readonly #unsteady: ReadonlySet<string>;

  /** @param outcomes those that are no answers are left out */
  constructor(outcomes: readonly Outcome[], ignored: Ignored) {
    this.#answers = outcomes.filter(isAnswer);
    this.#ignored = ignored;
    this.#body = new VolatileText(this.#answers.map(({ body }) => this.#clean(body)));
    const fields = this.#answers.map((answer) => this.#fieldsOf(answer));
    const names = new Set(fields.flatMap((each) => [...each.keys()]));
    const first = fields[0] ?? new Map<string, string[]>();
    this.#unsteady = new Set(
      [...names].filter((name) => fields.some((each) => each.get(name)?.length !== first.get(name)?.length)),
    );
    this.#fields = new Map(
      [...first].map(([name, values]) => [
        name,
        values.map((_, index) => new VolatileText(fields.map((each) => each.get(name)?.[index] ?? ''))),
      ]),
    );
  }

  /** The status of all fresh answers; undefined where there is none or it differs. */
  get status(): number | undefined {
    const [first, ...others] = this.#answers;
    return others.some(({ status }) => status !== first?.status) ? undefined : first?.status;
  }

  get hasAnswer(): boolean {
    return this.#answers.length > 0;
  }

  /** Nothing of the body can be compared. */
  get isBodyVolatile(): boolean {
    return this.#body.isAltogether;
  }

  get bodies(): readonly string[] {
    return this.#answers.map(({ body }) => body);
  }

  /** The differences of a warm worker's answer. */
  differencesOf(warm: Outcome): Difference[] {
    if (!this.hasAnswer) return [];
    if (!isAnswer(warm)) return [{ id: 'no-answer', name: '', fresh: 'an answer', warm: warm.message }];
    return [...this.#statusOf(warm), ...this.#fieldDifferences(warm), ...this.#bodyOf(warm)];
  }

  #statusOf({ status }: Answer): Difference[] {
    if (this.status === undefined || this.status === status) return [];
    return [{ id: 'status', name: '', fresh: String(this.status), warm: String(status) }];
  }

  #bodyOf(warm: Answer): Difference[] {
    const first = this.#answers[0]!;
    if (this.#answers.some(({ length, hash }) => length === warm.length && hash === warm.hash)) return [];
    const found = this.#body.differenceOf(this.#clean(warm.body));
    if (found !== undefined) return [{ id: 'body', name: '', ...found }];
    const isCut = warm.length > warm.body.length || first.length > first.body.length;
    const isSteady = this.#answers.every(({ hash }) => hash === first.hash);
    if (!isCut || !isSteady) return [];
    return [{ id: 'body', name: '', fresh: longBody(first), warm: longBody(warm) }];
  }

  #fieldDifferences(warm: Answer): Difference[] {
    const fields = this.#fieldsOf(warm);
    const names = new Set([...this.#fields.keys(), ...fields.keys()]);
    return [...names]
      .filter((name) => !this.#unsteady.has(name))
      .flatMap((name) => {
        const found = this.#fieldDifference(name, fields.get(name) ?? []);
        if (found === undefined) return [];
        const isCookie = name.startsWith(cookiePrefix);
        const shown = isCookie ? name.slice(cookiePrefix.length) : name;
        return [{ id: isCookie ? ('cookie' as const) : ('header' as const), name: shown, ...found }];
      });
  }

  #fieldDifference(name: string, values: readonly string[]): { fresh: string; warm: string } | undefined {
    const fresh = this.#fields.get(name) ?? [];
    const told = (of: readonly string[]): string => (of.length === 0 ? 'absent' : of.join(' | '));
    if (fresh.length !== values.length) return { fresh: told(this.#valuesOf(name)), warm: told(values) };
    for (const [index, text] of fresh.entries()) {
      const found: TextDifference | undefined = text.differenceOf(values[index] ?? '');
      if (found !== undefined) return { fresh: found.before + found.fresh, warm: found.before + found.warm };
    }
    return undefined;
  }

  #valuesOf(name: string): readonly string[] {
    const [first] = this.#answers;
    return (first && this.#fieldsOf(first).get(name)) ?? [];
  }

  /** Values by lower-case name; a cookie is a field of its own. */
  #fieldsOf({ headers }: Answer): Map<string, string[]> {
    const fields = new Map<string, string[]>();
    for (const [name, value] of headers) {
      const lower = name.toLowerCase();
      // It follows from the body.
      if (lower === 'content-length' || this.#ignored.headers.has(lower)) continue;
      const [, cookie = ''] = /^([^=;]*)/.exec(value) ?? [];
      const field = lower === 'set-cookie' ? `${cookiePrefix}${cookie.trim()}` : lower;
      fields.set(field, [...(fields.get(field) ?? []), this.#clean(value)]);
    }
    return fields;
  }

  #clean(text: string): string {
    return this.#ignored.patterns.reduce((left, pattern) => left.replace(pattern, ''), text);
  }
}

/** No header's name has a colon. */
const cookiePrefix = 'set-cookie:';

function longBody({ length, hash }: Answer): string {
  return `${length} bytes, hash ${hash.slice(0, 16)}`;
}
