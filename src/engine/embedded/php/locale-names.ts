/**
 * The locales of a request by name, as setlocale(3) of glibc behaves on a system without further locales: the engine's
 * C library accepts any name and then behaves as in `C.UTF-8`. Pure.
 */

/** In glibc's order; the first six are PHP's, by number. */
const categories = [
  'LC_CTYPE',
  'LC_NUMERIC',
  'LC_TIME',
  'LC_COLLATE',
  'LC_MONETARY',
  'LC_MESSAGES',
  'LC_PAPER',
  'LC_NAME',
  'LC_ADDRESS',
  'LC_TELEPHONE',
  'LC_MEASUREMENT',
  'LC_IDENTIFICATION',
] as const;
const phpCategories = 6;
/** PHP's `LC_ALL`. */
const all = 6;

export class LocaleNames {
  #names: readonly string[] = [];

  constructor() {
    this.reset();
  }

  /** Restores the state at the start of a request. */
  reset(): void {
    this.#names = categories.map((category) => (category === 'LC_CTYPE' ? 'C.UTF-8' : 'C'));
  }

  /** The current locale; for LC_ALL one name, or all names if they differ. Undefined for an unknown category. */
  current(category: number): string | undefined {
    if (category !== all) return category < phpCategories ? this.#names[category] : undefined;
    const [first = ''] = this.#names;
    if (this.#names.every((name) => name === first)) return first;
    return categories.map((name, index) => `${name}=${this.#names[index]}`).join(';');
  }

  /**
   * Changes a locale.
   *
   * @param name empty for the environment's
   * @returns the new locale; undefined, without a change, for an unknown one
   */
  set(category: number, name: string, env: Readonly<Record<string, string | undefined>>): string | undefined {
    if (this.current(category) === undefined) return undefined;
    const wanted = category === all ? wantedOfAll(name, env) : [wantedOf(category, name, env)];
    if (wanted === undefined || wanted.includes(undefined)) return undefined;
    const [one = ''] = wanted as string[];
    this.#names = category === all ? (wanted as string[]) : this.#names.with(category, one);
    return this.current(category);
  }
}

function wantedOf(
  category: number,
  name: string,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const given = name || env['LC_ALL'] || env[categories[category] ?? ''] || env['LANG'] || 'C';
  if (given === 'C' || given === 'POSIX') return 'C';
  return /^C\.utf-?8$/i.test(given) && given.startsWith('C') ? given : undefined;
}

function wantedOfAll(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
): readonly (string | undefined)[] | undefined {
  if (!name.includes(';')) return categories.map((_, index) => wantedOf(index, name, env));
  const parts = new Map(name.split(';').map((part) => part.split('=', 2) as [string, string]));
  return categories.map((category, index) => {
    const part = parts.get(category);
    return part === undefined || part === '' ? undefined : wantedOf(index, part, env);
  });
}
