/**
 * The parameters of one FastCGI request as PHP-FPM keeps them: in order of arrival. A removed name keeps its place, so
 * that a value set again later appears at the name's first place.
 */

/** Name and value, both binary strings. */
export type Param = readonly [name: string, value: string];

export class ParamTable {
  /** undefined marks a removed name. */
  readonly #values = new Map<string, string | undefined>();

  /**
   * @param params in order of arrival; of duplicates the last value and the first place count.
   * @param role word for the FastCGI role, becomes FCGI_ROLE.
   */
  constructor(params: Iterable<Param>, role = 'RESPONDER') {
    // As in PHP-FPM, a client's own FCGI_ROLE parameter overrides the word: there it is an ordinary name.
    this.#values.set('FCGI_ROLE', role);
    for (const [name, value] of params) this.#values.set(name, value);
  }

  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  set(name: string, value: string): void {
    this.#values.set(name, value);
  }

  /** Removes the name from all views; its place stays reserved. */
  remove(name: string): void {
    if (this.#values.has(name)) this.#values.set(name, undefined);
  }

  /** The parameters by name, for lookups only. */
  toMap(): Map<string, string> {
    const map = new Map<string, string>();
    for (const [name, value] of this.#values) if (value !== undefined) map.set(name, value);
    return map;
  }

  /** The parameters as PHP-FPM shows them in $_SERVER: newest name first, FCGI_ROLE last. */
  toServerOrder(): Param[] {
    const list: Param[] = [];
    for (const [name, value] of this.#values) if (value !== undefined) list.push([name, value]);
    return list.reverse();
  }
}

/**
 * The parameters of a script: the table newest first, then PHP_SELF. They include the client's `Proxy:` header, since
 * getallheaders() shows it; the engine excludes it from $_SERVER and getenv() (CVE-2016-5385).
 */
export function scriptParams(table: ParamTable, phpSelf: string): Param[] {
  return [...table.toServerOrder(), ['PHP_SELF', phpSelf]];
}
